"""Attention to an orientation: published numbers, what is chosen on which half, what is refused."""

import numpy as np
import pytest
import xarray as xr
from cortex.sims.orientation_detection import analyse, as_published, experiment

from cortex.errors import UserError
from cortex.experiment import load_settings
from cortex.frontends.pretrained import default_weights
from cortex.models.networks import load_study_network

NAME = "orientation_detection"


def settings(*overrides):
    return load_settings(NAME, overrides)[1]


VGG = (
    'network.name="vgg16"',
    'network.variants=["plain"]',
    "gratings.trials=100",
    'gratings.detectors_see="noisy"',
    "attention.layers=[8, 10]",
    "attention.control_layers=[]",
    "attention.all_layers=false",
    "statistics.resamples=10",
)


def test_the_papers_numbers_are_compared_with_for_vgg16_at_its_settings():
    assert as_published(settings(*VGG))
    for other in (
        'network.name="efficientnet_lite0"',
        "gratings.trials=98",
        "gratings.noise=5",
        'attention.form="additive"',
    ):
        assert not as_published(settings(*VGG, other))


def made_up(right):
    """One network, right on the first `right` of 100 images of each orientation.

    Attention at layer 10 mends the last 20, attention at layer 8 nothing.
    """
    present = np.tile([True, False], 50)
    sign = np.tile(np.where(present, 1.0, -1.0), (9, 1))
    plain = np.where(np.arange(100) < 100 * right, sign, -sign)
    better = plain.copy()
    better[:, -20:] = sign[:, -20:]
    condition = ("variant", "source", "site", "strength")
    score = np.stack([plain, better])[None, None, :, None]
    found = xr.Dataset(
        {
            "score": ((*condition, "category", "image"), score),
            "score_unattended": (("variant", "category", "image"), plain[None]),
            "activity_change": (condition, np.full((1, 1, 2, 1), 0.5)),
            "settled_share": (condition, np.ones((1, 1, 2, 1))),
            "settled_share_unattended": (("variant",), [1.0]),
            "right_orientation": (("variant",), [0.5]),
        },
        {
            "variant": ["plain"],
            "source": ["tuning"],
            "site": ["layer 8", "layer 10"],
            "strength": [1.0],
            "present": ("image", present),
        },
    )
    found = found.expand_dims(network=[0], task=["pairs"]).copy(deep=True)
    return found.transpose("network", "variant", "task", ...)


def rows_of(data, *overrides):
    s = settings(*VGG, *overrides)
    data = data.merge(analyse(s, data, np.random.default_rng(0)))
    return {row.name: row for row in experiment.rows(s, data)}


def test_published_numbers_hold_only_where_they_should():
    rows = rows_of(made_up(0.6), 'attention.sources=["tuning"]')
    assert rows["baseline[plain]"].value == pytest.approx(0.6)
    assert rows["baseline[plain]"].holds is True
    row = rows["tuning_gain_at_layer_10[plain]"]
    assert row.value == pytest.approx(0.2)
    assert row.holds is False
    assert rows["tuning_gain[plain, pairs, layer 10]"].value == pytest.approx(0.2)
    assert rows["gain_slope[plain, pairs]"].value == pytest.approx(0.1)
    assert not any("shuffled" in name for name in rows)
    assert rows_of(made_up(0.8), 'attention.sources=["tuning"]')["baseline[plain]"].holds is False


def test_the_layer_is_chosen_on_the_first_half():
    """The second half, where the other layer is better, is not looked at."""
    s, data = settings(*VGG), made_up(0.6)
    assert analyse(s, data, np.random.default_rng(0))["best_layer"].item() == "layer 8"
    data["score"][0, 0, 0, 0, 1, 0, :, 0] = 5.0
    data["score"][0, 0, 0, 0, 0, 0, :, 0] = -5.0
    assert analyse(s, data, np.random.default_rng(0))["best_layer"].item() == "layer 10"


def test_no_answer_is_a_no_and_what_was_not_asked_has_none():
    data = made_up(0.6)
    at = {"site": 0}, {"site": 1}
    data["score"][at[0]] = np.nan
    data["settled_share"][at[0]] = 0.0
    data["score"][at[1]] = np.nan
    data["settled_share"][at[1]] = np.nan
    found = analyse(settings(*VGG), data, np.random.default_rng(0))
    ran_away, not_asked = (found["detection"].sel(site=f"layer {n}") for n in (8, 10))
    assert np.all(ran_away.sel(measure="performance") == 0.5)
    assert np.all(ran_away.sel(measure="true_positive") == 0)
    assert np.isnan(not_asked).all()
    gain = found["gain"].sel(compared="tuning", bound="value")
    assert np.isfinite(gain.sel(site="layer 8", measure="performance")).all()
    assert np.isnan(gain.sel(site="layer 10")).all()


def test_gratings_are_ready_for_the_installed_network():
    try:
        default_weights("efficientnet_lite0")
    except UserError as error:
        pytest.skip(str(error))
    s = settings()
    network = load_study_network(s.network)
    received = np.asarray(s.gratings.images(network, 0).trials.images(2, 0, 1))
    assert received.shape == (1, 3, 224, 224)
    # Grey fills half of the image: (128 - 127) / 128.
    assert np.isclose(received, 1 / 128, atol=1e-5).mean() == pytest.approx(0.5, abs=0.01)


@pytest.mark.slow
def test_attention_and_circuits_change_scores():
    """Controls at their layer only, only tuning values at all layers, circuits where asked."""
    more = {
        "network.circuits": [3],
        "network.variants": ["plain", "circuits"],
        "gratings.trials": 8,
        "attention.layers": [2, 3],
        "attention.control_layers": [3],
        "attention.all_layers": True,
        "attention.sources": ["tuning", "gradient", "shuffled"],
        "solver.duration": 3000.0,  # this small circuit settles slowly when attended
        "solver.rtol": 1e-5,
        "solver.atol": 1e-4,
    }
    data = experiment.run(load_settings(NAME, values=experiment.small | more)[1])
    asked = data["score"].notnull().all(("category", "image", "strength", "variant"))
    expected = [[True, True, True], [True, True, False], [False, True, False]]
    asked = asked.isel(network=0, task=0)
    np.testing.assert_array_equal(asked.transpose("source", "site"), expected)
    change = np.abs(data["score"] - data["score_unattended"]).mean(("category", "image"))
    assert float(change.min()) > 0
    assert float(np.abs(data["score_unattended"].diff("variant")).mean()) > 0
    assert bool(data["settled"].all())
    layers = data["feature_error"].isel(network=0, task=0).notnull()
    layers = layers.transpose("variant", "layer").values
    np.testing.assert_array_equal(layers, [[False] * 4, [False, False, True, False]])
