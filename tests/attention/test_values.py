"""Tuning and gradient values against NumPy and finite differences; their controls."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import (
    BalancedSet,
    CategorySet,
    gradient_values,
    normalised_by_both,
    normalised_by_layer,
    normalised_by_map,
    shuffled,
    tuning_values,
    uniform,
)
from tests.reference import attention as reference

LABELS = np.array([0, 1, 2, 0, 1, 2, 0, 0])  # not balanced, as ordinary sets are


def test_tuning_values():
    responses = np.random.default_rng(0).gamma(2.0, size=(8, 5))
    expected = reference.tuning_values(responses, LABELS, 3)
    found = tuning_values(jnp.asarray(responses, jnp.float32), jnp.asarray(LABELS), 3)
    # float32 means of eight numbers of order 1, divided by spreads of order 1.
    np.testing.assert_allclose(found, expected, atol=1e-5)
    # In units of the spread: a map's unit does not matter.
    scaled = tuning_values(jnp.asarray(responses * 40, jnp.float32), jnp.asarray(LABELS), 3)
    np.testing.assert_allclose(scaled, expected, atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_a_map_that_never_changes_has_no_tuning(level):
    responses = np.random.default_rng(0).gamma(2.0, size=(8, 2))
    responses[:, 1] = level
    found = tuning_values(jnp.asarray(responses, jnp.float32), jnp.asarray(LABELS), 3)
    assert not np.any(found[:, 1])
    assert np.all(found[:, 0])


def test_gradient_values():
    rng = np.random.default_rng(1)
    slopes, logits = rng.normal(size=(12, 5)), rng.normal(size=12)
    category = np.array([0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2])
    present = np.array([1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0], bool)
    for over in (BalancedSet(), CategorySet()):
        expected = np.zeros((3, 5))
        for c in range(3):
            means = []
            for side in (True, False):
                rows = np.flatnonzero((category == c) & (present == side))
                slope = [(1 / (1 + np.exp(-logits[n])) - side) * slopes[n] for n in rows]
                means.append(np.mean(slope, axis=0))
            expected[c] = -(np.mean(means, axis=0) if isinstance(over, BalancedSet) else means[0])
        arrays = (jnp.asarray(slopes, jnp.float32), jnp.asarray(logits, jnp.float32))
        found = gradient_values(*arrays, jnp.asarray(category), jnp.asarray(present), 3, over)
        # float32 means of numbers of order 1.
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_normalisers():
    values = np.array([[1.0, -4.0, 2.0], [0.5, 0.25, -0.125], [0, 0, 0]])
    by_layer = [[0.25, -1, 0.5], [1, 0.5, -0.25], [0, 0, 0]]
    by_map = [[1, -1, 1], [0.5, 0.0625, -0.0625], [0, 0, 0]]
    array = jnp.asarray(values, jnp.float32)
    np.testing.assert_allclose(normalised_by_layer(array), by_layer, rtol=1e-6)
    np.testing.assert_allclose(normalised_by_map(array), by_map, rtol=1e-6)
    np.testing.assert_allclose(normalised_by_both(array), values / 4, rtol=1e-6)


def test_controls():
    values = jax.random.normal(jax.random.key(0), (4, 20))
    mixed = shuffled(jax.random.key(1), values)
    np.testing.assert_array_equal(np.sort(mixed, axis=1), np.sort(values, axis=1))
    assert (np.asarray(mixed) != np.asarray(values)).mean() > 0.5
    orders = np.argsort(np.argsort(mixed, axis=1), axis=1)
    assert (orders[0] != orders[1]).any()  # each category in an order of its own
    same = np.asarray(uniform(values))
    assert (same == same[:, :1]).all()
    expected = np.sqrt((np.asarray(values) ** 2).mean(axis=1))
    np.testing.assert_allclose(same[:, 0], expected, rtol=1e-6)


def test_values_are_differentiable_and_traced():
    responses = jax.random.uniform(jax.random.key(0), (8, 5))
    labels = jnp.asarray(LABELS)
    plain = tuning_values(responses, labels, 3)
    jitted = eqx.filter_jit(tuning_values)(responses, labels, 3)
    np.testing.assert_allclose(plain, jitted, atol=1e-5)
    silent = responses.at[:, 2].set(0.0)
    gradient = jax.grad(lambda r: jnp.sum(tuning_values(r, labels, 3) ** 2))(silent)
    assert np.isfinite(gradient).all()
    assert np.abs(gradient).max() > 0
