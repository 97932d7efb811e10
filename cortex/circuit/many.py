"""Steady states of many circuits: a place that becomes free takes the next one."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from .circuit import Dynamics, largest
from .populations import EI, Leaf
from .steady_state import Relax, SteadyState

WORTHWHILE = 0.25  # share of places that must be free before they are filled (measured)


class _Places(NamedTuple):
    """What is under way.

    Attributes:
        item: number of the circuit in each place; beyond the last one, there is none.
        given: what it is made from.
        time: for which it has been simulated [ms].
        done: whether it has settled, run away, or used up its time.
        rates: of all places.
        next: number of the next circuit.
        found: of all circuits, and a place for waste.
    """

    item: Int[Array, " places"]
    given: PyTree[Array]
    time: Float[Array, " places"]
    done: Bool[Array, " places"]
    rates: EI[Leaf]
    next: Int[Array, ""]
    found: SteadyState


def steady_states(
    problem: Callable[[Any], Dynamics],
    given: PyTree[Array],
    *,
    places: int,
    settling: Relax | None = None,
) -> SteadyState:
    """The stable states that many circuits reach from silence, as `steady_state` finds them.

    `jax.vmap` of `steady_state` goes on until the slowest of a batch has settled, or never will.
    Here `places` circuits are under way at a time, and where some are done the next ones begin:
    the time is that of all circuits together, not of the worst ones. Each has the same state
    whatever the others are, up to the rounding of products in a batch.

    Not to be differentiated: for that, give what was found to `steady_state` as `initial`.

    Args:
        problem: from one element of `given` to a circuit's `dynamics(drive, modulation)`. Called
            again at every look at the residual: kernels should be cheap beside the steps between.
        given: arrays with the circuits on their first axis.
        places: circuits that are under way at a time, >= 1.
        settling: Euler steps; `Relax()` by default.

    Raises:
        ValueError: no place.
    """
    if places < 1:
        raise ValueError(f"places: found {places}, allowed: >= 1")
    settling = Relax() if settling is None else settling
    given = jax.lax.stop_gradient(given)
    count = jax.tree.leaves(given)[0].shape[0]
    places = min(places, count)

    def load(item: Int[Array, " places"]) -> PyTree[Array]:
        return jax.tree.map(lambda all: all[jnp.minimum(item, count - 1)], given)

    advance = jax.vmap(lambda one, rates: settling.advance(problem(one), rates))
    judge = jax.vmap(lambda one, rates: _judge(settling, problem(one), rates))

    first = jnp.arange(places)
    silence = jax.eval_shape(
        lambda one: problem(one).drive, jax.tree.map(lambda all: all[0], given)
    )
    rates = jax.tree.map(lambda s: jnp.zeros((places, *s.shape), s.dtype), silence)
    begin = _Places(
        item=first,
        given=load(first),
        time=jnp.zeros(places, rates.E.dtype),
        done=jnp.zeros(places, bool),
        rates=rates,
        next=jnp.asarray(places),
        found=jax.tree.map(
            lambda s: jnp.zeros((count + 1, *s.shape[1:]), s.dtype),
            jax.eval_shape(judge, load(first), rates),
        ),
    )

    def turn(now: _Places) -> _Places:
        moved, done = advance(now.given, now.rates)
        time = now.time + settling.check_every * settling.dt
        now = now._replace(
            rates=moved.map(lambda new, old: _where(now.done, old, new), now.rates),
            time=time,
            done=now.done | done | (time >= settling.duration),
        )
        free = jnp.sum(now.done)
        left = jnp.minimum(count - now.next, places)
        due = (free >= jnp.maximum(WORTHWHILE * left, 1)) | (free == places)
        # A loop of one turn or none: a condition would copy all arrays.
        return jax.lax.while_loop(
            lambda carry: carry[0],
            lambda carry: (jnp.asarray(False), exchange(carry[1])),
            (due, now),
        )[1]

    def exchange(now: _Places) -> _Places:
        """What is done is put down, and the next ones taken up."""
        at = jnp.where(now.done, jnp.minimum(now.item, count), count)
        judged = judge(now.given, now.rates)
        item = jnp.where(now.done, now.next + jnp.cumsum(now.done) - 1, now.item)
        return _Places(
            item=item,
            given=load(item),
            time=jnp.where(now.done, 0.0, now.time),
            done=item >= count,
            rates=now.rates.map(lambda r: _where(now.done, jnp.zeros_like(r), r)),
            next=now.next + jnp.sum(now.done),
            found=jax.tree.map(lambda all, new: all.at[at].set(new), now.found, judged),
        )

    last = jax.lax.while_loop(lambda now: jnp.any(now.item < count), turn, begin)
    return jax.tree.map(lambda all: all[:count], last.found)


def _where(condition: Bool[Array, " places"], new: Array, old: Array) -> Array:
    return jnp.where(condition.reshape(-1, *(1,) * (new.ndim - 1)), new, old)


def _judge(settling: Relax, dynamics: Dynamics, rates: EI[Leaf]) -> SteadyState:
    pull = dynamics.pull(rates)
    runaway = settling.lost(rates)
    return SteadyState(
        rates=rates.map(lambda r: jnp.where(runaway, jnp.nan, r)),
        residual=largest(pull),
        converged=settling.settled(pull, rates) & ~runaway,
        runaway=runaway,
    )
