"""Graph attention against its formula, written out densely in NumPy float64."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.attention.graph import (
    GraphAttention,
    GraphLateral,
    Neighbours,
    busiest_neighbours,
    within_reach,
)
from cortex.attention.lateral import as_tokens
from cortex.attention.source import Query, State
from cortex.circuit import EI, GaussianCoupling, PeriodicBorder, Projections
from tests.reference import content_attention as reference

# float32 sums of at most some tens of terms of order 1.
CLOSE = {"rtol": 2e-5, "atol": 2e-5}


@eqx.filter_jit
def take(layer, vectors, graph):
    return layer(vectors, graph)


@eqx.filter_jit
def as_matrices(graph, weights):
    return jax.vmap(graph.dense)(weights)


def layer_and_arrays(seed, size, output, heads):
    layer = GraphAttention.random(jax.random.key(seed), size, output, heads)
    return layer, [np.asarray(x, float) for x in (layer.W, layer.a_target, layer.a_source)]


# Few shapes, for each is compiled.
@settings(max_examples=6, deadline=None)
@given(
    nodes=st.sampled_from([1, 6]),
    heads=st.sampled_from([1, 3]),
    links=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_the_formula_on_any_graph(nodes, heads, links, seed):
    """Directed graphs of any density, with and without own nodes, isolated ones among them."""
    rng = np.random.default_rng(seed)
    adjacency = rng.random((nodes, nodes)) < links
    vectors = rng.normal(size=(nodes, 3)).astype(np.float32)
    layer, arrays = layer_and_arrays(seed, 3, 4, heads)
    graph = Neighbours.of_adjacency(adjacency)
    taken, weights = take(layer, jnp.asarray(vectors), graph)
    expected, shares = reference.graph_attention(vectors, adjacency, *arrays, 0.2)
    np.testing.assert_allclose(taken, expected, **CLOSE)
    dense = np.asarray(as_matrices(graph, weights))
    np.testing.assert_allclose(dense, shares, **CLOSE)
    some = np.broadcast_to(adjacency.any(axis=1), (heads, nodes))
    np.testing.assert_allclose(dense.sum(axis=2), some, atol=1e-6)


def test_lists_of_neighbours_in_any_order_and_padding():
    adjacency = np.zeros((3, 3), bool)
    adjacency[0, [1, 2]] = adjacency[2, 0] = True
    index = jnp.array([[2, 1, 0, 0], [1, 1, 1, 1], [2, 2, 0, 1]])
    there = jnp.array([[1, 1, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]], bool)
    layer, _ = layer_and_arrays(1, 3, 4, 2)
    vectors = jax.random.normal(jax.random.key(2), (3, 3))
    ours, _ = take(layer, vectors, Neighbours(index, there))
    theirs, _ = take(layer, vectors, Neighbours.of_adjacency(adjacency))
    np.testing.assert_allclose(ours, theirs, **CLOSE)
    assert float(jnp.max(jnp.abs(ours[1]))) == 0  # isolated


def test_slopes_of_a_graph_with_isolated_nodes_are_finite():
    layer, _ = layer_and_arrays(1, 3, 4, 2)
    vectors = jax.random.normal(jax.random.key(2), (4, 3))
    graph = Neighbours.of_adjacency(np.diag([True, False, True, False]))
    slopes = jax.jit(jax.grad(lambda one: jnp.sum(one(vectors, graph)[0] ** 2)))(layer)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    assert float(jnp.max(jnp.abs(slopes.W))) > 0


def coupling(sigma=1.0, border=None, shape=(2, 4, 5)):
    J, widths = Projections(1.0, 1.0, 1.0, 1.0), Projections(sigma, 1.5, 1.5, 1.5)
    return GaussianCoupling(J, widths, jnp.eye(shape[0]), shape, border)


@pytest.mark.parametrize("border", [None, PeriodicBorder()])
def test_the_graph_of_a_circuit(border):
    """Pairs of places no further apart than twice the spread from E onto E, border included."""
    linked = np.zeros((20, 20), bool)
    for i in range(20):
        for j in range(20):
            y, x = abs(i // 5 - j // 5), abs(i % 5 - j % 5)
            if border is not None:
                y, x = min(y, 4 - y), min(x, 5 - x)
            linked[i, j] = y**2 + x**2 <= 4
    graph = within_reach(coupling(border=border), 2.0)
    found = graph.dense(jnp.ones(graph.index.shape)) > 0
    np.testing.assert_array_equal(found, linked)
    assert within_reach(coupling(0.4), 2.0).index.shape == (20, 1)  # oneself alone


def test_lateral_gain_over_the_graph():
    """By hand: heads and maps averaged, the pattern sums to zero."""
    shape = (2, 4, 5)
    features = np.abs(np.random.default_rng(0).normal(size=shape)).astype(np.float32)
    layer, arrays = layer_and_arrays(3, 4, 2, 2)
    graph = within_reach(coupling(), 1.0)
    source = GraphLateral(layer, graph, strength=0.3)
    adjacency = np.asarray(graph.dense(jnp.ones(graph.index.shape))) > 0
    tokens = np.asarray(as_tokens(jnp.asarray(features)), float)
    outputs = reference.graph_attention(tokens, adjacency, *arrays, 0.2)[0].mean(axis=1)
    found = outputs.mean(axis=1)
    expected = np.broadcast_to(0.3 * (found - found.mean()).reshape(4, 5), shape)
    state = State(EI(jnp.asarray(features), jnp.asarray(features)), jnp.zeros(2))
    found = jax.jit(lambda maps: source.pattern(maps, state, Query()))(jnp.asarray(features))
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_unlearned_graph_attention_follows_activity():
    tokens = jnp.array([[1.0, 3.0, 9.0, 0.0], [0.0, 0.0, 0.0, 9.0], [2.0, 2.0, 0.0, 0.0]])
    layer = busiest_neighbours(2, sharpness=1.5)
    taken, weights = take(layer, tokens, Neighbours.of_adjacency(np.ones((3, 3), bool)))
    expected = reference.softmax(1.5 * np.array([2.0, 0.0, 2.0]))
    np.testing.assert_allclose(weights[0], np.tile(expected, (3, 1)), **CLOSE)
    passed_on = expected @ np.asarray(tokens)[:, :2]
    np.testing.assert_allclose(taken[:, 0], np.tile(passed_on, (3, 1)), **CLOSE)
