"""Glimpses and the circuits that follow them, on few images."""

import jax
import numpy as np
import pytest
from cortex.sims import glimpses

from cortex.models.learned.glimpses import CANVAS
from cortex.models.learned.hard_digits import split
from cortex.stimuli.cluttered_digits import Canvas


def test_glimpses_begin_at_the_centre_and_distances_are_to_the_digit(settings, data):
    place = data["place"].values
    np.testing.assert_array_equal(place[..., 0, :], 0.5)
    assert np.std(data["place"].sel(policy="random")[..., 1:, :]) > 0.2  # anywhere
    np.testing.assert_array_equal(data["place"].sel(policy="centre"), 0.5)
    once = data["right"].sel(policy="centre")
    assert bool((once == once.isel(glimpse=0)).all())  # its answer stands
    off = (place - data["digit"].values[None, None, :, None]) * CANVAS.side
    away = np.sqrt((off**2).sum(-1))
    np.testing.assert_allclose(data["distance"], away, rtol=1e-5)
    np.testing.assert_array_equal(data["on_digit"], away < settings.on_digit)


def test_gains_are_differences_at_the_last_glimpse(data):
    right, value = data["right"].values.astype(float), {"bound": "value"}
    own, chance, once = (right[n].mean((0, 1)) for n in range(3))
    found = data["accuracy_gain"].sel(**value)
    np.testing.assert_allclose(found, own[-1] - np.array([chance[-1], once[0], own[0]]))
    chosen = data["chosen"].sel(looking="overt").mean(("seed", "case"))
    found = data["overt_gain"].sel(quantity="chosen", beside="random", **value)
    expected = float(chosen.sel(where="learned") - chosen.sel(where="random"))
    assert float(found) == pytest.approx(expected)


def test_the_window_moves_rates_towards_its_place(data):
    """At the digit E and I rise there and fall elsewhere."""
    assert bool(data["settled"].all())
    rate = data["rate"].sel(bound="value")
    share = rate.sel(part="on") / rate.sel(part="off")
    assert bool((share.sel(where="digit") > 1.2 * share.sel(where="centre")).all())
    # By hand, from the maps.
    maps = data["rates"].sel(where="digit", population="I").isel(seed=0).values
    cases = [one[inside].mean() for one, inside in zip(maps, data["inside"].values, strict=True)]
    found = rate.sel(where="digit", population="I", part="on")
    assert float(found) == pytest.approx(np.mean(cases), rel=1e-5)


def test_clutter_does_not_move_the_digits(settings):
    key, held_out = jax.random.key(0), split()[1]
    clean, shown = (
        glimpses.one_of_each(settings, key, held_out, 12, Canvas(pieces=pieces))
        for pieces in (0, 8)
    )
    np.testing.assert_array_equal(clean.places, shown.places)
    assert np.all(np.asarray(clean.images) <= np.asarray(shown.images))
    assert np.mean(np.asarray(clean.images)) < 0.8 * np.mean(np.asarray(shown.images))


def test_a_cut_is_what_lies_around_the_place():
    image = np.random.default_rng(0).random((1, 56, 56)).astype(np.float32)
    found = glimpses.cut(image, np.array([[0.5, 20 / 56]], np.float32))
    assert found.shape == (1, 1, 28, 28)
    np.testing.assert_array_equal(found[0, 0], image[0, 14:42, 6:34])
