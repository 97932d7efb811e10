import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.stimuli import circular_distance, paired_bumps, ring_bump, ring_positions

few = settings(deadline=None, max_examples=50)
angle = st.floats(-720, 720)


@few
@given(a=angle, b=angle, period=st.sampled_from([180.0, 360.0, 6.5]))
def test_circular_distance_is_the_angle_between_two_hands(a, b, period):
    turn = 2 * np.pi * (a - b) / period
    expected = np.abs(np.arctan2(np.sin(turn), np.cos(turn))) * period / (2 * np.pi)
    np.testing.assert_allclose(circular_distance(a, b, period), expected, atol=2e-3)


def test_bump_of_the_published_ring():
    preferred = ring_positions(180)
    np.testing.assert_array_equal(preferred, np.arange(180))
    h = np.asarray(ring_bump(preferred, 45.0, 30.0))
    assert h[45] == h.max() == 1.0
    np.testing.assert_allclose(h[75], np.exp(-0.5), rtol=1e-6)
    np.testing.assert_allclose(h[135], np.exp(-(90.0**2) / 1800.0), rtol=1e-5)
    np.testing.assert_allclose(h[175], h[95], rtol=1e-5)  # 50 degrees either way round
    np.testing.assert_allclose(ring_positions(4, 360.0), [0, 90, 180, 270])


def test_pairs_add():
    preferred = ring_positions(180)
    pair = paired_bumps(preferred, jnp.array([45.0, 135.0]), jnp.array([60.0, 20.0]))
    expected = 60.0 * ring_bump(preferred, 45.0) + 20.0 * ring_bump(preferred, 135.0)
    np.testing.assert_allclose(pair, expected, rtol=1e-5)


def test_bump_is_differentiable_even_at_its_peak():
    gradient = jax.jacobian(lambda c: ring_bump(ring_positions(180), c))(45.0)
    d = np.arange(180) - 45.0
    expected = d / 900.0 * np.exp(-(d**2) / 1800.0)
    np.testing.assert_allclose(gradient[:135], expected[:135], atol=1e-6)
    assert gradient[45] == 0.0
