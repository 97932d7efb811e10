"""Time courses: the circuit's response to a sequence of stimuli and attention states."""

import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PyTree

from .circuit import Circuit, Dynamics
from .modulation import Modulation
from .populations import EI, Leaf, concrete
from .show import Shown
from .solvers.adjoint import (
    DiscreteAdjoint,
    Method,
    Outcome,
    Problem,
    SolverOptions,
    integrate_epoch,
)
from .solvers.steady_state import warn_of_one_number
from .solvers.stepping import AbstractStepping, Adaptive
from .withhold import all_finite, withhold


class Epoch(Shown):
    """A stretch of time over which stimulus and attention are constant.

    Attributes:
        duration: [ms], > 0.
        drive: feed-forward drive, broadcasts to the circuit's shape.
        modulation: top-down modulation; none by default.
    """

    duration: Any
    drive: EI[Leaf]
    modulation: Modulation = eqx.field(default_factory=Modulation)
    units_shown: ClassVar = {"duration": "ms"}


class Ending(eqx.Enumeration):
    """How a simulation ended."""

    finished = "the simulation reached its end"
    stopped = "the simulation stopped early: its rates grew without bound, or it ran out of steps"
    invalid = "the drive, the modulation or the initial rates are not finite"


class TimeCourse(Shown):
    """What a simulation saved.

    Attributes:
        times: [ms], shape (times,).
        values: what the saved function returned, stacked over times on the first axis. NaN, and
            so are their derivatives, at times that were not reached and where they are not
            finite.
        finished: the end was reached, with finite rates and from valid input.
        invalid: the drive, the modulation or the initial rates are not finite.
    """

    times: Float[Array, "*batch times"]
    values: PyTree[Array]
    finished: Bool[Array, "*batch"]
    invalid: Bool[Array, "*batch"]
    units_shown: ClassVar = {"times": "ms"}

    @property
    def result(self) -> Any:
        """How the simulation ended: one of `Ending`."""

        names: Any = Ending

        def of_one(finished: Array, invalid: Array) -> Any:
            bad = names.where(invalid, names.invalid, names.stopped)
            return names.where(finished, names.finished, bad)

        for _ in range(jnp.ndim(self.finished)):
            of_one = jax.vmap(of_one)
        return of_one(self.finished, self.invalid)


def rates_only(t: Leaf, rates: EI[Leaf], dynamics: Dynamics) -> EI[Leaf]:
    """The whole state: what is saved unless something else is asked for."""
    return rates


