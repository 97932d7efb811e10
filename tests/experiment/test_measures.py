"""Measures: when a comparison holds, and what is written to JSON."""

import dataclasses
import json
import math

import pytest

from cortex.experiment import MEASURED_HERE, Measure
from cortex.experiment.measures import from_json, to_json

NAN = float("nan")


RATE = Measure(
    name="w", value=2.0, unit="1", reference=2.0, relative=0.1, provenance="p", holds=True
)
LOST = Measure(name="lost", value=NAN, unit="Hz", holds=False)


def test_json_is_a_flat_list_and_comes_back():
    measures = [RATE, LOST]
    rows = json.loads(to_json(measures))
    assert [row["name"] for row in rows] == ["w", "lost"]
    assert (rows[0]["reference"], rows[0]["holds"], rows[0]["provenance"]) == (2.0, True, "p")
    assert (rows[1]["value"], rows[1]["holds"]) == (None, False)
    assert (rows[1]["reference"], rows[1]["provenance"]) == (None, MEASURED_HERE)
    back = from_json(to_json(measures))
    assert back[0] == measures[0]
    assert math.isnan(back[1].value)


def test_a_reference_that_is_no_number_comes_back_as_none():
    """One computed by a circuit that ran away."""
    lost = dataclasses.replace(RATE, reference=NAN, holds=False)
    (back,) = from_json(to_json([lost]))
    assert (back.reference, back.holds) == (None, False)


def test_a_name_stands_once():
    with pytest.raises(ValueError, match="named twice: x"):
        to_json([Measure(name="x", value=1.0, unit="1")] * 2)


@pytest.mark.parametrize("text", ["{}", "[1]", '[{"name": "x"}]', "nonsense"])
def test_something_else_is_refused(text):
    with pytest.raises(ValueError, match=r"not a list of measures|Expecting value"):
        from_json(text)


def test_what_a_row_claims_in_words():
    plain = Measure(name="rate", value=3.0, unit="Hz")
    assert (plain.claims, plain.claim, plain.goal) == (False, "rate", "")
    near = dataclasses.replace(RATE, relative=0.005)
    assert (near.claims, near.claim, near.goal) == (True, "w", "2 ± 0.5 %")
    exact = dataclasses.replace(RATE, relative=None, absolute=0.0, effect="all of them")
    assert (exact.claim, exact.goal) == ("all of them", "2")
    above = Measure(name="x", value=1.0, unit="1", expected="> 0 (grows)", holds=True)
    assert (above.goal, above.verdict) == ("> 0 (grows)", "holds: > 0 (grows)")
