"""A function of one image, applied to a batch: on a CPU, few images at a time."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jaxtyping import PyTree

# Numbers that go into a layer, or come out of it, for the images that are computed at a time on a
# CPU: half a megabyte, so that what is written for one operation is still in the cache for the
# next. Chosen here. Measured on EfficientNet-Lite0, one core: a photograph in batches of 10 takes
# 23.2 ms at once and 15.4 piece by piece.
PIECE = 2**17


def by_image(function: Callable[..., Any], *batches: PyTree, stages: Sequence[Any]) -> Any:
    """`jax.vmap(function)(*batches)`, in pieces that fit the caches of a CPU where that pays.

    It pays for stages that say so by `few_at_a_time`, such as those of EfficientNet; XLA's own
    convolutions are faster in batches, and very slow in a loop.

    Args:
        function: of one image, or of several arrays that belong to it.
        batches: with the images on their first axis.
        stages: that the function consists of.
    """
    few = all(getattr(stage, "few_at_a_time", False) for stage in stages)
    if not few or jax.default_backend() != "cpu":
        return jax.vmap(function)(*batches)
    count = len(jax.tree.leaves(batches)[0])
    one = jax.tree.map(lambda rows: jax.ShapeDtypeStruct(rows.shape[1:], rows.dtype), batches)
    made = jax.eval_shape(function, *one)
    largest = max(math.prod(leaf.shape) for leaf in jax.tree.leaves((one, made)))
    piece = divisor(count, PIECE // largest)
    if piece == count:
        return jax.vmap(function)(*batches)
    if piece == 1:
        return jax.lax.map(lambda row: function(*row), batches)
    pieces = jax.tree.map(lambda rows: rows.reshape(-1, piece, *rows.shape[1:]), batches)
    found = jax.lax.map(lambda some: jax.vmap(function)(*some), pieces)
    return jax.tree.map(lambda rows: rows.reshape(count, *rows.shape[2:]), found)


def divisor(count: int, most: int) -> int:
    """The largest divisor of a number that is at most this, or 1."""
    return next((n for n in range(min(most, count), 1, -1) if count % n == 0), 1)
