"""Displays for visual search: what is where, and what tells it apart."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.stimuli.search_displays import COLOURS, KINDS, Display, crowd, search_bars

DISPLAY = Display(side=96, cells=6)
draw = jax.jit(DISPLAY.image)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [2, 9, 36])
def test_the_target_is_one_of_its_kind(kind, size):
    bars = search_bars(jax.random.key(size), DISPLAY, kind, size)
    kinds = np.stack([np.asarray(bars.colours), np.asarray(bars.orientations)], 1)
    assert tuple(kinds[0]) == (0, 90)
    rest = {tuple(row) for row in kinds[1:]}
    green_vertical, red_horizontal = (1, 90), (0, 0)
    allowed = {
        "colour": {green_vertical},
        "orientation": {red_horizontal},
        "conjunction": {green_vertical, red_horizontal},
    }[kind]
    assert rest <= allowed
    if kind == "conjunction" and size > 2:
        assert rest == allowed
        assert abs(int(np.sum(kinds[1:, 0] == 0)) - (size - 1) / 2) <= 0.5


def test_every_bar_has_a_cell_of_its_own():
    places = np.asarray(DISPLAY.places(jax.random.key(0), 36))
    cells = np.floor(places * 6)
    assert len(np.unique(cells, axis=0)) == 36
    assert np.abs(places * 6 - cells - 0.5).max() <= 0.15 + 1e-5
    again = np.asarray(DISPLAY.places(jax.random.key(1), 36))
    assert not np.allclose(places, again)
    for bars in (0, 37):
        with pytest.raises(ValueError, match="allowed: 1 to 36"):
            DISPLAY.places(jax.random.key(0), bars)


def test_colours_differ_in_hue_and_not_in_luminance():
    """Their means are equal, also in the image; the ground is dark."""
    assert np.mean(COLOURS["red"]) == pytest.approx(np.mean(COLOURS["green"]))
    bars = search_bars(jax.random.key(3), DISPLAY, "colour", 2)
    image = np.asarray(draw(bars))
    assert image.shape == (3, 96, 96)
    assert image.min() >= 0
    assert image.max() <= 1
    for (row, column), ink in zip(
        np.asarray(bars.places), (COLOURS["red"], COLOURS["green"]), strict=True
    ):
        # At the middle of a bar 3 px wide, edges of a quarter of a pixel leave all but 1 %.
        np.testing.assert_allclose(image[:, int(row * 96), int(column * 96)], ink, atol=0.02)
    assert float(np.median(image)) == pytest.approx(0.1, abs=1e-3)


def test_orientation_of_what_is_drawn():
    """Second moments of the ink: the vertical target is taller than wide."""
    bars = search_bars(jax.random.key(5), DISPLAY, "orientation", 2)
    image = np.asarray(draw(bars)).mean(0) - 0.1
    y, x = np.mgrid[:96, :96] + 0.5
    for (row, column), tall in zip(np.asarray(bars.places) * 96, (True, False), strict=True):
        near = (abs(y - row) < 8) & (abs(x - column) < 8)
        ink = image * near
        spread = [np.sum(ink * (z - at) ** 2) for z, at in ((y, row), (x, column))]
        assert (spread[0] > 3 * spread[1]) is np.bool_(tall)
        assert (spread[1] > 3 * spread[0]) is np.bool_(not tall)


def test_a_crowd_has_all_combinations():
    bars = crowd(jax.random.key(0), DISPLAY, 32)
    kinds = list(zip(np.asarray(bars.colours), np.asarray(bars.orientations), strict=True))
    assert len(set(kinds)) == 16
    assert all(kinds.count(kind) == 2 for kind in set(kinds))


def test_what_is_refused():
    with pytest.raises(ValueError, match="kind 'shape', allowed: colour, orientation, conjunction"):
        search_bars(jax.random.key(0), DISPLAY, "shape", 4)
    with pytest.raises(ValueError, match="set size 1, allowed: 2"):
        search_bars(jax.random.key(0), DISPLAY, "colour", 1)


def test_batches():
    keys = jax.random.split(jax.random.key(0), 3)
    draw_one = lambda key: draw(search_bars(key, DISPLAY, "conjunction", 8))  # noqa: E731
    images = jax.jit(jax.vmap(draw_one))(keys)
    assert images.shape == (3, 3, 96, 96)
    assert bool(jnp.any(images[0] != images[1]))
