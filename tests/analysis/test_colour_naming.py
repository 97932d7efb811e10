"""Shares of named colours against loops in plain Python."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.colour_naming import summarise_colours
from cortex.measures.colour_rows import chosen_layer, colour_measures


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 5, (9, 12))
    other = (colour + rng.integers(1, 5, colour.shape)) % 5
    answer = rng.integers(0, 5, (2, 2, 3, 2, 9, 12)).astype(float)
    # Tuning values at layer 8 and the higher strength name the attended colour more often.
    helped = rng.random((2, 9, 12)) < 0.6
    answer[:, 0, 1, 1] = np.where(helped, colour[None], answer[:, 0, 1, 1])
    answer[:, 1, 0] = np.nan  # a control that was not applied to layer 3
    return xr.Dataset(
        {
            "answer": (
                ("variant", "source", "site", "strength", "orientation", "image"),
                answer,
            ),
            "answer_unattended": (
                ("variant", "orientation", "image"),
                rng.integers(0, 5, (2, 9, 12)).astype(float),
            ),
            "colour": (("orientation", "image"), colour),
            "other_colour": (("orientation", "image"), other),
            "settled": (("variant", "source", "site", "strength"), np.ones((2, 2, 3, 2))),
            "settled_unattended": (("variant",), np.ones(2)),
            "right_single": (("variant",), [0.9, 0.7]),
            "feature_error": (("variant", "layer"), [[np.nan, np.nan], [np.nan, 0.1]]),
        },
        {
            "variant": ["plain", "circuits"],
            "source": ["tuning", "shuffled"],
            "site": ["layer 3", "layer 8", "all"],
            "strength": [0.5, 2.0],
            "layer": [3, 8],
            "colour_name": list("abcde"),
        },
    )


@pytest.fixture(scope="module")
def summary(data):
    return summarise_colours(data, 400, 0.95)


def test_shares_against_a_loop(data, summary):
    answers, own = data["answer"].values, data["colour"].values
    for place in ((0, 0, 1, 1), (1, 0, 2, 0), (0, 1, 1, 0)):
        count = sum(answers[(*place, o, i)] == own[o, i] for o in range(9) for i in range(12))
        assert summary["own"].values[place] == pytest.approx(count / 108)
    unattended = np.mean(data["answer_unattended"].values[1] == data["other_colour"].values)
    assert summary["other_unattended"].values[1] == pytest.approx(unattended)


def test_strengths_are_chosen_on_one_half_and_reported_on_the_other(data, summary):
    right = (data["answer"] == data["colour"]).values
    for place in ((0, 0, 1), (1, 0, 0), (0, 1, 2)):
        strength = int(np.argmax(right[place][..., :6].mean(axis=(1, 2))))
        assert summary["best_strength"].values[place] == data["strength"].values[strength]
        expected = right[place][strength][:, 6:].mean()
        assert summary["best_own"].values[place] == pytest.approx(expected)
        plain = (data["answer_unattended"].values[place[0]] == data["colour"].values)[:, 6:].mean()
        assert summary["base_own"].values[place[0]] == pytest.approx(plain)
        assert summary["gain_own"].values[place] == pytest.approx(expected - plain)


def test_intervals_have_the_width_of_a_paired_bootstrap(data, summary):
    """The standard error of a mean of 54 paired differences, within orientations, by formula."""
    place = (0, 0, 1)
    assert float(summary["best_strength"].values[place]) == 2.0
    right = (data["answer"] == data["colour"]).values[0, 0, 1, 1][:, 6:].astype(float)
    before = (data["answer_unattended"] == data["colour"]).values[0][:, 6:].astype(float)
    error = np.sqrt(np.mean((right - before).var(axis=1)) / 54)
    half = (summary["gain_own_high"] - summary["gain_own_low"]).values[place] / 2
    # 400 resamples: a percentile is known to about a tenth.
    assert half == pytest.approx(1.96 * error, rel=0.2)
    middle = (summary["gain_own_high"] + summary["gain_own_low"]).values[place] / 2
    assert middle == pytest.approx(summary["gain_own"].values[place], abs=0.03)


def test_what_was_not_asked_is_not_a_number(summary):
    missing = summary.sel(source="shuffled", site="layer 3")
    for name in ("own", "best_own", "gain_other_low", "best_strength"):
        assert np.isnan(missing[name]).all(), name
    assert np.isfinite(summary["gain_own"].sel(source="tuning")).all()
    assert all(
        item.attrs["units"] == "1" and item.attrs["long_name"]
        for item in summary.data_vars.values()
    )


def test_the_rows(data, summary):
    both = data.merge(summary)
    assert chosen_layer(both.sel(variant="plain")) == "layer 8"
    rows = {m.name: m for m in colour_measures(both)}
    assert rows["right_single[plain]"].holds is True
    assert rows["right_single[circuits]"].holds is False
    assert rows["tuning_gain_low[plain,layer 8]"].holds is True
    assert rows["own_minus_other[plain,layer 8]"].value == pytest.approx(
        float((summary["best_own"] - summary["best_other"])[0, 0, 1])
    )
    expected = float(summary["gain_own"][0, 0, 1] - summary["gain_own"][0, 1, 1])
    assert rows["tuning_minus_shuffled[plain]"].value == pytest.approx(expected)
    assert rows["tuning_minus_shuffled[plain]"].note.startswith("Mean over layers 8,")
    gains = summary["gain_own"].sel(source="tuning", site="all").values
    assert rows["circuits_minus_plain[all]"].value == pytest.approx(gains[1] - gains[0])
    assert "settled_lowest[plain]" not in rows
    assert rows["feature_error[circuits,layer=8]"].value == pytest.approx(0.1)
