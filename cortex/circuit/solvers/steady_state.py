"""The steady state of a circuit, differentiated by the implicit function theorem."""

import math
import warnings
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..circuit import Circuit, Dynamics, largest
from ..linear_response import linear_response
from ..modulation import Modulation
from ..populations import EI, Leaf, concrete
from ..show import Shown
from ..withhold import all_finite, withhold
from .abstract import AbstractSteadyStateSolver
from .time_integration import TimeIntegration


class Result(eqx.Enumeration):
    """How the search for a steady state ended."""

    settled = "the circuit settled"
    unsettled = "the circuit did not settle: it oscillates, or needs more time or steps"
    diverged = "the circuit ran away: a rate grew beyond the solver's max_rate"
    invalid = "the drive, the modulation or the initial rates are not finite"


class SteadyState(Shown):
    """Where a circuit came to rest, if it did.

    Attributes:
        rates: [Hz], of the circuit's shape. NaN, and so are their derivatives, unless the
            circuit settled.
        last: rates [Hz] at the end of the search: those of a circuit that did not settle as
            well, which go on changing. NaN if it diverged or its input is invalid.
        residual: largest |k [u]_+^n - r| over the units at the end of the search [Hz]; NaN if the
            circuit diverged or its input is invalid.
        converged: the residual is within tolerance.
        diverged: a rate grew beyond bounds.
        invalid: the drive, the modulation or the initial rates are not finite.
    """

    rates: EI[Leaf]
    last: EI[Leaf]
    residual: Float[Array, "*batch"]
    converged: Bool[Array, "*batch"]
    diverged: Bool[Array, "*batch"]
    invalid: Bool[Array, "*batch"]
    units_shown: ClassVar = {"rates": "Hz", "residual": "Hz"}

    def __repr__(self) -> str:
        return f"SteadyState({self._outcome()}; {self._field('rates')}; {self._field('residual')})"

    def _outcome(self) -> str:
        states = {"settled": self.converged, "diverged": self.diverged, "invalid": self.invalid}
        if any(concrete(truth) is None for truth in states.values()):
            return "traced"
        counts = {name: int(jnp.sum(truth)) for name, truth in states.items()}
        total = jnp.size(self.converged)
        counts["not settled"] = total - sum(counts.values())
        if jnp.ndim(self.converged) == 0:
            return next(name for name, count in counts.items() if count)
        return ", ".join(f"{n} of {total} {name}" for name, n in counts.items() if n)

    @property
    def result(self) -> Any:
        """How the search ended: one of `Result`."""

        names: Any = Result

        def of_one(converged: Array, diverged: Array, invalid: Array) -> Any:
            bad = names.where(diverged, names.diverged, names.unsettled)
            bad = names.where(invalid, names.invalid, bad)
            return names.where(converged, names.settled, bad)

        for _ in range(jnp.ndim(self.converged)):
            of_one = jax.vmap(of_one)
        return of_one(self.converged, self.diverged, self.invalid)


def steady_state(
    circuit: Circuit,
    drive: EI[Leaf],
    modulation: Modulation | None = None,
    *,
    initial: EI[Leaf] | None = None,
    solver: AbstractSteadyStateSolver | None = None,
    throw: bool = False,
) -> SteadyState:
    """The stable state that the circuit reaches from `initial` under constant input.

    Differentiable in every leaf of `circuit`, `drive` and `modulation`, forwards and
    backwards, at a cost that does not grow with the simulated time: the search itself is
    not differentiated, the linear system of the implicit function theorem is solved instead.

    What is no state gives no number: rates and derivatives are NaN unless `converged`, and
    `SteadyState.result` names the reason. Outside `jax.jit` the function is compiled once for
    each structure and shape of its arguments, and warns if the circuit ran away.

    Args:
        circuit: one circuit; use `jax.vmap` over stimuli or over circuits.
        drive: feed-forward drive, broadcasts to the circuit's shape.
        modulation: top-down modulation; none by default.
        initial: rates at the start of the search [Hz]; silence by default. A state near
            the answer saves time.
        solver: `TimeIntegration()` by default; `FixedPointIteration()` is faster and coarser;
            `AndersonAcceleration()` takes the fewest steps, and its derivatives cost the least.
        throw: raise an error unless the circuit settles; under `jax.jit` by a callback.

    Raises:
        TypeError: a drive, or initial rates, that are no `EI` of numbers.
        ValueError: one of another shape than the circuit's.
        RuntimeError: with `throw`, a circuit that did not settle.
    """
    solver = TimeIntegration() if solver is None else solver
    warn_of_one_number(drive, circuit.shape)
    start = circuit.silence() if initial is None else circuit.rates("initial", initial)
    # Kernels are computed out here: how depends on which widths are known numbers.
    state = _steady_state(circuit.dynamics(drive, modulation), start, solver)
    return checked("steady_state", state, throw)


