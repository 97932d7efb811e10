"""Rates, criterion, sensitivity and the area under the curve against brute force."""

import numpy as np
import pytest
from scipy.stats import norm

from cortex.analysis.signal_detection import (
    Rates,
    area_under_curve,
    bootstrap_counts,
    detection_rates,
    interval,
)


def scores_of(seed=0, shape=(2, 30)):
    """Rounded, so that there are ties, some at the threshold itself."""
    rng = np.random.default_rng(seed)
    present = rng.permutation(np.arange(shape[-1]) % 3 == 0)
    return np.round(rng.normal(size=shape) + 0.8 * present, 1), present


def brute_area(scores, present):
    pairs = [(p, n) for p in scores[present] for n in scores[~present]]
    return np.mean([1.0 if p > n else 0.5 if p == n else 0.0 for p, n in pairs])


def test_detection_rates():
    scores, present = scores_of()
    for threshold in (0.0, 0.5):
        rates = detection_rates(scores, present, threshold=threshold)
        for row in range(2):
            yes = [s > threshold for s in scores[row]]
            hits = np.mean([y for y, p in zip(yes, present, strict=True) if p])
            alarms = np.mean([y for y, p in zip(yes, present, strict=True) if not p])
            assert rates.true_positive[row] == pytest.approx(hits)
            assert rates.false_positive[row] == pytest.approx(alarms)
            assert rates.performance[row] == pytest.approx((hits + 1 - alarms) / 2)
    assert (scores == 0.5).any()  # a score at the threshold is a no


def test_weights_are_repetitions():
    scores, present = scores_of()
    counts = bootstrap_counts(np.random.default_rng(1), present, 5)
    for row in counts:
        rates = detection_rates(scores, present, row)
        again = detection_rates(np.repeat(scores, row, axis=1), np.repeat(present, row))
        np.testing.assert_allclose(rates.true_positive, again.true_positive, rtol=1e-12)
        np.testing.assert_allclose(rates.false_positive, again.false_positive, rtol=1e-12)


def test_criterion_and_sensitivity():
    """Science.md 4.3: c = -(z(TP) + z(FP)) / 2, d' = z(TP) - z(FP)."""
    rates = Rates(np.array([0.8, 0.5, 0.6]), np.array([0.3, 0.5, 0.1]))
    hit, alarm = norm.ppf([0.8, 0.5, 0.6]), norm.ppf([0.3, 0.5, 0.1])
    np.testing.assert_allclose(rates.criterion, -(hit + alarm) / 2, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(rates.sensitivity, hit - alarm, rtol=1e-9, atol=1e-12)
    assert rates.criterion[0] < 0 < rates.criterion[2]  # too many yes, too many no


def test_clipping():
    """Rates of 0 and 1 count as .01 and .99: z-scores stay finite, performance is untouched."""
    rates = Rates(np.array([1.0, 1.0]), np.array([0.0, 1.0]))
    limit = norm.ppf(0.99)
    np.testing.assert_allclose(rates.sensitivity, [2 * limit, 0], atol=1e-9)
    np.testing.assert_allclose(rates.criterion, [0, -limit], atol=1e-9)
    np.testing.assert_allclose(rates.performance, [1, 0.5])


def test_area_under_curve():
    scores, present = scores_of()
    found = area_under_curve(scores, present)
    assert found.shape == (2,)
    for row in range(2):
        assert found[row] == pytest.approx(brute_area(scores[row], present), rel=1e-12)
    positive, negative = scores[0][present], scores[0][~present]
    assert np.intersect1d(positive, negative).size  # ties between the kinds
    assert area_under_curve(np.zeros(30), present) == 0.5
    assert area_under_curve(present.astype(float), present) == 1
    # Any monotone change leaves it alone.
    assert area_under_curve(scores[0] ** 3, present) == pytest.approx(found[0], rel=1e-12)


def test_weighted_area_is_that_of_the_resampled_data():
    scores, present = scores_of(shape=(2, 3, 30))
    counts = bootstrap_counts(np.random.default_rng(2), present, 4)
    found = area_under_curve(scores, present, counts)
    assert found.shape == (4, 2, 3)
    for resample, row in enumerate(counts):
        drawn = np.repeat(scores, row, axis=-1), np.repeat(present, row)
        np.testing.assert_allclose(found[resample], area_under_curve(*drawn), rtol=1e-12)


def test_bootstrap_counts():
    _, present = scores_of()
    counts = bootstrap_counts(np.random.default_rng(0), present, 2000)
    assert counts.shape == (2000, 30)
    assert counts.min() == 0
    assert (counts[:, present].sum(axis=1) == present.sum()).all()
    assert (counts[:, ~present].sum(axis=1) == (~present).sum()).all()
    # Each is drawn once on average, with a binomial variance of 1 - 1/n; 4 standard errors.
    np.testing.assert_allclose(counts.mean(axis=0), 1, atol=4 / np.sqrt(2000))
    sizes = np.where(present, present.sum(), (~present).sum())
    np.testing.assert_allclose(counts.var(axis=0), 1 - 1 / sizes, atol=0.2)
    alone = bootstrap_counts(np.random.default_rng(0), np.ones(4, bool), 3)
    assert (alone.sum(axis=1) == 4).all()


def test_interval():
    samples = np.arange(101.0)[:, None] * np.array([[1.0, 2.0]])
    low, high = interval(samples, 0.9)
    np.testing.assert_allclose(low, [5, 10])
    np.testing.assert_allclose(high, [95, 190])


def test_intervals_cover():
    """A 90 % bootstrap interval of the true-positive rate holds the true one about as often."""
    truth, images, experiments = 0.7, 60, 300
    rng = np.random.default_rng(0)
    present = np.arange(2 * images) < images
    hits = 0
    for _ in range(experiments):
        scores = np.where(rng.uniform(size=2 * images) < truth, 1.0, -1.0)
        counts = bootstrap_counts(rng, present, 200)
        low, high = interval(detection_rates(scores, present, counts).true_positive, 0.9)
        hits += low <= truth <= high
    # Percentile intervals of a rate from 60 images cover a little less than they say;
    # the standard error over 300 experiments is 1.7 %.
    assert 0.83 < hits / experiments < 0.96
