"""Measures of tuning against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.analysis import interaction_slope, linear_fit, tuning_width


def test_a_line_is_fitted_and_its_share_explained():
    x = jnp.asarray([[0.0, 1.0, 2.0, 5.0]])
    slope, intercept, r2 = linear_fit(x, 3.0 - 2.0 * x)
    np.testing.assert_allclose([slope[0], intercept[0], r2[0]], [-2, 3, 1], rtol=1e-6)
    noisy = np.random.default_rng(0).normal(size=(3, 20))
    slope, intercept, r2 = linear_fit(jnp.asarray(noisy), jnp.asarray(noisy[::-1].copy()))
    for row in range(3):
        fit = np.polyfit(noisy[row], noisy[2 - row], 1)
        np.testing.assert_allclose([slope[row], intercept[row]], fit, rtol=1e-3, atol=1e-5)
        correlation = np.corrcoef(noisy[row], noisy[2 - row])[0, 1]
        assert float(r2[row]) == pytest.approx(correlation**2, abs=1e-5)


def test_the_width_at_half_height_is_that_of_a_cosine_and_of_a_triangle():
    angle = np.arange(36) * 10.0
    cosine = 5 + 3 * np.cos(np.deg2rad(angle))  # above the middle over half of the circle
    triangle = np.maximum(0, 90 - np.abs(angle - 180))  # base 180, half height at 90
    widths = tuning_width(jnp.asarray(np.stack([cosine, triangle, 7 * triangle + 2])), 360.0)
    np.testing.assert_allclose(widths, [180, 90, 90], atol=1e-3)


@pytest.mark.parametrize("weight", [0.0, 0.5, 1.0])
def test_the_slope_of_interaction_is_the_weight_of_the_first_stimulus(weight):
    first, second = np.random.default_rng(1).uniform(0, 40, (2, 50))
    both = weight * first + (1 - weight) * second
    found = interaction_slope(jnp.asarray(np.stack([first, second, both])))
    assert float(found) == pytest.approx(weight, abs=1e-5)
