"""Looking at attention: how widely its weights are spread, where they lie, what flows through."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

Weights = Float[Array, "*rows items"]  # each row >= 0, summing to one


def entropy(weights: Weights) -> Float[Array, "*rows"]:
    """Shannon entropy of each row [nat], from 0 (one item) to log of their number (all alike)."""
    positive = weights > 0
    logarithm = jnp.log(jnp.where(positive, weights, 1.0))
    return -jnp.sum(weights * logarithm, axis=-1)


def on_image(
    weights: Float[Array, "height width"], shape: tuple[int, int]
) -> Float[Array, "image_height image_width"]:
    """Weights over the places of a map, spread over the pixels of the image.

    Linear interpolation between the middles of places; scaled so that the sum stays.

    Args:
        weights: over places, >= 0.
        shape: (height, width) of the image [px].
    """
    wide = jax.image.resize(weights, shape, "linear")
    total = jnp.sum(wide)
    return wide * jnp.where(total > 0, jnp.sum(weights) / jnp.where(total > 0, total, 1.0), 0.0)


def rollout(
    layers: Float[Array, "layers heads items items"], residual: float = 0.5
) -> Float[Array, "items items"]:
    """How much of each input item reaches each item of the top, through all layers.

    Heads are averaged; each layer passes on `residual` of an item itself and the rest of what it
    attends to; the layers' matrices are multiplied, the lowest last. Rows sum to one.

    Args:
        layers: weights from the lowest layer upwards, row = the item that attends.
        residual: share of the connection past the attention, 0 to 1.

    Returns:
        Row = item at the top, column = item at the bottom.

    Source: Abnar & Zuidema 2020, attention rollout (their residual: one half).
    """
    items = layers.shape[-1]
    total = jnp.eye(items, dtype=layers.dtype)
    for heads in layers:
        mean = jnp.mean(heads, axis=0)
        # Rows with no item to attend to have the connection past the attention alone.
        mixed = residual * jnp.eye(items, dtype=layers.dtype) + (1.0 - residual) * mean
        mixed = mixed / jnp.sum(mixed, axis=1, keepdims=True)
        total = jnp.einsum("ij,jk->ik", mixed, total, precision="highest")
    return total
