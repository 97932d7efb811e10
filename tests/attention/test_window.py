"""Windows over places against their formulas in plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Additive, Query, Scaled, State, quadrant_mask
from cortex.attention.window import (
    DividedWindow,
    QuadrantWindow,
    SpatialWindow,
)
from cortex.circuit import EI

SHAPE = (3, 6, 9)  # maps, height, width
PLACES = ((0.25, 0.25), (0.25, 0.8), (0.75, 0.5))


def window(place, width):
    """exp(-d^2 / 2 width^2), d in shares of the side, taken at the middles of the pixels."""
    rows, columns = ((np.arange(n) + 0.5) / n for n in SHAPE[1:])
    away = (rows[:, None] - place[0]) ** 2 + (columns[None, :] - place[1]) ** 2
    return np.exp(-away / (2 * width**2))


def seen(source, place=(0.5, 0.5), features=None):
    zero = jnp.zeros(SHAPE)
    features = zero if features is None else features
    return source.pattern(features, State(EI(zero, zero), jnp.zeros(2)), Query(place=place))


@pytest.mark.parametrize("place", PLACES)
def test_the_pattern_follows_the_cue_and_is_the_same_for_every_map(place):
    found = np.asarray(seen(SpatialWindow(0.7, 0.15, 0.2), place))
    expected = 0.7 * (window(place, 0.15) - 0.2)
    np.testing.assert_allclose(found, np.broadcast_to(expected, SHAPE), rtol=2e-5, atol=1e-6)
    peak = np.unravel_index(found[1].argmax(), SHAPE[1:])
    nearest = [int(at * n - 1e-9) for at, n in zip(place, SHAPE[1:], strict=True)]
    assert list(peak) == nearest


def test_a_shared_window_is_the_mean_of_the_windows_whatever_is_asked():
    source = DividedWindow(jnp.array(PLACES), 0.9, 0.12)
    expected = 0.9 * np.mean([window(p, 0.12) for p in PLACES], axis=0)
    for place in PLACES:
        np.testing.assert_allclose(seen(source, place)[0], expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("source", [SpatialWindow, DividedWindow])
def test_the_form_and_every_number_are_traced(source):
    start = (jnp.array(PLACES),) if source is DividedWindow else ()
    zero = jnp.zeros(SHAPE)
    state = State(EI(zero, zero), jnp.zeros(2))

    def total(strength, width, scale):
        made = source(*start, strength=strength, width=width, form=Additive(scale))
        return jnp.sum(made(zero, state, Query(place=PLACES[0])).input.E)

    slopes = jax.jit(jax.grad(total, argnums=(0, 1, 2)))(0.5, 0.1, 3.0)
    value = float(total(0.5, 0.1, 3.0))
    # Linear in strength and scale.
    assert float(slopes[0]) == pytest.approx(value / 0.5, rel=1e-4)
    assert float(slopes[2]) == pytest.approx(value / 3.0, rel=1e-4)
    step = 1e-2
    numeric = (float(total(0.5, 0.1 + step, 3.0)) - float(total(0.5, 0.1 - step, 3.0))) / (2 * step)
    assert float(slopes[1]) == pytest.approx(numeric, rel=0.02)


@pytest.mark.parametrize(
    ("place", "quadrant"), [((0.25, 0.25), 0), ((0.1, 0.9), 1), ((0.75, 0.5), 2), ((0.6, 0.6), 3)]
)
def test_a_quadrant_is_that_of_the_cued_place(place, quadrant):
    found = np.asarray(seen(QuadrantWindow(0.3), place))
    expected = 0.3 * np.asarray(quadrant_mask(SHAPE[1:], quadrant))
    np.testing.assert_allclose(found, np.broadcast_to(expected, SHAPE), rtol=1e-6)


def test_a_share_of_a_source_is_its_pattern_times_the_share():
    source = SpatialWindow(0.7, 0.15, 0.2, form=Additive(2.0))
    part = Scaled(source, 0.25)
    np.testing.assert_allclose(seen(part), 0.25 * np.asarray(seen(source)), rtol=1e-6)
    assert part.form is source.form
