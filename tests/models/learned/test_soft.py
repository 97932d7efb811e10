"""Soft attention that points: its error by hand, and the kept weights of what is trained here."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.soft import SoftAttention
from cortex.models.learned import trained_source
from cortex.models.learned.soft import pointing_error

SEEDS = (0, 1, 2)
NAMES = ("feedback", "soft")


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


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", SEEDS)
def test_the_kept_weights_and_their_curve(name, seed):
    thing = trained_source(name)
    source, facts = thing.load(seed)
    assert facts["seed"] == seed
    assert facts["command"] == f"cortex train attention {name} --seed {seed}"
    curve = facts["curve"]
    assert len(curve) == thing.epochs
    assert curve[-1]["loss"] < curve[0]["loss"]
    first = thing.untrained(jax.random.key(seed))
    kept, fresh = (jax.tree.leaves(eqx.filter(one, eqx.is_array)) for one in (source, first))
    assert not all(np.array_equal(a, b) for a, b in zip(kept, fresh, strict=True))
    assert all(np.all(np.isfinite(leaf)) for leaf in kept)
