"""Arousal: one number for every map and place, whatever is seen or asked."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import Additive, Arousal, Query, State
from cortex.circuit import EI

SHAPE = (4, 5, 3)


def modulation(source, seed=0, category=0, place=(0.5, 0.5)):
    features, e, i = jax.random.uniform(jax.random.key(seed), (3, *SHAPE))
    return source(features, State(EI(e, i), jnp.arange(2.0)), Query(category, place))


@pytest.mark.parametrize("strength", [-0.4, 0.0, 1.5])
def test_it_selects_nothing(strength):
    for seed, category, place in ((0, 0, (0.1, 0.9)), (1, 3, (0.8, 0.2))):
        found = modulation(Arousal(strength), seed, category, place)
        for gain in (found.drive_gain.E, found.drive_gain.I):
            np.testing.assert_allclose(gain, np.full(SHAPE, 1 + strength), rtol=1e-6)
        assert not np.any(found.input.E)


def test_a_gain_stops_at_zero():
    assert np.max(modulation(Arousal(-1.5)).drive_gain.E) == 0


def test_as_input_it_reaches_E_and_I_in_the_stated_ratio():
    found = modulation(Arousal(0.5, Additive(4.0, to_I=0.25)))
    np.testing.assert_allclose(found.input.E, np.full(SHAPE, 2.0), rtol=1e-6)
    np.testing.assert_allclose(found.input.I, np.full(SHAPE, 0.5), rtol=1e-6)
    np.testing.assert_allclose(found.drive_gain.E, 1.0)


def test_the_strength_is_traced():
    slope = jax.grad(lambda s: jnp.sum(modulation(Arousal(s)).drive_gain.E))(0.3)
    assert float(slope) == pytest.approx(np.prod(SHAPE))
