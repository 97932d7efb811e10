"""Content-based attention against plain NumPy float64 programs."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.attention.lateral import as_tokens
from cortex.attention.scores import (
    AdditiveScores,
    DotScores,
    ScaledScores,
    attend,
    softmax_weights,
)
from cortex.attention.self_attention import (
    SelfAttention,
    head_weights,
    multi_head,
    similarity_attention,
)
from cortex.attention.source import Query, State
from cortex.circuit import EI
from tests.reference import content_attention as reference

# float32 sums of at most some tens of terms of order 1.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def drawn(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def test_scores():
    query, keys, W, U, v = drawn(0, 5, (7, 5), (6, 5), (6, 5), 6)
    q, k = jnp.asarray(query), jnp.asarray(keys)
    np.testing.assert_allclose(DotScores()(q, k), reference.dot(query, keys), **CLOSE)
    scaled = reference.dot(query, keys) / np.sqrt(5)
    np.testing.assert_allclose(ScaledScores()(q, k), scaled, **CLOSE)
    additive = AdditiveScores(*map(jnp.asarray, (W, U, v)))(q, k)
    np.testing.assert_allclose(additive, reference.additive(query, keys, W, U, v), **CLOSE)


def test_additive_scores_take_queries_and_keys_of_different_lengths():
    scores = AdditiveScores.random(jax.random.key(0), query=3, keys=8, hidden=200)
    assert scores(jnp.ones(3), jnp.ones((4, 8))).shape == (4,)
    # Unit gain: 200 x 11 draws, standard error of a variance 3 to 6 %.
    assert float(jnp.var(scores.W)) == pytest.approx(1 / 3, rel=0.25)
    assert float(jnp.var(scores.U)) == pytest.approx(1 / 8, rel=0.25)


def test_the_context_is_the_weighted_sum_of_the_values():
    query, keys, values = drawn(1, 4, (6, 4), (6, 3))
    allowed = np.array([1, 1, 0, 1, 0, 1], bool)
    found = attend(ScaledScores(), *map(jnp.asarray, (query, keys, values, allowed)))
    weights = np.zeros(6)
    weights[allowed] = reference.softmax(reference.dot(query, keys[allowed]) / 2)
    np.testing.assert_allclose(found.weights, weights, **CLOSE)
    np.testing.assert_allclose(found.context, weights @ values, **CLOSE)


# Few shapes, for each is compiled.
@settings(max_examples=30, deadline=None)
@given(st.sampled_from([1, 6]), st.sampled_from([1, 9]), st.data())
def test_weights_lie_in_0_to_1_and_sum_to_one(rows, items, data):
    """Whatever the scores, and wherever anything is allowed; else they are 0."""
    flat = data.draw(st.lists(st.floats(-1e4, 1e4, width=32), min_size=54, max_size=54))
    flags = data.draw(st.lists(st.booleans(), min_size=54, max_size=54))
    scores = jnp.asarray(flat[: rows * items], jnp.float32).reshape(rows, items)
    allowed = np.array(flags[: rows * items]).reshape(rows, items)
    weights = np.asarray(jax.jit(softmax_weights)(scores, jnp.asarray(allowed)))
    assert (weights >= 0).all()
    assert (weights <= 1).all()
    assert (weights[~allowed] == 0).all()
    np.testing.assert_allclose(weights.sum(axis=1), allowed.any(axis=1), atol=1e-6)


def test_slopes_where_nothing_is_allowed_are_zero_not_nan():
    allowed = jnp.array([[True, False], [False, False]])
    slope = jax.grad(jax.jit(lambda s: jnp.sum(softmax_weights(s, allowed) ** 2)))(jnp.ones((2, 2)))
    np.testing.assert_array_equal(slope, np.zeros((2, 2)))


def weighted(seed, heads, maps):
    """`equinox.nn.MultiheadAttention` with its weights as arrays."""
    made = eqx.nn.MultiheadAttention(heads, maps, key=jax.random.key(seed))
    parts = (made.query_proj, made.key_proj, made.value_proj, made.output_proj)
    return made, [np.asarray(part.weight, float) for part in parts]


@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("masked", [False, True])
def test_multi_head_self_attention(heads, masked):
    made, arrays = weighted(heads, heads, 8)
    (tokens,) = drawn(2, (9, 8))
    allowed = None
    if masked:
        allowed = np.random.default_rng(3).random((9, 9)) < 0.5
        allowed[4] = False  # a token that may attend to none
    expected, weights = reference.self_attention(tokens, heads, *arrays, allowed)
    mask = None if allowed is None else jnp.asarray(allowed)

    @eqx.filter_jit
    def each_way(made, tokens, mask):
        # The last is what Equinox computes itself, and does not give the weights of.
        again = head_weights(made, tokens, tokens, mask)
        return *multi_head(made, tokens, mask), again, made(tokens, tokens, tokens)

    outputs, found, again, own = each_way(made, jnp.asarray(tokens), mask)
    np.testing.assert_allclose(found, weights, **CLOSE)
    np.testing.assert_allclose(outputs, expected, **CLOSE)
    np.testing.assert_allclose(again, found, rtol=1e-5)
    if not masked:
        np.testing.assert_allclose(outputs, own, **CLOSE)


def look(features):
    return features, State(EI(features, features), jnp.zeros(3)), Query()


def test_the_lateral_gain_of_unlearned_attention():
    """By hand: similar places weigh most, the pattern sums to zero, the form is kept."""
    features = np.abs(drawn(4, (4, 3, 2))[0])
    attention = similarity_attention(4, 2, sharpness=3.0)
    source = SelfAttention(attention, strength=0.5)
    pattern = jax.jit(lambda maps: source.pattern(*look(maps)))(jnp.asarray(features))
    rows = features.reshape(4, 6).T
    apart = rows - rows.mean(axis=0)
    kind = apart / np.sqrt((apart**2).mean(axis=1, keepdims=True))
    tokens = np.concatenate([rows / np.sqrt((features**2).mean()), kind], axis=1)
    np.testing.assert_allclose(as_tokens(jnp.asarray(features)), tokens, **CLOSE)
    same, nothing = np.eye(4), np.zeros((4, 4))
    compared, passed = np.hstack([nothing, np.sqrt(3) * same]), np.hstack([same, nothing])
    outputs, _ = reference.self_attention(tokens, 2, compared, compared, passed, same)
    found = outputs.mean(axis=1)
    expected = np.broadcast_to(0.5 * (found - found.mean()).reshape(3, 2), (4, 3, 2))
    np.testing.assert_allclose(pattern, expected, **CLOSE)
    np.testing.assert_allclose(pattern.sum(axis=(1, 2)), 0, atol=1e-5)
    gain = source(*look(jnp.asarray(features))).drive_gain
    np.testing.assert_allclose(gain.E, np.maximum(1 + expected, 0), **CLOSE)


def test_an_image_of_nothing_changes_nothing():
    source = SelfAttention(similarity_attention(4))
    np.testing.assert_array_equal(source.pattern(*look(jnp.zeros((4, 3, 2)))), 0)
    assert float(jnp.max(jnp.abs(as_tokens(jnp.zeros((4, 3, 2)))))) == 0


def test_maps_that_heads_cannot_share_are_refused():
    with pytest.raises(ValueError, match="heads: found 3, allowed: a divisor of 8 maps"):
        similarity_attention(8, 3)
