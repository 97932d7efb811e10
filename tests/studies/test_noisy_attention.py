"""Attention in noise: strengths of equal rate, slopes of logits, and what a source does."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import NoisySystem, Viewing
from cortex.circuit import MapNoise
from cortex.studies.noisy_attention import (
    GAIN,
    INPUT,
    Comparison,
    Lessons,
    _slopes,
    matched_strength,
)
from cortex.studies.noisy_trials import Trials, modulate
from cortex.tasks import Detectors
from tests.areas import systems


@pytest.fixture(scope="module")
def noisy():
    noise = tuple(MapNoise(20.0, 1.0, shape, 1.0, 0.4) for shape in systems.SHAPES)
    return NoisySystem(systems.with_circuits(), noise, Viewing(((0.0, 4.0),), 0.0, 2.0))


@pytest.mark.parametrize(
    ("rate", "goal", "strength"),
    [
        (lambda s: 1 + 0.3 * s**2, 1.2, np.sqrt(2 / 3)),
        (lambda s: 1 - s + s**2, 1.2, (1 + np.sqrt(1.8)) / 2),  # falls before it rises
        (lambda s: 1 + s / (1 + s), 1.9, 8.0),  # never gets there
    ],
)
def test_the_least_strength_that_brings_the_rate_to_its_goal(rate, goal, strength):
    found = matched_strength(rate, goal, 8.0)
    assert found == pytest.approx(strength, rel=0.03)


def test_slopes_of_noisy_logits_against_finite_differences(noisy):
    rng = np.random.default_rng(0)
    weight = jnp.asarray(rng.normal(size=(3, 6)), jnp.float32)
    detectors = Detectors(weight, jnp.zeros(3))
    rates = jnp.asarray(rng.uniform(0, 30, (2, *systems.SHAPES[1])), jnp.float32)
    logits, slopes = _slopes(noisy, detectors, rates, jnp.array([2, 0]))
    area, readout = noisy.system.areas[-1], noisy.system.readout
    for one, category, logit, slope in zip(rates, (2, 0), logits, slopes, strict=True):
        output = area.output_map(one)
        assert float(logit) == pytest.approx(float(detectors(readout.units(output))[category]))
        for number in range(len(output)):
            # All places of one map by so much: the sum of the slopes of its places.
            up, down = (
                float(detectors(readout.units(output.at[number].add(step)))[category])
                for step in (0.02, -0.02)
            )
            expected = (up - down) / 0.04 / output[0].size
            assert float(slope[number]) == pytest.approx(expected, abs=2e-3, rel=2e-2)


def test_sources_reach_the_topmost_circuit_as_named(noisy):
    """Two trials that ask for two categories; the second cues the upper right quadrant."""
    tuning = jnp.array([[0.5, -0.5, 0.0, 1.0], [-1.0, 0.0, 0.25, 0.5], [0.0] * 4])
    lessons = Lessons((), {"tuning": tuning, "negated": -tuning})
    place = np.array([[0.25, 0.25], [0.25, 0.75]])
    nothing = np.zeros(2)
    some = Trials(nothing, np.array([0, 1]), place, nothing, nothing, jax.random.key(0))

    def reach(name, form):
        return modulate(noisy, lessons.source(name, form, 0.5, 8.0), some, 3.0)

    gain = reach("tuning", GAIN).drive_gain
    np.testing.assert_allclose(gain.E[:, :, 0, 0], 3 * (1 + 0.5 * tuning[:2]), rtol=1e-6)
    np.testing.assert_array_equal(gain.E, gain.I)
    positive = reach("positive", GAIN).drive_gain.E[:, :, 0, 0]
    np.testing.assert_allclose(positive, 3 * (1 + 0.5 * np.maximum(tuning[:2], 0)), rtol=1e-6)
    into = reach("negated", INPUT)
    np.testing.assert_allclose(into.input.E[:, :, 0, 0], -4 * tuning[:2], rtol=1e-6)
    assert not np.any(into.input.I)
    assert np.all(into.drive_gain.E == 3)  # the contrast alone
    cued = np.asarray(reach("place", INPUT).input.E)[:, 0]
    assert cued[0, 0, 0] == cued[1, 0, -1] == 4
    assert cued[0, -1, -1] == cued[1, 0, 0] == 0  # more at the place, not less elsewhere
    assert np.all(np.asarray(reach("uniform", INPUT).input.E) == 4)


def test_conditions_have_their_uniform_one():
    compared = Comparison(sources=("tuning", "uniform", "place"), everywhere=("uniform", "place"))
    assert list(compared.conditions) == [
        "none", "tuning, gain", "uniform, gain", "place, gain", "uniform, input to E",
        "place, input to E",
    ]  # fmt: skip
    assert compared.uniform == ["none", *["uniform, gain"] * 3, *["uniform, input to E"] * 2]
    assert not compared.asks("merged", 1.0, "place")
    assert not compared.asks("array", 4.0, "tuning")
    assert compared.asks("array", 4.0, "place")
