"""The steady state of a circuit, differentiated by the implicit function theorem."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..circuit import Circuit, Dynamics, largest
from ..linear_response import linear_response
from ..modulation import Modulation
from ..populations import EI, Leaf
from .abstract import AbstractSteadyStateSolver
from .time_integration import TimeIntegration


class SteadyState(eqx.Module):
    """Where a circuit came to rest, if it did.

    Attributes:
        rates: [Hz], of the circuit's shape. NaN if the circuit diverged; the last state
            of the search if it neither settled nor diverged (it oscillates, or was given
            too little time).
        residual: largest |k [u]_+^n - r| over the units [Hz].
        converged: the residual is within tolerance.
        diverged: a rate grew beyond bounds.
    """

    rates: EI[Leaf]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]
    diverged: Bool[Array, ""]


def steady_state(
    circuit: Circuit,
    drive: EI[Leaf],
    modulation: Modulation | None = None,
    *,
    initial: EI[Leaf] | None = None,
    solver: AbstractSteadyStateSolver | None = None,
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
        solver: `TimeIntegration()` by default; `FixedPointIteration()` is faster and coarser;
            `AndersonAcceleration()` takes the fewest steps, and its derivatives cost the least.
    """
    solver = TimeIntegration() if solver is None else solver
    dynamics = circuit.dynamics(drive, modulation)
    start = circuit.silence() if initial is None else initial
    last = solver.solve(*jax.lax.stop_gradient((dynamics, start)))
    last = jax.lax.stop_gradient(last)
    residual = dynamics.residual(last)
    diverged = solver.diverged(last)
    converged = solver.settled(residual, last) & ~diverged
    # A state that diverged would poison the linear solve of its neighbours in a batch.
    safe = last.map(lambda r: jnp.where(diverged, 0.0, r))
    linear_solver = solver.linear_solver(jax.lax.stop_gradient(dynamics))
    rates = _attach_gradient(safe, dynamics, linear_solver)
    return SteadyState(
        rates=rates.map(lambda r: jnp.where(diverged, jnp.nan, r)),
        residual=jax.lax.stop_gradient(largest(residual)),
        converged=converged,
        diverged=diverged,
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
