"""Uniform gain against attention that selects, where symmetry says what is alike."""

import numpy as np
import pytest
from cortex.sims.arousal_selectivity import experiment

from tests.small_runs import small_run


@pytest.fixture(scope="module")
def data():
    return small_run("arousal_selectivity")[1]


def test_uniform_gain_favours_nothing_and_attention_does(data):
    """By symmetry: two mirrored places, four orientations of which two and two are alike."""
    for name, source in (("by_place", "place"), ("by_preference", "orientation")):
        change = np.log(data[name]) - np.log(data[name].sel(condition="none"))
        apart = change.std(change.dims[-1])
        assert float(apart.sel(condition="arousal")) < 0.01
        assert float(apart.sel(condition=source)) > 0.1


def test_sources_have_one_energy(data):
    """What attention adds to log rates is of one size, so that spreads can be compared."""
    base = data.by_preference.sel(condition="none")
    sizes = {
        name: float(np.sqrt((np.log(data.by_preference.sel(condition=name) / base) ** 2).mean()))
        for name in ("arousal", "orientation")
    }
    assert 0.3 < sizes["orientation"] / sizes["arousal"] < 3


def test_orientations_that_miss_a_map_are_refused():
    with pytest.raises(ValueError, match="orientations: found 8, allowed: multiples of 6"):
        experiment.settings(orientations=8)
