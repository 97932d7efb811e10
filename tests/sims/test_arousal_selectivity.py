"""Uniform gain against attention that selects, where symmetry says what is alike."""

import numpy as np


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
