"""Whether a steady state is stable, from a few products with the Jacobian."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from ..circuit import Dynamics
from ..populations import EI, Leaf

DOUBLINGS = 16  # of the time over which the projected circuit is followed
TERMS = 8  # of Taylor's series at a norm of 1/2: 1e-7 is left


def seems_stable(
    dynamics: Dynamics, rates: EI[Leaf], towards: EI[Leaf], vectors: int = 8
) -> Bool[Array, ""]:
    """Whether nothing grows around a steady state, as far as a Krylov space shows.

    Arnoldi's method finds the directions that grow, or decay most slowly or fastest, first:
    the Jacobian is projected on a few products with itself, and the projection, a small
    matrix, is followed through time until it has died out or not.

    Args:
        dynamics: the circuit under its input.
        rates: a steady state [Hz].
        towards: a direction that is likely to contain what grows, such as the last of a
            time course; a random one is added to it.
        vectors: dimension of the space.

    Source: Arnoldi 1951; its use as a guard here is ours.
    """
    jacobian = jax.linearize(dynamics.velocity, rates)[1]
    noise = EI(*(jax.random.normal(k, rates.E.shape, rates.E.dtype) for k in _keys()))
    start = _unit(towards)[0].map(lambda a, b: a + b, _unit(noise)[0])
    vectors = min(vectors, 2 * rates.E.size)
    return _dies_out(_projected(jacobian, start, vectors))


def _keys() -> Array:
    return jax.random.split(jax.random.key(0))


def _projected(jacobian: Any, start: EI[Leaf], vectors: int) -> Float[Array, "k k"]:
    """The matrix of a linear map on the space of `start` and its images."""

    def add(j: Any, carry: tuple[EI[Leaf], Array]) -> tuple[EI[Leaf], Array]:
        basis, H = carry
        last = basis.map(lambda V: V[j])
        image = jacobian(last)
        size = norm(image)
        shares = inner_products(basis, image)
        image = image.map(lambda w, V: w - weighted_sum(shares, V), basis)
        H = H.at[:, j].set(shares)
        beyond, left = _unit(image)
        # The space is complete: what remains is rounding, and is made to decay.
        more = left > 1e-5 * size
        H = H.at[j + 1, j].set(jnp.where(more, left, 0.0))
        H = H.at[j, j].add(jnp.where(norm(last) > 0, 0.0, -1.0))
        new = beyond.map(lambda w: jnp.where(more, w, 0.0))
        return basis.map(lambda V, w: V.at[j + 1].set(w), new), H

    basis = start.map(lambda v: jnp.zeros((vectors + 1, *v.shape), v.dtype))
    basis = basis.map(lambda V, v: V.at[0].set(v), _unit(start)[0])
    H = jnp.zeros((vectors + 1, vectors), start.E.dtype)
    return jax.lax.fori_loop(0, vectors, add, (basis, H))[1][:vectors]


def _dies_out(H: Float[Array, "k k"]) -> Bool[Array, ""]:
    """Whether e^{Ht} is small at a late time (false if it is not finite)."""
    h = 0.5 / jnp.max(jnp.sum(jnp.abs(H), axis=1))
    term = total = jnp.eye(len(H), dtype=H.dtype)
    for k in range(1, TERMS + 1):
        term = jnp.matmul(term, H, precision="highest") * (h / k)
        total = total + term
    for _ in range(DOUBLINGS):
        total = jnp.matmul(total, total, precision="highest")
    return jnp.max(jnp.abs(total)) < 1.0


def inner_products(many: EI[Leaf], one: EI[Leaf]) -> Float[Array, " k"]:
    """Inner products of states, stacked on the first axis, with one state."""
    pairs = many.map(lambda V, w: jnp.tensordot(V, w, w.ndim, precision="highest"), one)
    return pairs.E + pairs.I


def weighted_sum(weights: Float[Array, " k"], many: Leaf) -> Leaf:
    """A weighted sum over the first axis, written out: it joins what is done with it."""
    return sum((weights[i] * many[i] for i in range(1, len(many))), start=weights[0] * many[0])


def norm(state: EI[Leaf]) -> Float[Array, ""]:
    """Euclidean length."""
    squares = state.map(lambda v: jnp.sum(v * v))
    return jnp.sqrt(squares.E + squares.I)


def _unit(state: EI[Leaf]) -> tuple[EI[Leaf], Float[Array, ""]]:
    """The direction of a state (zero has none), and its length."""
    length = norm(state)
    safe = jnp.where(length > 0, length, 1.0)
    return state.map(lambda v: v / safe), length
