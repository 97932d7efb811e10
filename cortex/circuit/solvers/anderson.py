"""Anderson acceleration: fixed-point steps, each extrapolated from the ones before."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..circuit import largest
from ..populations import EI, Leaf
from .stability import inner_products, weighted_sum

RESTART_GROWTH = 4.0  # a residual that grew by this factor clears the history


class _Search(eqx.Module):
    """The state of a search.

    Attributes:
        steps: number of evaluations of the residual so far.
        stored: number of differences in the history.
        next: the state to evaluate next.
        last, plain: the state evaluated last, and the plain step from it.
        step_changes: differences between successive plain steps, (history, ...).
        state_changes: differences between the states after these plain steps.
        gram: inner products of `step_changes`.
        residual: largest entry of the residual at `last`.
        done: the search ends at `last`.
    """

    steps: Any
    stored: Any
    next: EI[Leaf]
    last: EI[Leaf]
    plain: EI[Leaf]
    step_changes: EI[Leaf]
    state_changes: EI[Leaf]
    gram: Float[Array, "history history"]
    residual: Float[Array, ""]
    done: Bool[Array, ""]

    @classmethod
    def start(cls, start: EI[Leaf], history: int) -> "_Search":
        empty = start.map(lambda r: jnp.zeros((history, *r.shape), r.dtype))
        return cls(
            steps=jnp.asarray(0),
            stored=jnp.asarray(0),
            next=start,
            last=start,
            plain=start.map(jnp.zeros_like),
            step_changes=empty,
            state_changes=empty,
            gram=jnp.zeros((history, history), start.E.dtype),
            residual=jnp.asarray(jnp.inf, start.E.dtype),
            done=jnp.asarray(False),
        )


def anderson(
    residual: Callable[[EI[Leaf]], EI[Leaf]],
    fraction: EI[Leaf],
    start: EI[Leaf],
    done: Callable[[EI[Leaf], EI[Leaf]], Bool[Array, ""]],
    *,
    history: int,
    most_steps: int,
    floor: float = -jnp.inf,
) -> EI[Leaf]:
    """Solve `residual(x) = 0` by the iteration `x += fraction * residual(x)`, accelerated.

    Each step is the combination of the last plain ones that would leave the smallest residual
    if it were linear in x. Where it is, this is GMRES, truncated to a few vectors.

    Args:
        residual: function of a state; zero at the solution.
        fraction: of the residual that a plain step goes [1].
        start: initial state.
        done: function of (residual, state): whether to end there.
        history: number of stored differences, two states each.
        most_steps: bound on the evaluations of `residual`.
        floor: least value of a state.

    Returns:
        The last state that was evaluated.

    Source: Anderson 1965.
    """

    def step(s: _Search) -> _Search:
        value = residual(s.next)
        size = largest(value)
        plain = value.map(lambda v, f: f * v, fraction)
        stored = jnp.where(size <= RESTART_GROWTH * s.residual, s.stored, 0)
        row = jnp.maximum(s.steps - 1, 0) % history

        def put(rows: Leaf, new: Leaf) -> Leaf:
            return jax.lax.dynamic_update_index_in_dim(rows, new, row, 0)

        step_change = plain.map(lambda new, old: new - old, s.plain)
        state_change = step_change.map(lambda d, x, y: d + x - y, s.next, s.last)
        step_changes = s.step_changes.map(put, step_change)
        state_changes = s.state_changes.map(put, state_change)
        with_new = inner_products(step_changes, step_change)
        gram = s.gram.at[row].set(with_new).at[:, row].set(with_new)
        used = (row - jnp.arange(history)) % history < stored
        weights = least_squares(gram, inner_products(step_changes, plain), used)
        return _Search(
            steps=s.steps + 1,
            stored=jnp.minimum(stored + 1, history),
            next=s.next.map(
                lambda x, d, V: jnp.maximum(x + d - weighted_sum(weights, V), floor),
                plain,
                state_changes,
            ),
            last=s.next,
            plain=plain,
            step_changes=step_changes,
            state_changes=state_changes,
            gram=gram,
            residual=size,
            done=done(value, s.next),
        )

    def under_way(s: _Search) -> Bool[Array, ""]:
        return (s.steps < most_steps) & ~s.done

    return jax.lax.while_loop(under_way, step, _Search.start(start, history)).last


def least_squares(
    gram: Float[Array, "n n"], right: Float[Array, " n"], used: Bool[Array, " n"]
) -> Float[Array, " n"]:
    """Weights of the used vectors whose sum is nearest to a given vector; zero for the others.

    By elimination, written out: batched linear solves can block on a CPU of two cores.

    Args:
        gram: inner products of the vectors.
        right: their inner products with the given vector.
        used: which vectors may be used.
    """
    length = jnp.sqrt(jnp.diag(gram))
    used = used & (length > 0)
    scale = jnp.where(used, 1 / jnp.where(used, length, 1.0), 0.0)
    # Of vectors scaled to unit length: the ridge keeps rounding from deciding.
    ridge = 30 * float(jnp.finfo(gram.dtype).eps)
    matrix = gram * scale[:, None] * scale[None, :] + jnp.diag(jnp.where(used, ridge, 1.0))
    rows, values = list(matrix), list(scale * right)
    for i in range(len(rows)):
        for j in range(i + 1, len(rows)):
            factor = rows[j][i] / rows[i][i]
            rows[j], values[j] = rows[j] - factor * rows[i], values[j] - factor * values[i]
    solved: list[Any] = []
    for i in reversed(range(len(rows))):
        later: Any = sum(rows[i][i + 1 + k] * x for k, x in enumerate(solved))
        solved.insert(0, (values[i] - later) / rows[i][i])
    return jnp.stack(solved) * scale
