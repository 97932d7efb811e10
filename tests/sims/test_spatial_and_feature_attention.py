"""Spatial and feature attention on a small network of random weights: conditions and their sums."""

from functools import partial

import numpy as np
import pytest
from cortex.sims import spatial_and_feature_attention as experiment

from cortex.analysis.detection import quantities
from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.frontends.vgg import random_vgg
from cortex.measures.cued_rows import KINDS, summarise_cued
from cortex.models import networks
from tests.frontends import small

SIZE = 32  # px
NAME = "spatial_and_feature_attention"
SMALL = [
    'network.name="vgg16"',
    'network.variants=["plain"]',
    "network.circuits=[]",
    "gratings.cycles_per_pixel=0.1",
    "gratings.detectors=3",
    "gratings.tuning=2",
    "gratings.gradients=1",
    "gratings.trials=4",
    "attention.layers=[2, 4]",
    "attention.strengths=[0.4, 0.8]",
    "statistics.resamples=40",
]


def four_layers(section):
    """The lowest layers of VGG-16 with few maps and random weights, for small images."""
    family = small.VGG._replace(
        random=partial(random_vgg, widths=((3, 4), (5, 6)), units=9, classes=3, size=SIZE)
    )
    names = tuple(f"layer {n}" for n in range(1, 5))
    return networks.StudyNetwork(section.name, small.network(family), names, SIZE, 3, None, {})


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(experiment, "load_study_network", four_layers)
        return experiment.run(config, Progress())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(experiment.Config(experiment=NAME, seed=0))


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name
    assert data["score"].dims == ("variant", "kind", "site", "strength", "orientation", "image")
    assert data["score"].shape == (1, len(KINDS), 2, 2, 9, 4)
    assert np.isfinite(data["score"]).all()


def test_kinds_differ_and_move_scores(data):
    score = data["score"].isel(variant=0, strength=1)
    before = data["score_unattended"].isel(variant=0)
    for kind in KINDS:
        assert float(np.abs(score.sel(kind=kind) - before).max()) > 1e-4, kind
    for one in KINDS:
        for other in KINDS:
            if one < other:
                difference = np.abs(score.sel(kind=one) - score.sel(kind=other))
                assert float(difference.max()) > 1e-5, (one, other)


def test_the_summary_against_plain_numbers(data):
    """One condition at a time, with no bootstrap."""
    present = data["present"].values
    for name in ("criterion", "sensitivity", "performance", "auc"):
        before = quantities(data["score_unattended"].values[0], present)[name]
        for place in ((0, 0, 1), (3, 1, 0)):
            own = quantities(data["score"].values[0][place], present)[name]
            found = data[f"change_{name}"].values[0][place]
            np.testing.assert_allclose(found, own - before, atol=1e-12)
        mean = data[f"change_{name}"].mean("strength")
        np.testing.assert_allclose(data[f"mean_change_{name}"], mean, atol=1e-12)
        difference = mean.sel(kind="tuning") - mean.sel(kind="spatial")
        np.testing.assert_allclose(data[f"feature_minus_spatial_{name}"], difference, atol=1e-12)
        # A difference of c or d' is bounded by twice the largest z of the clipped rates.
        for end in ("low", "high"):
            assert np.abs(data[f"feature_minus_spatial_{name}_{end}"]).max() < 4 * 2.33


def test_intervals_hold_the_value_where_there_is_much_data(data):
    """Many copies of each image: the interval closes in on the value."""
    many = data[["score", "score_unattended"]].isel(image=list(range(4)) * 100)
    many["present"] = data["present"].isel(image=list(range(4)) * 100)
    found = summarise_cued(many, 50, 0.95)
    width = found["change_performance_high"] - found["change_performance_low"]
    assert float(width.max()) < 0.1
    inside = (found["change_performance"] >= found["change_performance_low"] - 1e-9) & (
        found["change_performance"] <= found["change_performance_high"] + 1e-9
    )
    assert float(inside.mean()) > 0.9


def test_measures_and_figure(config, data):
    measures = {m.name: m for m in experiment.measure(config, data)}
    claims = [name for name, m in measures.items() if m.claims]
    assert len(claims) == 2 * 2 + 1 + 1
    for name in ("criterion", "sensitivity"):
        row = measures[f"feature_minus_spatial_{name}[plain,layer 4]"]
        assert row.value == float(
            data[f"feature_minus_spatial_{name}"].sel(variant="plain", site="layer 4")
        )
        assert row.holds is bool(row.value < 0)
    from cortex.figures.spatial_and_feature_attention import draw

    figure = draw(config, data, list(measures.values()))
    assert len(figure.axes) == 6


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("attention.strengths=[1.0, 0.5]", "allowed: ascending"),
        ("gratings.cued=4", "cued"),
        ("network.circuits=[19]", "allowed: some of 1 to 18"),
    ],
)
def test_what_is_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        load_config(NAME, [setting])


def test_a_layer_that_is_not_there(config):
    with pytest.raises(ConfigError, match=r"attention.layers: found \[20\], allowed: 1 to 13"):
        experiment.conditions(load_config(NAME, ["attention.layers=[20]"]), 13, {})
