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

State = tuple[EI[Leaf], ...]


class FixedPointIteration(AbstractSteadyStateSolver):
    """Fixed Euler steps until the residual is small: the cheapest for many similar circuits.

    Attributes:
        dt: step [ms]. Steps of 2 ms reach the same state as of 1 ms, as long as both are
            stable; check `SteadyState.converged`.
        duration: longest simulated time [ms].
        check_every: steps between looks at the residual.
        momentum: share of each step that is taken again with the next one, >= 0 and < 1. Circuits
            that settle without ringing need about half of the steps with .4; those that ring need
            more. What is settled at is stable in time with any of them: in the plane of growth per
            step the region in which such steps settle is an ellipse left of zero (Polyak 1964).
    """

    dt: float = eqx.field(static=True, default=2.0)
    duration: float = eqx.field(static=True, default=400.0)
    check_every: int = eqx.field(static=True, default=10)
    rtol: float = eqx.field(static=True, default=1e-4)
    atol: float = eqx.field(static=True, default=1e-4)
    max_rate: float = eqx.field(static=True, default=1e4)
    momentum: float = eqx.field(static=True, default=0.0)

    def __check_init__(self) -> None:
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum: found {self.momentum:g}, allowed: 0 to below 1")

    def linear_solver(self, dynamics: Dynamics) -> AbstractLinearSolver:
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)
        steps = math.ceil(self.duration / self.dt)
        return Relaxation(fraction, steps, self.rtol, self.check_every)

    def solve(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        def search(dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
            def under_way(carry: tuple[Any, State, Any]) -> Bool[Array, ""]:
                time, _, done = carry
                return (time < self.duration) & ~done

            def advance(carry: tuple[Any, State, Any]) -> tuple[Any, State, Any]:
                time, state, _ = carry
                return time + self.check_every * self.dt, *self.advance(dynamics, state)

            start = jnp.zeros((), initial.E.dtype), self.begin(dynamics, initial)
            carry = jax.lax.while_loop(under_way, advance, (*start, jnp.asarray(False)))
            return self.end(dynamics, carry[1])

        return one_by_one(search, initial.E.size)(dynamics, initial)

    # Steps are taken on the rates, or, where these move by themselves, on the rates as the coupling
    # projects them: fewer numbers, of which the steady rates are no more than a function.

    def begin(self, dynamics: Dynamics, rates: EI[Leaf]) -> State:
        """The state that is moved by steps, at these rates [Hz]; with momentum, the one before."""
        here = _condensed(dynamics, rates)
        return (here, here) if self.momentum else (here,)

    def end(self, dynamics: Dynamics, state: State) -> EI[Leaf]:
        """The rates [Hz] of a state; of a condensed one those that its units are on the way to."""
        return _rates(dynamics, state[0])

    def advance(self, dynamics: Dynamics, state: State) -> tuple[State, Bool[Array, ""]]:
        """The state, see `begin`, `check_every` steps later, and whether the search is over."""
        fraction = dynamics.populations.tau.map(lambda tau: self.dt / tau)

        def moved(state: State, target: EI[Leaf]) -> State:
            here, *before = state
            step = here.map(lambda x, to, f: f * (to - x), target, fraction)
            for one in before:
                step = step.map(lambda d, x, b: d + self.momentum * (x - b), here, one)
            return (here.map(lambda x, d: x + d, step), *(here for _ in before))

        def target(state: State) -> EI[Leaf]:
            if not dynamics.condensed:
                return dynamics.steady_rate(state[0])
            return _condensed(dynamics, _rates(dynamics, state[0]))

        def settled(state: State, to: EI[Leaf]) -> Bool[Array, ""]:
            rates = _rates(dynamics, state[0])
            goal = dynamics.steady_rate(rates) if dynamics.condensed else to
            residual = goal.map(lambda a, b: a - b, rates)
            return self.settled(residual, rates, TOLERANCE_MARGIN) | self.diverged(rates)

        steps = self.check_every - 1
        state = jax.lax.fori_loop(0, steps, lambda _, x: moved(x, target(x)), state)
        to = target(state)
        if not dynamics.condensed:
            return moved(state, to), settled(state, to)
        # The residual of all units takes one more evaluation: not before the few sums are at rest.
        gap = to.map(lambda a, b: a - b, state[0])
        near = self.settled(gap, to) | self.diverged(to)
        done = jax.lax.cond(near, settled, lambda *_: jnp.asarray(False), state, to)
        return moved(state, to), done


def _condensed(dynamics: Dynamics, rates: EI[Leaf]) -> EI[Leaf]:
    return dynamics.operator.project(rates) if dynamics.condensed else rates


def _rates(dynamics: Dynamics, state: EI[Leaf]) -> EI[Leaf]:
    if not dynamics.condensed:
        return state
    return dynamics.populations.rate(dynamics.input_from(state))
