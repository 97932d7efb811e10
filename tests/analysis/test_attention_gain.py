"""What attention gains, on made-up scores with known answers."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.attention_gain import (
    at_change,
    attention_gains,
    better_threshold,
    chosen_on_other_half,
)
from cortex.analysis.yes_no import mean_area, performance, yes_no
from tests.analysis.observers import IMAGES, PRESENT, SIGN, labelled, noise

STRENGTHS = (0.5, 1.0, 2.0)
SITES = ("layer 1", "layer 2", "all")
SOURCES = ("tuning", "shuffled")
HALF = IMAGES // 2


def everywhere(scores):
    """The same scores for every source, site and strength."""
    shape = (len(SOURCES), len(SITES), len(STRENGTHS), *scores.shape)
    return np.broadcast_to(scores, shape).copy()


def along_strength(scores):
    found = labelled(scores, "strength")
    return found.assign_coords(strength=list(STRENGTHS))


def gains(scores, plain, n=60, **how):
    axes = {"source": list(SOURCES), "site": list(SITES), "strength": list(STRENGTHS)}
    attended = labelled(scores, *axes).assign_coords(axes)
    rng = np.random.default_rng(0)
    return attention_gains(attended, labelled(plain), n=n, level=0.9, rng=rng, **how)


def test_a_strength_is_chosen_on_one_half_and_reported_on_the_other():
    """What is perfect on one half alone is chosen for the other, and earns what it does there."""
    plain = noise(0, signal=0.5)
    first, second = np.array(-SIGN), np.array(-SIGN)
    first[:, :HALF], second[:, HALF:] = SIGN[:, :HALF], SIGN[:, HALF:]
    strength, at = chosen_on_other_half(along_strength([plain, first, second]), performance)
    assert strength.values.tolist() == [2.0, 1.0]
    np.testing.assert_array_equal(at.transpose("category", "image"), -SIGN)
    score = everywhere(noise(1))
    score[0, 0, 1], score[0, 0, 2] = first, second
    found = gains(score, plain)
    where = {"compared": "tuning", "site": "layer 1", "measure": "performance", "bound": "value"}
    assert float(found["best"].sel(where)) == 0
    base = float(yes_no(labelled(plain)).sel(measure="performance"))
    assert float(found["gain"].sel(where)) == pytest.approx(-base)
    # As published, the images that are reported choose: no loss is possible.
    own = found["published_gain"].sel(compared="tuning", site="layer 1", bound="value")
    right = [performance(labelled(s)[[c]]) for s in (plain, *score[0, 0]) for c in range(3)]
    best = np.reshape(right, (4, 3)).max(axis=0)
    each = [float(performance(labelled(plain)[[c]])) for c in range(3)]
    assert float(own) == pytest.approx(np.mean(best - each))


def test_the_area_has_a_strength_of_its_own():
    """One strength moves the criterion to where it serves best, another one helps to see."""
    plain = noise(0, signal=2.0, bias=-2.0)
    score = everywhere(plain)
    score[0, 0, 1] = plain + 2.0
    score[0, 0, 2] = plain + 2.5 * SIGN - 3.0
    found = gains(score, plain)
    at = {"site": "layer 1", "bound": "value"}
    moved = found["gain"].sel(at | {"compared": "tuning"})
    assert float(moved.sel(measure="auc")) == pytest.approx(0, abs=1e-12)
    assert float(found["area_gain"].sel(at | {"source": "tuning"})) > 0.05


def test_the_paper_threshold_is_the_best_of_all_for_each_category():
    plain = noise(3, signal=1.5, bias=-1.0)
    found = gains(everywhere(plain), plain, n=10)["published_gain"]
    value = found.sel(compared="threshold", site="all", bound="value")
    tried = []
    for own in plain:
        cuts = [*own - 1e-9, np.inf]
        right = [(np.mean(own[PRESENT] > c) + np.mean(own[~PRESENT] <= c)) / 2 for c in cuts]
        zero = (np.mean(own[PRESENT] > 0) + np.mean(own[~PRESENT] <= 0)) / 2
        tried.append(max(right) - zero)
    assert float(value) == pytest.approx(np.mean(tried))


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
    np.testing.assert_allclose(found["best_threshold"], -shift, atol=0.8)
    right = found["best"].sel(site="all", measure="performance", bound="value")
    beyond = float(found["beyond_threshold"].sel(source="tuning", site="all", bound="value"))
    assert beyond == pytest.approx(float(right.sel(compared="tuning") - right[-1]))
    assert abs(beyond) < 0.05


def test_a_threshold_between_separable_scores_is_found():
    """On the wrong side of zero: all is recovered."""
    found, moved = better_threshold(labelled(SIGN - 5.0))
    np.testing.assert_allclose(found, -5, atol=1)
    assert float(performance(moved)) == 1


def test_missing_conditions_stay_missing_and_other_strengths_are_chosen():
    """A source that was not tried, and a circuit that did not settle at one strength."""
    score = everywhere(noise(0))
    score[1] = np.nan
    score[0, 1, 0, 0, 5] = np.nan
    score[0, 1, 2] = SIGN
    found = gains(score, noise(0), n=10)
    assert np.isnan(found["best_strength"].sel(source="shuffled")).all()
    assert (found["best_strength"].sel(source="tuning", site="layer 2") == STRENGTHS[2]).all()
    for name in ("gain", "published_gain"):
        assert np.isnan(found[name].sel(compared="shuffled")).all()
        assert np.isfinite(found[name].sel(compared=["tuning", "threshold"])).all()
    for name in ("beyond_threshold", "area_gain", "best_layer_gain"):
        assert np.isnan(found[name].sel(source="shuffled")).all()


def test_of_strengths_that_serve_alike_the_first_is_chosen():
    scores = along_strength([SIGN, 2 * SIGN, SIGN])
    for measure in (performance, mean_area):
        assert (chosen_on_other_half(scores, measure)[0] == STRENGTHS[0]).all()


def test_the_best_layer_is_chosen_with_the_strength():
    plain = noise(0, signal=0.5)
    score = everywhere(plain)
    score[0, 1, 2] = SIGN
    found = gains(score, plain, n=10)["best_layer_gain"].sel(source="tuning", bound="value")
    assert float(found) == pytest.approx(1 - float(performance(labelled(plain))))


def test_networks_are_drawn_again_and_averaged_over():
    """Two networks, of which one gains: the interval reaches from nearly one to the other."""
    plain = np.stack([noise(0), noise(1)])
    score = np.stack([everywhere(noise(0)), everywhere(SIGN)])
    axes = {"source": list(SOURCES), "site": list(SITES), "strength": list(STRENGTHS)}
    attended = labelled(score, "network", *axes).assign_coords(axes)
    rng = np.random.default_rng(0)
    found = attention_gains(
        attended, labelled(plain, "network"), nested_in="network", n=200, level=0.9, rng=rng
    )["gain"].sel(compared="tuning", site="all", measure="performance")
    most = 1 - float(performance(labelled(plain[1])))
    low, value, high = (float(found.sel(bound=b)) for b in ("low", "value", "high"))
    assert value == pytest.approx(most / 2)
    assert low < 0.1 * most
    assert high > 0.9 * most


def test_what_is_compared_comes_from_the_same_resamples():
    same = gains(
        everywhere(noise(0, signal=2.0)),
        noise(0),
        contrasts=lambda found, course: {
            "ahead": found["gain"].sel(compared="tuning") - found["gain"].sel(compared="shuffled"),
            "none": course.isel(strength=0, drop=True),
        },
    )
    np.testing.assert_allclose(same["ahead"], 0, atol=1e-12)
    right = float(performance(labelled(noise(0))))
    none = same["none"].sel(measure="performance", bound="value")
    np.testing.assert_allclose(none, right)


def test_gains_at_an_equal_change_are_interpolated():
    """A steep system and a flat one with the same gain for the same change."""
    axes = {"system": ["steep", "flat"], "strength": list(STRENGTHS)}
    change = xr.DataArray([[0.2, 0.4, 0.8], [0.1, 0.2, 0.4]], axes)
    grown = np.concatenate([np.zeros((2, 1)), 3 * change.values], axis=1)
    given = xr.DataArray(grown, {"system": axes["system"], "strength": [0.0, *STRENGTHS]})
    np.testing.assert_allclose(at_change(given, change, 0.3), 0.9)
    np.testing.assert_allclose(at_change(given, change, 0.05), 0.15)
    beyond = at_change(given, change, 0.5)
    assert float(beyond[0]) == pytest.approx(1.5)
    assert np.isnan(beyond[1])


def test_everything_has_units_and_words_and_the_same_seed_gives_the_same():
    found = gains(everywhere(noise(0)), noise(0), n=20)
    given = {"source", "site", "compared", "half"}  # as they were given
    for name, variable in found.drop_vars(given, errors="ignore").variables.items():
        assert variable.attrs["units"], name
        assert variable.attrs["long_name"], name
    assert list(found["compared"].values) == [*SOURCES, "threshold"]
    xr.testing.assert_identical(found, gains(everywhere(noise(0)), noise(0), n=20))
