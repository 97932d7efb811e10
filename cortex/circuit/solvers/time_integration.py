"""Steady states by integrating with adaptive steps."""

from typing import Any

import diffrax
import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from ..circuit import Dynamics
from ..populations import EI, Leaf
from .abstract import TOLERANCE_MARGIN, AbstractSteadyStateSolver
from .stepping import Adaptive


class TimeIntegration(AbstractSteadyStateSolver):
    """Integrate with adaptive steps until the residual is small: robust and accurate.

    The step controller is kept tighter than the tolerance on the residual and its steps
    are bounded: otherwise an explicit method chatters at its limit of stability and the
    residual never becomes small.

    Attributes:
        solver: an embedded diffrax method.
        duration: longest simulated time [ms].
        dtmax: largest step [ms].
        max_steps: bound on the steps.
    """

    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Bosh3)
    duration: float = eqx.field(static=True, default=5000.0)
    dtmax: float = eqx.field(static=True, default=5.0)
    max_steps: int = eqx.field(static=True, default=20_000)
    rtol: float = eqx.field(static=True, default=1e-5)
    atol: float = eqx.field(static=True, default=1e-5)
    max_rate: float = eqx.field(static=True, default=1e4)

    def solve(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        def done(t: Any, rates: EI[Leaf], args: Dynamics, **_: Any) -> Bool[Array, ""]:
            settled = self.settled(args.residual(rates), rates, TOLERANCE_MARGIN)
            return settled | self.diverged(rates)

        stepping = Adaptive(self.solver, self.rtol, self.atol, self.dtmax)
        dtype = initial.E.dtype
        duration = jnp.asarray(self.duration, dtype)
        controller, first_step = stepping.plan(duration)
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(lambda t, y, args: args.velocity(y)),
            stepping.solver,
            jnp.zeros((), dtype),
            duration,
            first_step,
            initial,
            args=dynamics,
            stepsize_controller=controller,
            event=diffrax.Event(done),
            max_steps=self.max_steps,
            throw=False,
        )
        return solution.ys.map(lambda r: r[-1])
