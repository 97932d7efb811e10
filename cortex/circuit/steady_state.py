"""Steady states: found by integrating, differentiated by the implicit function theorem."""

import abc
import math
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import lineax
from jaxtyping import Array, Bool, Float

from .circuit import Circuit, Dynamics, largest
from .linear_response import Relaxation, linear_response
from .modulation import Modulation
from .populations import EI, Leaf
from .stepping import Adaptive

# A search goes on to this share of the tolerance: one that stopped on its very edge would be
# judged differently by a program that rounds differently.
AIM = 0.5


class SteadyState(eqx.Module):
    """Where a circuit came to rest, if it did.

    Attributes:
        rates: [Hz], of the circuit's shape. NaN if the circuit ran away; the last state
            of the search if it neither settled nor ran away (it oscillates, or was given
            too little time).
        residual: largest |k [u]_+^n - r| over the units [Hz].
        converged: the residual is within tolerance.
        runaway: a rate grew beyond bounds.
    """

    rates: EI[Leaf]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]
    runaway: Bool[Array, ""]


class AbstractSettling(eqx.Module):
    """A way to find the steady state. Stability decides which one is found.

    Attributes:
        rtol: tolerated residual relative to the largest rate [1].
        atol: tolerated residual [Hz].
        max_rate: a rate beyond this one is run-away [Hz].
    """

    rtol: eqx.AbstractVar[float]
    atol: eqx.AbstractVar[float]
    max_rate: eqx.AbstractVar[float]

    @abc.abstractmethod
    def settle(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        """The state [Hz] in which the search ended, well or badly."""

    def linear_solver(self, dynamics: Dynamics) -> lineax.AbstractLinearSolver | None:
        """How derivatives are solved for; None is the default of `linear_response`."""
        return None

    def settled(self, pull: EI[Leaf], rates: EI[Leaf], share: float = 1.0) -> Bool[Array, ""]:
        """Whether the residual is within `share` of what is tolerated."""
        return largest(pull) <= share * (self.atol + self.rtol * largest(rates))

    def lost(self, rates: EI[Leaf]) -> Bool[Array, ""]:
        return ~(largest(rates) <= self.max_rate)  # true for NaN as well


class Integrate(AbstractSettling):
    """Integrate with adaptive steps until the residual is small: robust and accurate.

    The step controller is kept tighter than the tolerance on the residual and its steps
    are bounded: otherwise an explicit method chatters at its limit of stability and the
    residual never becomes small.

    Attributes:
        solver: an embedded diffrax method.
        duration: longest simulated time [ms].
        dtmax: largest step [ms].
        max_steps: most steps.
    """

    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Bosh3)
    duration: float = eqx.field(static=True, default=5000.0)
    dtmax: float = eqx.field(static=True, default=5.0)
    max_steps: int = eqx.field(static=True, default=20_000)
    rtol: float = eqx.field(static=True, default=1e-5)
    atol: float = eqx.field(static=True, default=1e-5)
    max_rate: float = eqx.field(static=True, default=1e4)

    def settle(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        def over(t: Any, rates: EI[Leaf], args: Dynamics, **_: Any) -> Bool[Array, ""]:
            return self.settled(args.pull(rates), rates, AIM) | self.lost(rates)

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
            event=diffrax.Event(over),
            max_steps=self.max_steps,
            throw=False,
        )
        return solution.ys.map(lambda r: r[-1])


