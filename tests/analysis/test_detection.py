"""Quantities of detection on made-up scores, against plain means."""

import numpy as np
import pytest

from cortex.analysis.detection import quantities
from cortex.analysis.signal_detection import area_under_curve, detection_rates

CATEGORIES, IMAGES = 3, 80
PRESENT = np.tile(np.arange(IMAGES) % 2 == 0, (CATEGORIES, 1))
SIGN = np.where(PRESENT, 1.0, -1.0)


def noise(seed, signal=1.0, bias=0.0):
    """Scores (category, image) of an observer with this sensitivity and bias."""
    rng = np.random.default_rng(seed)
    return signal / 2 * SIGN + bias + rng.normal(size=SIGN.shape)


def test_quantities_are_means_over_categories():
    scores = np.stack([noise(0), noise(1, bias=0.4)])
    table = quantities(scores, PRESENT)
    for row in range(2):
        rates = [detection_rates(s, p) for s, p in zip(scores[row], PRESENT, strict=True)]
        hits = np.mean([r.true_positive for r in rates])
        assert table["true_positive"][row] == pytest.approx(hits)
        assert table["false_positive"][row] == pytest.approx(
            np.mean([r.false_positive for r in rates])
        )
        areas = [area_under_curve(s, p) for s, p in zip(scores[row], PRESENT, strict=True)]
        assert table["auc"][row] == pytest.approx(np.mean(areas))
    counts = np.stack([np.arange(2 * IMAGES).reshape(2, IMAGES) % 3 + 1] * CATEGORIES)
    drawn = quantities(scores, PRESENT, counts)
    for resample in range(2):
        rates = [
            detection_rates(s, p, counts[0, resample])
            for s, p in zip(scores[1], PRESENT, strict=True)
        ]
        found = drawn["performance"][resample, 1]
        assert found == pytest.approx(np.mean([r.performance for r in rates]))
