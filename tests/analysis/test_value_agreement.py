"""Correlations of values against loops, and tuning quality by chance against shuffled labels."""

import numpy as np
import pytest

from cortex.analysis.value_agreement import (
    chance_quality,
    correlation_interval,
    correlation_over_categories,
    correlation_over_maps,
)

RNG = np.random.default_rng(5)
A = RNG.normal(size=(6, 40))
B = 0.5 * A + RNG.normal(size=(6, 40))


def test_correlations_against_loops():
    for category in range(6):
        expected = np.corrcoef(A[category], B[category])[0, 1]
        assert correlation_over_maps(A, B)[category] == pytest.approx(expected, abs=1e-12)
    for m in range(40):
        expected = np.corrcoef(A[:, m], B[:, m])[0, 1]
        assert correlation_over_categories(A, B)[m] == pytest.approx(expected, abs=1e-12)


def test_which_normalisation_matters_to_which():
    by_layer = B / np.abs(B).max(1, keepdims=True)
    by_map = B / np.abs(B).max(0, keepdims=True)
    over_maps, over_categories = correlation_over_maps(A, B), correlation_over_categories(A, B)
    np.testing.assert_allclose(correlation_over_maps(A, by_layer), over_maps, atol=1e-12)
    np.testing.assert_allclose(correlation_over_categories(A, by_map), over_categories, atol=1e-12)
    assert np.abs(correlation_over_maps(A, by_map) - over_maps).max() > 0.01
    assert np.abs(correlation_over_categories(A, by_layer) - over_categories).max() > 0.01


def test_a_silent_map_has_no_correlation():
    silent = A.copy()
    silent[:, 3] = 0.0
    found = correlation_over_categories(silent, B)
    assert list(np.flatnonzero(np.isnan(found))) == [3]
    assert np.isfinite(correlation_over_maps(silent, B)).all()
    # Rounding of single precision around a constant is no variation either.
    silent[:, 3] = 1.0 + 1e-7 * A[:, 3]
    assert np.isnan(correlation_over_categories(silent, B)[3])


def test_the_interval():
    """Over many maps, that of Fisher's z; maps, not categories, are drawn."""
    a = RNG.normal(size=(1, 900))
    b = 0.5 * a + RNG.normal(size=(1, 900))
    value, low, high = correlation_interval(a, b, resamples=400, level=0.95, seed=0)
    assert value == pytest.approx(np.corrcoef(a, b)[0, 1], abs=1e-12)
    z = np.arctanh(value) + 1.96 / np.sqrt(897) * np.array([-1, 1])
    # A quarter of the half width for the sampling of data and resamples.
    np.testing.assert_allclose([low, high], np.tanh(z), atol=0.25 * (np.tanh(z[1]) - value))
    nothing = correlation_interval(np.zeros((2, 5)), np.ones((2, 5)), resamples=5)
    assert np.isnan(nothing).all()


@pytest.mark.parametrize(("categories", "images"), [(20, 35), (10, 20), (9, 100)])
def test_chance_against_shuffled_labels(categories, images):
    responses = RNG.normal(size=(categories * images, 600))
    labels = RNG.permutation(np.repeat(np.arange(categories), images))
    means = np.stack([responses[labels == c].mean(0) for c in range(categories)])
    quality = np.abs((means - responses.mean(0)) / responses.std(0)).max(0)
    # Standard error over 600 maps is below 1 %; taking categories as independent costs as much.
    assert quality.mean() == pytest.approx(chance_quality(categories, images), rel=0.03)
