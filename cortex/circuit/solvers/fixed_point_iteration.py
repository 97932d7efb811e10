"""Steady states by fixed Euler steps."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool

from ..circuit import Dynamics
from ..linear_response import AbstractLinearSolver, Relaxation
from ..populations import EI, Leaf
from .abstract import TOLERANCE_MARGIN, AbstractSteadyStateSolver


class FixedPointIteration(AbstractSteadyStateSolver):
    """Fixed Euler steps until the residual is small: the cheapest for many similar circuits.

    Attributes:
        dt: step [ms]. Steps of 2 ms reach the same state as of 1 ms, as long as both are
            stable; check `SteadyState.converged`.
        duration: longest simulated time [ms].
        check_every: steps between looks at the residual.
    """

    dt: float = eqx.field(static=True, default=2.0)
    duration: float = eqx.field(static=True, default=400.0)
    check_every: int = eqx.field(static=True, default=10)
    rtol: float = eqx.field(static=True, default=1e-4)
    atol: float = eqx.field(static=True, default=1e-4)
    max_rate: float = eqx.field(static=True, default=1e4)

    def linear_solver(self, dynamics: Dynamics) -> AbstractLinearSolver:
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)
        steps = math.ceil(self.duration / self.dt)
        return Relaxation(fraction, steps, self.rtol, self.check_every)

    def solve(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        def under_way(carry: tuple[Any, EI[Leaf], Any]) -> Bool[Array, ""]:
            time, _, done = carry
            return (time < self.duration) & ~done

        def advance(carry: tuple[Any, EI[Leaf], Any]) -> tuple[Any, EI[Leaf], Any]:
            time, rates, _ = carry
            return time + self.check_every * self.dt, *self.advance(dynamics, rates)

        start = jnp.zeros((), initial.E.dtype)
        return jax.lax.while_loop(under_way, advance, (start, initial, jnp.asarray(False)))[1]

    def advance(self, dynamics: Dynamics, rates: EI[Leaf]) -> tuple[EI[Leaf], Bool[Array, ""]]:
        """The rates [Hz] `check_every` steps later, and whether the search is over."""
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)

        def moved(rates: EI[Leaf], residual: EI[Leaf]) -> EI[Leaf]:
            return rates.map(lambda r, p, f: r + f * p, residual, fraction)

        rates = jax.lax.fori_loop(
            0, self.check_every - 1, lambda _, r: moved(r, dynamics.residual(r)), rates
        )
        residual = dynamics.residual(rates)
        done = self.settled(residual, rates, TOLERANCE_MARGIN) | self.diverged(rates)
        return moved(rates, residual), done