class Relax(AbstractSettling):
    """Fixed Euler steps until the residual is small: the cheapest for many alike circuits.

    Attributes:
        dt: step [ms]. Steps of 2 ms reach the same state as of 1 ms, as long as both are
            stable; check `converged`.
        duration: longest simulated time [ms].
        check_every: steps between looks at the residual.
    """

    dt: float = eqx.field(static=True, default=2.0)
    duration: float = eqx.field(static=True, default=400.0)
    check_every: int = eqx.field(static=True, default=10)
    rtol: float = eqx.field(static=True, default=1e-4)
    atol: float = eqx.field(static=True, default=1e-4)
    max_rate: float = eqx.field(static=True, default=1e4)

    def linear_solver(self, dynamics: Dynamics) -> lineax.AbstractLinearSolver:
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)
        steps = math.ceil(self.duration / self.dt)
        return Relaxation(fraction, steps, self.rtol, self.check_every)

    def settle(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        def go_on(carry: tuple[Any, EI[Leaf], Any]) -> Bool[Array, ""]:
            time, _, done = carry
            return (time < self.duration) & ~done

        def advance(carry: tuple[Any, EI[Leaf], Any]) -> tuple[Any, EI[Leaf], Any]:
            time, rates, _ = carry
            return time + self.check_every * self.dt, *self.advance(dynamics, rates)

        start = jnp.zeros((), initial.E.dtype)
        return jax.lax.while_loop(go_on, advance, (start, initial, jnp.asarray(False)))[1]

    def advance(self, dynamics: Dynamics, rates: EI[Leaf]) -> tuple[EI[Leaf], Bool[Array, ""]]:
        """The rates `check_every` steps later, and whether the search is over."""
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)

        def moved(rates: EI[Leaf], pull: EI[Leaf]) -> EI[Leaf]:
            return rates.map(lambda r, p, f: r + f * p, pull, fraction)

        rates = jax.lax.fori_loop(
            0, self.check_every - 1, lambda _, r: moved(r, dynamics.pull(r)), rates
        )
        pull = dynamics.pull(rates)
        done = self.settled(pull, rates, AIM) | self.lost(rates)
        return moved(rates, pull), done


def steady_state(
    circuit: Circuit,
    drive: EI[Leaf],
    modulation: Modulation | None = None,
    *,
    initial: EI[Leaf] | None = None,
    settling: AbstractSettling | None = None,
) -> SteadyState:
    """The stable state that the circuit reaches from `initial` under constant input.

    Differentiable in every leaf of `circuit`, `drive` and `modulation`, forwards and
    backwards, at a cost that does not grow with the simulated time: the search itself is
    not differentiated, the linear system of the implicit function theorem is solved by
    GMRES instead. Gradients mean something only where `converged`.

    Args:
        circuit: one circuit; use `jax.vmap` over stimuli or over circuits.
        drive: feed-forward drive, broadcasts to the circuit's shape.
        modulation: top-down modulation; none by default.
        initial: rates at the start of the search [Hz]; silence by default. A state near
            the answer saves time.
        settling: `Integrate()` by default; `Relax()` is faster and coarser; `Accelerate()` takes
            the fewest steps, and its derivatives cost the least.
    """
    settling = Integrate() if settling is None else settling
    dynamics = circuit.dynamics(drive, modulation)
    start = circuit.silence() if initial is None else initial
    found = settling.settle(*jax.lax.stop_gradient((dynamics, start)))
    found = jax.lax.stop_gradient(found)
    pull = dynamics.pull(found)
    runaway = settling.lost(found)
    converged = settling.settled(pull, found) & ~runaway
    # A state that ran away would poison the linear solve of its neighbours in a batch.
    safe = found.map(lambda r: jnp.where(runaway, 0.0, r))
    solver = settling.linear_solver(jax.lax.stop_gradient(dynamics))
    rates = _attach_gradient(safe, dynamics, solver)
    return SteadyState(
        rates=rates.map(lambda r: jnp.where(runaway, jnp.nan, r)),
        residual=jax.lax.stop_gradient(largest(pull)),
        converged=converged,
        runaway=runaway,
    )


@eqx.filter_custom_jvp
def _attach_gradient(rates: EI[Leaf], dynamics: Dynamics, solver: Any) -> EI[Leaf]:
    """The same rates, with the derivatives of the fixed point `r = target(r)`."""
    return rates


@_attach_gradient.def_jvp
def _fixed_point_jvp(primals: Any, tangents: Any) -> tuple[EI[Leaf], EI[Leaf]]:
    """`dr = (1 - d target/dr)^-1 (d target/d parameters) d parameters`."""
    (rates, dynamics, solver), (_, change, _) = primals, tangents
    _, source = eqx.filter_jvp(lambda d: d.target(rates), (dynamics,), (change,))
    # None stands for no change at all, as when a parameter reaches one population only.
    source = rates.map(lambda r, s: jnp.zeros_like(r) if s is None else s, source)
    return rates, linear_response(dynamics, rates, source, solver)
