"""Images made of several images, and the quadrants they are placed in.

Quadrants are numbered like a page is read: 0 top left, 1 top right, 2 bottom left, 3 bottom
right.
"""

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float


def merge(a: Float[Array, "*shape"], b: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """Two images transparently on top of each other: (a + b) / 2.

    **Arguments:** `a`, `b`: images of one shape.
    **Returns:** the merged image, in the unit of the two.
    Source: Lindsay & Miller 2018 (eLife 7:e38105), merged images.
    """
    return (a + b) / 2.0


def halve(image: Float[Array, "height width"]) -> Float[Array, "height//2 width//2"]:
    """An image reduced to half its size by averaging each block of 2 × 2 pixels.

    **Arguments:** `image`: [height, width], both even.
    **Returns:** [height/2, width/2].
    Raises `ValueError` if a side is odd.
    """
    height, width = image.shape
    if height % 2 or width % 2:
        raise ValueError(f"an image to be halved has even sides, got {height} x {width}")
    return image.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))


def array_double(images: Float[Array, "4 height width"]) -> Float[Array, "2*height 2*width"]:
    """A 2 × 2 array of images at full size, on a canvas of twice their size.

    **Arguments:** `images`: [4, height, width], in the order of the quadrants.
    **Returns:** [2 height, 2 width].
    """
    top = jnp.concatenate([images[0], images[1]], axis=1)
    bottom = jnp.concatenate([images[2], images[3]], axis=1)
    return jnp.concatenate([top, bottom], axis=0)


def array_same(images: Float[Array, "4 height width"]) -> Float[Array, "height width"]:
    """A 2 × 2 array of images, each reduced to half, on a canvas of the size of one.

    **Arguments:** `images`: [4, height, width], in the order of the quadrants; even sides.
    **Returns:** [height, width].
    Raises `ValueError` if a side is odd.
    """
    return halve(array_double(images))
