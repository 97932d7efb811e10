"""Claims: which rows they make, and when a row holds."""

import math

import numpy as np
import pytest
import xarray as xr

from cortex.experiment import (
    Above,
    AtLeast,
    AtMost,
    Below,
    Between,
    Claim,
    Near,
    Reported,
    rising,
    settled_claim,
)
from cortex.experiment.claims import Place
from cortex.sources import COMPUTED, REQUIRED, Source

HERE = Source(detail="here")


def data(**arrays):
    return xr.Dataset(arrays)


def over_contrast(values, asked=None):
    contrast = xr.DataArray(
        [2.0, 10.0, 50.0], dims="contrast", attrs={"asked": asked} if asked else {}
    )
    return xr.DataArray(
        values, dims=("contrast",), coords={"contrast": contrast}, attrs={"units": "Hz"}
    )


def rows(value, expect, d=None, settings=None, **options):
    claim = Claim("r", value, expect, HERE, "it rises", **options)
    return list(claim.rows(settings, data() if d is None else d))


@pytest.mark.parametrize(
    ("expect", "holding", "failing"),
    [
        (Above(1), 1.1, 1.0),
        (AtLeast(1), 1.0, 0.9),
        (Below(1), 0.9, 1.0),
        (AtMost(1), 1.0, 1.1),
        (Between(1, 2), 2.0, 2.1),
        (Near(10, rtol=0.1), 10.9, 11.1),
        (Near(10, atol=0.5), 9.5, 9.4),
        (Near(10, rtol=0.1, atol=0.5), 11.5, 11.6),
        (Near(1), 1.0, 1.0001),
    ],
)
def test_a_number_meets_its_expectation_or_not(expect, holding, failing):
    (good,) = rows(lambda d: holding, expect)
    (bad,) = rows(lambda d: failing, expect)
    (none,) = rows(lambda d: math.nan, expect)
    assert (good.holds, bad.holds, none.holds) == (True, False, False)


@pytest.mark.parametrize(
    ("expect", "interval", "verdict"),
    [
        (Above(0), (1.0, 0.1, 2.0), True),
        (Above(0), (1.0, -0.1, 2.0), False),
        (Below(0), (-1.0, -2.0, -0.1), True),
        (Below(0), (-1.0, -2.0, 0.1), False),
        (Between(0, 2), (1.0, 0.5, 1.5), True),
        (Between(0, 2), (1.0, 0.5, 2.5), False),
        (Near(1.0, atol=0.1), (1.05, 0.0, 9.0), True),
    ],
)
def test_an_estimate_is_judged_by_its_nearer_end(expect, interval, verdict):
    estimate = xr.DataArray(
        list(interval), dims="bound", coords={"bound": ["value", "low", "high"]}
    )
    (row,) = rows(lambda d: estimate, expect)
    assert row.holds is verdict
    assert row.value == interval[0]
    assert row.interval == (None if isinstance(expect, Near) else interval[1:])


def test_the_dimensions_of_the_value_make_the_rows():
    pair = xr.concat([over_contrast([1.0, 2, 3]), over_contrast([4.0, 5, 6])], "population")
    pair = pair.assign_coords(population=["E", "I"]).transpose("contrast", "population")
    found = rows(lambda d: d.r, Above(2), data(r=pair))
    assert [row.name for row in found][:3] == [
        "r[contrast=2, E]",
        "r[contrast=2, I]",
        "r[contrast=10, E]",
    ]
    assert [row.holds for row in found] == [False, True, False, True, True, True]
    assert {row.unit for row in found} == {"Hz"}


def test_a_curve_is_cut_to_the_numbers_that_are_asked_for():
    found = rows(lambda d: d.r, Above(0), data(r=over_contrast([1.0, 2, 3], asked=[2.0, 50.0])))
    assert [row.name for row in found] == ["r[contrast=2]", "r[contrast=50]"]


