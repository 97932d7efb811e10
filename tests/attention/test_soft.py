"""Soft attention to places against plain NumPy, and what its weights always are."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Query, State
from cortex.attention.soft import SoftAttention, annotations
from cortex.circuit import EI
from tests.reference.content_attention import softmax

MAPS, SHAPE, CATEGORIES = 3, (4, 5), 2
weights_of = eqx.filter_jit(lambda source, features, query: source.weights(features, query))


@pytest.fixture(scope="module")
def source():
    return SoftAttention.random(jax.random.key(0), MAPS, CATEGORIES, 4, 6, glances=3)


@pytest.fixture(scope="module")
def features():
    maps = np.random.default_rng(1).normal(size=(MAPS, *SHAPE))
    return jnp.asarray(np.maximum(maps, 0), jnp.float32)


def by_hand(source, features, category):
    """The formulas place by place, in double precision."""
    own = {
        name: np.asarray(getattr(source, name), np.float64)
        for name in ("embedding", "from_features", "from_query", "offset", "score", "from_context")
    }
    maps = np.asarray(features, np.float64)
    maps = maps / np.sqrt(np.mean(maps**2))
    places = [maps[:, y, x] for y in range(SHAPE[0]) for x in range(SHAPE[1])]
    asked, found = own["embedding"][category], []
    for _ in range(source.glances):
        scores = [
            own["score"]
            @ np.tanh(own["from_features"] @ a + own["from_query"] @ asked + own["offset"])
            for a in places
        ]
        alpha = softmax(np.array(scores))
        found.append(alpha.reshape(SHAPE))
        context = sum(w * a for w, a in zip(alpha, places, strict=True))
        asked = asked + own["from_context"] @ context
    return np.stack(found)


@pytest.mark.parametrize("category", range(CATEGORIES))
def test_the_weights_are_those_of_the_formulas(source, features, category):
    found = weights_of(source, features, Query(category))
    # Sums of tens of products of order 1 in single precision.
    np.testing.assert_allclose(found, by_hand(source, features, category), rtol=1e-4)
    np.testing.assert_allclose(np.sum(found, axis=(1, 2)), 1.0, rtol=1e-6)
    assert np.min(found) >= 0


def test_the_pattern_is_the_last_glance_against_even_weights(source, features):
    state = State(EI(features, features), jnp.zeros(CATEGORIES))
    pattern = source.pattern(features, state, Query(1))
    last = weights_of(source, features, Query(1))[-1]
    assert pattern.shape == features.shape
    for one in pattern:
        np.testing.assert_allclose(one, 20 * last - 1, atol=1e-5)
    np.testing.assert_allclose(jnp.mean(pattern), 0.0, atol=1e-6)


def test_silence_has_annotations_of_zero(features):
    assert np.all(annotations(0 * features) == 0)
