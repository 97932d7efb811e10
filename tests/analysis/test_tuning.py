"""Measures of tuning against closed forms."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

from cortex.analysis import interaction_slope, linear_fit, tuning_width
from cortex.analysis.tuning import chance_quality, correlation


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


A = np.random.default_rng(5).normal(size=(6, 40))
B = 0.5 * A + np.random.default_rng(6).normal(size=(6, 40))


def correlated(a, b, dim):
    return correlation(*(xr.DataArray(x, dims=("category", "map")) for x in (a, b)), dim).values


def test_correlations_are_those_of_numpy_and_not_changed_by_dividing_rows():
    over_maps, over_categories = correlated(A, B, "map"), correlated(A, B, "category")
    rows = [np.corrcoef(A[c], B[c])[0, 1] for c in range(6)]
    columns = [np.corrcoef(A[:, m], B[:, m])[0, 1] for m in range(40)]
    np.testing.assert_allclose(over_maps, rows, atol=1e-12)
    np.testing.assert_allclose(over_categories, columns, atol=1e-12)
    by_layer, by_map = (B / np.abs(B).max(axis, keepdims=True) for axis in (1, 0))
    np.testing.assert_allclose(correlated(A, by_layer, "map"), over_maps, atol=1e-12)
    np.testing.assert_allclose(correlated(A, by_map, "category"), over_categories, atol=1e-12)
    assert np.abs(correlated(A, by_map, "map") - over_maps).max() > 0.01
    assert np.abs(correlated(A, by_layer, "category") - over_categories).max() > 0.01


def test_a_silent_map_has_no_correlation():
    silent = A.copy()
    silent[:, 3] = 0.0
    assert list(np.flatnonzero(np.isnan(correlated(silent, B, "category")))) == [3]
    assert np.isfinite(correlated(silent, B, "map")).all()
    # Rounding of single precision around a constant is no variation either.
    silent[:, 3] = 1.0 + 1e-7 * A[:, 3]
    assert np.isnan(correlated(silent, B, "category")[3])


@pytest.mark.parametrize(("categories", "images"), [(20, 35), (10, 20), (9, 100)])
def test_chance_against_shuffled_labels(categories, images):
    rng = np.random.default_rng(7)
    responses = rng.normal(size=(categories * images, 600))
    labels = rng.permutation(np.repeat(np.arange(categories), images))
    means = np.stack([responses[labels == c].mean(0) for c in range(categories)])
    quality = np.abs((means - responses.mean(0)) / responses.std(0)).max(0)
    # Standard error over 600 maps is below 1 %; taking categories as independent costs as much.
    assert quality.mean() == pytest.approx(chance_quality(categories, images), rel=0.03)
