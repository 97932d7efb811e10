"""Gates and masks in a reduced size: what is recorded, measured and drawn."""

import numpy as np
import pytest
from cortex.figures import attention_masks as figures
from cortex.sims import attention_masks as masks

from cortex.experiment import Progress, load_config, plain
from tests.sims.learned_sources import SMALL, check_all, stub_detectors

NAME = "attention_masks"


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    with stub_detectors():
        return masks.run(config, Progress())


@pytest.mark.slow
def test_what_is_recorded(config, data):
    assert list(data["mechanism"].values) == ["gate", "residual"]
    for name in masks.MECHANISMS:
        check_all(data.sel(mechanism=name), config.learned.size)
    # A gate only closes and a residual mask only adds.
    learned = data["pattern"].sel(condition="learned")
    assert np.all(learned.sel(mechanism="gate") <= 0)
    assert np.all(learned.sel(mechanism="residual") >= 0)


@pytest.mark.slow
def test_the_contrast_on_ink_is_a_difference_of_weighted_means(data):
    one = data.sel(mechanism="gate", condition="learned")
    ink, pattern = one["ink"].values[3], one["pattern"].values[0, 0, 3]
    wanted = np.sum(ink * pattern) / np.sum(ink) - np.sum((1 - ink) * pattern) / np.sum(1 - ink)
    found = masks.contrasts(data.sel(mechanism="gate"), "pattern", "ink", False)
    assert float(found.sel(condition="learned")[0, 3]) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.slow
def test_measures_and_figure(config, data):
    named = {m.name: m for m in masks.measure(config, data)}
    assert named["gain_contrast_lowest[gate,asked,learned]"].claims
    assert named["gain_contrast_lowest[residual,ink,learned]"].claims
    assert "auc_gain_lowest[residual,learned_over_none]" in named
    figures.draw(config, data, list(named.values()))


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(masks.Config(experiment=NAME, seed=0))
