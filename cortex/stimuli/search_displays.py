"""Displays for visual search: oriented coloured bars, one of them the target; and crowds of them.

Bars stand at random places of a grid, moved a little, on a dark field. Red and green bars have
the same mean of red, green and blue, so that only their hue tells them apart.

Source: Treisman & Gelade 1980, Cogn Psychol 12:97 (feature and conjunction search); the displays
are ours.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray, ScalarLike

from cortex.stimuli.shapes import bar
from cortex.stimuli.visual_field import VisualField

# Red, green and blue of the bars, 0 to 1; red and green have a mean of .4 each.
COLOURS: dict[str, tuple[float, float, float]] = {
    "red": (0.8, 0.2, 0.2),
    "green": (0.2, 0.8, 0.2),
    "blue": (0.2, 0.2, 0.8),
    "yellow": (0.6, 0.6, 0.0),
}
GROUND = 0.1
KINDS = ("colour", "orientation", "conjunction")


class Bars(eqx.Module):
    """Bars on a grid, the first of them the target where there is one.

    Attributes:
        places: (row, column) of each, from 0 (top, left edge) to 1 (bottom, right edge).
        orientations: [deg], counter-clockwise from horizontal.
        colours: number of each in `COLOURS`.
    """

    places: Float[Array, "*displays bars 2"]
    orientations: Float[Array, "*displays bars"]
    colours: Int[Array, "*displays bars"]


class Display(eqx.Module):
    """How bars are drawn.

    Attributes:
        side: of the square image [px], static.
        cells: of the grid, along each side, static.
        length, width: of a bar, as shares of the side of a cell.
        jitter: largest distance of a bar from the middle of its cell, along each side, as a
            share of the cell.
    """

    side: int = eqx.field(static=True, default=128)
    cells: int = eqx.field(static=True, default=6)
    length: float = 0.55
    width: float = 0.2
    jitter: float = 0.15

    def places(self, key: PRNGKeyArray, bars: int) -> Float[Array, "bars 2"]:
        """Random places, each in a cell of its own.

        Raises:
            ValueError: more bars than cells.
        """
        if not 1 <= bars <= self.cells**2:
            raise ValueError(f"{bars} bars, allowed: 1 to {self.cells**2}, one a cell")
        for_cells, for_jitter = jax.random.split(key)
        cell = jax.random.choice(for_cells, self.cells**2, (bars,), replace=False)
        middle = jnp.stack([cell // self.cells, cell % self.cells], axis=1) + 0.5
        moved = jax.random.uniform(for_jitter, (bars, 2), minval=-1.0) * self.jitter
        return (middle + moved) / self.cells

    def image(self, bars: Bars) -> Float[Array, "3 side side"]:
        """Red, green and blue, 0 to 1."""
        field = VisualField((self.side, self.side), jnp.asarray(1.0))
        inks = jnp.asarray(list(COLOURS.values()))[bars.colours]
        cell = self.side / self.cells

        def mask(place: Array, orientation: Array) -> Array:
            x, y = (place[1] - 0.5) * self.side, (0.5 - place[0]) * self.side
            return bar(field, self.length * cell, self.width * cell, orientation, x=x, y=y)

        masks = jax.vmap(mask)(bars.places, bars.orientations)
        drawn = jnp.einsum("byx,bc->cyx", masks, inks - GROUND)
        return jnp.clip(GROUND + drawn, 0.0, 1.0)


def search_bars(key: PRNGKeyArray, display: Display, kind: str, set_size: int) -> Bars:
    """The bars of one display; the target, the first, is red and vertical.

    Args:
        key: of the places.
        display: how they are drawn.
        kind: one of `KINDS`: the other bars are green and vertical; red and horizontal; or half
            of them (the larger half) red and horizontal, the others green and vertical.
        set_size: bars with the target, 2 or more.

    Raises:
        ValueError: an unknown kind, or a set size that does not fit.
    """
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r}, allowed: {', '.join(KINDS)}")
    if set_size < 2:
        raise ValueError(f"set size {set_size}, allowed: 2 and more")
    others = jnp.arange(set_size)
    like_colour = {"colour": set_size, "orientation": 0, "conjunction": set_size // 2}[kind]
    green = (others > 0) & (others >= set_size - like_colour)
    horizontal = (others > 0) & ~green
    names = list(COLOURS)
    return Bars(
        places=display.places(key, set_size),
        orientations=jnp.where(horizontal, 0.0, 90.0),
        colours=jnp.where(green, names.index("green"), names.index("red")),
    )


def crowd(
    key: PRNGKeyArray,
    display: Display,
    bars: int,
    orientations: Sequence[ScalarLike] = (0.0, 45.0, 90.0, 135.0),
) -> Bars:
    """Bars of all colours and some orientations, every combination as often as can be."""
    for_places, for_order = jax.random.split(key)
    number = jax.random.permutation(for_order, jnp.arange(bars))
    colours = number % len(COLOURS)
    angles = jnp.asarray(orientations, float)[number // len(COLOURS) % len(orientations)]
    return Bars(display.places(for_places, bars), angles, colours)
