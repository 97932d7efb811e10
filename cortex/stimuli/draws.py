"""Which single images the hard images of a detection task are made of.

After Lindsay & Miller 2018 (eLife 7:e38105): two images merged into one, or four in a 2 × 2 array.
Half of the hard images are positive, and positive and negative ones alternate (the even rows are
positive), so that any run of an even number of rows is balanced. Each single image is used as
seldom as possible: a class repeats one only when all of the class have been used. Everything is
drawn from an explicit key, with integer arithmetic, and may be traced, `category` too.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Bool, Int, PRNGKeyArray

from cortex.errors import UserError
from cortex.stimuli.datasets import shuffled_by_class


class Draw(eqx.Module):
    """Which single images each image of a task is made of.

    - `present`: [n], whether the category is in the image.
    - `quadrant`: [n], where it is in an array (0 top left, 1 top right, 2 bottom left, 3 bottom
      right), −1 if absent or if the image is no array.
    - `sources`: [n, k], the rows of the single images that it is made of.
    """

    present: Bool[Array, "*category n"]
    quadrant: Int[Array, "*category n"]
    sources: Int[Array, "*category n k"]


def merged_draw(
    key: PRNGKeyArray,
    labels: Int[Array, " source"],
    category: int | Int[Array, ""],
    n: int,
    *,
    n_categories: int = 10,
) -> Draw:
    """Pairs of images of different categories, one of them `category` in half of the draw.

    **Arguments:** `key`; `labels`, 0 to n_categories − 1, each at least once; `category`; `n`:
    even.
    **Returns:** `Draw` of n images, k = 2; in a positive image the first source is the one of
    the category.
    Raises `UserError` for an odd n, a category out of range or without images.
    """
    _check(labels, category, n, n_categories, least=3)
    others_key, draw_key = jax.random.split(key)
    others = _others(others_key, category, n, 2, n_categories)
    positive = others[0::2].at[:, 0].set(category)
    wanted = _alternate(positive, others[1::2])
    return _drawn(_draw(draw_key, labels, wanted, n_categories))


def array_draw(
    key: PRNGKeyArray,
    labels: Int[Array, " source"],
    category: int | Int[Array, ""],
    n: int,
    *,
    n_categories: int = 10,
) -> Draw:
    """Sets of four images of different categories, `category` among them in half of the draw.

    The quadrants of the category are random, each as often as the others within one.

    **Arguments:** as for `merged_draw`.
    **Returns:** `Draw` of n images, k = 4, sources in the order of the quadrants.
    Raises `UserError` for an odd n, a category out of range or without images.
    """
    _check(labels, category, n, n_categories, least=5)
    others_key, place_key, draw_key = jax.random.split(key, 3)
    others = _others(others_key, category, n, 4, n_categories)
    place = _evenly(place_key, n // 2, 4)
    here = place[:, None] == jnp.arange(4, dtype=jnp.int32)[None, :]
    positive = jnp.where(here, jnp.asarray(category, dtype=jnp.int32), others[0::2])
    wanted = _alternate(positive, others[1::2])
    quadrant = _alternate(place, jnp.full_like(place, -1))
    return _drawn(_draw(draw_key, labels, wanted, n_categories), quadrant)


def _check(labels: Array, category: int | Array, n: int, n_categories: int, least: int) -> None:
    """Refuses, where the values are known, a request that no draw can meet."""
    if n < 2 or n % 2:
        raise UserError(f"a task set has {n} images: an even number of 2 or more is expected")
    if n_categories < least:
        raise UserError(f"{n_categories} categories are too few: {least} or more are expected")
    if not isinstance(category, jax.core.Tracer) and not 0 <= int(category) < n_categories:
        raise UserError(f"category is {category}: 0 to {n_categories - 1} is expected")
    if not isinstance(labels, jax.core.Tracer):
        missing = sorted(set(range(n_categories)) - set(np.unique(np.asarray(labels)).tolist()))
        if missing:
            raise UserError(f"no image has the label {missing[0]}: every category is expected")


def _others(key: PRNGKeyArray, category: int | Array, n: int, k: int, n_categories: int) -> Array:
    """k different categories, none of them `category`, for each of n images: [n, k]."""
    bits = jax.random.bits(key, (n, n_categories - 1), jnp.uint32)
    chosen = jnp.argsort(bits, axis=1)[:, :k].astype(jnp.int32)
    return chosen + (chosen >= category).astype(jnp.int32)


def _evenly(key: PRNGKeyArray, n: int, choices: int) -> Array:
    """n numbers below `choices`, each as often as the others within one, shuffled: [n]."""
    bits = jax.random.bits(key, (choices + n,), jnp.uint32)
    values, places = jnp.argsort(bits[:choices]), jnp.argsort(bits[choices:])
    return values[places % choices].astype(jnp.int32)


def _draw(key: PRNGKeyArray, labels: Array, wanted: Array, n_categories: int) -> Array:
    """For each wanted category, the row of an image of it; repeats only when all are used."""
    shuffled = shuffled_by_class(key, labels)
    counts = jnp.bincount(labels, length=n_categories)
    starts = jnp.cumsum(counts) - counts
    flat = wanted.reshape(-1)
    asked = (flat[:, None] == jnp.arange(n_categories)[None, :]).astype(jnp.int32)
    nth = jnp.take_along_axis(jnp.cumsum(asked, axis=0), flat[:, None], axis=1)[:, 0] - 1
    rows = shuffled[starts[flat] + nth.astype(counts.dtype) % counts[flat]]
    return rows.reshape(wanted.shape).astype(jnp.int32)


def _alternate(positive: Array, negative: Array) -> Array:
    """Rows of two arrays in turn: [n/2, ...] twice → [n, ...]."""
    both = jnp.stack([positive, negative], axis=1)
    return both.reshape(-1, *positive.shape[1:])


def _drawn(sources: Array, quadrant: Array | None = None) -> Draw:
    n = sources.shape[0]
    present = jnp.arange(n) % 2 == 0
    if quadrant is None:
        quadrant = jnp.full(n, -1, dtype=jnp.int32)
    return Draw(present, quadrant, sources)