def warn_of_one_number(drive: EI[Leaf], shape: tuple[int, ...]) -> None:
    """Warn of a drive that is the same at all units of a circuit of several."""
    if math.prod(shape) == 1 or not isinstance(drive, EI):
        return
    if jnp.ndim(drive.E) == 0 and jnp.ndim(drive.I) == 0 and concrete(drive.E) is not None:
        warnings.warn(
            f"drive: found one number, which drives all {math.prod(shape)} units alike; "
            f"allowed: an array of shape {shape}",
            stacklevel=3,
        )


def checked(name: str, state: SteadyState, throw: bool) -> SteadyState:
    """The state, with an error (`throw`) or a warning if it is none."""
    names: Any = Result
    converged, diverged = concrete(state.converged), concrete(state.diverged)
    if converged is None or diverged is None:
        if not throw:
            return state
        rates = state.result.error_if(state.rates, ~state.converged)
        return eqx.tree_at(lambda s: s.rates, state, rates)
    if throw and not converged.all():
        reasons = (names.invalid, names.diverged, names.unsettled)
        reason = next(r for r in reasons if bool(jnp.any(state.result == r)))
        raise RuntimeError(f"{name}: {names[reason]}")
    if diverged.any():
        warnings.warn(f"{name}: {names[names.diverged]}; its rates are NaN", stacklevel=3)
    return state


@eqx.filter_jit
def _steady_state(
    dynamics: Dynamics, start: EI[Leaf], solver: AbstractSteadyStateSolver
) -> SteadyState:
    valid = dynamics.valid() & all_finite(start)
    dynamics = dynamics.only_if(valid)
    start = start.map(lambda r: jnp.where(valid, r, 0.0))
    last = solver.solve(*jax.lax.stop_gradient((dynamics, start)))
    return judge(solver, dynamics, jax.lax.stop_gradient(last), valid)


def judge(
    solver: AbstractSteadyStateSolver, dynamics: Dynamics, last: EI[Leaf], valid: Bool[Array, ""]
) -> SteadyState:
    """What to make of the rates [Hz] at which a search ended; differentiable in `dynamics`."""
    residual = dynamics.residual(last)
    diverged = valid & solver.diverged(last)
    alive = valid & ~diverged
    converged = alive & solver.settled(residual, last)
    # Rates that are not finite would poison the linear solve of their neighbours in a batch.
    finite = last.map(lambda r: jnp.where(diverged, 0.0, r))
    linear_solver = solver.linear_solver(jax.lax.stop_gradient(dynamics))
    last = _attach_gradient(finite, dynamics, linear_solver)
    inputs = eqx.filter(dynamics, eqx.is_inexact_array)
    return SteadyState(
        rates=last.map(lambda r: withhold(r, converged, inputs)),
        last=last.map(lambda r: withhold(r, alive, inputs)),
        residual=jnp.where(alive, jax.lax.stop_gradient(largest(residual)), jnp.nan),
        converged=converged,
        diverged=diverged,
        invalid=~valid,
    )


@eqx.filter_custom_jvp
def _attach_gradient(rates: EI[Leaf], dynamics: Dynamics, linear_solver: Any) -> EI[Leaf]:
    """The same rates, with the derivatives of the fixed point `r = steady_rate(r)`."""
    return rates


@_attach_gradient.def_jvp
def _fixed_point_jvp(primals: Any, tangents: Any) -> tuple[EI[Leaf], EI[Leaf]]:
    """`dr = (1 - d steady_rate/dr)^-1 (d steady_rate/d parameters) d parameters`."""
    (rates, dynamics, linear_solver), (_, change, _) = primals, tangents
    _, source = eqx.filter_jvp(lambda d: d.steady_rate(rates), (dynamics,), (change,))
    # None stands for no change at all, as when a parameter reaches one population only.
    source = rates.map(lambda r, s: jnp.zeros_like(r) if s is None else s, source)
    return rates, linear_response(dynamics, rates, source, linear_solver)
