"""Yes-no detection on made-up scores with known answers."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.signal_detection import area_under_curve, detection_rates
from cortex.analysis.yes_no import (
    MEASURES,
    halves,
    mean_area,
    performance,
    said_by_detectors,
    yes_no,
)
from tests.analysis.observers import IMAGES, PRESENT, SIGN, labelled, noise


def test_measures_are_means_over_categories():
    scores = np.stack([noise(0), noise(1, bias=0.4)])
    scores[0, 0, :4] = scores[0, 0, 4]  # ties
    found = yes_no(labelled(scores, "row"))
    assert list(found["measure"].values) == list(MEASURES)
    for row in range(2):
        rates = [detection_rates(s, PRESENT) for s in scores[row]]
        hits = np.mean([r.true_positive for r in rates])
        alarms = np.mean([r.false_positive for r in rates])
        areas = np.mean([area_under_curve(s, PRESENT) for s in scores[row]])
        here = found.isel(row=row)
        for name, value in (("true_positive", hits), ("false_positive", alarms), ("auc", areas)):
            assert float(here.sel(measure=name)) == pytest.approx(value)
        assert float(here.sel(measure="performance")) == pytest.approx((hits + 1 - alarms) / 2)
    np.testing.assert_array_equal(
        performance(labelled(scores, "row")), found.sel(measure="performance")
    )


def test_criterion_and_sensitivity_follow_from_the_mean_rates():
    found = yes_no(labelled(SIGN))  # right on all: rates are held at 0.99 and 0.01
    assert float(found.sel(measure="sensitivity")) == pytest.approx(2 * 2.3263478740408408)
    assert float(found.sel(measure="criterion")) == pytest.approx(0, abs=1e-12)
    always = yes_no(labelled(np.ones_like(SIGN)))
    assert float(always.sel(measure="criterion")) == pytest.approx(-2.3263478740408408)
    assert float(always.sel(measure="auc")) == 0.5


def test_one_missing_score_leaves_no_measure():
    scores = np.stack([noise(0), noise(1)])
    scores[0, 2, 5] = np.nan
    found = yes_no(labelled(scores, "row"))
    assert np.isnan(found.isel(row=0)).all()
    assert np.isfinite(found.isel(row=1)).all()


def test_what_detectors_say_against_plain_loops():
    logits = np.random.default_rng(5).normal(size=(2, 12, 4))
    label = xr.DataArray(np.arange(12) % 4, dims="case")
    found = said_by_detectors(xr.DataArray(logits, dims=("seed", "case", "category")), label)
    for seed in range(2):
        for case in range(12):
            own, one = logits[seed, case], found.isel(seed=seed, case=case)
            others = [own[c] > 0 for c in range(4) if c != case % 4]
            assert bool(one["hit"]) == (own[case % 4] > 0)
            assert float(one["false_alarms"]) == pytest.approx(np.mean(others))
            assert bool(one["chosen"]) == (np.argmax(own) == case % 4)


def test_the_area_by_halves_does_not_compare_scores_of_different_halves():
    scores = noise(0)
    shifted = scores.copy()
    shifted[..., IMAGES // 2 :] += 100.0
    expected = np.mean([mean_area(part) for part in halves(labelled(scores))])
    for each in (scores, shifted):
        assert float(mean_area(labelled(each), by_halves=True)) == pytest.approx(expected)
    assert float(mean_area(labelled(shifted))) != pytest.approx(expected)
