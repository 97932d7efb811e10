"""Steady states by Anderson acceleration, guarded by a test of stability."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from ..circuit import Dynamics, largest
from ..linear_response import AbstractLinearSolver, Matrix, Relaxation
from ..populations import EI, Leaf
from .abstract import TOLERANCE_MARGIN, AbstractSteadyStateSolver
from .anderson import anderson
from .stability import seems_stable
from .time_integration import TimeIntegration


class AndersonAcceleration(AbstractSteadyStateSolver):
    """Accelerated Euler steps: few evaluations of the coupling, and guarded.

    After a warm-up of plain steps, in which the circuit comes near its state, the search is
    that of `anderson`. It arrives in a third to a tenth of the plain steps, but it may find
    states that are not stable. So the state is tested with `seems_stable`, and where it is not
    stable, or the search did not arrive, the circuit is integrated from the start as by
    `TimeIntegration` instead. With one stable state, or a start near the one that is wanted,
    the result is that of `TimeIntegration`; a circuit with several may, from far away, come to
    rest in another one.

    It pays where circuits settle slowly and where derivatives are taken (their linear system is
    solved in the same way). Each step moves as much memory as four plain ones:
    `FixedPointIteration` with the largest step that is stable remains the fastest for circuits
    that settle soon, and for many small ones in a batch. On a CPU, several sheets are fastest
    one after the other (`jax.lax.map`): each stops when it is done.

    Attributes:
        dt: Euler step [ms]; from 1 to 4 makes little difference.
        warm_up: plain steps at the start.
        history: stored differences, two states each.
        most_steps: accelerated steps after which the search gives up.
        vectors: dimension of the space in which stability is tested, a state each.
    """

    dt: float = eqx.field(static=True, default=2.0)
    warm_up: int = eqx.field(static=True, default=8)
    history: int = eqx.field(static=True, default=3)
    most_steps: int = eqx.field(static=True, default=80)
    vectors: int = eqx.field(static=True, default=8)
    rtol: float = eqx.field(static=True, default=1e-4)
    atol: float = eqx.field(static=True, default=1e-4)
    max_rate: float = eqx.field(static=True, default=1e4)

    def linear_solver(self, dynamics: Dynamics) -> AbstractLinearSolver:
        return AndersonRelaxation(self._fraction(dynamics), rtol=self.rtol, history=self.history)

    def solve(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        fraction = self._fraction(dynamics)

        def plain(_: Any, rates: EI[Leaf]) -> EI[Leaf]:
            return rates.map(lambda r, p, f: r + f * p, dynamics.residual(rates), fraction)

        def done(residual: EI[Leaf], rates: EI[Leaf]) -> Any:
            return self.settled(residual, rates, TOLERANCE_MARGIN) | self.diverged(rates)

        warm = jax.lax.fori_loop(0, self.warm_up, plain, initial)
        last = anderson(
            dynamics.residual,
            fraction,
            warm,
            done,
            history=self.history,
            most_steps=self.most_steps,
            floor=0.0,  # no rate is negative
        )
        arrived = self.settled(dynamics.residual(last), last) & ~self.diverged(last)
        good = arrived & seems_stable(dynamics, last, dynamics.residual(warm), self.vectors)
        careful = TimeIntegration(rtol=self.rtol, atol=self.atol, max_rate=self.max_rate)
        # A loop of one turn or none: a condition would, under `vmap`, always do both.
        return jax.lax.while_loop(
            lambda carry: ~carry[0],
            lambda _: (jnp.asarray(True), careful.solve(dynamics, initial)),
            (good, last),
        )[1]

    def _fraction(self, dynamics: Dynamics) -> EI[Leaf]:
        return dynamics.populations.tau.map(lambda tau: self.dt / tau)


class AndersonRelaxation(Relaxation):
    """`Relaxation` with accelerated steps.

    Attributes:
        history: stored differences, two states each.
    """

    history: int = eqx.field(static=True, default=3)

    def solve(self, matrix: Matrix, vector: EI[Leaf]) -> EI[Leaf]:
        tolerance = self.rtol * largest(vector)
        return anderson(
            lambda x: vector.map(lambda b, image: b - image, matrix(x)),
            self.fraction,
            vector.map(jnp.zeros_like),
            lambda residual, _: largest(residual) <= tolerance,
            history=self.history,
            most_steps=self.max_steps,
        )
