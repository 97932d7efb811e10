"""Feature couplings S(f, g): how strongly maps of one layer are connected, by likeness."""

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import as_floats


def _rows_to_one(falloff: Float[Array, "features features"]) -> Float[Array, "features features"]:
    return falloff / jnp.sum(falloff, axis=1, keepdims=True)


def no_features(features: int) -> Float[Array, "features features"]:
    """Every map connected to itself only."""
    return jnp.eye(features)


def circular_features(
    preferred: Any, width: Any, period: float = 180.0
) -> Float[Array, "features features"]:
    """Gaussian falloff with the circular distance between preferred orientations.

    Args:
        preferred: preferred orientation of each map [deg], shape (features,).
        width: standard deviation of the falloff [deg], > 0.
        period: 180 for orientation, 360 for direction [deg].

    Returns:
        S, rows summing to one.
    """
    preferred = as_floats(preferred)
    difference = jnp.abs(preferred[:, None] - preferred[None, :]) % period
    distance = jnp.minimum(difference, period - difference)
    return _rows_to_one(jnp.exp(-(distance**2) / (2 * width**2)))


def learned_features(
    responses: Float[Array, "samples features"], width: Any
) -> Float[Array, "features features"]:
    """Gaussian falloff with the angle between maps' mean responses to a set of images.

    Args:
        responses: spatial mean of each map for each image.
        width: standard deviation of the falloff [deg], > 0.

    Returns:
        S, rows summing to one. A map that never responds is connected to itself only.
    """
    responses = as_floats(responses)
    length = jnp.linalg.norm(responses, axis=0)
    unit = responses / jnp.where(length > 0, length, 1.0)[None, :]
    cosine = jnp.clip(jnp.einsum("nf,ng->fg", unit, unit, precision="highest"), -1.0, 1.0)
    same = jnp.eye(responses.shape[1], dtype=bool)
    angle = jnp.where(same, 0.0, jnp.degrees(jnp.arccos(jnp.where(same, 0.0, cosine))))
    return _rows_to_one(jnp.exp(-(angle**2) / (2 * width**2)))
