"""How much of its work a network with circuits still does, against a direct computation."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import (
    Fidelity,
    FidelityWarning,
    LinearMap,
    PlainArea,
    VisualSystem,
    insert_circuits,
    measure_fidelity,
)
from cortex.areas.fidelity import class_agreement, warn_of_lost_work
from tests.areas import systems


@pytest.fixture(scope="module")
def held_out():
    return systems.images(13, seed=5)


@pytest.mark.parametrize("layers", [(1,), (0, 1)])
def test_fidelity_is_that_of_the_two_networks_run_one_image_at_a_time(held_out, layers):
    network, both = systems.network(classes=12), systems.with_circuits(classes=12)
    areas = [
        both.areas[n] if n in layers else PlainArea(stage) for n, stage in enumerate(network.stages)
    ]
    system = VisualSystem(areas, network.readout)
    found = measure_fidelity(system, network, held_out, batch=5)

    plain = VisualSystem.plain(network)
    ways = [eqx.filter_jit(one.respond) for one in (plain, system)]
    responses = [[respond(x) for respond in ways] for x in held_out]
    readout = eqx.filter_jit(network.readout)
    logits = [[readout(r[-1].output) for r in pair] for pair in responses]
    same = [int(jnp.argmax(a)) == int(jnp.argmax(b)) for a, b in logits]
    common = [
        len(set(np.argsort(a)[-5:].tolist()) & set(np.argsort(b)[-5:].tolist())) / 5
        for a, b in logits
    ]
    assert found.images == 13
    assert found.first_class == pytest.approx(np.mean(same))
    assert found.top_five == pytest.approx(np.mean(common))
    assert 0 < found.top_five < 1  # these circuits are no copies
    for (name, value), layer in zip(found.correlation, layers, strict=True):
        pairs = [np.stack([r[layer].output for r in pair]) for pair in responses]
        assert name == system.names[layer]
        by_hand = np.corrcoef(np.stack(pairs)[:, 0].ravel(), np.stack(pairs)[:, 1].ravel())
        assert value == pytest.approx(by_hand[0, 1], abs=1e-4)


def test_agreement_of_known_logits():
    plain = np.eye(10)[[0, 1, 2, 3]] + np.linspace(0, 0.5, 10)
    actual = plain.copy()
    actual[1] = -plain[1]  # the other way round: 1 was first, then 9, 8, 7, 6; now 0, 2, 3, 4, 5
    actual[2, 0] = 5  # a new first; 9, 8, 7 and 2 are still among the five
    actual[3, 7] = np.nan
    first, five = class_agreement(plain, actual)
    assert first == 1 / 4
    assert five == pytest.approx((1 + 0 + 4 / 5 + 0) / 4)


def test_of_few_classes_fewer_than_five_are_compared():
    plain, actual = np.array([[3.0, 2.0, 1.0]]), np.array([[1.0, 2.0, 3.0]])
    assert class_agreement(plain, actual) == (0.0, 0.0)


def test_a_circuit_without_recurrence_keeps_everything_and_warns_of_nothing():
    shown = systems.images(60)
    alone = systems.ssn_settings(J=dict.fromkeys(systems.J, 0.0))
    system = insert_circuits(
        systems.network(),
        at=2,
        circuit=alone,
        images=shown,
        output_map=LinearMap,
        solver=systems.SOLVER,
    )
    assert system.fidelity.images == 12  # every fifth of sixty
    assert system.fidelity.first_class == 1.0
    assert system.fidelity.correlation[0][1] > 0.999


def test_what_is_lost_is_warned_of_in_words():
    lost = Fidelity(0.25, 0.4, (("conv2", 0.71),), 40)
    line = (
        r"insert_circuits: only 25% of 40 images keep their first class, .* 0\.71 at conv2; allowed"
    )
    with pytest.warns(FidelityWarning, match=line):
        warn_of_lost_work(lost)
    warn_of_lost_work(lost._replace(first_class=0.8))  # enough


def test_a_baseline_keeps_units_active_that_inhibition_would_silence():
    weaker = {"EE": 2.8, "EI": 2.3, "IE": 4.7, "II": 1.2}
    stage = systems.network().stages[1]
    area = systems.circuit_area(stage, systems.SHAPES[1], J=weaker)
    received = jnp.maximum(systems.network().stages[0](systems.images(1)[0]), 0.0)
    steady = dataclasses.replace(area, baseline=15.0)
    without, with_baseline = area.settle(received).rates, steady.settle(received).rates
    silent, kept = (np.mean(np.asarray(r.E) < 1e-3) for r in (without, with_baseline))
    assert kept < silent / 2
    # It is input to E alone: at rest, no other unit is driven.
    silence = steady.circuit.silence()
    u = steady.circuit.dynamics(silence, steady.with_baseline()).net_input(silence)
    assert float(u.E.min()) == float(u.E.max()) == 15.0
    assert not np.any(u.I)
