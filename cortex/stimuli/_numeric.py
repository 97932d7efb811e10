"""Small numerical helpers shared by the stimuli."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array
from jaxtyping import ArrayLike, Float


def as_float(value: ArrayLike | Sequence[ArrayLike]) -> Array:
    """`value` as a JAX array of the default floating type (float32 unless x64 is enabled)."""
    return jnp.asarray(value, dtype=float)


def euclidean(dx: Float[Array, "*shape"], dy: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Length of the vectors (dx, dy), with gradient 0 instead of NaN at the origin."""
    square = dx * dx + dy * dy
    positive = square > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, square, 1.0)), 0.0)
