"""Yes-no detection on made-up scores with known answers."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.signal_detection import area_under_curve, detection_rates
from cortex.analysis.yes_no import (
    MEASURES,
    at_best,
    attention_gains,
    best_threshold,
    performance,
    said_by_detectors,
    yes_no,
)

STRENGTHS = (0.5, 1.0, 2.0)
SITES = ("layer 1", "layer 2", "all")
SOURCES = ("tuning", "shuffled")
CATEGORIES, IMAGES = 3, 80
HALF = IMAGES // 2
PRESENT = np.arange(IMAGES) % 2 == 0
SIGN = np.tile(np.where(PRESENT, 1.0, -1.0), (CATEGORIES, 1))


def noise(seed, signal=1.0, bias=0.0):
    """Scores (category, image) of an observer with this sensitivity and bias."""
    rng = np.random.default_rng(seed)
    return signal / 2 * SIGN + bias + rng.normal(size=SIGN.shape)


def labelled(scores, *dims):
    found = xr.DataArray(np.asarray(scores), dims=(*dims, "category", "image"))
    return found.assign_coords(present=("image", PRESENT))


def everywhere(scores):
    """The same scores for every source, site and strength."""
    shape = (len(SOURCES), len(SITES), len(STRENGTHS), *scores.shape)
    return np.broadcast_to(scores, shape).copy()


def gains(scores, plain, n=100):
    axes = {"source": list(SOURCES), "site": list(SITES), "strength": list(STRENGTHS)}
    attended = labelled(scores, *axes).assign_coords(axes)
    found = attention_gains(attended, labelled(plain), n=n, level=0.9, rng=np.random.default_rng(0))
    return xr.Dataset(found)


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


def test_strength_is_chosen_on_one_half_and_reported_on_the_other():
    """A strength that is perfect on the first half alone wins, and earns what it does later."""
    plain = noise(0, signal=0.5)
    score = everywhere(noise(1))
    lucky, good = np.array(plain), 1.0 * SIGN
    lucky[:, :HALF] = SIGN[:, :HALF]
    lucky[:, HALF:] = -SIGN[:, HALF:]
    good[:, : HALF // 4] *= -1  # best of all on the second half, but not on the first
    score[0, 0, 1], score[0, 0, 2] = lucky, good
    found = gains(score, plain)
    assert float(found["best_strength"].sel(source="tuning", site="layer 1")) == STRENGTHS[1]
    at = {"compared": "tuning", "site": "layer 1", "measure": "performance", "bound": "value"}
    assert float(found["best"].sel(at)) == 0
    base = yes_no(labelled(plain).isel(image=slice(HALF, None))).sel(measure="performance")
    assert float(found["base"].sel(measure="performance")) == pytest.approx(float(base))
    assert float(found["gain"].sel(at)) == pytest.approx(-float(base))


def test_a_gain_has_an_interval_around_it():
    plain, better = noise(0, signal=0.5), noise(0, signal=2.0)
    at = {"compared": "tuning", "site": "all"}
    found = gains(everywhere(better), plain)["gain"].sel(at)
    for name in ("performance", "auc", "sensitivity"):
        low, value, high = found.sel(measure=name, bound=["low", "value", "high"]).values
        assert 0 < low < value < high
    same = gains(everywhere(plain), plain).sel(at)
    # Resamples are shared: no gain, no uncertainty of it.
    np.testing.assert_allclose(same["gain"], 0, atol=1e-12)
    low, value, high = same["best"].sel(measure="auc", bound=["low", "value", "high"]).values
    assert low < value < high


def test_the_threshold_control_recovers_a_shift_of_the_criterion():
    """Attention that only adds to every score does what a threshold does, and no more."""
    shift = 3.0
    fair = noise(0, signal=4.0)
    found = gains(everywhere(fair), fair - shift)
    value = found["gain"].sel(site="all", bound="value")
    assert float(value.sel(compared="tuning", measure="performance")) > 0.2
    # A shift changes no order of scores.
    np.testing.assert_allclose(found["gain"].sel(measure="auc"), 0, atol=1e-12)
    assert (value.sel(compared=["tuning", "threshold"], measure="criterion") < -0.5).all()
    # Thresholds are tried at percentiles of the scores.
    assert float(found["best_threshold"]) == pytest.approx(-shift, abs=0.8)
    right = found["best"].sel(site="all", measure="performance", bound="value")
    beyond = float(found["beyond_threshold"].sel(source="tuning", site="all", bound="value"))
    assert beyond == pytest.approx(float(right.sel(compared="tuning") - right[-1]))
    assert abs(beyond) < 0.03


def test_the_threshold_control_is_exact_where_any_threshold_between_will_do():
    """Separable scores on the wrong side of zero: all is recovered, exactly."""
    found = gains(everywhere(SIGN), SIGN - 5.0, n=10)
    assert float(found["base"].sel(measure="performance")) == 0.5
    assert (found["best"].sel(compared="threshold", measure="performance") == 1).all()
    np.testing.assert_array_equal(found["beyond_threshold"].sel(source="tuning"), 0)
    assert float(best_threshold(labelled(SIGN - 5.0))) == pytest.approx(-5, abs=1)


def test_missing_conditions_stay_missing_and_other_strengths_are_chosen():
    """A source that was not tried, and a circuit that did not settle at one strength."""
    score = everywhere(noise(0))
    score[1] = np.nan
    score[0, 1, 0, 0, 5] = np.nan
    score[0, 1, 2] = SIGN
    found = gains(score, noise(0), n=10)
    assert np.isnan(found["best_strength"].sel(source="shuffled")).all()
    assert float(found["best_strength"].sel(source="tuning", site="layer 2")) == STRENGTHS[2]
    assert np.isnan(found["gain"].sel(compared="shuffled")).all()
    assert np.isfinite(found["gain"].sel(compared=["tuning", "threshold"])).all()
    assert np.isnan(found["beyond_threshold"].sel(source="shuffled")).all()


def test_of_strengths_that_serve_alike_the_first_is_chosen():
    axes = {"strength": list(STRENGTHS)}
    scores = labelled(np.stack([SIGN, 2 * SIGN, SIGN]), *axes).assign_coords(axes)
    assert float(at_best(scores)[0]) == STRENGTHS[0]


def test_everything_has_units_and_words_and_the_same_seed_gives_the_same():
    found = gains(everywhere(noise(0)), noise(0), n=20)
    given = {"source", "site", "compared"}  # as they were given
    for name, variable in found.drop_vars(given).variables.items():
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name
    assert list(found["compared"].values) == [*SOURCES, "threshold"]
    xr.testing.assert_identical(found, gains(everywhere(noise(0)), noise(0), n=20))


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
