"""What sources share: one energy, and the values of what is asked."""

import jax
import jax.numpy as jnp
import numpy as np

from cortex.attention import (
    Arousal,
    EnergyMatched,
    FeatureSimilarity,
    NoAttention,
    Query,
    SpatialWindow,
    State,
)
from cortex.circuit import EI

CATEGORIES, MAPS, SHAPE = 3, 4, (4, 3, 5)


def values(seed):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(CATEGORIES, MAPS)), jnp.float32)


def test_patterns_are_matched_to_a_size():
    features = jnp.ones(SHAPE)
    seen = State(EI(features, features), jnp.zeros(CATEGORIES))
    for source in (Arousal(jnp.asarray(3.0)), SpatialWindow(), FeatureSimilarity(values(1))):
        pattern = EnergyMatched(source, 0.25).pattern(features, seen, Query(1))
        np.testing.assert_allclose(np.sqrt(np.mean(pattern**2)), 0.25, rtol=1e-5)
        own = source.pattern(features, seen, Query(1))
        np.testing.assert_allclose(pattern / own, (pattern / own)[0, 0, 0], rtol=1e-4)
    silent = EnergyMatched(NoAttention(), 0.25)
    assert not np.any(silent.pattern(features, seen, Query()))
    # Flat where there is nothing to scale: zero, not NaN.
    slope = jax.grad(
        lambda s: jnp.sum(EnergyMatched(Arousal(s), 0.25).pattern(features, seen, Query()))
    )(jnp.zeros(()))
    assert np.isfinite(slope)


def test_feature_attention_takes_the_values_of_the_category():
    features = jnp.ones(SHAPE)
    state = State(EI(features, features), jnp.zeros(CATEGORIES))
    found = FeatureSimilarity(values(0), jnp.asarray(0.5))(features, state, Query(1))
    expected = np.maximum(1 + 0.5 * np.asarray(values(0))[1], 0)
    gain = np.asarray(found.drive_gain.E)
    assert gain.shape == features.shape
    np.testing.assert_allclose(
        gain, np.broadcast_to(expected[:, None, None], gain.shape), rtol=1e-6
    )
