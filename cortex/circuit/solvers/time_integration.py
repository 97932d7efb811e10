"""Steady states by integrating with adaptive steps."""

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ..circuit import Dynamics
from ..populations import EI, Leaf
from .abstract import TOLERANCE_MARGIN, AbstractSteadyStateSolver
from .adjoint.forward import attempt_step, first_interval
from .adjoint.runge_kutta import Method, Stepper
from .stepping import Adaptive


class _Search(NamedTuple):
    """The state of the search between two attempted steps; `t0` and `t1` are in ms."""

    attempts: Int[Array, ""]
    t0: Leaf
    t1: Leaf
    stepper: Stepper
    controller: Any
    done: Bool[Array, ""]


class TimeIntegration(AbstractSteadyStateSolver):
    """Integrate with adaptive steps until the residual is small: robust and accurate.

    The step controller is kept tighter than the tolerance on the residual and its steps
    are bounded: otherwise an explicit method chatters at its limit of stability and the
    residual never becomes small.

    Attributes:
        solver: an explicit embedded method of diffrax.
        duration: longest simulated time [ms].
        dtmax: largest step [ms].
        max_steps: bound on the attempted steps.

    Raises:
        ValueError: a method that is not explicit, or without an error estimate.
    """

    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Bosh3)
    duration: float = eqx.field(static=True, default=5000.0)
    dtmax: float = eqx.field(static=True, default=5.0)
    max_steps: int = eqx.field(static=True, default=20_000)
    rtol: float = eqx.field(static=True, default=1e-5)
    atol: float = eqx.field(static=True, default=1e-5)
    max_rate: float = eqx.field(static=True, default=1e4)

    def __check_init__(self) -> None:
        method = Method.of(self.solver)
        if method is None or method.errors is None:
            raise ValueError(
                f"TimeIntegration.solver: found {type(self.solver).__name__}, allowed: an explicit "
                "Runge-Kutta method with an error estimate, such as diffrax.Bosh3()"
            )

    def solve(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        method = Method.of(self.solver)
        assert method is not None
        stepping = Adaptive(self.solver, self.rtol, self.atol, self.dtmax)
        end = jnp.asarray(self.duration, initial.E.dtype)
        controller, first_step = stepping.plan(end)
        start = jnp.zeros_like(end)
        t1, state = first_interval(controller, method, start, end, initial, first_step)
        stepper = Stepper.at(dynamics, method, initial).without_projection()

        def done(rates: EI[Leaf]) -> Bool[Array, ""]:
            settled = self.settled(dynamics.residual(rates), rates, TOLERANCE_MARGIN)
            return settled | self.diverged(rates)

        def under_way(now: _Search) -> Bool[Array, ""]:
            # Steps of no length: no step from here gives a finite state.
            return ~now.done & (now.attempts < self.max_steps) & (now.t0 < now.t1)

        def attempt(now: _Search) -> _Search:
            tried = attempt_step(
                dynamics, method, controller, now.stepper, now.t0, now.t1, now.controller
            )
            after = now.stepper.after(tried.step, tried.projected)
            stepper = jax.tree.map(
                lambda new, old: jnp.where(tried.accepted, new, old), after, now.stepper
            )
            return _Search(
                attempts=now.attempts + 1,
                t0=tried.t0,
                t1=jnp.minimum(tried.t1, end),
                stepper=stepper,
                controller=tried.controller,
                done=tried.accepted & done(stepper.rates),
            )

        begin = _Search(jnp.asarray(0), start, t1, stepper, state, done(initial))
        return jax.lax.while_loop(under_way, attempt, begin).stepper.rates
