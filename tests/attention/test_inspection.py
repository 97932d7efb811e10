"""Inspecting attention: closed forms, and rollout against a plain program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.attention import inspection
from tests.reference import content_attention as reference


@pytest.mark.parametrize("items", [1, 2, 64])
def test_entropy_of_items_alike_and_others_without_weight(items):
    weights = jnp.zeros((3, 64)).at[:, :items].set(1.0 / items)
    np.testing.assert_allclose(inspection.entropy(weights), np.full(3, np.log(items)), rtol=1e-6)


def test_slopes_of_the_entropy_at_zero_weights_are_finite():
    slope = jax.grad(lambda w: inspection.entropy(w))(jnp.array([0.0, 0.25, 0.75]))
    np.testing.assert_allclose(slope, [0, -1 - np.log(0.25), -1 - np.log(0.75)], rtol=1e-5)


def test_a_map_on_the_image():
    """The sum stays, the peak stays where it is, an even map is even."""
    weights = jnp.zeros((7, 7)).at[2, 5].set(0.75).at[6, 0].set(0.25)
    shown = inspection.on_image(weights, (28, 28))
    assert float(shown.sum()) == pytest.approx(1, rel=1e-5)
    peak = np.unravel_index(int(jnp.argmax(shown)), (28, 28))
    assert peak[0] in range(8, 12)  # the pixels of that place
    assert peak[1] in range(20, 24)
    even = inspection.on_image(jnp.full((7, 7), 1 / 49), (28, 28))
    np.testing.assert_allclose(even, 1 / 784, rtol=3e-5)  # a float32 sum of 784 terms
    assert float(inspection.on_image(jnp.zeros((7, 7)), (28, 28)).max()) == 0


# Few shapes, for each is compiled.
@settings(max_examples=12, deadline=None)
@given(
    st.sampled_from([1, 3]),
    st.sampled_from([1, 2]),
    st.sampled_from([2, 7]),
    st.floats(0, 1),
    st.integers(0, 99),
)
def test_rollout(layers, heads, items, residual, seed):
    """The plain program's, with rows that sum to one and nothing below zero."""
    draw = np.random.default_rng(seed).dirichlet(np.ones(items), (layers, heads, items))
    found = inspection.rollout(jnp.asarray(draw, jnp.float32), residual)
    np.testing.assert_allclose(found, reference.rollout(draw, residual), atol=2e-6)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)
    assert float(found.min()) >= 0


def test_rollout_where_none_is_attended():
    nothing = jnp.zeros((1, 1, 3, 3))
    np.testing.assert_allclose(inspection.rollout(nothing), np.eye(3), atol=1e-7)