def simulate(
    circuit: Circuit,
    protocol: Sequence[Epoch],
    times: Float[Array, " times"],
    *,
    save: Callable[[Leaf, EI[Leaf], Dynamics], PyTree[Array]] = rates_only,
    initial: EI[Leaf] | None = None,
    stepping: AbstractStepping | None = None,
    adjoint: DiscreteAdjoint | diffrax.AbstractAdjoint | None = None,
    throw: bool = False,
) -> TimeCourse:
    """Integrate the circuit through the epochs of `protocol`, one after the other.

    Every change of stimulus or attention falls between two steps, so that no step
    straddles one, and the coupling is evaluated at every stage of the solver.

    Args:
        circuit: what to simulate.
        protocol: the epochs, the first starting at 0 ms.
        times: when to save [ms], increasing, within the protocol. Where two epochs
            meet the value is that at the end of the first, under its input.
        save: function of (time [ms], rates [Hz], dynamics in force) to what is kept. Keep
            the few numbers that are needed: whole states of large sheets do not fit.
        initial: rates at 0 ms [Hz]; silence by default.
        stepping: `Adaptive()` by default, or `Fixed(solver, dt)`.
        adjoint: how derivatives are taken. `DiscreteAdjoint()` by default, backwards, for
            explicit Runge-Kutta methods; for others diffrax's default. One of diffrax, such as
            `diffrax.ForwardMode()`, has it take all the steps.
        throw: raise an error unless the end is reached; under `jax.jit` by a callback.

    Outside `jax.jit` the function is compiled once for each function `save` and each structure
    and shape of the other arguments (each duration, for fixed steps), and warns if it stopped
    early. What `save` reads from its surroundings is taken as it was at its first call.

    Raises:
        TypeError: a drive, or initial rates, that are no `EI` of numbers.
        ValueError: no epoch, a duration that is not positive, no times, times outside the
            protocol, or a `DiscreteAdjoint` for a method that is not explicit.
        RuntimeError: with `throw`, a simulation that did not reach its end.
    """
    stepping = Adaptive() if stepping is None else stepping
    _check(protocol, times)
    dtype = jnp.result_type(circuit.populations.tau.E)
    rates = circuit.silence() if initial is None else circuit.rates("initial", initial)
    # Kernels are computed out here: how depends on which widths are known numbers.
    operator = circuit.coupling.operator()
    dynamics, durations = [], []
    for epoch in protocol:
        warn_of_one_number(epoch.drive, circuit.shape)
        dynamics.append(circuit.dynamics(epoch.drive, epoch.modulation, operator=operator))
        durations.append(jnp.asarray(epoch.duration, dtype))
    arrays = dynamics, durations, jnp.asarray(times, dtype), rates
    most_steps = tuple(_most_steps(epoch, stepping) for epoch in protocol)
    traced = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves(arrays))
    run = _simulate if traced else _simulate_compiled
    return _checked(run(*arrays, save, stepping, adjoint, most_steps), throw)


def _simulate(
    dynamics: list[Dynamics],
    durations: list[Leaf],
    times: Float[Array, " times"],
    initial: EI[Leaf],
    save: Callable[[Leaf, EI[Leaf], Dynamics], PyTree[Array]],
    stepping: AbstractStepping,
    adjoint: DiscreteAdjoint | diffrax.AbstractAdjoint | None,
    most_steps: tuple[int, ...],
) -> TimeCourse:
    integrate = _integrator(stepping, adjoint)
    ends = [jnp.zeros((), times.dtype)]
    for duration in durations:
        ends.append(ends[-1] + duration)
    times = jnp.minimum(times, ends[-1])  # sums round
    rates, valid, finished = initial, all_finite(initial), jnp.asarray(True)
    values = None
    for number, now in enumerate(dynamics):
        start, end = ends[number], ends[number + 1]
        valid = valid & now.valid()
        problem = Problem(now, save, rates, start, end, times)
        saved, rates, arrived = integrate(problem, number == 0, most_steps[number])
        inside = (times > start) & (times <= end)
        values = saved if values is None else jax.tree.map(_choose(inside), saved, values)
        finished = finished & arrived
    inputs = eqx.filter((dynamics, durations, initial), eqx.is_inexact_array)

    def known(value: Array) -> Array:
        if not jnp.issubdtype(value.dtype, jnp.inexact):
            return value
        return withhold(value, valid & jnp.isfinite(value), inputs)

    return TimeCourse(times, jax.tree.map(known, values), finished & valid, ~valid)


_simulate_compiled = eqx.filter_jit(_simulate)


def _checked(course: TimeCourse, throw: bool) -> TimeCourse:
    """The course, with an error (`throw`) or a warning if it did not finish."""
    finished = concrete(course.finished)
    if finished is None:
        if not throw:
            return course
        times = course.result.error_if(course.times, ~course.finished)
        return eqx.tree_at(lambda c: c.times, course, times)
    if not finished.all():
        names: Any = Ending
        message = f"simulate: {names[course.result]}"
        if throw:
            raise RuntimeError(message)
        warnings.warn(f"{message}; values from there on are NaN", stacklevel=3)
    return course


Integrator = Callable[[Problem, bool, int], Outcome]


