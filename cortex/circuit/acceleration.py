"""Steady states by extrapolated steps, guarded by a test of stability."""

import math
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax

from .circuit import Dynamics, largest
from .extrapolation import extrapolated
from .linear_response import Relaxation
from .populations import EI, Leaf
from .stability import seems_stable
from .steady_state import AIM, AbstractSettling, Integrate


class Accelerate(AbstractSettling):
    """Euler steps, each extrapolated from the ones before: few evaluations, and guarded.

    After a warm-up of plain steps, in which the circuit comes near its state, the search is
    that of `extrapolated`. It arrives in a third to a tenth of the plain steps, but it does not
    care for stability. So the state is looked at with `seems_stable`, and where it is not
    stable, or the search did not arrive, the circuit is integrated from the start as by
    `Integrate` instead. With one stable state, or a start near the one that is wanted, the
    result is that of `Integrate`; a circuit with several may, from far away, come to rest in
    another one.

    It pays where circuits settle slowly and where derivatives are taken (their linear system is
    solved in the same way). Each step moves as much memory as four plain ones: `Relax` with the
    largest step that is stable remains the fastest for circuits that settle soon, and for many
    small ones in a batch. On a CPU, several sheets are fastest one after the other
    (`jax.lax.map`): each stops when it is done.

    Attributes:
        dt: Euler step [ms]; from 1 to 4 makes little difference.
        warm_up: plain steps at the start.
        memory: moves remembered, two states each.
        most_steps: extrapolated steps after which the search gives up.
        vectors: of the test of stability, a state each.
    """

    dt: float = eqx.field(static=True, default=2.0)
    warm_up: int = eqx.field(static=True, default=8)
    memory: int = eqx.field(static=True, default=3)
    most_steps: int = eqx.field(static=True, default=80)
    vectors: int = eqx.field(static=True, default=8)
    rtol: float = eqx.field(static=True, default=1e-4)
    atol: float = eqx.field(static=True, default=1e-4)
    max_rate: float = eqx.field(static=True, default=1e4)

    def linear_solver(self, dynamics: Dynamics) -> lineax.AbstractLinearSolver:
        return ExtrapolatedRelaxation(self._fraction(dynamics), rtol=self.rtol, memory=self.memory)

    def settle(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        fraction = self._fraction(dynamics)

        def plain(_: Any, rates: EI[Leaf]) -> EI[Leaf]:
            return rates.map(lambda r, p, f: r + f * p, dynamics.pull(rates), fraction)

        warm = jax.lax.fori_loop(0, self.warm_up, plain, initial)
        found = extrapolated(
            dynamics.pull,
            fraction,
            warm,
            lambda pull, rates: self.settled(pull, rates, AIM) | self.lost(rates),
            memory=self.memory,
            most_steps=self.most_steps,
            floor=0.0,  # nobody fires less than not at all
        )
        arrived = self.settled(dynamics.pull(found), found) & ~self.lost(found)
        good = arrived & seems_stable(dynamics, found, dynamics.pull(warm), self.vectors)
        careful = Integrate(rtol=self.rtol, atol=self.atol, max_rate=self.max_rate)
        # A loop of one turn or none: a condition would, under `vmap`, always do both.
        return jax.lax.while_loop(
            lambda carry: ~carry[0],
            lambda _: (jnp.asarray(True), careful.settle(dynamics, initial)),
            (good, found),
        )[1]

    def _fraction(self, dynamics: Dynamics) -> EI[Leaf]:
        return dynamics.populations.tau.map(lambda tau: self.dt / tau)


class ExtrapolatedRelaxation(Relaxation):
    """`Relaxation` with its steps extrapolated from the ones before.

    Attributes:
        memory: moves remembered, two states each.
    """

    memory: int = eqx.field(static=True, default=3)

    def compute(
        self, state: lineax.AbstractLinearOperator, vector: EI[Leaf], options: dict[str, Any]
    ) -> tuple[EI[Leaf], lineax.RESULTS, dict[str, Any]]:
        tolerance = self.rtol * largest(vector)
        x = extrapolated(
            lambda x: vector.map(lambda b, image: b - image, state.mv(x)),
            self.fraction,
            vector.map(jnp.zeros_like),
            lambda residual, _: largest(residual) <= tolerance,
            memory=self.memory,
            most_steps=self.max_steps,
            floor=-math.inf,
        )
        # As in `Relaxation`: nothing where the steps diverged, and no complaint.
        x = x.map(lambda a: jnp.where(jnp.isfinite(a), a, 0.0))
        return x, lineax.RESULTS.successful, {}
