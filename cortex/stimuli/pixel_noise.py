"""Noise added to the pixels of an image, each draw from an explicit key."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray, ScalarLike

from cortex.stimuli._numeric import as_float


def gaussian_noise(
    key: PRNGKeyArray, image: Float[Array, "*shape"], sd: ScalarLike
) -> Float[Array, "*shape"]:
    """Independent Gaussian noise on each pixel, clipped to [0, 1].

    **Arguments:** `key`; `image`, 0 to 1; `sd`: standard deviation before clipping, in the unit
    of the image, ≥ 0.
    **Returns:** the noisy image, 0 to 1.
    """
    noise = jax.random.normal(key, image.shape, image.dtype)
    return jnp.clip(image + as_float(sd).astype(image.dtype) * noise, 0.0, 1.0)


@jax.jit
def gaussian_noise_each(
    key: PRNGKeyArray,
    numbers: Int[Array, " images"],
    images: Float[Array, "images channels height width"],
    sd: Float[Array, "#images"],
) -> Float[Array, "images channels height width"]:
    """`gaussian_noise` of each image's own, the same in whatever batch it comes.

    Args:
        key: PRNG key of all images.
        numbers: of the images, which their noise is drawn by.
        images: 0 to 1.
        sd: standard deviation of each, or of all.
    """

    def one(number: Array, image: Array, sd: Array) -> Array:
        return gaussian_noise(jax.random.fold_in(key, number), image, sd)

    return jax.vmap(one)(numbers, images, jnp.broadcast_to(sd, numbers.shape))


def salt_and_pepper(
    key: PRNGKeyArray, image: Float[Array, "*shape"], fraction: ScalarLike
) -> Float[Array, "*shape"]:
    """Each pixel, with probability `fraction`, becomes 0 or 1 (equally likely).

    **Arguments:** `key`; `image`, 0 to 1; `fraction`, 0 to 1.
    **Returns:** the noisy image, 0 to 1. Not differentiable in `fraction`.
    """
    hit_key, value_key = jax.random.split(key)
    hit = jax.random.uniform(hit_key, image.shape, image.dtype) < as_float(fraction).astype(
        image.dtype
    )
    salt = jax.random.bernoulli(value_key, 0.5, image.shape).astype(image.dtype)
    return jnp.where(hit, salt, image)


def noise_mask(
    key: PRNGKeyArray, image: Float[Array, "*shape"], weight: ScalarLike
) -> Float[Array, "*shape"]:
    """An image under a mask of uniform noise: (1 − weight) · image + weight · noise.

    **Arguments:** `key`; `image`, 0 to 1; `weight` of the mask, 0 (none) to 1 (noise alone).
    **Returns:** the masked image, 0 to 1; differentiable in `weight`.
    """
    noise = jax.random.uniform(key, image.shape, image.dtype)
    share = as_float(weight).astype(image.dtype)
    return (1.0 - share) * image + share * noise
