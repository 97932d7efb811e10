"""The digit networks that come with the package do what their files say."""

import functools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import (
    CircuitArea,
    PlainArea,
    TrainingSettings,
    VisualSystem,
    accuracy,
    digit_networks,
    digits_vgg,
    probe,
)
from cortex.areas.digits import SEEDS, digit_network
from cortex.errors import UserError
from cortex.stimuli import load_digits, split_digits

SMALL, VGG = digit_network(), digits_vgg.digit_network()
PAIRS = 20
FIRST = [SEEDS[0], *(pytest.param(seed, marks=pytest.mark.slow) for seed in SEEDS[1:])]


@functools.cache
def held_out():
    return split_digits(load_digits())[1]


@functools.cache
def load(kind, seed):
    return SMALL.load(SMALL.weights_file(kind, seed), kind)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_circuits_cost_at_most_three_points(seed):
    shown, labels = SMALL.images(held_out()), jnp.asarray(held_out().labels)
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


@functools.cache
def load_vgg(kind, seed):
    return VGG.load(VGG.weights_file(kind, seed), kind)


@pytest.mark.parametrize("seed", FIRST)
def test_the_network_of_eight_layers_knows_digits(seed):
    system, facts = load_vgg("plain", seed)
    assert [type(area) for area in system.areas] == [PlainArea] * 8
    shown = VGG.images(held_out())
    assert shown.shape == (1000, 1, 32, 32)
    assert float(shown[:, :, :2].max()) == 0.0  # the margin
    np.testing.assert_array_equal(shown[:, :, 2:-2, 2:-2], SMALL.images(held_out()))
    right = accuracy(system, shown, jnp.asarray(held_out().labels))
    # Other machines round differently: three digits of a thousand.
    assert right == pytest.approx(facts["accuracy"], abs=0.003)
    assert right > 0.97
    assert (facts["seed"], facts["kind"]) == (seed, "plain")
    assert facts["command"] == f"cortex train digits --network vgg --seed {seed}"
    assert len(facts["loss_by_epoch"]) == VGG.epochs("plain")


def test_what_eight_circuits_were_trained_to():
    """Their file tells; the slow test below sees for itself."""
    system, facts = load_vgg("circuits", 0)
    assert [type(area) for area in system.areas] == [CircuitArea] * 8
    sides = [area.circuit.coupling.shape[1] for area in system.areas]
    assert sides == [32] * 2 + [16] * 3 + [8] * 3
    assert len(facts["loss_by_epoch"]) == VGG.epochs("circuits")
    assert max(facts["unsettled_by_epoch"]) < 0.01
    assert facts["accuracy"] > 0.93


def test_rounds_of_training_follow_each_other(monkeypatch):
    """Each from what the one before made, with draws of its own; epochs are numbered on."""
    seen, made, told = [], [], []
    plain = load_vgg("plain", 0)[0]

    def fake(system, images, labels, key, settings, report):
        rows = [{"loss": float(len(seen)), "unsettled": 0.0}] * settings.epochs
        seen.append((system, tuple(jax.random.key_data(key).tolist())))
        for number, row in enumerate(rows):
            report(number, row)
        made.append(VisualSystem(system.areas, system.readout))
        return made[-1], rows

    network = VGG
    rounds = (TrainingSettings(epochs=2), TrainingSettings(epochs=3))
    monkeypatch.setattr(digit_networks, "train", fake)
    monkeypatch.setattr(digit_networks.DigitNetwork, "insert_at", lambda self, *how: plain)
    few = held_out().take(np.arange(3))
    system, curve = network._replace(circuit_training=rounds).train_circuits(
        plain, few, 0, lambda number, row: told.append(number)
    )
    assert told == [0, 1, 2, 3, 4]
    assert [row["loss"] for row in curve] == [0, 0, 1, 1, 1]
    assert seen[0][0] is plain
    assert seen[1][0] is made[0]
    assert system is made[1]
    assert seen[0][1] != seen[1][1]
    assert (network.epochs("plain"), network.epochs("circuits")) == (40, 18)


@pytest.mark.slow
def test_eight_circuits_know_digits():
    system, facts = load_vgg("circuits", 0)
    right = accuracy(system, VGG.images(held_out()), jnp.asarray(held_out().labels))
    assert right == pytest.approx(facts["accuracy"], abs=0.005)


@pytest.mark.slow
def test_eight_circuits_compute():
    they_compute(load_vgg("circuits", 0)[0], VGG.images)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_the_circuits_compute(seed):
    they_compute(load("circuits", seed)[0], SMALL.images)


def they_compute(system, as_images):
    """Sublinear, inhibition-stabilised, suppressed by the surround, at every layer."""
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


def test_a_network_of_another_kind(tmp_path):
    with pytest.raises(UserError, match="found no file"):
        SMALL.load(SMALL.weights_file("plain", 99), "plain")
    with pytest.raises(UserError, match=r"unknown array areas\.0\.circuit"):
        SMALL.load(SMALL.weights_file("circuits", 0), "plain")
    assert SMALL.weights_file("plain", 0, tmp_path) == tmp_path / "digits_plain_0.safetensors"
