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