def _integrator(
    stepping: AbstractStepping, adjoint: DiscreteAdjoint | diffrax.AbstractAdjoint | None
) -> Integrator:
    """The function of (problem, whether it is the first epoch, bound on its steps) to use."""
    if isinstance(adjoint, diffrax.AbstractAdjoint):
        chosen = adjoint
        return lambda problem, _, most: _by_diffrax(problem, stepping, chosen, most)
    method = Method.of(stepping.solver)
    if method is None and adjoint is None:
        default = diffrax.RecursiveCheckpointAdjoint()
        return lambda problem, _, most: _by_diffrax(problem, stepping, default, most)
    if method is None:
        raise ValueError(
            f"adjoint: found DiscreteAdjoint for {type(stepping.solver).__name__}, "
            "allowed: with explicit Runge-Kutta methods"
        )
    explicit, stored = method, (DiscreteAdjoint() if adjoint is None else adjoint).steps

    def explicitly(problem: Problem, first: bool, most: int) -> Outcome:
        arguments = problem.start, problem.rates, problem.dynamics
        save = eqx.filter_closure_convert(problem.save, *arguments)
        options = SolverOptions(
            method=explicit,
            stepping=stepping,
            most_steps=most,
            stored_steps=min(stored, most),
            first_saved=jnp.asarray(0 if first else jnp.sum(problem.times <= problem.start), int),
        )
        return integrate_epoch(problem._replace(save=save), options)

    return explicitly


def _by_diffrax(
    problem: Problem, stepping: AbstractStepping, adjoint: diffrax.AbstractAdjoint, most_steps: int
) -> Outcome:
    """Through an epoch with diffrax's own loop: implicit methods, and other ways of derivatives."""
    controller, first_step = stepping.plan(problem.end - problem.start)
    moments = jnp.clip(problem.times, problem.start, problem.end)
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: args.velocity(y)),
        stepping.solver,
        problem.start,
        problem.end,
        first_step,
        problem.rates,
        args=problem.dynamics,
        saveat=diffrax.SaveAt(
            subs=(diffrax.SubSaveAt(ts=moments, fn=problem.save), diffrax.SubSaveAt(t1=True))
        ),
        stepsize_controller=controller,
        adjoint=adjoint,
        max_steps=most_steps,
        throw=False,
    )
    values, last = solution.ys
    finite = jnp.all(jnp.isfinite(last.E)) & jnp.all(jnp.isfinite(last.I))
    good = (solution.result == diffrax.RESULTS.successful) & finite
    return values, last.map(lambda r: r[-1]), good


def _choose(inside: Bool[Array, " times"]) -> Callable[[Array, Array], Array]:
    def choose(new: Array, old: Array) -> Array:
        return jnp.where(jnp.expand_dims(inside, tuple(range(1, new.ndim))), new, old)

    return choose


def _most_steps(epoch: Epoch, stepping: AbstractStepping) -> int:
    duration = concrete(epoch.duration)
    return 4096 if duration is None else stepping.most_steps(float(duration))


def _check(protocol: Sequence[Epoch], times: Any) -> None:
    if len(protocol) == 0:
        raise ValueError("protocol: found no epoch, allowed: one or more")
    durations = [concrete(epoch.duration) for epoch in protocol]
    known = [float(d) for d in durations if d is not None]
    for duration in known:
        if not (math.isfinite(duration) and duration > 0):
            raise ValueError(f"protocol: found a duration of {duration:g} ms, allowed: > 0 ms")
    if np.ndim(times) != 1 or np.size(times) == 0:
        found = "no times" if np.size(times) == 0 else f"shape {np.shape(times)}"
        raise ValueError(f"times: found {found}, allowed: one or more on a single axis [ms]")
    saved = concrete(times)
    if saved is None or len(known) < len(durations):
        return
    total = sum(known)
    if saved.min() < 0 or saved.max() > total * (1 + 1e-6) or (saved[1:] < saved[:-1]).any():
        raise ValueError(
            f"times: found {saved.min():g} to {saved.max():g} ms, "
            f"allowed: increasing from 0 to {total:g} ms"
        )
