"""Circuits over features: closed form without weights, suppression with them, features as said."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.saliency import Saliency
from cortex.models.orientation_field import FixedPoint
from cortex.models.saliency_circuits import (
    DIAMETERS,
    STILL,
    SaliencyCircuits,
    excitatory_rates,
    saliency_and_features,
)

SOLVER = FixedPoint(duration=1000.0)()


@pytest.fixture(scope="module")
def drives():
    return 20.0 * np.random.default_rng(0).random((2, STILL, 6, 8)).astype(np.float32)


def test_without_weights_rates_are_a_power_of_the_drive(drives):
    silent = SaliencyCircuits(J_EE=0.0, J_IE=0.0, J_EI=0.0, J_II=0.0)
    rates, settled = excitatory_rates(silent.circuit((6, 8), 1.0, 0.5), drives, SOLVER)
    assert settled.all()
    np.testing.assert_allclose(rates, 0.04 * drives**2, rtol=2e-3, atol=2e-3)


def test_weights_suppress_and_contrast_is_their_strength(drives):
    rates, settled = excitatory_rates(SaliencyCircuits().circuit((6, 8), 1.0, 0.5), drives, SOLVER)
    assert settled.all()
    assert rates.mean() < 0.5 * (0.04 * drives**2).mean()
    # Half the drive, twice the weights: a quarter of the rates, for k c J is the same.
    twice = SaliencyCircuits(J_EE=3.0, J_IE=7.5, J_EI=3.6, J_II=1.8).circuit((6, 8), 1.0, 0.5)
    again, _ = excitatory_rates(twice, drives / 2, SOLVER)
    np.testing.assert_allclose(again, rates / 4, rtol=1e-2, atol=1e-2)


def test_a_larger_disc_is_answered_less():
    rates = SaliencyCircuits().size_tuning(20.0, 1.0, 0.0, SOLVER)
    assert rates.shape == (len(DIAMETERS),)
    assert rates[0] > 4 * rates[-1] > 0


def test_features_are_those_of_the_model_with_and_without_competition():
    image = jnp.asarray(np.random.default_rng(1).random((3, 48, 64)), float)
    saliency, with_N, without = jax.jit(saliency_and_features)(image)
    seen = jax.jit(lambda x: Saliency()(x))(image)
    np.testing.assert_allclose(saliency[0], seen.saliency, atol=1e-6)
    features = seen.features
    np.testing.assert_allclose(with_N, features[:STILL] / features[:STILL].max(), atol=1e-6)
    np.testing.assert_array_equal(features[STILL:], 0)  # flicker and motion
    assert without.max() == with_N.max() == 1
    assert float(jnp.mean(without)) > 1.3 * float(jnp.mean(with_N))  # nothing is held down
