"""Covert spatial attention: a window over the cued place, the same for every map."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative, Pattern, spatial_pattern
from .source import AbstractSource, Maps, Query, State


def gaussian_window(
    place: Float[Array, "2"], width: Float[Array, ""] | float, shape: tuple[int, int]
) -> Float[Array, "height width"]:
    """A Gaussian of peak 1 over a map.

    Args:
        place: of its peak, (row, column) from 0 (top, left edge) to 1 (bottom, right edge).
        width: standard deviation, as a share of the map's side.
        shape: (height, width) of the map.
    """
    rows, columns = (
        jnp.exp(-(((jnp.arange(n) + 0.5) / n - at) ** 2) / (2 * width**2))
        for n, at in zip(shape, place, strict=True)
    )
    return rows[:, None] * columns[None, :]


class SpatialWindow(AbstractSource):
    """Gain at the cued place, and less than one away from it.

    The pattern is `strength * (window - surround)`, with a Gaussian window of peak 1.

    Attributes:
        strength: beta_s [1].
        width: standard deviation of the window, as a share of the map's side.
        surround: what is taken from the whole map, 0 for none.
    """

    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    width: Float[Array, ""] = eqx.field(converter=as_floats, default=0.2)
    surround: Float[Array, ""] = eqx.field(converter=as_floats, default=0.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        maps, *shape = features.shape
        window = gaussian_window(query.place, self.width, (shape[0], shape[1]))
        return spatial_pattern(window - self.surround, self.strength, maps)


def quadrant_mask(
    shape: tuple[int, int], quadrant: int | Int[Array, ""]
) -> Float[Array, "height width"]:
    """Spatial attention: +1 in the attended quadrant of a map, −1 elsewhere.

    On a side of odd length the border of the quadrants cuts the middle row or column of pixels,
    and such a pixel has the mean over its area (0, and −0.5 in the very middle), so that the
    four masks of a map of any size are mirror images and sum to −2 everywhere.

    **Arguments:** `shape`: (height, width) of the map, pixels, any size ≥ 1; `quadrant`: 0 to 3
    as a page is read, or −1 for none (−1 everywhere); may be traced.
    **Returns:** [height, width], −1 to 1.
    Raises `ValueError` for a Python number outside −1 to 3.
    Source: Lindsay & Miller 2018 (eLife 7:e38105), spatial attention.
    """
    if isinstance(quadrant, int) and not -1 <= quadrant <= 3:
        raise ValueError(f"a quadrant is 0, 1, 2 or 3, or -1 for none, got {quadrant}")
    top, left = _first_half(shape[0]), _first_half(shape[1])
    quadrant = jnp.asarray(quadrant)
    rows = jnp.where(quadrant // 2 == 0, top, 1.0 - top)
    columns = jnp.where(quadrant % 2 == 0, left, 1.0 - left)
    covered = jnp.where(quadrant < 0, 0.0, rows[:, None] * columns[None, :])
    return 2.0 * covered - 1.0


def inside_quadrants(
    quadrants: Int[np.ndarray, " images"], shape: tuple[int, int]
) -> Float[np.ndarray, "images height width"]:
    """How much of each place of a map lies in the quadrant of each image, 0 to 1.

    Args:
        quadrants: 0 to 3, see `quadrant_mask`.
        shape: (height, width) of the map.
    """
    masks = [(np.asarray(quadrant_mask(shape, number)) + 1) / 2 for number in range(4)]
    return np.stack(masks)[quadrants]


def _first_half(n: int) -> Float[Array, " n"]:
    """The share of each of n pixels that lies in the first half of their line."""
    return jnp.clip(n / 2.0 - jnp.arange(n, dtype=float), 0.0, 1.0)


class QuadrantWindow(AbstractSource):
    """More gain in the quadrant of the cued place, as much less in the other three.

    The pattern is `strength` inside the quadrant and `-strength` outside.

    Attributes:
        strength: beta_s [1].

    Source: Lindsay & Miller 2018, spatial attention.
    """

    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        maps, *shape = features.shape
        row, column = (query.place > 0.5).astype(int)
        mask = quadrant_mask((shape[0], shape[1]), 2 * row + column)
        return spatial_pattern(mask, self.strength, maps)


class DividedWindow(AbstractSource):
    """One window's strength shared evenly among several places: a cue that says nothing.

    The pattern is the mean of the `SpatialWindow` patterns at the places, whatever place is asked
    for, so that its sum over an unbounded map is that of one window (our choice: Posner's neutral
    cue, with attention as a fixed amount).

    Attributes:
        places: (row, column) of each, from 0 (top, left edge) to 1 (bottom, right edge).
        strength: beta_s of the window that is shared [1].
        width: standard deviation of the windows, as a share of the map's side.
    """

    places: Float[Array, "places 2"]
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    width: Float[Array, ""] = eqx.field(converter=as_floats, default=0.2)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        maps, *shape = features.shape
        windows = jax.vmap(lambda at: gaussian_window(at, self.width, (shape[0], shape[1])))
        return spatial_pattern(jnp.mean(windows(self.places), axis=0), self.strength, maps)
