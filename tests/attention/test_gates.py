"""Residual mask and attention gate against plain NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Query, State
from cortex.attention.gates import AttentionGate, ResidualMask
from cortex.circuit import EI
from tests.reference import attention as reference
from tests.reference.content_attention import sigmoid

MAPS, SHAPE, CATEGORIES = 3, (4, 6), 2


@pytest.fixture(scope="module")
def features():
    maps = np.random.default_rng(1).normal(size=(MAPS, *SHAPE))
    return jnp.asarray(np.maximum(maps, 0), jnp.float32)


@pytest.fixture(scope="module")
def state(features):
    return State(EI(features, features), jnp.zeros(CATEGORIES))


def double(array):
    return np.asarray(array, np.float64)


def test_the_gate_is_that_of_the_formula(features, state):
    gate = AttentionGate.random(jax.random.key(0), MAPS, CATEGORIES, 4, 6)
    scaled = double(features) / np.sqrt(np.mean(double(features) ** 2))
    for category in range(CATEGORIES):
        asked = double(gate.from_gating.weight) @ double(gate.embedding)[category]
        asked += double(gate.from_gating.bias)
        wanted = np.empty(SHAPE)
        for y, x in np.ndindex(*SHAPE):
            hidden = np.maximum(double(gate.from_features.weight) @ scaled[:, y, x] + asked, 0)
            wanted[y, x] = sigmoid(double(gate.score.weight)[0] @ hidden + gate.score.bias[0])
        pattern = gate.pattern(features, state, Query(category))
        assert pattern.shape == features.shape
        for one in pattern:  # the same for every map; gains between 0 and 1
            np.testing.assert_allclose(1 + one, wanted, rtol=1e-5)
    assert not np.allclose(gate.gate(features, Query(0)), gate.gate(features, Query(1)), atol=1e-3)


def convolved(weight, maps):
    return reference.convolve(maps, double(weight))


def test_the_mask_is_that_of_the_formula(features, state):
    mask = ResidualMask.random(jax.random.key(0), MAPS, 5)
    scaled = double(features) / np.sqrt(np.mean(double(features) ** 2))
    halved = scaled.reshape(MAPS, 2, 2, 3, 2).max(axis=(2, 4))
    below = np.maximum(convolved(mask.down, halved), 0)

    def doubled(maps, axis):
        """Linear interpolation between centres, constant beyond the outermost."""
        maps = np.moveaxis(maps, axis, -1)
        length = maps.shape[-1]
        at = np.clip((np.arange(2 * length) + 0.5) / 2 - 0.5, 0, length - 1)
        low = np.minimum(at.astype(int), length - 2)
        share = at - low
        return np.moveaxis(maps[..., low] * (1 - share) + maps[..., low + 1] * share, -1, axis)

    above = doubled(doubled(below, 1), 2)
    merged = np.maximum(above + convolved(mask.past, scaled), 0)
    wanted = sigmoid(convolved(mask.mask, merged))
    pattern = mask.pattern(features, state, Query(0))
    np.testing.assert_allclose(pattern, wanted, rtol=1e-4)  # float32 sums of tens of terms
    # Gains from 1 to 2, and nothing is asked.
    assert 0 <= float(jnp.min(pattern)) < float(jnp.max(pattern)) <= 1
    np.testing.assert_array_equal(pattern, mask.pattern(features, state, Query(1)))


def test_sides_of_odd_length(state):
    mask = ResidualMask.random(jax.random.key(0), MAPS, 5)
    maps = jnp.ones((MAPS, 7, 7))
    assert mask.pattern(maps, state, Query(0)).shape == (MAPS, 7, 7)
