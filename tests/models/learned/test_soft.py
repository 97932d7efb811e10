"""Soft attention that points: its error by hand."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.soft import SoftAttention
from cortex.models.learned.soft import pointing_error


def test_the_error_is_that_of_the_share_inside():
    source = SoftAttention.random(jax.random.key(0), 3, 2, 4, 5)
    rng = np.random.default_rng(0)
    features = jnp.asarray(rng.uniform(size=(2, 3, 4, 4)), jnp.float32)
    inside = jnp.asarray(rng.integers(0, 2, (2, 4, 4)), jnp.float32)
    category = jnp.asarray([1, 0])
    loss, share = eqx.filter_jit(pointing_error)(source, features, category, inside)
    shares, own = [], jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), source)
    for maps, number, mask in zip(features, category, inside, strict=True):
        vectors = np.asarray(maps, np.float64).reshape(3, -1).T
        vectors = vectors / np.sqrt(np.mean(vectors**2))
        asked = own.embedding[number]
        for _ in range(source.glances):
            hidden = np.tanh(vectors @ own.from_features.T + own.from_query @ asked)
            alpha = np.exp(hidden @ own.score)
            alpha = alpha / alpha.sum()
            asked = asked + own.from_context @ (alpha @ vectors)
        shares.append(np.sum(alpha * np.asarray(mask).ravel()))
    # Single precision.
    assert float(loss) == pytest.approx(-np.mean(np.log(shares)), rel=1e-4)
    assert float(share) == pytest.approx(np.mean(shares), rel=1e-4)
