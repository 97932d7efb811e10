"""Dyadic Gaussian pyramids, up to level 8 as in Itti, Koch & Niebur 1998.

Place i of a map of level l is centred on place `(i + 1/2) 2^l - 1/2` of the image, so that all
levels lie over one another. Every filter here is separable: a matrix for the rows and one for the
columns, in which the border's value goes on beyond the border.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

Maps = Float[Array, "*maps height width"]
Resized = Float[Array, "*maps _ _"]

# Binomial, of an even number of taps, which keeps the levels centred; chosen here.
BLUR = np.array([1.0, 3.0, 3.0, 1.0]) / 8.0


class Scales(NamedTuple):
    """Which levels are compared.

    Attributes:
        pairs: levels of centre and surround.
        output: level that all comparisons are brought to.
    """

    pairs: tuple[tuple[int, int], ...]
    output: int

    @property
    def top(self) -> int:
        """The coarsest level."""
        return max(surround for _, surround in self.pairs)


def scales_of(height: int, width: int) -> Scales:
    """Centres 2, 3, 4 and surrounds 3 and 4 levels above, as published, where they fit.

    From a shorter side of 384 px on they do. Smaller images start at a finer level and lose the
    pairs whose surround would have a side of less than 1.5 px (ours). The output is at the level
    of the coarsest centre of a large image: 4 as published.

    Raises:
        ValueError: a side of less than 12 px, for which no pair is left.
    """
    top = int(math.log2(min(height, width) / 1.5))
    if top < 3:
        raise ValueError(f"an image of {height} x {width} px, allowed: sides of 12 px and more")
    first = min(max(top - 6, 0), 2)
    pairs = ((c, c + d) for c in range(first, first + 3) for d in (3, 4))
    return Scales(tuple(pair for pair in pairs if pair[1] <= top), min(first + 2, top))


def filtering(size: int, taps: np.ndarray, stride: int = 1) -> np.ndarray:
    """Matrix (ceil(size / stride), size) that correlates with `taps` at every `stride`-th place.

    The middle of an even number of taps lies half a place further on.
    """
    matrix = np.zeros((-(-size // stride), size))
    for row, at in enumerate(range(0, size, stride)):
        for offset, tap in enumerate(taps, -((len(taps) - 1) // 2)):
            matrix[row, min(max(at + offset, 0), size - 1)] += tap
    return matrix


def interpolation(size: int, given: int, levels: int) -> np.ndarray:
    """Matrix (size, given) that interpolates a map of `levels` levels above, linearly."""
    places = (np.arange(size) + 0.5) / 2.0**levels - 0.5
    places = np.clip(places, 0.0, given - 1.0)
    below = np.minimum(places.astype(int), max(given - 2, 0))
    matrix, rows = np.zeros((size, given)), np.arange(size)
    matrix[rows, below] = 1.0 - (places - below)
    matrix[rows, np.minimum(below + 1, given - 1)] += places - below
    return matrix


def separable(rows: np.ndarray, columns: np.ndarray, maps: Maps) -> Resized:
    """`rows @ map @ columns.T` of every map."""
    exact = jax.lax.Precision.HIGHEST  # a GPU may multiply in fewer bits
    left = jnp.einsum("ij,...jk->...ik", jnp.asarray(rows, maps.dtype), maps, precision=exact)
    return jnp.einsum("...ik,lk->...il", left, jnp.asarray(columns, maps.dtype), precision=exact)


def halved(maps: Maps) -> Resized:
    """One level up: blurred and sampled at every other place."""
    rows, columns = (filtering(size, BLUR, 2) for size in maps.shape[-2:])
    return separable(rows, columns, maps)


def pyramid(maps: Maps, levels: int) -> list[Resized]:
    """The maps themselves and `levels` levels above them."""
    found = [maps]
    for _ in range(levels):
        found.append(halved(found[-1]))
    return found


def expanded(maps: Maps, levels: int, shape: Sequence[int]) -> Resized:
    """Brought `levels` levels down, to `shape` (height, width)."""
    rows, columns = (
        interpolation(size, given, levels)
        for size, given in zip(shape, maps.shape[-2:], strict=True)
    )
    return separable(rows, columns, maps)


def at_level(maps: Maps, level: int, wanted: int, shape: Sequence[int]) -> Resized:
    """Brought from a level to a coarser, or to a finer one, whose maps have `shape`."""
    if wanted < level:
        return expanded(maps, level - wanted, shape)
    return pyramid(maps, wanted - level)[-1]


def centre_surround(levels: Sequence[Resized], centre: int, surround: int) -> Resized:
    """Centre minus surround, signed, at the places of the centre's level."""
    fine = levels[centre]
    return fine - expanded(levels[surround], surround - centre, fine.shape[-2:])
