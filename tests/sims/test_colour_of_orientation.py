"""A reduced study of colours in a small random network, and what is refused."""

import numpy as np
import pytest
from cortex.figures import colour_of_orientation as figure
from cortex.sims import colour_of_orientation as colours

from cortex.experiment import ConfigError, Progress, load_config, plain
from tests.models.test_grating_study import run_small

NAME = "colour_of_orientation"
SMALL = [
    "solver.rtol=1e-5",
    "solver.atol=1e-4",
    "solver.duration=3000.0",  # the circuit of this tiny network settles slowly when attended
    "gratings.detectors=2",
    "gratings.tuning=2",
    "gratings.trials=6",
    "gratings.cycles_per_pixel=0.1",
    "network.circuits=[3]",
    "attention.layers=[2, 3]",
    "attention.control_layers=[3]",
    "attention.strengths=[0.5, 2]",
    'attention.sources=["tuning", "uniform"]',
    "statistics.resamples=20",
]


# What it shares with `orientation_detection` is tested there by default.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    return run_small(colours, config)


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in colours.measure(config, data)}


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(colours.Config(experiment=NAME, seed=0))


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_every_trial_shows_the_orientation_in_a_colour_of_its_own(data):
    assert data["colour"].shape == (9, 6)
    assert np.all(data["colour"] != data["other_colour"])
    assert set(np.unique(data["colour"])) == set(range(5))
    assert list(data["colour_name"].values)[:2] == ["vermillion", "yellow"]
    assert data["example"].shape == (3, 32, 32, 3)


def test_answers_are_colours_where_something_was_asked(data):
    condition = ("variant", "source", "site", "strength")
    assert data["answer"].dims == (*condition, "orientation", "image")
    assert data["answer"].shape == (2, 2, 3, 2, 9, 6)
    given = data["answer"].values[np.isfinite(data["answer"].values)]
    assert set(given) <= set(range(5))
    asked = np.isfinite(data["answer"]).all(["variant", "strength", "orientation", "image"])
    np.testing.assert_array_equal(
        asked.transpose("source", "site"), [[True, True, True], [False, True, False]]
    )
    changed = (data["answer"] != data["answer_unattended"]).sel(source="tuning", strength=2.0)
    assert float(changed.mean()) > 0.02
    assert float(data["settled"].min()) == 1.0


def test_shares_are_those_of_the_answers(data):
    one = data.sel(variant="circuits", source="tuning", site="layer 3", strength=2.0)
    own = np.mean(one["answer"].values == data["colour"].values)
    assert float(one["own"]) == pytest.approx(own)
    assert float(one["own"] + one["other"]) <= 1.0


def test_the_measures(measures):
    for name in (
        "right_single[plain]",
        "settled_lowest[circuits]",
        "own_unattended[plain]",
        "own_gain_low[circuits,tuning,layer 2]",
        "tuning_minus_uniform[plain]",
        "circuits_minus_plain[all]",
    ):
        assert np.isfinite(measures[name].value), name
    assert not any("uniform,layer 2" in name for name in measures)
    assert "Guessing gives 0.2" in measures["other_unattended[plain]"].note


def test_no_answer_is_no_colour():
    logits = np.array([[0.0, 2.0, 1.0], [np.nan, 1.0, 0.0], [-3.0, -2.0, -1.0]])
    np.testing.assert_array_equal(colours.named(logits), [1, -1, 2])


def test_the_figure_is_drawn_from_the_results_alone(config, data, measures):
    drawn = figure.draw(config, data, list(measures.values()))
    titles = [axes.get_title(loc="left") for sub in drawn.subfigs for axes in sub.axes]
    assert sum("circuit at layer 3" in title for title in titles) == 1


def test_missing_weights_are_one_line(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    config = load_config(NAME, ["network.weights='nowhere.safetensors'"])
    with pytest.raises(ConfigError, match=r"^network\.weights: .*nowhere\.safetensors") as caught:
        colours.run(config, Progress())
    assert "\n" not in str(caught.value)
