"""Small steps towards a fixed point, each extrapolated from the ones before."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from .circuit import largest
from .populations import EI, Leaf
from .stability import combined, products

JUMP = 4.0  # a residual that grew by this factor: what was learned so far is forgotten


class Search(eqx.Module):
    """The state of a search, and the last moves of it.

    Attributes:
        steps: done so far.
        known: moves that are remembered.
        here: the state to look at next.
        before, move: the state before it, and the plain step from there.
        moves: changes of the plain step from one state to the next, (memory, ...).
        images: the same, plus the changes of the state.
        gram: scalar products of `moves`.
        residual: largest entry of the pull at `before`.
        done: `before` is an end.
    """

    steps: Any
    known: Any
    here: EI[Leaf]
    before: EI[Leaf]
    move: EI[Leaf]
    moves: EI[Leaf]
    images: EI[Leaf]
    gram: Float[Array, "memory memory"]
    residual: Float[Array, ""]
    done: Bool[Array, ""]

    @classmethod
    def at(cls, start: EI[Leaf], memory: int) -> "Search":
        nothing = start.map(jnp.zeros_like)
        several = start.map(lambda r: jnp.zeros((memory, *r.shape), r.dtype))
        gram = jnp.zeros((memory, memory), start.E.dtype)
        bound = jnp.asarray(jnp.inf, start.E.dtype)
        zero, done = jnp.asarray(0), jnp.asarray(False)
        return cls(zero, zero, start, start, nothing, several, several, gram, bound, done)


def extrapolated(
    pull: Callable[[EI[Leaf]], EI[Leaf]],
    fraction: EI[Leaf],
    start: EI[Leaf],
    over: Callable[[EI[Leaf], EI[Leaf]], Bool[Array, ""]],
    *,
    memory: int,
    most_steps: int,
    floor: float = -jnp.inf,
) -> EI[Leaf]:
    """Solve `pull(x) = 0` from the steps `x += fraction pull(x)`.

    A step is that combination of the last few plain ones that would leave the smallest pull if
    it were linear in x. Where it is, this is the method of generalised minimal residuals,
    cut off after a few vectors.

    Args:
        pull: of a state; zero at the end.
        fraction: of the pull that a plain step goes.
        start: of the search.
        over: of (pull, state): whether to end there.
        memory: moves remembered, two states each.
        most_steps: bound on the steps; one evaluation of `pull` each.
        floor: least value of a state.

    Source: Anderson 1965.
    """

    def step(s: Search) -> Search:
        found = pull(s.here)
        residual = largest(found)
        move = found.map(lambda p, f: f * p, fraction)
        known = jnp.where(residual <= JUMP * s.residual, s.known, 0)
        place = jnp.maximum(s.steps - 1, 0) % memory

        def put(many: Leaf, one: Leaf) -> Leaf:
            return jax.lax.dynamic_update_index_in_dim(many, one, place, 0)

        change = move.map(lambda new, old: new - old, s.move)
        image = change.map(lambda d, x, b: d + x - b, s.here, s.before)
        moves, images = s.moves.map(put, change), s.images.map(put, image)
        row = products(moves, change)
        gram = s.gram.at[place].set(row).at[:, place].set(row)
        used = (place - jnp.arange(memory)) % memory < known
        shares = least_squares(gram, products(moves, move), used)
        return Search(
            steps=s.steps + 1,
            known=jnp.minimum(known + 1, memory),
            here=s.here.map(
                lambda x, d, V: jnp.maximum(x + d - combined(shares, V), floor), move, images
            ),
            before=s.here,
            move=move,
            moves=moves,
            images=images,
            gram=gram,
            residual=residual,
            done=over(found, s.here),
        )

    def go_on(s: Search) -> Bool[Array, ""]:
        return (s.steps < most_steps) & ~s.done

    return jax.lax.while_loop(go_on, step, Search.at(start, memory)).before


def least_squares(
    gram: Float[Array, "n n"], right: Float[Array, " n"], used: Bool[Array, " n"]
) -> Float[Array, " n"]:
    """Weights of the used vectors whose sum is nearest to a target; zero for the others.

    By elimination, written out: the library's, in batches, can block on a CPU of two cores.

    Args:
        gram: scalar products of the vectors.
        right: those with the target.
        used: which vectors.
    """
    length = jnp.sqrt(jnp.diag(gram))
    used = used & (length > 0)
    scale = jnp.where(used, 1 / jnp.where(used, length, 1.0), 0.0)
    # Vectors of unit length; that much more on the diagonal keeps rounding from deciding.
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
