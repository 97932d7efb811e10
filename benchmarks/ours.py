"""Sheets in cortex, by its public interface alone."""

from __future__ import annotations

from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import sheets
from by_hand import against
from harness import Work
from sheets import TIMES, Sheet

from cortex.circuit import (
    EI,
    AbstractCoupling,
    AbstractSteadyStateSolver,
    AbstractStepping,
    Adaptive,
    AndersonAcceleration,
    Circuit,
    Epoch,
    Fixed,
    FixedPointIteration,
    Projections,
    simulate,
    steady_state,
)
from cortex.circuit.coupling import AbstractOperator

# The coarsest of their kind with which the sheets come within `sheets.ACCURACY` (measured; the
# tables show the error).
FIXED_POINT = FixedPointIteration(
    dt=5.0, duration=1500.0, check_every=5, rtol=5e-4, atol=1e-4, momentum=0.4
)
ANDERSON = AndersonAcceleration(rtol=5e-4, atol=1e-4)
STEPPING = Adaptive(diffrax.Bosh3(), rtol=3e-4, atol=3e-4)
ONE_BY_ONE, ALL_AT_ONCE = "one by one", "all at once"  # how a batch is run through


class Way(NamedTuple):
    """One of our own ways to do a work.

    Attributes:
        name: of the row, after "cortex".
        copies: `ONE_BY_ONE` or `ALL_AT_ONCE`.
        option: a solver or a stepping.
    """

    name: str
    copies: str
    option: Any


def over_copies(how: str, function: Any) -> Any:
    """`function` of a drive as one of the drives of a batch."""
    if how == ALL_AT_ONCE:
        return jax.vmap(function)
    return lambda drives: jax.lax.map(function, drives)


def steady(circuit: Circuit, drives: Any, how: str, solver: AbstractSteadyStateSolver) -> Any:
    """Steady rates of all copies, (times = 1, 2, batch, ...)."""

    def one(drive: Any) -> Any:
        rates = steady_state(circuit, EI(drive, drive), solver=solver).rates
        return jnp.stack([rates.E, rates.I])

    return jnp.moveaxis(over_copies(how, one)(drives), 0, 1)[None]


def course(
    circuit: Circuit, drives: Any, how: str, stepping: AbstractStepping, times: Any = TIMES
) -> Any:
    """Rates of all copies at `times`, (times, 2, batch, ...), from silence."""
    until, times = float(times[-1]), jnp.asarray(times, jnp.float32)

    def one(drive: Any) -> Any:
        epochs = [Epoch(until, EI(drive, drive))]
        found = simulate(circuit, epochs, times, stepping=stepping).values
        return jnp.stack([found.E, found.I], 1)

    return jnp.moveaxis(over_copies(how, one)(drives), 0, 2)


def euler(circuit: Circuit, drives: Any, steps: int) -> Any:
    """The state after `steps` Euler steps of 1 ms."""
    return course(circuit, drives, ALL_AT_ONCE, Fixed(diffrax.Euler(), 1.0), (float(steps),))


STEADY, COURSE = "steady state", "300 ms"
WORKS: dict[str, Any] = {STEADY: steady, COURSE: course}
WAYS = {
    STEADY: (
        Way("FixedPointIteration, one by one", ONE_BY_ONE, FIXED_POINT),
        Way("FixedPointIteration, all at once", ALL_AT_ONCE, FIXED_POINT),
        Way("AndersonAcceleration, one by one", ONE_BY_ONE, ANDERSON),
    ),
    COURSE: (
        Way("one by one", ONE_BY_ONE, STEPPING),
        Way("all at once", ALL_AT_ONCE, STEPPING),
    ),
}


def work(sheet: Sheet, what: str, way: Way, truth: str) -> Work:
    """A contender: `what` of `WORKS`, in one of its `WAYS`."""

    def function(circuit: Circuit, drives: Any) -> Any:
        return WORKS[what](circuit, drives, way.copies, way.option)

    circuit = sheets.circuit(sheet)
    drives = jnp.asarray(sheets.drives(sheet), jnp.float32)
    run, beyond = compiled(function, circuit, drives)

    def facts(found: Any) -> dict[str, Any]:
        counted = evaluations(lambda c: function(c, drives), circuit)
        number = counted / sheet.batch
        return against(truth)(found) | {
            "evaluations": number,
            "bytes_beyond_inputs": beyond,
            "bytes_per_unit": beyond / sheet.units,
            "note": f"{number:.0f} evaluations, {beyond / sheet.units:.0f} bytes a unit",
        }

    return Work(lambda: jax.block_until_ready(run(circuit, drives)), facts)


def euler_work(sheet: Sheet, steps: int) -> Work:
    """A contender: a number of Euler steps of 1 ms."""
    circuit = sheets.circuit(sheet)
    drives = jnp.asarray(sheets.drives(sheet), jnp.float32)
    run = jax.jit(lambda c, d: euler(c, d, steps))
    return Work(lambda: jax.block_until_ready(run(circuit, drives)))


def compiled(function: Any, *arguments: Any) -> tuple[Any, int]:
    """The compiled function, and the bytes that it needs beyond its arguments: what it returns,
    and what it holds on the way."""
    done = jax.jit(function).lower(*arguments).compile()
    memory = done.memory_analysis()
    return done, memory.temp_size_in_bytes + memory.output_size_in_bytes


class _Counted(AbstractOperator):
    inner: AbstractOperator

    @property
    def condenses(self) -> bool:
        return self.inner.condenses

    def parts(self, rates: EI[Any]) -> Projections[Any]:
        return self.inner.parts(rates)

    def __call__(self, rates: EI[Any]) -> EI[Any]:
        return self.expand(self.project(rates))

    def project(self, rates: EI[Any]) -> Any:
        return self.inner.project(rates)

    def expand(self, projected: Any) -> EI[Any]:
        # With an argument of its own, each of the copies of a batch is counted.
        jax.debug.callback(_count, jax.tree.leaves(projected)[0].ravel()[0])
        return self.inner.expand(projected)


class _CountedCoupling(AbstractCoupling):
    inner: AbstractCoupling
    shape: tuple[int, ...] = eqx.field(static=True)

    def operator(self) -> AbstractOperator:
        return _Counted(self.inner.operator())

    def check_dale(self) -> None:
        self.inner.check_dale()


_counter = [0]


def _count(_: Any) -> None:
    _counter[0] += 1


def evaluations(function: Any, circuit: Circuit) -> int:
    """How often `function(circuit)` evaluates the coupling, every copy counted."""
    watched = Circuit(circuit.populations, _CountedCoupling(circuit.coupling, circuit.shape))
    _counter[0] = 0
    jax.block_until_ready(jax.jit(function)(watched))
    jax.effects_barrier()
    return _counter[0]
