"""Convolutional stages, readout and network against loops in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.frontends.conv import ConvNetwork, ConvStage, Readout, pooled_units
from tests.reference import attention as reference

# float32 sums of at most 100 terms of order 1.
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def random_stage(rng, maps, channels, side, pool):
    weight, bias = rng.normal(size=(maps, channels, side, side)), rng.normal(size=maps)
    stage = ConvStage(jnp.asarray(weight, jnp.float32), jnp.asarray(bias, jnp.float32), pool)
    return stage, (weight, bias, pool)


@pytest.mark.parametrize(("side", "pool"), [(1, 2), (3, 1), (3, 3), (5, 2)])
def test_stage(side, pool):
    """Odd image sizes: what does not fill a pooled square is left out."""
    rng = np.random.default_rng(side * 10 + pool)
    stage, (weight, bias, _) = random_stage(rng, 3, 2, side, pool)
    stage, bias = eqx.tree_at(lambda s: s.bias, stage, stage.bias - 4), bias - 4
    image = rng.normal(size=(2, 7, 5))
    found = stage(jnp.asarray(image, jnp.float32))
    expected = reference.net_input(image, (weight, bias, pool))
    assert found.shape == (3, 7 // pool, 5 // pool)
    assert (expected < 0).any()  # not rectified
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_pooling_commutes_with_rectification():
    rng = np.random.default_rng(0)
    stage, (weight, bias, _) = random_stage(rng, 4, 1, 3, 2)
    image = rng.normal(size=(1, 9, 8))
    before = np.maximum(reference.convolve(image, weight, bias), 0)
    after = jnp.maximum(stage(jnp.asarray(image, jnp.float32)), 0)
    np.testing.assert_allclose(after, reference.over_squares(np.max, before, 2), **CLOSE)


def test_random_stage_keeps_the_size_of_rectified_inputs():
    """He-normal: the mean square of the net input equals twice that of the half it keeps."""
    stage = ConvStage.random(jax.random.key(0), 64, 16, 3, 1)
    assert stage.weight.shape == (64, 16, 3, 3)
    assert not np.any(stage.bias)
    # 9216 draws: the standard deviation is known to 0.7 %, tolerated are 4 of these.
    assert float(jnp.std(stage.weight)) == pytest.approx(np.sqrt(2 / (16 * 9)), rel=0.03)


def test_pooled_units():
    rng = np.random.default_rng(1)
    maps = rng.normal(size=(3, 7, 5))
    found = pooled_units(jnp.asarray(maps, jnp.float32), 2)
    assert found.shape == (3 * 3 * 2,)
    np.testing.assert_allclose(found, reference.over_squares(np.mean, maps, 2).ravel(), **CLOSE)


def test_readout_and_network():
    rng = np.random.default_rng(2)
    first, plain_first = random_stage(rng, 3, 1, 3, 2)
    second, plain_second = random_stage(rng, 4, 3, 5, 1)
    parts = [rng.normal(size=s) for s in ((6, 4 * 2 * 1), (6,), (3, 6), (3,))]
    readout = Readout(*(jnp.asarray(p, jnp.float32) for p in parts), 2)
    network = ConvNetwork((first, second), readout)
    image = rng.normal(size=(1, 9, 7))
    hidden_weight, hidden_bias, weight, bias = parts
    top = reference.layers(image, [plain_first, plain_second])[-1]
    hidden = reference.units(top, hidden_weight, hidden_bias, 2)
    assert (hidden == 0).any()
    assert (hidden > 0).any()
    # Values of order 100 after three layers of sums: relative to the largest.
    scale = np.abs(hidden).max()
    ours = readout.units(jnp.asarray(top, jnp.float32))
    np.testing.assert_allclose(ours, hidden, rtol=0, atol=1e-5 * scale)
    np.testing.assert_allclose(
        network(jnp.asarray(image, jnp.float32)), weight @ hidden + bias, rtol=0, atol=1e-5 * scale
    )


def test_a_random_readout_starts_undecided():
    readout = Readout.random(jax.random.key(0), 8, 6, 3, 2)
    maps = jax.random.normal(jax.random.key(1), (2, 4, 4))
    assert not np.any(readout(maps))
    assert np.any(readout.units(maps) > 0)
