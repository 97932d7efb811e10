"""Steady states of many circuits, a few at a time, the next one as soon as one is done."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..circuit import Dynamics
from .fixed_point_iteration import FixedPointIteration, State
from .steady_state import SteadyState, checked, judge

REFILL_SHARE = 0.25  # share of the batch that is done before it is replaced (measured)


class _Batch(NamedTuple):
    """The circuits that are under way.

    Attributes:
        item: index of the circuit in each slot; beyond the last circuit, the slot is empty.
        arguments: what each of these circuits is made from.
        time: for which each has been simulated [ms].
        done: whether each has settled, diverged, or used up its time.
        state: of each, see `FixedPointIteration.begin`.
        next: index of the next circuit to begin.
        states: steady states of all circuits, and a spare row.
    """

    item: Int[Array, " batch"]
    arguments: PyTree[Array]
    time: Float[Array, " batch"]
    done: Bool[Array, " batch"]
    state: State
    next: Int[Array, ""]
    states: SteadyState


def steady_states(
    problem: Callable[[Any], Dynamics],
    arguments: PyTree[Array],
    *,
    batch_size: int,
    solver: FixedPointIteration | None = None,
    throw: bool = False,
) -> SteadyState:
    """The stable states that many circuits reach from silence, as `steady_state` finds them.

    `jax.vmap` of `steady_state` goes on until the slowest of a batch has settled, or never will.
    Here `batch_size` circuits are under way at a time, and those that are done make room for the
    next ones: the time is that of all circuits together, not of the slowest ones. The state of a
    circuit does not depend on the others, up to the rounding of products in a batch.

    Outside `jax.jit` it is compiled once for each function `problem`: numbers that change from
    call to call belong into `arguments`.

    Not differentiable: for derivatives, pass the rates to `steady_state` as `initial`.

    Args:
        problem: from one element of `arguments` to a circuit's `dynamics(drive, modulation)`. It
            is called again at every look at the residual: kernels should be cheap beside the
            steps between.
        arguments: arrays with the circuits on their first axis.
        batch_size: circuits that are under way at a time, >= 1.
        solver: Euler steps; `FixedPointIteration()` by default.
        throw: raise an error unless all circuits settle; under `jax.jit` by a callback.

    Raises:
        ValueError: a batch size below 1.
        RuntimeError: with `throw`, a circuit that did not settle.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size: found {batch_size}, allowed: >= 1")
    solver = FixedPointIteration() if solver is None else solver
    arguments = jax.tree.map(jnp.asarray, arguments)
    state = _steady_states(problem, arguments, batch_size, solver)
    return checked("steady_states", state, throw)


@eqx.filter_jit
def _steady_states(
    problem: Callable[[Any], Dynamics],
    arguments: PyTree[Array],
    batch_size: int,
    solver: FixedPointIteration,
) -> SteadyState:
    arguments = jax.lax.stop_gradient(arguments)
    count = jax.tree.leaves(arguments)[0].shape[0]
    batch_size = min(batch_size, count)

    def load(item: Int[Array, " batch"]) -> PyTree[Array]:
        return jax.tree.map(lambda rows: rows[jnp.minimum(item, count - 1)], arguments)

    def prepared(one: Any) -> tuple[Dynamics, Bool[Array, ""]]:
        dynamics = problem(one)
        valid = dynamics.valid()
        return dynamics.only_if(valid), valid

    @jax.vmap
    def advance(one: Any, state: State) -> tuple[State, Bool[Array, ""]]:
        return solver.advance(prepared(one)[0], state)

    @jax.vmap
    def judged(one: Any, state: State) -> SteadyState:
        dynamics, valid = prepared(one)
        return judge(solver, dynamics, solver.end(dynamics, state), valid)

    def silent(one: Any) -> State:
        dynamics = problem(one)
        return solver.begin(dynamics, dynamics.drive.map(jnp.zeros_like))

    first = jnp.arange(batch_size)
    shapes = jax.eval_shape(silent, jax.tree.map(lambda rows: rows[0], arguments))
    state = jax.tree.map(lambda s: jnp.zeros((batch_size, *s.shape), s.dtype), shapes)
    start = _Batch(
        item=first,
        arguments=load(first),
        time=jnp.zeros(batch_size, state[0].E.dtype),
        done=jnp.zeros(batch_size, bool),
        state=state,
        next=jnp.asarray(batch_size),
        states=jax.tree.map(
            lambda s: jnp.zeros((count + 1, *s.shape[1:]), s.dtype),
            jax.eval_shape(judged, load(first), state),
        ),
    )

    def turn(now: _Batch) -> _Batch:
        moved, done = advance(now.arguments, now.state)
        time = now.time + solver.check_every * solver.dt
        now = now._replace(
            state=jax.tree.map(lambda new, old: _where(now.done, old, new), moved, now.state),
            time=time,
            done=now.done | done | (time >= solver.duration),
        )
        free = jnp.sum(now.done)
        left = jnp.minimum(count - now.next, batch_size)
        due = (free >= jnp.maximum(REFILL_SHARE * left, 1)) | (free == batch_size)
        # A loop of one turn or none: a condition would copy all arrays.
        return jax.lax.while_loop(
            lambda carry: carry[0],
            lambda carry: (jnp.asarray(False), refill(carry[1])),
            (due, now),
        )[1]

    def refill(now: _Batch) -> _Batch:
        """Put down the states of the circuits that are done, and begin the next ones."""
        row = jnp.where(now.done, jnp.minimum(now.item, count), count)
        states = judged(now.arguments, now.state)
        item = jnp.where(now.done, now.next + jnp.cumsum(now.done) - 1, now.item)
        return _Batch(
            item=item,
            arguments=load(item),
            time=jnp.where(now.done, 0.0, now.time),
            done=item >= count,
            state=jax.tree.map(lambda x: _where(now.done, jnp.zeros_like(x), x), now.state),
            next=now.next + jnp.sum(now.done),
            states=jax.tree.map(lambda rows, new: rows.at[row].set(new), now.states, states),
        )

    last = jax.lax.while_loop(lambda now: jnp.any(now.item < count), turn, start)
    return jax.tree.map(lambda rows: rows[:count], last.states)


def _where(condition: Bool[Array, " batch"], new: Array, old: Array) -> Array:
    return jnp.where(condition.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
