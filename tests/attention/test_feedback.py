"""Feedback gain against plain NumPy; what it reads, and what it does not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Query, State
from cortex.attention.feedback import FeedbackGain
from cortex.circuit import EI

MAPS, CATEGORIES = 3, 2


@pytest.fixture(scope="module")
def source():
    return FeedbackGain.random(jax.random.key(0), MAPS, CATEGORIES, 4, 16)


def state(scale=1.0, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    rates = jnp.asarray(scale * rng.uniform(size=(MAPS, 4, 5)), jnp.float32)
    return State(EI(rates, 2 * rates), jnp.asarray([1.0 + shift, -3.0], jnp.float32))


def by_hand(source, seen, category):
    E = np.asarray(seen.rates.E, np.float64)
    means = np.array([one.mean() for one in E])
    observed = np.concatenate(
        [
            means / np.sqrt(np.mean(means**2)),
            np.tanh(np.asarray(seen.logits, np.float64) / 4),
            np.asarray(source.embedding, np.float64)[category],
        ]
    )
    first, second = source.policy.layers
    hidden = np.asarray(first.weight, np.float64) @ observed
    hidden = np.maximum(hidden + np.asarray(first.bias, np.float64), 0)
    return np.tanh(np.asarray(second.weight, np.float64) @ hidden + np.asarray(second.bias))


@pytest.mark.parametrize("category", range(CATEGORIES))
def test_the_gains_are_those_of_the_formula(source, category):
    values = source.values(state(), Query(category))
    np.testing.assert_allclose(values, by_hand(source, state(), category), rtol=1e-5, atol=1e-6)
    assert np.max(np.abs(np.asarray(values))) > 0.05


def test_a_map_has_one_gain_at_all_places(source):
    features = jnp.ones((MAPS, 4, 5))
    pattern = source.pattern(features, state(), Query(1))
    values = source.values(state(), Query(1))
    np.testing.assert_array_equal(pattern, jnp.broadcast_to(values[:, None, None], (MAPS, 4, 5)))


def test_silence_is_no_division_by_zero(source):
    assert np.all(np.isfinite(source.values(state(scale=0.0), Query(0))))
