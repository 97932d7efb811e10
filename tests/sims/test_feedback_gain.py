"""Feedback over passes in a reduced size: what is recorded, measured and drawn."""

import numpy as np
import pytest
import xarray as xr
from cortex.figures import feedback_gain as figures
from cortex.sims import feedback_gain as feedback

from cortex.experiment import Progress, load_config, plain
from tests.sims.learned_sources import SMALL, check_all, stub_detectors

NAME = "feedback_gain"


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, [*SMALL, "passes.count=2"])


@pytest.fixture(scope="module")
def data(config):
    with stub_detectors():
        return feedback.run(config, Progress())


def test_what_is_recorded(config, data):
    assert list(data["pass"].values) == [2, 3]
    assert data["fate"].dims == ("condition", "pass", "fate_of")
    check_all(data, config.learned.size)


def test_no_feedback_corrects_and_breaks_next_to_nothing(data):
    """Circuits settle again from where they were: choices that are nearly ties may turn."""
    assert np.all(np.abs(data["fate"].sel(condition="none")) < 0.02)
    learned = data["fate"].sel(condition="learned")
    assert np.all(learned.sel(fate_of=["corrected", "broken"]) > 0.02)


def test_fates_are_those_counted_pair_by_pair():
    rng = np.random.default_rng(0)
    images = 6 * feedback.CATEGORIES
    made = xr.Dataset(
        {
            "present": ("image", np.arange(images) % 2 == 0),
            "first_score": ("image", rng.normal(size=images)),
            "score": (("condition", "seed", "pass", "image"), rng.normal(size=(3, 1, 2, images))),
        }
    )
    found = feedback.fates(made, 10, 0.95, 0)
    wrong = right = corrected = broken = 0
    before, after = made["first_score"].values, made["score"].values[2, 0, 1]
    for start in range(0, images, 6):
        for a in range(start, start + 6, 2):
            for b in range(start + 1, start + 6, 2):
                was, now = before[a] > before[b], after[a] > after[b]
                wrong, right = wrong + (not was), right + was
                corrected += not was and now
                broken += was and not now
    wanted = [corrected / wrong, broken / right, (corrected - broken) / (wrong + right)]
    np.testing.assert_allclose(found["fate"].values[2, 1], wanted, rtol=1e-12)
    assert np.all(found["fate_low"] <= found["fate_high"])


def test_measures_and_figure(config, data):
    named = {m.name: m for m in feedback.measure(config, data)}
    assert named["net_corrected_lowest[learned,pass=2]"].claims
    assert {"broken_share[learned,pass=3]", "rate_I_ratio[learned_over_none]"} <= set(named)
    figures.draw(config, data, list(named.values()))


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(feedback.Config(experiment=NAME, seed=0))
