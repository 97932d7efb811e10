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
from .one_by_one import one_by_one


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
        def search(dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
            def under_way(carry: tuple[Any, EI[Leaf], Any]) -> Bool[Array, ""]:
                time, _, done = carry
                return (time < self.duration) & ~done

            def advance(carry: tuple[Any, EI[Leaf], Any]) -> tuple[Any, EI[Leaf], Any]:
                time, state, _ = carry
                return time + self.check_every * self.dt, *self.advance(dynamics, state)

            carry = jnp.zeros((), initial.E.dtype), begin(dynamics, initial), jnp.asarray(False)
            return end(dynamics, jax.lax.while_loop(under_way, advance, carry)[1])

        return one_by_one(search, initial.E.size)(dynamics, initial)

    def advance(self, dynamics: Dynamics, state: EI[Leaf]) -> tuple[EI[Leaf], Bool[Array, ""]]:
        """The state, see `begin`, `check_every` steps later, and whether the search is over."""
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)

        def moved(state: EI[Leaf], target: EI[Leaf]) -> EI[Leaf]:
            return state.map(lambda x, to, f: x + f * (to - x), target, fraction)

        def target(state: EI[Leaf]) -> EI[Leaf]:
            return begin(dynamics, end(dynamics, state)) if condensed else steady(state)

        condensed, steady = dynamics.condensed, dynamics.steady_rate
        steps = self.check_every - 1
        state = jax.lax.fori_loop(0, steps, lambda _, x: moved(x, target(x)), state)
        rates = end(dynamics, state)
        to = steady(rates)
        residual = to.map(lambda a, b: a - b, rates)
        done = self.settled(residual, rates, TOLERANCE_MARGIN) | self.diverged(rates)
        return moved(state, begin(dynamics, rates) if condensed else to), done


# Steps are taken on the rates, or, where these move by themselves, on the rates as the coupling
# projects them: fewer numbers, of which the steady rates are no more than a function.


def begin(dynamics: Dynamics, rates: EI[Leaf]) -> EI[Leaf]:
    """The state that is moved by steps, at these rates [Hz]."""
    return dynamics.operator.project(rates) if dynamics.condensed else rates


def end(dynamics: Dynamics, state: EI[Leaf]) -> EI[Leaf]:
    """The rates [Hz] of a state; of a condensed one those that its units are on the way to."""
    if not dynamics.condensed:
        return state
    return dynamics.populations.rate(dynamics.input_from(state))
