"""Ratios by preference, their lines and shares, against loops written out in float64."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.similarity_gain import (
    by_preference,
    lines,
    lines_by_preference,
    matching,
    matching_by_chance,
    turn_of_deviation,
    turn_towards,
)

RNG = np.random.default_rng(4)


def written_out(ratios, values):
    """One map at a time, as the authors order orientations."""
    orientations, maps = ratios.shape
    found = np.zeros(((orientations - 1) // 2 + 1, maps))
    for m in range(maps):
        ranks = sorted(range(orientations), key=lambda o: -values[o, m])
        found[0, m] = ratios[ranks[0], m]
        for position in range(1, len(found)):
            first, second = ranks[2 * position - 1], ranks[2 * position]
            found[position, m] = (ratios[first, m] + ratios[second, m]) / 2
    return found


@pytest.mark.parametrize("orientations", [3, 5, 9])
def test_positions_against_a_loop(orientations):
    ratios = RNG.uniform(0.5, 2.0, (2, orientations, 7))
    values = RNG.normal(size=(orientations, 7))
    found = by_preference(ratios, values)
    assert found.shape == (2, (orientations - 1) // 2 + 1, 7)
    for row in range(2):  # the same sums in the same order
        np.testing.assert_array_equal(found[row], written_out(ratios[row], values))


@pytest.mark.parametrize("orientations", [1, 8])
def test_an_even_number_cannot_be_paired(orientations):
    with pytest.raises(ValueError, match=f"found {orientations} orientations, allowed: an odd"):
        by_preference(np.ones((orientations, 2)), np.ones((orientations, 2)))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_map_without_all_positions_has_no_line(bad):
    folded = np.ones((5, 3))
    folded[3, 1] = bad
    slope, intercept = lines(folded)
    assert list(np.isfinite(slope)) == list(np.isfinite(intercept)) == [True, False, True]
    assert np.isnan(matching(slope, intercept)[1])


def test_gain_by_tuning_values_matches_features():
    """Ratio 1 + beta f of a map: the slope is that of its own ordered tuning values."""
    values = RNG.normal(size=(9, 40))
    values -= values.mean(0)
    slope, intercept = lines(by_preference(1 + 0.5 * values, values))
    np.testing.assert_array_equal(matching(slope, intercept), np.ones(40))
    negated = lines(by_preference(1 - 0.5 * values, values))
    np.testing.assert_array_equal(matching(*negated), np.zeros(40))


def test_both_conditions_are_needed():
    slope, intercept = np.array([-0.1, -0.1, 0.1, 0.0]), np.array([1.1, 0.9, 1.1, 1.2])
    np.testing.assert_array_equal(matching(slope, intercept), [1, 0, 0, 0])


@pytest.mark.parametrize("orientations", [3, 5, 9])
def test_matching_by_chance_against_a_draw(orientations):
    ratios = 1 + 0.1 * RNG.normal(size=(orientations, 20000))
    values = RNG.normal(size=(orientations, 20000))
    share = matching(*lines(by_preference(ratios, values))).mean()
    # Four standard errors of a share of 20,000 maps.
    assert share == pytest.approx(matching_by_chance(orientations), abs=0.014)
    assert matching_by_chance(9) == pytest.approx(0.419, abs=0.001)


def test_turning_towards_the_attended():
    target, other = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    both = target + other
    assert turn_towards(target, both, target) == pytest.approx(1 - np.sqrt(0.5), rel=1e-12)
    assert turn_towards(3 * both, both, target) == pytest.approx(0.0, abs=1e-15)  # length is free
    assert turn_towards(both + other, both, target) < 0
    assert np.isnan(turn_towards(0 * both, both, target))
    many = RNG.uniform(0, 1, (3, 4, 6))
    for row in range(4):
        cosines = [
            sum(r[row] * many[2, row]) / (sum(r[row] ** 2) ** 0.5 * sum(many[2, row] ** 2) ** 0.5)
            for r in many[:2]
        ]
        expected = cosines[0] - cosines[1]
        assert turn_towards(*many)[row] == pytest.approx(expected, abs=1e-14)


def test_what_all_responses_share_is_taken_away():
    """Gain by tuning turns deviations towards the attended, but the whole vector away."""
    tuning = RNG.normal(size=(9, 200))
    tuning -= tuning.mean(0)
    level = RNG.uniform(1, 30, 200)
    alone = level + 0.3 * tuning
    both = level + 0.15 * (tuning + tuning[RNG.permutation(9)])
    attended = both * (1 + 0.1 * tuning)
    assert turn_towards(attended, both, alone).mean() < 0
    found = turn_of_deviation(attended, both, alone)
    for row in range(9):
        a, b, c = (x - sum(x) / 9 for x in (attended, both, alone))
        cosines = [
            np.dot(v[row], c[row]) / np.sqrt(v[row] @ v[row] * (c[row] @ c[row])) for v in (a, b)
        ]
        assert found[row] == pytest.approx(cosines[0] - cosines[1], abs=1e-12)


def test_lines_by_preference_are_least_squares_of_ordered_ratios():
    rng = np.random.default_rng(4)
    ratios = xr.DataArray(rng.normal(1, 0.1, (2, 9, 6)), dims=("variant", "orientation", "map"))
    tuning = xr.DataArray(rng.normal(size=(2, 9, 6)), dims=("variant", "orientation", "map"))
    folded, slope, intercept = lines_by_preference(ratios, tuning)
    for variant in range(2):
        ordered = by_preference(ratios.values[variant], tuning.values[variant])
        np.testing.assert_allclose(
            folded.isel(variant=variant).transpose("position", "map"), ordered
        )
        fits = np.polyfit(np.arange(5), ordered, 1)
        np.testing.assert_allclose(slope.isel(variant=variant), fits[0], atol=1e-9)
        np.testing.assert_allclose(intercept.isel(variant=variant), fits[1], atol=1e-9)
