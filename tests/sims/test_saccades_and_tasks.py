"""Scan paths under tasks: what is simulated, measured and drawn, on small crowds."""

import numpy as np
import pytest
from cortex.figures import saccades_and_tasks as drawing
from cortex.sims import saccades_and_tasks as saccades

from cortex.analysis.scan_paths import fixation_density, similarity, within_minus_between
from cortex.experiment import ConfigError, Progress, load_config, plain

NAME = "saccades_and_tasks"


@pytest.fixture(scope="module")
def config():
    small = (
        "images.crowds=2",
        "images.bars=16",
        "images.side=64",
        "images.cells=4",
        "images.photograph=64",
        'tasks.tasks=["free", "red", "vertical"]',
        "tasks.observers=4",
        "saccades.fixations=4",
        "field.side=64",
        "field.orientations=4",
        "statistics.permutations=99",
        "statistics.resamples=50",
    )
    return load_config(NAME, list(small))


@pytest.fixture(scope="module")
def data(config):
    return saccades.run(config, Progress())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(saccades.Config(experiment=NAME, seed=0))


def test_red_is_looked_at_when_red_is_sought(data):
    """All four red bars, and no other, are what the first four fixations are on."""
    for crowd in data["crowd"].values:
        one = data.sel(crowd=crowd)
        red = one["bar_places"].values[one["asked"].sel(task="red").values]
        assert len(red) == 4
        places = data["places"].sel(image=crowd, task="red").values
        distance = np.linalg.norm(places[..., None, :] - red, axis=-1)
        assert distance.min(-1).max() < 0.5 / 4
        # Four fixations, each on another bar.
        assert all(len(set(path.argmin(-1))) == 4 for path in distance)


def test_what_is_asked(data):
    asked = data["asked"]
    assert not bool(asked.sel(task="free").any())
    np.testing.assert_array_equal(asked.sel(task="red"), data["bar_colour"] == 0)
    np.testing.assert_array_equal(asked.sel(task="vertical"), data["bar_orientation"] == 90)


def test_similarity_is_that_of_the_paths(config, data):
    image = str(data["image"].values[1])
    places = data["places"].sel(image=image).values.reshape(12, 4, 2)
    similar = similarity(fixation_density(places, config.statistics.spread))
    within, between = within_minus_between(similar, np.repeat(np.arange(3), 4))
    one = data.sel(image=image)
    assert float(one["within"]) == pytest.approx(within)
    assert float(one["between"]) == pytest.approx(between)
    assert within > between
    assert float(one["p"]) >= 1 / 100
    np.testing.assert_allclose(data["similarity"], data["similarity"].T, atol=1e-12)


def test_observers_differ_and_times_grow(data):
    places = data["places"].sel(task="free").values
    assert len(np.unique(places[0].reshape(4, -1), axis=0)) > 1
    assert bool((np.diff(data["times"].values, axis=-1) > 0).all())
    # The strongest place, were there no noise, would win after -tau log(1 - threshold) = 253 ms.
    assert 100 < float(data["times"].isel(fixation=0).mean()) < 400


def test_the_circuits_part(data):
    assert bool(data["settled"].all())
    assert data["rate_E"].shape == (2, 4, 16)
    assert float(data["rate_E"].min()) >= 0
    assert float(data["mean_rate_E_change"]) > 0.05
    # By hand, for one crowd and one task.
    one = data.isel(crowd=0)
    red = one["asked"].sel(task="red").values
    ends = []
    for state in ("none", "red"):
        rates = one["rate_E"].sel(state=state).values
        sought, others = rates[red].mean(), rates[~red].mean()
        ends.append((sought - others) / (sought + others))
    assert ends[1] - ends[0] > 0


def test_measures_and_figure(config, data):
    measures = {m.name: m for m in saccades.measure(config, data)}
    assert measures["settled"].holds is True
    assert measures["within_minus_between_low"].value == float(data["mean_difference_low"])
    assert measures["task_decoded_beyond_chance_low"].value == pytest.approx(
        float(data["mean_accuracy_low"]) - 1 / 3
    )
    assert len(drawing.draw(config, data, list(measures.values())).axes) == 12


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("images.bars=37", "allowed: 16 to 36, one a cell"),
        ('tasks.tasks=["free", "purple"]', "tasks"),
        ('tasks.tasks=["red", "red"]', "each one once"),
        ("field.side=64", "allowed: 128"),
        ("tasks.observers=2", "observers"),
    ],
)
def test_what_is_refused(setting, words):
    with pytest.raises(ConfigError, match=words):
        load_config(NAME, [setting])