def test_references_stand_by_coordinates_and_where_none_stands_nothing_is_claimed():
    d = data(r=over_contrast([1.0, 2, 3]))
    found = rows(lambda d: d.r, Near({2: 1.0, 50: 4.0}, rtol=0.01), d)
    assert [(row.reference, row.holds) for row in found] == [
        (1.0, True),
        (None, None),
        (4.0, False),
    ]
    assert found[0].goal == "1 ± 1 %"
    place = Place({"contrast": 50.0, "population": "I"})
    place.indices = (2, 1)
    assert Near({50: (1.0, 2.0)}).number(place) == 2.0
    assert Near({50: {"I": 3.0}}).number(place) == 3.0
    assert Near(7.0).number(place) == 7.0


def test_what_is_expected_may_follow_from_the_data():
    d = data(r=over_contrast([1.0, 2.0, 3.0]), theory=over_contrast([1.0, 2.5, 3.0]))
    found = rows(lambda d: d.r, lambda d: Near(d.theory, atol=0.2 * d.theory), d)
    assert [row.holds for row in found] == [True, True, True]
    found = rows(lambda d: d.r, lambda d: Near(d.theory, atol=0.1 * d.theory), d)
    assert [row.holds for row in found] == [True, False, True]
    assert (found[1].reference, found[1].absolute) == (2.5, 0.25)
    (row,) = rows(lambda d: d.r.max(), lambda d: Below(float(d.theory.max()) + 1), d)
    assert row.expected == "< 4"
    assert row.holds


def test_a_claim_about_another_circuit_is_not_made():
    (row,) = rows(lambda d: 1.0, Above(5), when=lambda settings: settings == "theirs")
    assert row.holds is None
    assert not row.claims
    (row,) = rows(lambda d: 1.0, Above(5), settings="theirs", when=lambda s: s == "theirs")
    assert row.holds is False


def test_numbers_that_are_only_reported_hold_nothing():
    (row,) = rows(lambda d: 3.0, Reported(), unit="ms")
    assert (row.holds, row.unit, row.value) == (None, "ms", 3.0)
    (row,) = rows(lambda d: math.nan, Reported())
    assert row.holds is False


def test_reasons_may_be_words_or_follow_from_the_data_and_the_place():
    d = data(r=over_contrast([1.0, 2, 3]))
    assert rows(lambda d: d.r, Above(9), d, known="flat")[0].note == "flat"
    assert rows(lambda d: d.r, Above(9), d, known=lambda d: f"{float(d.r.max()):g}")[0].note == "3"
    by_place = rows(lambda d: d.r, Above(9), d, known=lambda d, at: f"{at['contrast']:g} %")
    assert [row.note for row in by_place] == ["2 %", "10 %", "50 %"]


def test_rising_says_how_much_each_exceeds_the_one_before():
    cue = xr.DataArray([3.0, 1.0, 2.0], dims="cue", coords={"cue": ["valid", "invalid", "neutral"]})
    steps = rising(cue, "cue", ("invalid", "neutral", "valid"))
    assert list(steps.cue.values) == ["invalid to neutral", "neutral to valid"]
    np.testing.assert_array_equal(steps, [1.0, 1.0])
    assert [r.holds for r in rows(lambda d: steps, Above(0))] == [True, True]


def test_one_state_that_is_none_breaks_the_claim_that_all_are():
    claim = settled_claim()
    (good,) = claim.rows(None, data(settled=xr.DataArray([True, True], dims="state")))
    (bad,) = claim.rows(None, data(settled=xr.DataArray([True, False], dims="state")))
    assert (good.holds, bad.holds) == (True, False)


@pytest.mark.parametrize(
    ("expect", "source", "kind"),
    [
        (Near(1.0, rtol=0.1), Source("rubin2015", "Fig. 1"), "published number"),
        (Between(0, 2), Source("rubin2015"), "published direction"),
        (Above(0), Source("rubin2015", "direction"), "published direction"),
        (Near(1.0, rtol=0.1), COMPUTED, "our own"),
        (Above(0), REQUIRED, "our own"),
        (Reported(), Source("rubin2015"), ""),
    ],
)
def test_a_row_says_whether_a_paper_or_we_ask_for_it(expect, source, kind):
    (row,) = Claim("x", lambda d: 1.0, expect, source, unit="1").rows(None, data())
    assert row.kind == kind
