"""Weights on disk: what comes back, and what is said when a file is not what it should be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from safetensors.numpy import save_file

from cortex.areas import VisualSystem
from cortex.frontends.conv import ConvNetwork, ConvStage, Readout
from cortex.frontends.weights import load_weights, save_weights
from tests.refusals import refusal

FACTS = {"seed": 3, "loss_by_epoch": [1.5, 0.25], "command": "cortex train"}


def system(seed, maps=3):
    keys = jax.random.split(jax.random.key(seed), 2)
    stage = ConvStage.random(keys[0], maps, 1, 3, pool=2)
    return VisualSystem.plain(
        ConvNetwork((stage,), Readout.random(keys[1], maps * 4, 5, 2, pool=1))
    )


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "new" / "w.safetensors"
    save_weights(path, system(0), FACTS)
    return path


def complaint(path, like=None):
    """The one line that loading the file gives."""
    line = refusal(load_weights, path, system(1) if like is None else like)
    assert str(path) in line
    return line


def test_round_trip_is_bit_exact(path):
    loaded, facts = load_weights(path, system(1))
    assert facts == FACTS
    assert jax.tree.structure(loaded) == jax.tree.structure(system(0))
    same = jax.tree.map(lambda a, b: np.array_equal(a, b), loaded, system(0))
    assert all(jax.tree.leaves(same))
    assert not np.array_equal(loaded.areas[0].stage.weight, system(1).areas[0].stage.weight)
    kept = loaded.areas[0].stage.weight
    assert kept.dtype == jnp.float32
    assert loaded.areas[0].stage.pool == 2


def test_names_in_the_file_are_paths(path):
    from safetensors import safe_open

    with safe_open(path, framework="numpy") as file:
        assert "areas.0.stage.weight" in set(file.keys())


def test_missing_file(tmp_path):
    assert "found no file" in complaint(tmp_path / "nowhere.safetensors")
    assert "found no file" in complaint(tmp_path)  # a folder


@pytest.mark.parametrize("keep", [0, 4, 60, -7])
def test_truncated_file(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    assert "no readable safetensors file" in complaint(path)


def test_facts_that_are_no_json(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"a": np.zeros(1, np.float32)}, path, metadata={"cortex": "{"})
    assert "no readable safetensors file" in complaint(path)


def test_unknown_and_missing_names(tmp_path):
    path = tmp_path / "w.safetensors"
    save_file({"zebra": np.zeros(1, np.float32)}, path)
    assert "missing array areas.0.stage.bias (7 names differ)" in complaint(path)
    two = {"a": jnp.zeros(1), "b": jnp.zeros(1)}
    save_weights(path, two, {})
    assert "unknown array b (1 names differ)" in complaint(path, {"a": two["a"]})
    assert "missing array c (1 names differ)" in complaint(path, two | {"c": two["a"]})


def test_wrong_shape(path):
    line = complaint(path, system(0, maps=4))
    assert "areas.0.stage.weight: found shape (3, 1, 3, 3), allowed: (4, 1, 3, 3)" in line


def test_a_file_without_facts(tmp_path, path):
    from safetensors.numpy import load_file

    bare = tmp_path / "bare.safetensors"
    save_file(load_file(path), bare)
    assert load_weights(bare, system(1))[1] == {}
