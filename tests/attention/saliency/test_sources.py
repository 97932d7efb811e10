"""Saliency as a gain on circuits: patterns and what they leave alone."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention.saliency import FeatureSaliency, SaliencyWindow, centred
from cortex.attention.source import Query, State
from cortex.circuit import EI


def state(features):
    return State(EI(features, features), jnp.zeros(10))


@eqx.filter_jit
def pattern(source, features):
    return source.pattern(features, state(features), Query())


def test_a_window_is_the_map_at_the_areas_places():
    picture = np.zeros((32, 32), np.float32)
    picture[8:16, 16:24] = 3.0
    features = jnp.ones((5, 8, 8))
    found = pattern(SaliencyWindow(jnp.asarray(picture), 0.5), features)
    assert found.shape == (5, 8, 8)
    assert int(jnp.argmax(found[0])) in {8 * r + c for r in (2, 3) for c in (4, 5)}
    np.testing.assert_allclose(found.sum((1, 2)), 0.0, atol=1e-5)
    np.testing.assert_array_equal(found[0], found[4])
    # Peak 1 before the mean is taken away; the resized map is 1/16 of the places.
    assert float(found.max() - found.min()) == pytest.approx(0.5, rel=1e-5)
    modulation = SaliencyWindow(jnp.asarray(picture), 0.5)(features, state(features), Query())
    np.testing.assert_allclose(modulation.drive_gain.E, 1 + found, rtol=1e-6)


def test_nothing_salient_nothing_changed():
    np.testing.assert_array_equal(centred(jnp.zeros((4, 4))), 0.0)
    features = jnp.full((3, 14, 14), 0.7)
    np.testing.assert_allclose(pattern(FeatureSaliency(), features), 0.0, atol=1e-5)
    np.testing.assert_array_equal(pattern(FeatureSaliency(), jnp.zeros((3, 7, 7))), 0.0)


@pytest.mark.parametrize(
    "side", [7, *(pytest.param(side, marks=pytest.mark.slow) for side in (14, 28))]
)
def test_what_only_one_place_has_is_salient(side):
    """A map active at one place against a map, as strong, active at many."""
    features = np.zeros((2, side, side), np.float32)
    features[0, 1::3, 1::3] = 1.0
    odd = (side // 2, side // 2 + 1)
    features[1][odd] = 1.0
    saliency = FeatureSaliency().saliency(jnp.asarray(features))
    row, column = np.unravel_index(int(jnp.argmax(saliency)), (side, side))
    assert (row, column) == odd
    assert saliency.shape == (side, side)
    # The scale of the features has no say, the strength has.
    own = pattern(FeatureSaliency(), jnp.asarray(features))
    louder = pattern(FeatureSaliency(2.0), 30.0 * jnp.asarray(features))
    np.testing.assert_allclose(louder, 2 * own, atol=1e-5)  # rounding in single precision


def test_silent_maps_have_no_say():
    """A map a hundred times weaker, with a peak elsewhere, does not move the peak."""
    features = np.zeros((2, 14, 14), np.float32)
    features[0, 4, 4], features[1, 10, 10] = 1.0, 0.01
    saliency = FeatureSaliency().saliency(jnp.asarray(features))
    assert int(jnp.argmax(saliency)) == 4 * 14 + 4
    assert float(saliency[10, 10]) < 1e-3 * float(saliency.max())
