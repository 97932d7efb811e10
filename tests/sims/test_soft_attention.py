"""Soft attention in a reduced size: what is recorded, measured, drawn and refused."""

import numpy as np
import pytest
from cortex.figures import soft_attention as figures
from cortex.sims import soft_attention as soft

from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain
from tests.sims.learned_sources import SMALL, check_all, stub_detectors

NAME = "soft_attention"


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    with stub_detectors():
        return soft.run(config, Progress())


def test_what_is_recorded(config, data):
    assert data["score"].dims == ("condition", "seed", "pass", "image")
    assert data["weight"].dims == ("trained", "seed", "image", "glance", "row", "column")
    np.testing.assert_allclose(data["weight"].sum(("row", "column")), 1.0, rtol=1e-5)
    check_all(data, config.learned.size)


def test_the_shares_are_those_of_the_weights(data):
    """7 x 7 places: the middle row and column belong to two quadrants each, half and half."""
    number = int(np.flatnonzero(data["quadrant"].values == 2)[0])
    last = data["weight"].isel(trained=1, seed=0, image=number, glance=-1).values
    inside = last[4:, :3].sum() + (last[3, :3].sum() + last[4:, 3].sum()) / 2 + last[3, 3] / 4
    found = data["share"].isel(trained=1, seed=0, image=number, glance=-1)
    assert float(found) == pytest.approx(float(inside), rel=1e-5)


def test_measures_and_figure(config, data):
    named = {m.name: m for m in soft.measure(config, data)}
    claims = {"share_lowest[learned]", "rate_E_contrast_lowest[learned_over_none]"}
    assert claims <= {name for name, m in named.items() if m.claims}
    assert "auc_gain_lowest[learned_over_none]" in named
    figures.draw(config, data, list(named.values()))


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(soft.Config(experiment=NAME, seed=0))


def test_weights_that_are_not_there_give_one_line(config, tmp_path):
    asked = load_config(NAME, [*SMALL, f'learned.weights="{tmp_path}"'])
    with pytest.raises(UserError, match=r"learned\.weights.*found no file"):
        soft.run(asked, Progress())
