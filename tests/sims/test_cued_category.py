"""Cued digits in noise: evidence, and sensitivity and criterion against plain sums."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims import cued_category as cued
from scipy.stats import norm

from cortex.experiment import load_settings
from cortex.stimuli.trials import IN_TURN, KINDS

KIND = np.tile(IN_TURN, 4)
RNG = np.random.default_rng(0)


def data_of(score):
    """Scores (variant, observer, noise, cue, readout, question, category, image) as a dataset."""
    dims = ("variant", "observer", "noise", "cue", "readout", "question", "category", "image")
    coordinates = {
        "variant": ["plain"],
        "observer": [0, 1],
        "noise": [0.3, 0.8],
        "cue": ["valid", "uncued", "invalid"],
        "readout": ["ordinary"],
        "question": ["this", "any"],
    }
    return xr.Dataset({"score": (dims, score), "kind": ("image", KIND)}, coordinates)


def analysed(score):
    s = load_settings("cued_category", ["statistics.resamples=50"])[1]
    return cued.analyse(s, data_of(score), np.random.default_rng(0))


def test_evidence_is_of_the_detector_asked():
    logits = RNG.normal(size=(10, 5, 21))
    found = cued.evidence(logits)
    assert found.shape == (2, 2, 10, 5)
    for digit in range(10):
        np.testing.assert_array_equal(found[0, 0, digit], logits[digit, :, digit])
        np.testing.assert_array_equal(found[1, 0, digit], logits[digit, :, 10 + digit])
        np.testing.assert_array_equal(found[0, 1, digit], logits[digit, :, :10].max(axis=1))
        np.testing.assert_array_equal(found[1, 1, digit], -logits[digit, :, 20])


@pytest.mark.parametrize(
    ("task", "question", "other"),
    [
        ("this digit or noise", 0, "nothing"),
        ("this digit or another", 0, "other"),
        ("any digit or noise", 1, "nothing"),
    ],
)
def test_rates_are_means_over_digits_and_observers(task, question, other):
    score = RNG.normal(size=(1, 2, 2, 3, 1, 2, 4, len(KIND))) + 0.8 * (KIND == 0)
    found = analysed(score)["detection"].sel(task=task, bound="value").isel(variant=0, readout=0)
    for noise, cue in np.ndindex(2, 3):
        hits, alarms, areas = [], [], []
        for observer, digit in np.ndindex(2, 4):
            at = score[0, observer, noise, cue, 0, question, digit]
            yes, no = at[KIND == 0], at[KINDS.index(other) == KIND]
            hits.append((yes > 0).mean())
            alarms.append((no > 0).mean())
            areas.append((yes[:, None] > no[None, :]).mean())
        z = norm.ppf(np.clip([np.mean(hits), np.mean(alarms)], 0.01, 0.99))
        expected = {
            "sensitivity": z[0] - z[1],
            "criterion": -z.mean(),
            "sensitivity_free": np.sqrt(2) * norm.ppf(np.mean(areas)),
        }
        for measure, value in expected.items():
            at = found.isel(noise=noise, cue=cue).sel(measure=measure)
            assert float(at) == pytest.approx(value, abs=1e-9), measure


def test_a_shift_of_the_criterion_is_told_from_sensitivity():
    """Evidence made by hand: a cue that adds to all, and one that takes from what is sought."""
    sought = (KIND == 0).astype(float)
    base = RNG.normal(size=(1, 2, 2, 1, 2, 4, len(KIND))) + sought - 0.5
    score = np.stack([base + 0.8, base, base - 0.8 * sought], axis=3)
    change = analysed(score)["change"].isel(variant=0, readout=0).sel(task="this digit or noise")
    free, criterion = change.sel(measure="sensitivity_free"), change.sel(measure="criterion")
    assert np.abs(free.sel(contrast="valid less uncued")).max() < 1e-9
    assert float(criterion.sel(contrast="valid less uncued", bound="high")) < -0.4
    assert float(free.sel(contrast="uncued less invalid", bound="low")) > 0.2
