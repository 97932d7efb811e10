"""Shares of named colours against loops in plain Python."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims.colour_of_orientation import analyse, experiment, named

from cortex.experiment import load_settings

NAME = "colour_of_orientation"
EVERY = ("category", "image")


@pytest.fixture(scope="module")
def data():
    """Made-up answers of two networks; the logit of the colour named is 1, the others are 0."""
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 5, (9, 12))
    other = (colour + rng.integers(1, 5, colour.shape)) % 5
    answer = rng.integers(0, 5, (2, 2, 3, 2, 9, 12))
    # Tuning values at layer 8 and the higher strength name the attended colour more often.
    helped = rng.random((2, 9, 12)) < 0.6
    answer[:, 0, 1, 1] = np.where(helped, colour[None], answer[:, 0, 1, 1])
    score = np.eye(5)[answer]
    score[:, 1, 0] = np.nan  # a control that was not applied to layer 3
    condition = ("variant", "source", "site", "strength")
    return xr.Dataset(
        {
            "score": ((*condition, *EVERY, "logit"), score),
            "score_unattended": (
                ("variant", *EVERY, "logit"),
                np.eye(5)[rng.integers(0, 5, (2, 9, 12))],
            ),
            "colour": (EVERY, colour),
            "other_colour": (EVERY, other),
            "settled_share": (condition, np.where(np.isnan(score).any((-3, -2, -1)), np.nan, 1.0)),
            "settled_share_unattended": (("variant",), np.ones(2)),
            "right_colour": (("variant",), [0.9, 0.7]),
        },
        {
            "variant": ["plain", "circuits"],
            "source": ["tuning", "shuffled"],
            "site": ["layer 3", "layer 8", "all"],
            "strength": [0.5, 2.0],
        },
    )


@pytest.fixture(scope="module")
def settings():
    return load_settings(
        NAME, ['attention.sources=["tuning","shuffled"]', "statistics.resamples=400"]
    )[1]


@pytest.fixture(scope="module")
def found(settings, data):
    return xr.Dataset(analyse(settings, data, np.random.default_rng(0)))


def test_no_answer_is_no_colour():
    logits = np.array([[[0.0, 2.0, 1.0], [np.nan, 1.0, 0.0], [-3.0, -2.0, -1.0]]])
    unasked = np.full((1, 3, 3), np.nan)
    both = xr.DataArray(np.stack([logits, unasked]), dims=("site", *EVERY, "logit"))
    np.testing.assert_array_equal(named(both), [[[1, -1, 2]], [[np.nan] * 3]])


def test_shares_against_a_loop(data, found):
    answers, own = data["score"].values.argmax(-1), data["colour"].values
    shares = found["named_share"].sel(named="own").transpose("variant", "source", "site", ...)
    for place in ((0, 0, 1, 1), (1, 0, 2, 0), (0, 1, 1, 0)):
        count = sum(answers[(*place, o, i)] == own[o, i] for o in range(9) for i in range(12))
        assert shares.values[place] == pytest.approx(count / 108)
    unattended = data["score_unattended"].values[1].argmax(-1) == data["other_colour"].values
    share = found["named_share_unattended"].sel(variant="circuits", named="other")
    assert float(share) == pytest.approx(unattended.mean())


def test_strengths_are_chosen_on_one_half_and_reported_on_the_other(data, found):
    right = data["score"].values.argmax(-1) == data["colour"].values
    before = data["score_unattended"].values.argmax(-1) == data["colour"].values
    here = found.sel(named="own", bound="value")
    for place in ((0, 0, 1), (1, 0, 0), (0, 1, 2)):
        strength = int(np.argmax(right[place][..., :6].mean(axis=(1, 2))))
        expected = right[place][strength][:, 6:].mean()
        plain = before[place[0]][:, 6:].mean()
        variant, source, site = place
        at = {"variant": variant, "source": source, "site": site}
        assert float(here["best"].isel(at)) == pytest.approx(expected)
        assert float(here["base"].isel(variant=variant)) == pytest.approx(plain)
        assert float(here["gain"].isel(at)) == pytest.approx(expected - plain)
    assert found["best_layer"].values.tolist() == ["layer 8", "layer 8"]


def test_intervals_have_the_width_of_a_paired_bootstrap(data, found):
    """The standard error of a mean of 54 paired differences, within orientations, by formula."""
    right = (data["score"].values.argmax(-1) == data["colour"].values)[0, 0, 1, 1][:, 6:]
    before = (data["score_unattended"].values.argmax(-1) == data["colour"].values)[0][:, 6:]
    error = np.sqrt(np.mean((right.astype(float) - before).var(axis=1)) / 54)
    gain = found["gain"].sel(variant="plain", source="tuning", site="layer 8", named="own")
    value, low, high = (float(gain.sel(bound=end)) for end in ("value", "low", "high"))
    # 400 resamples: a percentile is known to about a tenth.
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.2)
    assert (high + low) / 2 == pytest.approx(value, abs=0.03)


def test_what_was_not_asked_is_not_a_number(found):
    missing = found.sel(source="shuffled", site="layer 3")
    for name in ("named_share", "best", "gain"):
        assert np.isnan(missing[name]).all(), name
    assert np.isfinite(found["gain"].sel(source="tuning")).all()


def test_claims_are_of_the_best_layer_and_against_controls_where_they_are(settings, data, found):
    rows = {row.name: row for row in experiment.rows(settings, data.merge(found))}
    assert rows["right_single[plain]"].holds is True
    assert rows["right_single[circuits]"].holds is False
    assert rows["tuning_gain[plain]"].holds is True
    here = found.isel(variant=0).sel(site="layer 8", bound="value")
    own, other = (here["best"].sel(source="tuning", named=n) for n in ("own", "other"))
    assert rows["own_minus_other[plain]"].value == pytest.approx(float(own - other))
    assert "moves the share from" in rows["own_minus_other[plain]"].note
    gain = here["gain"].sel(named="own")
    expected = float(gain.sel(source="tuning") - gain.sel(source="shuffled"))
    assert rows["tuning_minus_shuffled[plain]"].value == pytest.approx(expected)
    assert rows["tuning_minus_shuffled[plain]"].note.startswith("Mean over layers 8,")
    assert not any("uniform" in name for name in rows)
