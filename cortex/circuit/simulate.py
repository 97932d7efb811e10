"""Time courses: the circuit's response to a sequence of stimuli and attention states."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from .circuit import Circuit, Dynamics
from .modulation import Modulation
from .populations import EI, Leaf, concrete
from .solvers.adjoint import (
    DiscreteAdjoint,
    Method,
    Outcome,
    Problem,
    SolverOptions,
    integrate_epoch,
)
from .solvers.stepping import AbstractStepping, Adaptive


class Epoch(eqx.Module):
    """A stretch of time over which stimulus and attention are constant.

    Attributes:
        duration: [ms], > 0.
        drive: feed-forward drive, broadcasts to the circuit's shape.
        modulation: top-down modulation; none by default.
    """

    duration: Any
    drive: EI[Leaf]
    modulation: Modulation = eqx.field(default_factory=Modulation)


class TimeCourse(eqx.Module):
    """What a simulation saved.

    Attributes:
        times: [ms], shape (times,).
        values: what the saved function returned, stacked over times on the first axis.
        finished: False if the solver stopped early: it ran out of steps or its state
            blew up. Values after that moment are not to be used (they are inf).
    """

    times: Float[Array, " times"]
    values: PyTree[Array]
    finished: Bool[Array, ""]


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

    Raises:
        ValueError: no epoch, a duration that is not positive, times outside
            the protocol, or a
            `DiscreteAdjoint` for a method that is not explicit.
    """
    stepping = Adaptive() if stepping is None else stepping
    _check(protocol, times)
    integrate = _integrator(stepping, adjoint)
    dtype = jnp.result_type(circuit.populations.tau.E)
    ends = [jnp.zeros((), dtype)]
    for epoch in protocol:
        ends.append(ends[-1] + jnp.asarray(epoch.duration, dtype))
    times = jnp.minimum(jnp.asarray(times, dtype), ends[-1])  # sums round
    rates = circuit.silence() if initial is None else initial
    finished = jnp.asarray(True)
    values = None
    for number, epoch in enumerate(protocol):
        start, end = ends[number], ends[number + 1]
        dynamics = circuit.dynamics(epoch.drive, epoch.modulation)
        problem = Problem(dynamics, save, rates, start, end, times)
        saved, rates, valid = integrate(problem, number == 0, _most_steps(epoch, stepping))
        inside = (times > start) & (times <= end)
        values = saved if values is None else jax.tree.map(_choose(inside), saved, values)
        finished = finished & valid
    return TimeCourse(times, values, finished)


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
    if not protocol:
        raise ValueError("protocol: found no epoch, allowed: at least one")
    durations = [concrete(epoch.duration) for epoch in protocol]
    known = [float(d) for d in durations if d is not None]
    for duration in known:
        if not (math.isfinite(duration) and duration > 0):
            raise ValueError(f"protocol: found a duration of {duration:g} ms, allowed: > 0 ms")
    saved = concrete(times)
    if saved is None or saved.size == 0 or len(known) < len(durations):
        return
    total = sum(known)
    if saved.min() < 0 or saved.max() > total * (1 + 1e-6) or (saved[1:] < saved[:-1]).any():
        raise ValueError(
            f"times: found {saved.min():g} to {saved.max():g} ms, "
            f"allowed: increasing from 0 to {total:g} ms"
        )
