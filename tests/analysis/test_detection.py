"""The summary of a detection study on made-up scores with known answers."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis import summarise_detection
from cortex.analysis.detection import quantities
from cortex.tasks import area_under_curve, detection_rates

STRENGTHS = (0.5, 1.0, 2.0)
SITES = ("layer 1", "layer 2", "all")
CATEGORIES, IMAGES = 3, 80
HALF = IMAGES // 2
PRESENT = np.tile(np.arange(IMAGES) % 2 == 0, (CATEGORIES, 1))
SIGN = np.where(PRESENT, 1.0, -1.0)


def noise(seed, signal=1.0, bias=0.0):
    """Scores (category, image) of an observer with this sensitivity and bias."""
    rng = np.random.default_rng(seed)
    return signal / 2 * SIGN + bias + rng.normal(size=SIGN.shape)


def dataset(score, unattended, sources=("tuning", "shuffled")):
    """`score` (source, site, strength, category, image) of one variant and one task."""
    return xr.Dataset(
        {
            "score": (
                ("variant", "task", "source", "site", "strength", "category", "image"),
                np.asarray(score)[None, None],
            ),
            "score_unattended": (
                ("variant", "task", "category", "image"),
                np.asarray(unattended)[None, None],
            ),
            "present": (("task", "category", "image"), PRESENT[None]),
        },
        {
            "variant": ["plain"],
            "task": ["merged"],
            "source": list(sources),
            "site": list(SITES),
            "strength": list(STRENGTHS),
            "category": np.arange(CATEGORIES),
        },
    )


def everywhere(scores, sources=2):
    """The same scores for every source, site and strength."""
    shape = (sources, len(SITES), len(STRENGTHS), *scores.shape)
    return np.broadcast_to(scores, shape).copy()


def summary_of(score, unattended, **how):
    data = dataset(score, unattended, **how)
    return summarise_detection(data, 100, 0.9).sel(task="merged", variant="plain")


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


def test_strength_is_chosen_on_one_half_and_reported_on_the_other():
    """A strength that is perfect on the first half alone wins, and earns what it does later."""
    plain = noise(0, signal=0.5)
    score = everywhere(noise(1))
    lucky, good = np.array(plain), 1.0 * SIGN
    lucky[:, :HALF] = SIGN[:, :HALF]
    lucky[:, HALF:] = -SIGN[:, HALF:]
    good[:, : HALF // 4] *= -1  # best of all on the second half, but not on the first
    score[0, 0, 1], score[0, 0, 2] = lucky, good
    found = summary_of(score, plain)
    here = found.sel(compared="tuning", site="layer 1")
    assert float(here["best_strength"]) == STRENGTHS[1]
    assert float(here["best_performance"]) == 0
    base = quantities(plain[:, HALF:], PRESENT[:, HALF:])["performance"]
    assert float(found["base_performance"]) == pytest.approx(float(base))
    assert float(here["gain_performance"]) == pytest.approx(-float(base))
    # All images, strength by strength, stand beside it.
    whole = found["performance"].sel(source="tuning", site="layer 1")
    np.testing.assert_allclose(whole[1:], [0.5, 1 - HALF // 4 / IMAGES])


def test_gain_has_an_interval_around_it():
    plain, better = noise(0, signal=0.5), noise(0, signal=2.0)
    found = summary_of(everywhere(better), plain).sel(compared="tuning", site="all")
    for name in ("performance", "auc", "sensitivity"):
        low, value, high = (float(found[f"gain_{name}{s}"]) for s in ("_low", "", "_high"))
        assert 0 < low < value < high
    same = summary_of(everywhere(plain), plain).sel(compared="tuning", site="all")
    for suffix in ("", "_low", "_high"):  # resamples are shared: no gain, no uncertainty of it
        assert float(same[f"gain_performance{suffix}"]) == pytest.approx(0, abs=1e-12)
        assert float(same[f"gain_auc{suffix}"]) == pytest.approx(0, abs=1e-12)
    assert float(same["best_auc_low"]) < float(same["best_auc"]) < float(same["best_auc_high"])


def test_threshold_control_recovers_a_criterion_shift():
    """Attention that only adds to every score does what a threshold does, and no more."""
    shift = 3.0
    fair = noise(0, signal=4.0)
    strict = fair - shift
    found = summary_of(everywhere(fair), strict)
    attended = found.sel(compared="tuning", site="all")
    control = found.sel(compared="threshold", site="all")
    assert float(attended["gain_performance"]) > 0.2
    # A shift changes no order of scores.
    for kind in (attended, control):
        assert float(kind["gain_auc"]) == pytest.approx(0, abs=1e-12)
        assert float(kind["gain_auc_low"]) == pytest.approx(0, abs=1e-12)
        assert float(kind["gain_auc_high"]) == pytest.approx(0, abs=1e-12)
    assert float(attended["gain_criterion"]) < -0.5
    assert float(control["gain_criterion"]) < -0.5
    # Thresholds are tried at percentiles of the scores.
    assert float(found["best_threshold"]) == pytest.approx(-shift, abs=0.8)
    assert float(control["best_strength"]) == 0
    beyond = found["beyond_threshold_performance"].sel(source="tuning", site="all")
    assert float(beyond) == pytest.approx(
        float(attended["best_performance"] - control["best_performance"])
    )
    assert abs(float(beyond)) < 0.03


def test_threshold_control_is_exact_where_any_threshold_between_will_do():
    """Separable scores on the wrong side of zero: all is recovered, exactly."""
    plain = SIGN - 5.0
    found = summary_of(everywhere(SIGN), plain)
    control = found.sel(compared="threshold", site="all")
    assert float(found["base_performance"]) == 0.5
    assert float(control["best_performance"]) == 1
    assert float(control["gain_auc"]) == 0
    beyond = found["beyond_threshold_performance"].sel(source="tuning")
    np.testing.assert_array_equal(beyond, 0)


def test_missing_conditions_stay_missing():
    """A source that was not run for this task, and a single score that is not a number."""
    score = everywhere(noise(0))
    score[1] = np.nan
    score[0, 1, 2, 0, 5] = np.nan
    found = summary_of(score, noise(0))
    for name in ("best_performance", "gain_auc", "gain_auc_low", "best_strength"):
        values = found[name]
        assert np.isnan(values.sel(compared="shuffled")).all(), name
        assert np.isnan(values.sel(compared="tuning", site="layer 2")), name
        assert np.isfinite(values.sel(compared="tuning", site="all")), name
        assert np.isfinite(values.sel(compared="threshold")).all(), name
    assert np.isnan(found["beyond_threshold_performance"].sel(source="shuffled")).all()
    whole = found["performance"].sel(source="tuning", site="layer 2")
    np.testing.assert_array_equal(np.isnan(whole), [False, False, True])


def test_everything_has_units_and_words():
    found = summarise_detection(dataset(everywhere(noise(0)), noise(0)), 20, 0.9)
    for name, variable in found.data_vars.items():
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name
    assert list(found["compared"].values) == ["tuning", "shuffled", "threshold"]
    again = summarise_detection(dataset(everywhere(noise(0)), noise(0)), 20, 0.9)
    xr.testing.assert_identical(found, again)
