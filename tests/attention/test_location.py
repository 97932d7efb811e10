"""Location-based attention against a plain NumPy program and closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Query, State, location
from cortex.attention.location import Command, ContentWindow, LocationWindow
from cortex.circuit import EI
from tests.reference import location as reference

# Compiled: operations one by one take longer.
by_content, interpolated = jax.jit(location.by_content), jax.jit(location.interpolated)
shifted, sharpened = jax.jit(location.shifted), jax.jit(location.sharpened)
gaussian_shift = jax.jit(location.gaussian_shift, static_argnums=2)
address = jax.jit(lambda command, features, previous: command(features, previous))


RNG = np.random.default_rng(0)
SHAPES = [(1, 9), (5, 7)]


def simplex(shape):
    weights = RNG.random(shape)
    return weights / weights.sum()


def single(array):
    return jnp.asarray(array, jnp.float32)


def is_distribution(weights):
    return np.min(weights) >= 0 and np.sum(weights) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_operation_and_all_together(shape):
    """float32 against float64: 1e-5 of weights that are about 0.1 each."""
    features, key = RNG.normal(size=(3, *shape)), RNG.normal(size=3)
    previous, shifts = simplex(shape), simplex((1, 5) if shape[0] == 1 else (3, 5))
    sharpness, gate, power = 4.0, 0.7, 2.5
    pairs = {
        "content": (
            by_content(single(features), single(key), sharpness),
            reference.by_content(features, key, sharpness),
        ),
        "shift": (
            shifted(single(previous), single(shifts)),
            reference.shifted(previous, shifts),
        ),
        "sharp": (sharpened(single(previous), power), reference.sharpened(previous, power)),
        "all": (
            address(
                Command(single(key), sharpness, gate, single(shifts), power),
                single(features),
                single(previous),
            ),
            reference.addressed(features, previous, key, sharpness, gate, shifts, power),
        ),
    }
    for name, (found, expected) in pairs.items():
        np.testing.assert_allclose(found, expected, atol=1e-6, rtol=1e-5, err_msg=name)
        assert is_distribution(found), name
    mixed = interpolated(single(previous), jnp.full(shape, 1 / previous.size), 0.25)
    np.testing.assert_allclose(mixed, 0.25 * previous + 0.75 / previous.size, rtol=1e-5)


@pytest.mark.parametrize(("by", "reach"), [((0, 2), (0, 3)), ((0, -3), (0, 3)), ((1, -2), (2, 2))])
def test_a_shift_by_whole_places_is_a_roll(by, reach):
    weights = single(simplex((6, 8)))
    found = shifted(weights, gaussian_shift(by, 0.0, reach))
    np.testing.assert_allclose(found, np.roll(weights, by, axis=(0, 1)), atol=1e-7)


def test_a_soft_shift_moves_the_mean_by_its_own_and_adds_its_variance():
    """Far from the edges; the mean of a truncated Gaussian needs reach well beyond its spread."""
    places = np.arange(61)
    start = np.exp(-((places - 20.0) ** 2) / (2 * 2.0**2))[None]
    start /= start.sum()
    shifts = gaussian_shift((0, 7), 1.5, (0, 16))
    found = np.asarray(shifted(single(start), shifts), float)[0]
    assert shifts.sum() == pytest.approx(1, abs=1e-6)
    mean = found @ places
    assert mean == pytest.approx(27, abs=1e-3)
    assert found @ (places - mean) ** 2 == pytest.approx(2.0**2 + 1.5**2, rel=1e-3)


def test_sharpening_keeps_a_gaussian_at_its_closed_form():
    """Each step v -> (v + s^2) / power; without sharpening v grows by s^2."""
    places, s, power = np.arange(101), 1.5, 1.8
    weights = blurred = single(np.exp(-((places - 50.0) ** 2) / (2 * 3.0**2)) / 7.5199)[None]
    shifts, expected = gaussian_shift((0, 0), s, (0, 9)), 9.0
    for _ in range(8):
        weights = sharpened(shifted(weights, shifts), power)
        blurred = shifted(blurred, shifts)
        expected = (expected + s**2) / power
    variances = [float(np.asarray(w, float)[0] @ (places - 50.0) ** 2) for w in (weights, blurred)]
    assert variances[0] == pytest.approx(expected, rel=0.01)
    assert variances[1] == pytest.approx(9 + 8 * s**2, rel=0.01)


def test_the_ends_of_the_ranges():
    features, key = single(RNG.normal(size=(2, 3, 4))), single([1.0, -1.0])
    previous = single(simplex((3, 4)))
    still = gaussian_shift((0, 0), 0.0, (1, 1))
    same = address(Command(key, 3.0, 0.0, still, 1.0), features, previous)
    np.testing.assert_allclose(same, previous, atol=1e-6)  # the gate shut: nothing moves
    alike = by_content(features, key, 0.0)
    np.testing.assert_allclose(alike, np.full((3, 4), 1 / 12), rtol=1e-5)
    # All powers are below what a float32 holds; relative to the largest they are not. A power
    # of 200 makes 200 times the float32 error of the weights.
    weights = simplex((4, 10))
    high = np.power(weights / weights.max(), 200)
    np.testing.assert_allclose(
        sharpened(single(weights), 200.0), high / high.sum(), rtol=1e-4, atol=1e-6
    )
    # Where nothing is, nothing resembles the key, and gradients are finite.
    silent = jnp.zeros((2, 3, 4)).at[:, 0, 0].set(key)
    assert by_content(silent, key, 5.0)[0, 0] == pytest.approx(np.exp(5) / (np.exp(5) + 11))


def test_even_numbers_of_shifts_are_refused():
    with pytest.raises(ValueError, match=r"found 1 x 4, allowed: odd numbers"):
        shifted(jnp.ones((2, 4)) / 8, jnp.ones((1, 4)) / 4)


def test_the_source_hands_out_its_strength_and_moves():
    features = single(RNG.random((3, 2, 8)))
    begin = Command(features[:, 1, 3], 40.0, 1.0, gaussian_shift((0, 0), 0.0, (1, 2)), 1.0)
    on = Command(features[:, 1, 3], 40.0, 0.0, gaussian_shift((0, 2), 0.0, (1, 2)), 1.0)
    uniform, silent = jnp.full((2, 8), 1 / 16), jnp.zeros((3, 2, 8))
    state = State(EI(silent, silent), jnp.zeros(10))
    source = LocationWindow(uniform, begin, 6.0)
    found = jax.jit(lambda s: s.pattern(features, state, Query()))(source)
    assert found.shape == features.shape
    np.testing.assert_allclose(found.sum(axis=(1, 2)), 6.0, rtol=1e-5)
    assert np.unravel_index(np.argmax(found[0]), (2, 8)) == (1, 3)
    after = source.moved(features, on)
    assert after.strength == 6.0
    np.testing.assert_allclose(
        after.pattern(features, state, Query()), np.roll(found, 2, axis=2), rtol=1e-5, atol=1e-6
    )
    np.testing.assert_array_equal(source.previous, uniform)  # explicit: nothing changed in place


def test_a_window_by_content_is_on_what_is_asked_for():
    features = single(RNG.uniform(size=(3, 4, 5)))
    keys = single(RNG.normal(size=(2, 3)))
    state = State(EI(features, features), jnp.zeros(2))
    source = ContentWindow(keys, jnp.asarray(4.0), jnp.asarray(0.5))
    for category in range(2):
        weights = reference.by_content(
            np.asarray(features, float), np.asarray(keys[category], float), 4.0
        )
        found = source.pattern(features, state, Query(category))
        for one in found:  # the same for every map
            np.testing.assert_allclose(one, 0.5 * (20 * weights - 1), rtol=1e-4, atol=1e-5)
