"""The digit networks that come with the package do what their files say."""

import functools

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import CircuitArea, PlainArea, accuracy, probe
from cortex.areas.digits import SEEDS, as_images, load_digits_system, weights_file
from cortex.errors import UserError
from cortex.stimuli import load_digits, split_digits

PAIRS = 20
FIRST = [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])]


@functools.cache
def held_out():
    return split_digits(load_digits())[1]


@functools.cache
def load(kind, seed):
    return load_digits_system(weights_file(kind, seed), kind)


@pytest.mark.parametrize("seed", FIRST)
def test_circuits_cost_at_most_three_points(seed):
    shown, labels = as_images(held_out()), jnp.asarray(held_out().labels)
    assert len(held_out()) == 1000
    assert np.array_equal(np.bincount(labels), np.full(10, 100))
    right = {}
    for kind in ("plain", "circuits"):
        system, facts = load(kind, seed)
        kinds = {"plain": PlainArea, "circuits": CircuitArea}
        assert [type(area) for area in system.areas] == [kinds[kind]] * 3
        right[kind] = accuracy(system, shown, labels)
        # Other machines round differently: three digits of a thousand.
        assert right[kind] == pytest.approx(facts["accuracy"], abs=0.003)
        assert facts["seed"] == seed
        assert facts["kind"] == kind
    assert right["plain"] > 0.97
    assert right["circuits"] >= right["plain"] - 0.03


@pytest.mark.parametrize("seed", FIRST)
def test_the_circuits_compute(seed):
    """Sublinear, inhibition-stabilised, suppressed by the surround, at every layer."""
    system, _ = load("circuits", seed)
    labels = np.asarray(held_out().labels)
    rows = np.argsort(labels, kind="stable")[:: len(labels) // (2 * PAIRS)][: 2 * PAIRS]
    shown = as_images(held_out().take(rows))
    assert (labels[rows[:PAIRS]] != labels[rows[PAIRS:]]).all()
    for layer, area in enumerate(system.areas):
        found, shown = look_inside(area, shown)
        assert np.all(found.converged), layer
        assert np.mean(found.sum_weight) < 1, layer
        assert np.mean(found.leading_eigenvalue) > 1, layer
        assert np.mean(found.paradoxical_I) < 0, layer
        assert np.mean(found.surround_suppression) > 0, layer


@eqx.filter_jit
def look_inside(area, shown):
    """Probes of pairs of images, and what the area sends on."""
    drive = eqx.filter_vmap(area.drive)(shown)
    found = eqx.filter_vmap(lambda d, o: probe(area, d, o))(drive[:PAIRS], drive[PAIRS:])
    return found, eqx.filter_vmap(lambda x: area(x).output)(shown)


def test_there_are_three_of_each_and_they_are_small():
    files = [weights_file(kind, seed) for kind in ("plain", "circuits") for seed in range(3)]
    assert len(SEEDS) >= 3
    assert all(file.is_file() for file in files)
    everything = sum(f.stat().st_size for f in files[0].parent.iterdir())
    assert everything < 2_000_000


def test_a_network_of_another_kind(tmp_path):
    with pytest.raises(UserError, match="found no file"):
        load_digits_system(weights_file("plain", 99), "plain")
    with pytest.raises(UserError, match=r"unknown array areas\.0\.circuit"):
        load_digits_system(weights_file("circuits", 0), "plain")
    assert weights_file("plain", 0, tmp_path) == tmp_path / "digits_plain_0.safetensors"
