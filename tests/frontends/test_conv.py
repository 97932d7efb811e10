"""Convolutional stages, readout and network against loops in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.errors import UserError
from cortex.frontends.checks import check_layers
from cortex.frontends.conv import ConvNetwork, ConvStage, Readout, pooled_units
from tests.reference import attention as reference
from tests.refusals import refusal

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


IMAGE = jnp.asarray(np.random.default_rng(5).normal(size=(2, 6, 5)), jnp.float32)


def doubled(maps):
    return 2.0 * maps


def callables():
    """An equinox layer, a plain function, and a function that holds an array."""
    mixing = jnp.asarray([[1.0, -1.0], [0.5, 2.0], [-1.0, 0.0]])
    layer = eqx.nn.Conv2d(2, 2, 3, padding=1, key=jax.random.key(0))
    return layer, doubled, lambda maps: jnp.einsum("oi,ihw->ohw", mixing, maps)


def head(maps):
    return jnp.sum(maps, axis=(1, 2))


def test_any_callables_make_a_network():
    """Each layer is rectified, the readout sees the last one's maps."""
    first, second, third = callables()
    expected = jnp.sum(
        jax.nn.relu(third(jax.nn.relu(second(jax.nn.relu(first(IMAGE)))))), axis=(1, 2)
    )
    network = ConvNetwork([first, second, third], readout=head)
    np.testing.assert_allclose(network(IMAGE), expected, rtol=1e-6)
    np.testing.assert_allclose(network.readout.units(network.stages[0](IMAGE)), head(first(IMAGE)))
    check_layers(network, IMAGE[None])


def test_layers_have_names_and_numbers_from_one():
    stages = callables()
    by_list, by_dict = (
        ConvNetwork(stages, head),
        ConvNetwork(dict(zip(("edges", "twice", "mixed"), stages, strict=True)), head),
    )
    assert by_list.names == ("conv1", "conv2", "conv3")
    assert (
        by_dict.names
        == ("edges", "twice", "mixed")
        == tuple(ConvNetwork(stages, head, names=["edges", "twice", "mixed"]).names)
    )
    assert by_dict.stages == by_list.stages
    assert [by_list.index(layer) for layer in ("conv1", 1, "conv3", 3)] == [0, 0, 2, 2]
    with pytest.raises(UserError, match=r"^at: found 'edgs', allowed: edges.*mean 'edges'\?$"):
        by_dict.index("edgs")
    with pytest.raises(UserError, match=r"^at: found 4, allowed: conv1, conv2, conv3, or 1 to 3$"):
        by_list.index(4)


def test_detectors_read_what_the_last_layer_of_a_sequence_receives():
    flat = eqx.nn.Lambda(jnp.ravel)
    hidden, last = (
        eqx.nn.Linear(60, 7, key=jax.random.key(1)),
        eqx.nn.Linear(7, 4, key=jax.random.key(2)),
    )
    network = ConvNetwork([doubled], eqx.nn.Sequential([flat, hidden, last]))
    np.testing.assert_allclose(network.readout.units(IMAGE), hidden(IMAGE.ravel()), rtol=1e-6)
    np.testing.assert_allclose(network.readout(IMAGE), last(hidden(IMAGE.ravel())), rtol=1e-6)


REFUSED = {
    "no layers": (lambda: ConvNetwork([], head), "layers: found none"),
    "no callable": (lambda: ConvNetwork([doubled, 3], head), "layer conv2: found int, allowed"),
    "no readout": (lambda: ConvNetwork([doubled], 3), "readout: found int, allowed: a callable"),
    "few names": (lambda: ConvNetwork([doubled], head, ["a", "b"]), "names: found a, b for 1 la"),
    "one image": (
        lambda: check_layers(ConvNetwork([doubled], head), IMAGE),
        "images: found shape (2, 6, 5), allowed: (images, channels, height, width)",
    ),
    "channels": (
        lambda: check_layers(ConvNetwork(callables(), head), IMAGE[None, :1]),
        "layer conv1: cannot take (1, 6, 5): ",
    ),
    "no maps": (
        lambda: check_layers(ConvNetwork([doubled, jnp.ravel], head), IMAGE[None]),
        "layer conv2: found output of shape (60,) for an input of (2, 6, 5), allowed: (maps, he",
    ),
    "no logits": (
        lambda: check_layers(ConvNetwork([doubled], doubled), IMAGE[None]),
        "readout: found output of shape (2, 6, 5) for maps of (2, 6, 5), allowed: (classes,)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_network_is_refused_in_one_line(name):
    call, line = REFUSED[name]
    assert refusal(call).startswith(line)
