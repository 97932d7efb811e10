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
from .stepping import AbstractStepping, Adaptive


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
    adjoint: diffrax.AbstractAdjoint | None = None,
) -> TimeCourse:
    """Integrate the circuit through the epochs of `protocol`, one after the other.

    Every change of stimulus or attention falls on a step's edge, so that no step
    straddles one, and the coupling is evaluated at every stage of the solver.

    Args:
        circuit: what to simulate.
        protocol: the epochs, the first starting at 0 ms.
        times: when to save [ms], increasing, within the protocol. On an edge the value is
            the state there, under the input of the epoch that ends.
        save: function of (time [ms], rates [Hz], dynamics in force) to what is kept. Keep
            the few numbers that are needed: whole states of large sheets do not fit.
        initial: rates at 0 ms [Hz]; silence by default.
        stepping: `Adaptive()` by default, or `Fixed(solver, dt)`.
        adjoint: how diffrax differentiates; its default suits reverse mode.

    Raises:
        ValueError: no epoch, a duration that is not positive, or times outside.
    """
    stepping = Adaptive() if stepping is None else stepping
    _check(protocol, times)
    dtype = jnp.result_type(circuit.populations.tau.E)
    times = jnp.asarray(times, dtype)
    rates = circuit.silence() if initial is None else initial
    start = jnp.zeros((), dtype)
    finished = jnp.asarray(True)
    values = None
    for number, epoch in enumerate(protocol):
        end = start + jnp.asarray(epoch.duration, dtype)
        dynamics = circuit.dynamics(epoch.drive, epoch.modulation)
        inside = (times > start) & (times <= end) if number else times <= end
        kept, rates, good = _integrate(
            dynamics, rates, start, end, times, save, stepping, _steps(epoch, stepping), adjoint
        )
        values = kept if values is None else jax.tree.map(_choose(inside), kept, values)
        finished, start = finished & good, end
    return TimeCourse(times, values, finished)


def _integrate(
    dynamics: Dynamics,
    rates: EI[Leaf],
    start: Leaf,
    end: Leaf,
    times: Float[Array, " times"],
    save: Callable[..., PyTree[Array]],
    stepping: AbstractStepping,
    max_steps: int,
    adjoint: diffrax.AbstractAdjoint | None,
) -> tuple[PyTree[Array], EI[Leaf], Bool[Array, ""]]:
    """One epoch: what `save` gives at `times` (clipped to the epoch), and the last state."""
    controller, first_step = stepping.plan(end - start)
    kept = diffrax.SubSaveAt(ts=jnp.clip(times, start, end), fn=lambda t, y, args: save(t, y, args))
    solution = diffrax.diffeqsolve(
        diffrax.ODETerm(lambda t, y, args: args.velocity(y)),
        stepping.solver,
        start,
        end,
        first_step,
        rates,
        args=dynamics,
        saveat=diffrax.SaveAt(subs=(kept, diffrax.SubSaveAt(t1=True))),
        stepsize_controller=controller,
        adjoint=diffrax.RecursiveCheckpointAdjoint() if adjoint is None else adjoint,
        max_steps=max_steps,
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


def _steps(epoch: Epoch, stepping: AbstractStepping) -> int:
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
