"""Rates, criterion, sensitivity and the area under the curve against brute force."""

import numpy as np
import pytest
from scipy.stats import norm

from cortex.analysis.signal_detection import (
    Rates,
    area_under_curve,
    detection_rates,
    quantities,
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


def test_quantities_are_means_over_categories():
    several = [scores_of(seed) for seed in range(3)]
    scores = np.stack([score for score, _ in several], axis=1)  # (2, category, image)
    present = np.stack([here for _, here in several])
    table = quantities(scores, present)
    for row in range(2):
        rates = [detection_rates(s, p) for s, p in zip(scores[row], present, strict=True)]
        hits, alarms = (
            np.mean([getattr(r, name) for r in rates])
            for name in ("true_positive", "false_positive")
        )
        assert table["true_positive"][row] == pytest.approx(hits)
        assert table["performance"][row] == pytest.approx((hits + 1 - alarms) / 2)
        assert table["sensitivity"][row] == pytest.approx(Rates(hits, alarms).sensitivity)
        areas = [brute_area(s, p) for s, p in zip(scores[row], present, strict=True)]
        assert table["auc"][row] == pytest.approx(np.mean(areas))
    scores[0, 1, 3] = np.nan
    assert np.isnan(quantities(scores, present)["auc"]).tolist() == [True, False]
