"""Tuning and gradient values of the digit network, and of a small random one on gratings."""

from functools import partial

import numpy as np
import pytest
from cortex.figures import tuning_and_gradients as figure
from cortex.sims import tuning_and_gradients as agreement

from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.frontends.efficientnet import Blocks, random_efficientnet
from cortex.models.networks import StudyNetwork
from cortex.stimuli.image_files import Preprocessing
from tests.frontends import small

NAME = "tuning_and_gradients"
SMALL = [
    "digits.learning=10",
    "digits.gradients=5",
    "statistics.shuffles=5",
    "statistics.resamples=20",
    'network.variants=["plain"]',
]
WIDTHS = (8, 8, 16, 16, 16, 32, 32, 32)


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    return agreement.run(config, Progress())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(agreement.Config(experiment=NAME, seed=0))


def test_axes_and_labels(data):
    assert data["tuning"].dims == ("variant", "category", "map")
    assert data["gradient"].dims == ("variant", "set", "category", "map")
    assert data["correlation"].dims == ("variant", "set", "normalisation", "pooled", "layer")
    assert list(np.bincount(data["layer_of_map"].values)[1:]) == list(WIDTHS)
    assert list(data["category"].values) == [str(c) for c in range(10)]
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_numbers_follow_from_the_values(data):
    for layer in (1, 5, 8):
        here = data.isel(variant=0, map=data["layer_of_map"].values == layer)
        tuning = here["tuning"].values.astype(float)
        np.testing.assert_allclose(here["quality"], np.abs(tuning).max(0), rtol=1e-6)
        assert float(here["quality_mean"].sel(layer=layer)) == pytest.approx(
            np.abs(tuning).max(0).mean(), rel=1e-5
        )
        for over in ("balanced", "category"):
            gradient = here["gradient"].sel(set=over).values.astype(float)
            by_layer = gradient / np.abs(gradient).max(1, keepdims=True)
            by_map = gradient / np.abs(gradient).max(0, keepdims=True)
            for name, divided in (("layer", by_layer), ("map", by_map)):
                found = here["correlation"].sel(set=over, normalisation=name, layer=layer)
                rows = [np.corrcoef(tuning[c], divided[c])[0, 1] for c in range(10)]
                columns = [
                    np.corrcoef(tuning[:, m], divided[:, m])[0, 1] for m in range(tuning.shape[1])
                ]
                # Values are kept in single precision.
                assert float(found.sel(pooled="maps")) == pytest.approx(np.mean(rows), abs=1e-4)
                assert float(found.sel(pooled="categories")) == pytest.approx(
                    np.mean(columns), abs=1e-4
                )


def test_tuning_values_sum_to_nothing_over_categories(data):
    """As many images of each category: their means lie around the mean of all."""
    np.testing.assert_allclose(data["tuning"].sum("category"), 0.0, atol=1e-4)


def test_the_trained_network_is_tuned_and_late_gradients_agree(config, data):
    rows = {m.name: m for m in agreement.measure(config, data)}
    assert rows["quality_beyond_shuffled_least[plain]"].value > 0.4
    assert rows["quality_shuffled[plain]"].holds is True
    assert rows["detector_auc[plain]"].value > 0.95
    assert rows["correlation_late[plain,category,over maps]"].value > 0.4
    assert rows["correlation_rise[plain,category,over categories]"].holds is True
    low, value, high = (
        rows[f"correlation{end}[plain,balanced,over maps,8]"].value for end in ("_low", "", "_high")
    )
    assert low < value < high
    assert len(figure.draw(config, data, list(rows.values())).subfigs) == 2


def test_images_for_gradients_were_not_learned_from(config):
    shown = agreement.shown_digits(config)
    assert shown.names == [str(c) for c in range(10)]
    images = []
    for part, each in ((shown.tuning, 10), (shown.gradients, 5)):
        assert list(np.bincount(part.labels, minlength=10)) == [each] * 10
        images.append(np.asarray(part.images(np.arange(10 * each))).reshape(10 * each, -1))
    assert len(np.unique(np.concatenate(images), axis=0)) == 150


def test_too_few_digits_are_one_clear_line():
    config = load_config(NAME, [*SMALL, "digits.gradients=5000"])
    with pytest.raises(ConfigError, match=r"^digits\.gradients: found 5000, allowed: at most \d+$"):
        agreement.shown_digits(config)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("digits.learning=1", "digits.learning: found 1, allowed: a whole number >= 2"),
        ("penalty=0", "penalty: found 0, allowed: a number > 0"),
        ("statistics.level=1", "statistics.level: found 1, allowed: a number > 0 and < 1"),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting, line):
    with pytest.raises(ConfigError) as caught:
        load_config(NAME, [setting])
    assert str(caught.value).startswith(line)


@pytest.mark.slow
def test_a_network_of_photographs_is_shown_gratings(monkeypatch):
    blocks = (Blocks(3, 2, 1, 8, 1),)
    family = small.EFFICIENTNET._replace(
        random=partial(random_efficientnet, stem=6, blocks=blocks, head=12, classes=6)
    )
    preprocessing = Preprocessing(
        size=32, resize=None, filter="bilinear", mean=(127.0,) * 3, std=(64.0,) * 3
    )
    layers = ("stem", "block1", "head")
    found = StudyNetwork(
        "efficientnet_lite0", small.network(family), layers, 32, 3, preprocessing, {}
    )
    monkeypatch.setattr(agreement, "load_study_network", lambda section: found)
    config = load_config(
        NAME,
        [
            *SMALL,
            "network.name=efficientnet_lite0",
            "gratings.cycles_per_pixel=0.1",
            "gratings.tuning=10",
            "gratings.detectors=4",
            "gratings.gradients=2",
        ],
    )
    data = agreement.run(config, Progress())
    assert list(data["category"].values[:2]) == ["0 deg", "20 deg"]
    assert data.sizes["layer"] == 3
    assert np.isfinite(data["correlation"]).all()
    # Colours are as even within orientations, which shuffled labels are not: only some layers.
    assert np.any(data["quality_mean"] > data["quality_shuffled_mean"])
