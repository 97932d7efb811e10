"""Tables on a terminal of 80 columns: what is long goes below, and nothing is broken."""

import sys

import pytest

from cortex.experiment.measures import Measure
from cortex.experiment.terminal import print_measures, print_settings
from cortex.settings import Row

NAME = "weights_of_an_unequal_pair[share=0.333333, first]"


@pytest.fixture
def printed(monkeypatch, capsys):
    """What a function prints on a terminal of 80 columns, by lines."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")

    def lines_of(function, *args):
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        function(*args)
        return [line.rstrip() for line in capsys.readouterr().out.splitlines()]

    return lines_of


def measure(name, **changes):
    given = {"value": 0.5, "unit": "Hz", "reference": 0.898, "relative": 0.005, "holds": False}
    return Measure(name=name, **{**given, "provenance": "somebody 1999", **changes})


def test_a_long_name_and_what_is_expected_stay_whole(printed):
    assert printed(print_measures, [measure(NAME), measure("short", unit="1")], 40, True) == [
        f"✗ {NAME}",
        "    0.5 Hz, expected 0.898 ± 0.5 % [1]",
        "✗ short",
        "    0.5, expected 0.898 ± 0.5 % [1]",
        "  1  somebody 1999",
    ]


def test_what_fits_is_a_table(printed):
    lines = printed(print_measures, [measure("short")], 40, False)
    assert ["short", "0.5", "Hz", "0.898", "±", "0.5", "%", "✗"] in map(str.split, lines)


def test_a_setting_with_a_long_value_can_be_copied(printed):
    value, meaning = "a_name_of_an_experiment_that_is_long", "what it is " * 10
    row = Row("section.setting_of_some_length", value, "1/(Hz deg)", meaning, "")
    first, *below = printed(print_settings, [row])
    assert first == f"section.setting_of_some_length  {value} 1/(Hz deg)"
    assert " ".join(map(str.strip, below)) == meaning.strip()
