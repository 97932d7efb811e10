"""A reduced study of orientations in a small random network, and what is refused."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from cortex.figures import orientation_detection as figure
from cortex.sims import orientation_detection as orientation
from typer.testing import CliRunner

from cortex.cli import app
from cortex.errors import UserError
from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.frontends.pretrained import default_weights
from cortex.measures.orientation_rows import chosen_site, orientation_measures
from tests.models.test_grating_study import FOUND, run_small

NAME = "orientation_detection"
SMALL = [
    "solver.rtol=1e-5",
    "solver.atol=1e-4",
    "solver.duration=3000.0",  # the circuit of this tiny network settles slowly when attended
    "gratings.detectors=2",
    "gratings.tuning=2",
    "gratings.gradients=1",
    "gratings.trials=12",
    "gratings.cycles_per_pixel=0.1",
    "network.circuits=[3]",
    "attention.layers=[2, 3]",
    "attention.control_layers=[3]",
    "attention.strengths=[0.5, 2]",
    'attention.sources=["tuning", "gradient", "shuffled"]',
    "statistics.resamples=20",
]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    return run_small(orientation, config)


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in orientation.measure(config, data)}


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(orientation.Config(experiment=NAME, seed=0))


@pytest.mark.slow
def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.slow
def test_the_axes_and_what_is_asked(data):
    condition = ("variant", "source", "site", "strength")
    assert data["score"].dims == (*condition, "orientation", "image")
    assert data["score"].shape == (2, 3, 3, 2, 9, 12)
    assert list(data["site"].values) == ["layer 2", "layer 3", "all"]
    assert np.all(data["present"].sum("image") == 6)
    assert data["example"].shape == (3, 32, 32, 3)
    # Controls at their layer only, and only tuning values at all layers.
    asked = np.isfinite(data["score"]).all(["orientation", "image", "strength", "variant"])
    expected = [[True, True, True], [True, True, False], [False, True, False]]
    np.testing.assert_array_equal(asked.transpose("source", "site"), expected)
    np.testing.assert_array_equal(np.isfinite(data["settled"]).isel(variant=0, strength=0), asked)


@pytest.mark.slow
def test_attention_and_circuits_change_scores(data):
    change = np.abs(data["score"] - data["score_unattended"]).mean(["orientation", "image"])
    assert float(change.min()) > 0
    apart = np.abs(data["score_unattended"].diff("variant")).mean()
    assert float(apart) > 0
    assert float(data["settled"].min()) == 1.0
    layers = np.isfinite(data["feature_error"]).transpose("variant", "layer").values
    np.testing.assert_array_equal(layers, [[False] * 4, [False, False, True, False]])


@pytest.mark.slow
def test_rates_against_plain_numpy(data):
    one = data.sel(variant="plain", source="gradient", site="layer 3", strength=2.0)
    yes, present = one["score"].values > 0, data["present"].values
    hits = np.mean([y[p].mean() for y, p in zip(yes, present, strict=True)])
    alarms = np.mean([y[~p].mean() for y, p in zip(yes, present, strict=True)])
    assert float(one["true_positive"]) == pytest.approx(hits)
    assert float(one["false_positive"]) == pytest.approx(alarms)
    assert float(one["performance"]) == pytest.approx((hits + 1 - alarms) / 2)


@pytest.mark.slow
def test_the_measures(measures):
    for name in (
        "right_single[plain]",
        "settled_lowest[circuits]",
        "feature_error[circuits,layer=3]",
        "performance_unattended[plain]",
        "auc_gain_high[circuits,gradient,layer 2]",
        "criterion_gain[plain,threshold]",
        "tuning_minus_shuffled[plain]",
        "late_minus_early[circuits]",
        "all_minus_best_layer[plain]",
        "gradient_minus_tuning[plain,layer 3]",
        "circuits_minus_plain[all]",
    ):
        assert np.isfinite(measures[name].value), name
    assert not any("shuffled,layer 2" in name or "[plain,gradient,all" in name for name in measures)
    assert "settled_lowest[plain]" not in measures
    # The numbers of the paper are for VGG-16.
    assert not any(m.reference for m in measures.values())
    low, value, high = (
        measures[f"performance_gain{end}[circuits,tuning,layer 3]"].value
        for end in ("_low", "", "_high")
    )
    assert low <= value <= high


def test_the_papers_numbers_are_compared_with_for_vgg16_at_its_settings():
    vgg = [
        'network.name="vgg16"',
        'network.variants=["plain"]',
        "gratings.trials=100",
        'gratings.detectors_see="noisy"',
    ]
    assert orientation.as_published(load_config(NAME, vgg))
    for other in ('network.name="efficientnet_lite0"', "gratings.trials=98", "gratings.noise=5"):
        assert not orientation.as_published(load_config(NAME, [*vgg, other]))
    assert not orientation.as_published(load_config(NAME, [*vgg, 'attention.form="additive"']))


def made_up(performance):
    """One network, right on the first `performance` of images; attention at layer 10 mends the
    last 20 of 100, attention at layer 8 nothing."""
    present = np.tile([True, False], (9, 50))
    sign = np.where(present, 1.0, -1.0)
    right = np.broadcast_to(np.arange(100) < 100 * performance, (9, 100))
    plain_scores = np.where(right, sign, -sign)
    better = plain_scores.copy()
    better[:, -20:] = sign[:, -20:]
    scores = np.stack([plain_scores, better])[None, None, :, None]
    data = xr.Dataset(
        {
            "score": (
                ("variant", "source", "site", "strength", "orientation", "image"),
                scores,
            ),
            "score_unattended": (("variant", "orientation", "image"), plain_scores[None]),
            "present": (("orientation", "image"), present),
            "settled": (("variant", "source", "site", "strength"), np.ones((1, 1, 2, 1))),
            "settled_unattended": (("variant",), [1.0]),
            "right_single": (("variant",), [0.5]),
            "feature_error": (("variant", "layer"), np.full((1, 13), np.nan)),
        },
        {
            "variant": ["plain"],
            "source": ["tuning"],
            "site": ["layer 8", "layer 10"],
            "strength": [1.0],
            "layer": np.arange(1, 14),
        },
    )
    summary = orientation.summary(load_config(NAME, ["statistics.resamples=10"]), data)
    return data.merge(summary)


def test_published_numbers_hold_only_where_they_should():
    rows = {m.name: m for m in orientation_measures(made_up(0.6), published=True)}
    assert rows["baseline[plain]"].value == pytest.approx(0.6)
    assert rows["baseline[plain]"].holds is True
    # Of the 50 images that gains are of, the last 20 become right.
    assert rows["tuning_gain[plain,layer 10]"].value == pytest.approx(0.4)
    assert rows["tuning_gain[plain,layer 10]"].holds is False
    assert rows["late_minus_early[plain]"].value == pytest.approx(0.4)
    rows = {m.name: m for m in orientation_measures(made_up(0.8), published=True)}
    assert rows["baseline[plain]"].holds is False


def test_the_site_is_chosen_on_the_first_half():
    """The second half, where the other layer is better, is not looked at."""
    data = made_up(0.6)
    assert chosen_site(data.isel(variant=0)) == "layer 8"  # both alike there: the first
    changed = data.copy(deep=True)
    changed["score"][0, 0, 1, 0, :, 0] = 5.0
    changed["score"][0, 0, 0, 0, :, 0] = -5.0
    assert chosen_site(changed.isel(variant=0)) == "layer 10"


@pytest.mark.slow
def test_no_answer_is_a_no(config, data):
    changed = data.copy(deep=True)
    changed["score"].loc[{"variant": "circuits", "source": "tuning", "strength": 2.0}] = np.nan
    found = orientation.summary(config, changed).sel(variant="circuits", source="tuning")
    assert np.all(found["performance"].sel(strength=2.0) == 0.5)
    assert np.all(found["true_positive"].sel(strength=2.0) == 0)
    assert np.isfinite(found["gain_performance"].sel(compared="tuning")).all()


@pytest.mark.slow
def test_the_figure_is_drawn_from_the_results_alone(config, data, measures):
    drawn = figure.draw(config, data, list(measures.values()))
    titles = [axes.get_title(loc="left") for sub in drawn.subfigs for axes in sub.axes]
    assert sum("circuit at layer 3" in title for title in titles) == 1
    alone = data.sel(variant=["plain"])
    assert figure.draw(config, alone, list(measures.values())) is not None


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("gratings.trials=7", "gratings: trials: found 7, allowed: an even number >= 4"),
        (
            "attention.control_layers=[2]",
            "attention: control_layers: found [2], allowed: some of [8, 13, 15, 18]",
        ),
        (
            'attention.sources=["tuning", "tuning"]',
            "attention: sources: found ['tuning', 'tuning'], allowed: each one once",
        ),
        ("network.circuits=[19]", "network: circuits: found [19], allowed: some of 1 to 18"),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting, line):
    with pytest.raises(ConfigError) as caught:
        load_config(NAME, [setting])
    assert line.split(": ", 1)[1] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_network_without_colours_or_with_fewer_layers_is_refused(config, monkeypatch):
    grey = FOUND._replace(name="digits_vgg", channels=1)
    monkeypatch.setattr(orientation, "load_study_network", lambda section: grey)
    with pytest.raises(ConfigError, match=r"network\.name: found 'digits_vgg', allowed: 'vgg16'"):
        orientation.run(config, Progress())
    monkeypatch.setattr(orientation, "load_study_network", lambda section: FOUND)
    deep = load_config(NAME, ["attention.layers=[8]", "attention.control_layers=[]"])
    with pytest.raises(ConfigError, match=r"attention\.layers: found \[8\], allowed: 1 to 4"):
        orientation.run(deep, Progress())


def test_missing_weights_end_the_command_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(
        app, ["run", NAME, "--set=network.weights='nowhere.safetensors'", "--quiet"]
    )
    assert done.exit_code == 2
    assert "nowhere.safetensors" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_gratings_are_ready_for_the_installed_network():
    try:
        default_weights("efficientnet_lite0")
    except UserError as error:
        pytest.skip(str(error))
    config = load_config(NAME)
    found = orientation.load_study_network(config.network)
    images = orientation.grating_images(config.gratings, found, 0)
    received = np.asarray(images.trials.images(2, 0, 1))
    assert received.shape == (1, 3, 224, 224)
    # Grey fills half of the image: (128 - 127) / 128.
    assert np.isclose(received, 1 / 128, atol=1e-5).mean() == pytest.approx(0.5, abs=0.01)
    assert dataclasses.asdict(found.preprocessing)["size"] == images.field.size
