"""Measures: when a comparison holds, and what is written to JSON."""

import json
import math

import pytest

from cortex.experiment import MEASURED_HERE, Measure
from cortex.experiment.measures import from_json, to_json

NAN = float("nan")


def compared(value, **tolerance):
    return Measure.compared("w", value, "1", reference=2.0, provenance="p", **tolerance)


@pytest.mark.parametrize(
    ("value", "tolerance", "holds"),
    [
        (2.009, {"relative": 0.005}, True),
        (2.011, {"relative": 0.005}, False),
        (1.98, {"relative": 0.005}, False),
        (2.1, {"absolute": 0.11}, True),
        (2.0, {"absolute": 0.0}, True),
        (NAN, {"relative": 0.5}, False),
    ],
)
def test_compared(value, tolerance, holds):
    assert compared(value, **tolerance).holds is holds


def test_a_negative_reference_has_a_band_too():
    found = Measure.compared("x", -2.001, "1", reference=-2.0, relative=0.01, provenance="p")
    assert found.holds is True


@pytest.mark.parametrize("tolerance", [{}, {"relative": 0.1, "absolute": 0.1}])
def test_one_tolerance_is_needed(tolerance):
    with pytest.raises(ValueError, match="one of relative and absolute"):
        compared(2.0, **tolerance)


@pytest.mark.parametrize(
    ("value", "expected", "holds"),
    [
        (0.1, "> 0", True),
        (0.0, "> 0", False),
        (0.0, ">= 0", True),
        (-1.0, "< -0.5 (paradoxical)", True),
        (5.0, "<= 1e1", True),
        (17.0, "15 to 20", True),
        (21.0, "15 to 20 (near the peak)", False),
        (NAN, "< 1", False),
        (NAN, "0 to 1", False),
        (float("inf"), "> 0", False),
    ],
)
def test_expecting(value, expected, holds):
    assert Measure.expecting("x", value, "1", expected=expected, provenance="p").holds is holds


@pytest.mark.parametrize("expected", ["large", "= 3", "> a", ""])
def test_an_expectation_that_cannot_be_checked_is_refused(expected):
    with pytest.raises(ValueError, match="write '> 0'"):
        Measure.expecting("x", 1.0, "1", expected=expected, provenance="p")


def test_reported_has_nothing_to_hold():
    assert Measure.reported("x", 1.0, "Hz").holds is None
    assert Measure.reported("x", NAN, "Hz").holds is False


def test_json_is_a_flat_list_and_comes_back():
    measures = [compared(2.0, relative=0.1), Measure.reported("lost", NAN, "Hz")]
    rows = json.loads(to_json(measures))
    assert [row["name"] for row in rows] == ["w", "lost"]
    assert (rows[0]["reference"], rows[0]["holds"], rows[0]["provenance"]) == (2.0, True, "p")
    assert (rows[1]["value"], rows[1]["holds"]) == (None, False)
    assert (rows[1]["reference"], rows[1]["provenance"]) == (None, MEASURED_HERE)
    back = from_json(to_json(measures))
    assert back[0] == measures[0]
    assert math.isnan(back[1].value)


def test_a_name_stands_once():
    with pytest.raises(ValueError, match="named twice: x"):
        to_json([Measure.reported("x", 1.0, "1")] * 2)


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"name": "x"}]', "nonsense"])
def test_something_else_is_refused(text):
    with pytest.raises(ValueError, match=r"not a list of measures|Expecting value"):
        from_json(text)


def test_what_a_row_claims_in_words():
    plain = Measure.reported("rate", 3.0, "Hz")
    assert (plain.claims, plain.claim, plain.goal) == (False, "rate", "")
    near = compared(2.0, relative=0.005)
    assert (near.claims, near.claim, near.goal) == (True, "w", "2 ± 0.5 %")
    exact = Measure.compared(
        "n", 2.0, "1", reference=2.0, absolute=0.0, provenance="p", effect="all of them"
    )
    assert (exact.claim, exact.goal) == ("all of them", "2")
    above = Measure.expecting("x", 1.0, "1", expected="> 0 (grows)", provenance="p", note="why")
    assert (above.goal, above.note) == ("> 0 (grows)", "why")
