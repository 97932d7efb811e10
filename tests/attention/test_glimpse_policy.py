"""The policy that opens a window at one place of an area's maps, against plain NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Query, State
from cortex.attention.glimpse_policy import GlimpsePolicy, places
from cortex.circuit import EI
from tests.reference.content_attention import softmax

MAPS, HEIGHT, WIDTH = 3, 5, 4
FEATURES = np.maximum(np.random.default_rng(0).normal(size=(MAPS, HEIGHT, WIDTH)), 0)


@pytest.fixture(scope="module")
def policy():
    return GlimpsePolicy.random(jax.random.key(2), MAPS, categories=4, hidden=6)


def expected(policy, features, category):
    """Probabilities of the places: a convolution with strides of 2 written out, a softmax."""
    weight, bias = (np.asarray(x, float) for x in (policy.reader.weight, policy.reader.bias))
    scaled = features / np.sqrt(np.mean(features**2))
    padded = np.pad(scaled, ((0, 0), (1, 1), (1, 1)))
    scores = []
    for y in range(0, HEIGHT, 2):
        for x in range(0, WIDTH, 2):
            seen = padded[:, y : y + 3, x : x + 3]
            hidden = np.maximum(np.einsum("kmij,mij->k", weight, seen) + bias.ravel(), 0)
            scores.append(np.asarray(policy.sought, float)[category] @ hidden)
    return softmax(np.array(scores))


@pytest.mark.parametrize("category", [0, 3])
def test_probabilities_and_the_place(policy, category):
    features = jnp.asarray(FEATURES, jnp.float32)
    found = eqx.filter_jit(lambda p, f: p.log_probabilities(f, jnp.asarray(category)))(
        policy, features
    )
    p = expected(policy, FEATURES, category)
    np.testing.assert_allclose(np.exp(found), p, rtol=1e-4)
    best = np.argmax(p)
    row, column = 2 * (best // 2), 2 * (best % 2)
    np.testing.assert_allclose(
        policy.place(features, jnp.asarray(category)),
        [(row + 0.5) / HEIGHT, (column + 0.5) / WIDTH],
        rtol=1e-6,
    )


def test_what_it_picks_among():
    np.testing.assert_allclose(
        places((5, 4)),
        [[y, x] for y in (0.1, 0.5, 0.9) for x in (0.125, 0.625)],
        rtol=1e-6,
    )


def test_the_size_of_features_has_no_say_and_silence_is_no_error(policy):
    features, category = jnp.asarray(FEATURES, jnp.float32), jnp.asarray(1)
    np.testing.assert_allclose(
        policy.log_probabilities(100 * features, category),
        policy.log_probabilities(features, category),
        rtol=1e-5,
    )
    silent = jnp.zeros_like(features)
    assert np.all(np.isfinite(policy.log_probabilities(silent, category)))
    slopes = eqx.filter_grad(lambda p: p.log_probabilities(silent, category)[0])(policy)
    assert all(np.all(np.isfinite(leaf)) for leaf in jax.tree.leaves(slopes))


def test_the_pattern_is_a_window_there(policy):
    features = jnp.asarray(FEATURES, jnp.float32)
    state = State(EI(features, features), jnp.zeros(4))
    found = policy.pattern(features, state, Query(2))
    row, column = policy.place(features, jnp.asarray(2))
    y = (np.arange(HEIGHT) + 0.5) / HEIGHT - float(row)
    x = (np.arange(WIDTH) + 0.5) / WIDTH - float(column)
    window = np.exp(-(y[:, None] ** 2 + x[None, :] ** 2) / (2 * 0.2**2))
    np.testing.assert_allclose(found, np.broadcast_to(window, found.shape), rtol=1e-4)
