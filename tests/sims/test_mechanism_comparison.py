"""The comparison of mechanisms: its summary on made-up scores, and a small run of it."""

import numpy as np
import pytest
from cortex.figures.mechanism_comparison import draw
from cortex.sims import mechanism_comparison as experiment

from cortex.analysis.detection import quantities
from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.measures.mechanism_rows import summarise_mechanisms
from cortex.models.mechanisms import LEARNED_ON, MECHANISMS

NAME = "mechanism_comparison"
SMALL = [
    "images.per_category=8",
    "images.seeds=[0, 1]",
    'attention.sources=["arousal", "place", "tuning values", "shuffled values", "soft attention"]',
    "attention.layers=[2, 3]",
    "noise.images=3",
    "statistics.resamples=200",
]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    """Scores drawn at random: attention to the place adds 1 to what tells a digit's presence."""
    rng = np.random.default_rng(0)
    arrays = experiment.empty(config)
    present = np.tile(np.arange(8) % 2 == 0, (2, 2, 10, 1))
    plain_scores = rng.normal(size=present.shape) + present
    arrays["present"][:] = present
    arrays["score_unattended"][:] = plain_scores
    for s, source in enumerate(config.attention.sources):
        for a in range(2):
            for t in range(2):
                if (source in LEARNED_ON and a == 0) or (MECHANISMS[source].place and t == 0):
                    continue
                added = 1.0 * present[t] if source == "place" else 0.0
                noise = 0.0 if source == "arousal" else 0.1 * rng.normal(size=present.shape[1:])
                arrays["score"][t, s, a] = plain_scores[t] + noise + added
                arrays["settled"][t, s, a] = 1.0
                arrays["change_E"][t, s, a, :, a + 1 :] = 0.1 * s
                arrays["change_I"][t, s, a, :, a + 1 :] = 0.2 * s
    arrays["correlation_unattended"][:] = 0.3
    arrays["correlation"][:] = 0.3
    arrays["correlation"][:, 1] = 0.2 + 0.01 * rng.normal(size=arrays["correlation"][:, 1].shape)
    arrays["example"][:] = rng.uniform(size=arrays["example"].shape)
    found = experiment.labelled(config, arrays)
    return found.merge(summarise_mechanisms(found, 200, 0.95))


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(experiment.Config(experiment=NAME, seed=0))


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_images_of_all_seeds_count(data):
    """The summary against the plain formula on the images of both seeds side by side."""
    for task in ("merged", "array"):
        here = data.sel(task=task)
        present = np.concatenate(list(here["present"].values), axis=-1)
        before = quantities(np.concatenate(list(here["score_unattended"].values), -1), present)
        for source in ("arousal", "tuning values", "soft attention"):
            own = here["score"].sel(source=source, attended=3).values
            after = quantities(np.concatenate(list(own), axis=-1), present)
            for name in ("sensitivity", "criterion", "auc"):
                found = float(here[f"change_{name}"].sel(source=source, attended=3))
                np.testing.assert_allclose(found, after[name] - before[name], atol=1e-6)


def test_intervals(data):
    place = data.sel(task="array", source="place", attended=3)
    low, value, high = (float(place[f"change_sensitivity{e}"]) for e in ("_low", "", "_high"))
    assert 0 < low < value < high
    same = data.sel(source="arousal", attended=3)
    assert float(np.abs(same["change_sensitivity_high"]).max()) == 0
    correlated = data.sel(task="merged", source="place")
    assert -0.12 < float(correlated["change_correlation_low"]) < -0.1 + 0.02
    assert float(correlated["change_correlation_high"]) < -0.07


def test_without_a_mistake_discriminability_is_finite(data):
    sure = data[["score", "score_unattended", "present", "correlation", "correlation_unattended"]]
    sure = sure.copy(deep=True)
    sure["score"][:] = np.where(sure["present"], 1.0, -1.0)[:, None, None]
    found = summarise_mechanisms(sure, 20, 0.95)
    assert float(found["change_discriminability"].max()) < np.sqrt(2) * 2.33 * 2
    assert float(found["change_discriminability_low"].min()) > 0
    assert np.isfinite(found["change_discriminability_high"]).all()


def test_what_cannot_be_is_not_there(data):
    assert np.isnan(data["change_sensitivity"].sel(task="merged", source="place")).all()
    assert np.isnan(data["change_sensitivity"].sel(source="soft attention", attended=2)).all()


def test_measures_and_figure(config, data):
    measures = {m.name: m for m in experiment.measure(config, data)}
    assert measures["place_gain_low[array]"].holds
    assert measures["arousal_interval_beyond_zero[array]"].holds
    assert measures["noise_correlation_change_high[array,place]"].holds
    assert not measures["noise_correlation_change_high[array,tuning values]"].holds
    assert "learned_gain_low[array,soft attention]" in measures
    assert "learned_gain_low[merged,soft attention]" not in measures  # trained on arrays
    assert "place_gain_low[merged]" not in measures
    row = measures["change_of_I_in_layer_3[array,place,layer 2]"]
    np.testing.assert_allclose(row.value, 0.2, rtol=1e-6)
    figure = draw(config, data, list(measures.values()))
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(
        config.attention.sources
    )
    assert "arrays: place" in figure.subfigs[0].get_suptitle()


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ('attention.sources=["telepathy"]', r"found \['telepathy'\], allowed: arousal, place"),
        ('attention.sources=["place", "place"]', "each one once"),
        ("attention.layers=[4]", "allowed: some of 1 to 3"),
        ("images.per_category=5", "allowed: an even number"),
        ("images.seeds=[1, 1]", "each one once"),
    ],
)
def test_what_is_refused(setting, message):
    with pytest.raises(ConfigError, match=message):
        load_config(NAME, [setting])


def test_the_mechanisms_of_the_default():
    assert load_config(NAME).attention.sources == tuple(MECHANISMS)


@pytest.mark.slow
def test_a_small_run():
    settings = [
        "images.per_category=4",
        "images.seeds=[0]",
        'attention.sources=["arousal", "place", "tuning values", "soft attention"]',
        "attention.layers=[2, 3]",
        "noise.images=2",
        "noise.trials=2",
        "noise.duration=100",
        "statistics.resamples=20",
    ]
    config = load_config(NAME, settings)
    data = experiment.run(config, Progress())
    assert float(np.nanmin(data["settled"])) > 0.9
    here = data.sel(task="array", seed=0)
    # More drive to E and I of the attended layer and, through it, of the next.
    arousal = here.sel(source="arousal", attended=2)
    assert (arousal["change_E"].sel(layer=[2, 3]) > 0.05).all()
    assert np.isnan(arousal["change_E"].sel(layer=1))
    assert np.isfinite(here["correlation"]).all()
    assert (np.abs(here["correlation"]) <= 1).all()
    assert (
        np.abs(here["correlation"].sel(source="place") - here["correlation_unattended"]).max() > 0
    )
    missing = data["score"].isnull().all(("category", "image"))
    assert int(missing.sum()) == 1 * 2 + 2 * 1  # no place to cue in merged; learned at layer 3 only
