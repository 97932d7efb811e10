"""The study in a network of two layers: what it records, measures, compares and refuses."""

from functools import partial

import numpy as np
import pytest
import xarray as xr
from cortex.sims import object_detection as detection
from PIL import Image

from cortex.analysis.object_summary import compare_forms, compare_sources, performance
from cortex.experiment import ConfigError, Progress, load_config, names, registry
from cortex.frontends.vgg import random_vgg
from cortex.measures.object_rows import half_rise
from cortex.models.networks import StudyNetwork
from cortex.models.object_images import chosen_categories, material
from cortex.models.object_table import activity_slope
from cortex.stimuli.image_files import Preprocessing, image_folder
from tests.frontends import small

NAME = "object_detection"
SMALL = [
    "images.per_category=8",
    "images.learning=6",
    "images.gradients=2",
    "images.batch=20",
    "statistics.resamples=20",
    "solver.rtol=1e-2",
    "attention.strengths=[0.5, 1.0]",
    "attention.layers=[]",
    "attention.forms_layer=2",
]
PLAIN = ['network.variants=["plain"]', 'attention.sources=["tuning", "gradient"]']
CIRCUITS = [
    'network.how="inserted"',
    "network.circuits=[2]",
    'attention.sources=["tuning", "gradient", "shuffled"]',
]
SEEN = Preprocessing(
    size=32, resize=None, filter="bilinear", mean=(127.0, 127.0, 127.0), std=(60.0, 60.0, 60.0)
)


def tiny(channels=1, categories=10, preprocessing=None):
    """Two layers of 4 and 6 maps with random weights."""
    kind = partial(
        random_vgg, widths=((4,), (6,)), units=12, classes=categories, size=32, channels=channels
    )
    network = small.network(small.VGG._replace(random=kind))
    name = "efficientnet_lite0" if preprocessing else "digits_vgg"
    return StudyNetwork(name, network, ("one", "two"), 32, channels, preprocessing, {})


@pytest.fixture(scope="module", params=["plain", pytest.param("both", marks=pytest.mark.slow)])
def results(request):
    """Of the plain network only, or also with a circuit at the second layer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(detection, "load_study_network", lambda section: tiny())
        settings = PLAIN if request.param == "plain" else CIRCUITS
        config = load_config(NAME, [*SMALL, *settings])
        data = detection.run(config, Progress())
        return config, data, {m.name: m for m in detection.measure(config, data)}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory):
    """Four categories of ten images, each of a colour of its own."""
    folder = tmp_path_factory.mktemp("photographs")
    rng = np.random.default_rng(0)
    colours = {"n03876231": 0, "wall_clock": 1, "padlock": 2, "others": None}
    for name, channel in colours.items():
        (folder / name).mkdir()
        for number in range(10):
            pixels = rng.integers(0, 120, (40, 30, 3), dtype=np.uint8)
            if channel is not None:
                pixels[..., channel] += 120
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def test_the_axes_and_labels(results):
    _, data, _ = results
    condition = ("variant", "task", "source", "site", "strength")
    assert data["score"].dims == (*condition, "category", "image")
    variants, sources = len(data["variant"]), len(data["source"])
    assert data["score"].shape == (variants, 2, sources, 3, 2, 10, 8)
    assert list(data["site"].values) == ["layer 1", "layer 2", "all"]
    assert list(data["compared"].values) == [*data["source"].values, "threshold"]
    assert list(data["comparison"].values)[-1] == "gradient - tuning"
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


def test_what_is_recorded(results):
    _, data, _ = results
    assert data["present"].dtype == bool
    assert np.all(data["present"].sum("image") == 4)
    for name in ("score", "score_unattended", "score_form", "settled"):
        assert np.all(np.isfinite(data[name])), name
    # Layers below the attended one are left out.
    rates = np.isfinite(data["rate_E"]).all(["variant", "task", "source", "strength"])
    assert rates.values.tolist() == [[True, True], [False, True], [True, True]]
    assert np.all(np.isnan(data["sum_weight"].sel(variant="plain")))
    assert np.all(data["rate_I"].sel(variant="plain", site="layer 2", layer=2) == 0)
    if "circuits" in data["variant"].values:  # at the second layer
        assert np.isfinite(data["sum_weight"].sel(variant="circuits")).values.tolist() == [0, 1]
        assert np.all(data["rate_I"].sel(variant="circuits", site="layer 2", layer=2) > 0)
    assert float(data["settled"].min()) == 1.0


def test_attention_acts_and_its_forms_differ(results):
    _, data, _ = results
    change = np.abs(data["score"] - data["score_unattended"]).mean(["category", "image"])
    assert float(change.min()) > 0
    forms = data["score_form"].mean(["category", "image"]).values
    assert len(np.unique(forms[0, :, 1].round(6))) == 4
    # The first form is that of the main run.
    same = data["score"].sel(task="merged", source="tuning", site="layer 2")
    first = data["score_form"].isel(form=0)
    # 1e-4 of a logit: the same program, run in another order.
    assert float(np.abs(first - same).max()) < 1e-4


def test_multiplying_by_tuning_values_shows_in_activity(results):
    """A plain layer's activity is multiplied by 1 + beta f: the slope is near beta."""
    _, data, _ = results
    slope = data["activity_slope"].sel(variant="plain", source="tuning", strength=0.5)
    alone = slope.sel(site=["layer 1", "layer 2"])
    # log(1 + beta f) is not linear in f; values are within 1 SD or so of 0.
    assert np.all(np.abs(alone - 0.5) < 0.2)
    assert np.all(np.isnan(slope.sel(site="all")))


def test_the_measures(results):
    config, _, measures = results
    for name in (
        "ordinary_performance[plain]",
        "tuning_gradient_correlation[plain,layer=2]",
        "performance_unattended[plain,merged]",
        "auc_unattended[plain,array]",
        "performance_gain_low[plain,merged,tuning,layer 1]",
        "sensitivity_gain[plain,array,threshold]",
        "tuning_gain_low[plain,merged,layer 2]",
        "all_minus_best_layer[plain,array,tuning]",
        "tuning_beyond_threshold[plain,merged,layer 2]",
        "form_gain[plain,additive, positive]",
    ):
        assert np.isfinite(measures[name].value), name
    assert ("sum_weight[circuits,layer=2]" in measures) == (len(config.network.variants) == 2)
    assert not detection.is_published(config)
    assert all(m.reference is None for m in measures.values())
    assert "digits" in measures["tuning_gain_low[plain,merged,layer 2]"].note


@pytest.mark.slow
def test_photographs_of_the_user(photographs, monkeypatch):
    monkeypatch.setattr(detection, "load_study_network", lambda section: tiny(3, 4, SEEN))
    settings = [
        *SMALL,
        f"images.folder={photographs}",
        "images.learning=4",
        'images.tasks=["merged"]',
        'network.variants=["plain"]',
        'attention.sources=["tuning"]',
        "attention.layers=[2]",
        "attention.forms_layer=0",
    ]
    config = load_config(NAME, settings)
    data = detection.run(config, Progress())
    assert list(data["category"].values) == ["n03876231", "others", "padlock", "wall_clock"]
    assert np.all(np.isfinite(data["score"]))
    assert np.all(np.isnan(data["form_gain"]))
    assert {m.name for m in detection.measure(config, data)} >= {
        "performance_unattended[plain,merged]"
    }


def test_parts_of_the_images_do_not_overlap(photographs):
    settings = [f"images.folder={photographs}", "images.learning=4", "images.gradients=2"]
    shown = material(load_config(NAME, settings).images, tiny(3, 4, SEEN), 0)
    rows = [shown.ordinary.learning, shown.ordinary.gradients]
    assert [len(part) for part in rows] == [16, 8]
    assert len(set(np.concatenate(rows))) == 24
    assert np.bincount(shown.labels).tolist() == [4, 4, 4, 4]
    left = shown.pixels(np.arange(16))
    taught = shown.ordinary.images(np.concatenate(rows))
    # Every image is noise of its own: none is among the others.
    apart = np.abs(np.asarray(left)[:, None] - np.asarray(taught)[None]).max(axis=(2, 3, 4))
    assert apart.min() > 0.1


def test_categories_by_any_of_their_names(photographs):
    images = image_folder(photographs)
    chosen = chosen_categories(images, ("wall clock", "paintbrush", "n03874599"))
    assert chosen.categories == ("wall clock", "paintbrush", "n03874599")
    assert [path.parent.name for path in chosen.paths[::10]] == [
        "wall_clock",
        "n03876231",
        "padlock",
    ]
    assert chosen.labels.tolist() == [0] * 10 + [1] * 10 + [2] * 10
    with pytest.raises(ConfigError, match="found no images of 'dough', allowed: a folder named"):
        chosen_categories(images, ("dough",))


def test_performance_is_that_of_a_plain_loop():
    rng = np.random.default_rng(0)
    scores, present = rng.normal(size=(3, 2, 10)), np.tile([True, False], (2, 5))
    counts = rng.integers(1, 4, (2, 4, 10))
    found = performance(scores, present, counts)
    for condition in range(3):
        for draw in range(4):
            by_category = []
            for category in range(2):
                yes, no = [], []
                for image in range(10):
                    said = scores[condition, category, image] > 0
                    here = present[category, image]
                    (yes if here else no).extend([said == here] * counts[category, draw, image])
                by_category.append((np.mean(yes) + np.mean(no)) / 2)
            # Sums in another order.
            assert found[draw, condition] == pytest.approx(np.mean(by_category), abs=1e-12)
    once = np.ones((2, 1, 10), int)
    np.testing.assert_allclose(
        performance(scores, present), performance(scores, present, once)[0], rtol=1e-12
    )


def made_up(gains):
    """Results in which `gains` (source, site) of the images with the category are detected."""
    present = np.tile([True, False], (1, 3, 20))
    images = np.arange(40)
    score = np.where(present, -1.0, -1.0)[None, None, :, None, None]
    score = np.broadcast_to(score, (1, 1, len(gains), 3, 1, 3, 40)).copy()
    for source, row in enumerate(gains):
        for site, share in enumerate(row):
            seen = present[0] & ((images // 2 % 10) < 10 * share)
            score[0, 0, source, site, 0][seen] = 1.0
    lead = ("variant", "task", "source", "site", "strength")
    return xr.Dataset(
        {
            "score": ((*lead, "category", "image"), score),
            "score_unattended": (
                ("variant", "task", "category", "image"),
                -np.ones((1, 1, 3, 40)),
            ),
            "score_form": (
                ("variant", "form", "strength", "category", "image"),
                score[:, 0, :, 0],
            ),
            "present": (("task", "category", "image"), present),
            "best_strength": (
                ("variant", "task", "compared", "site"),
                np.full((1, 1, len(gains), 3), 0.5),
            ),
        },
        {
            "variant": ["plain"],
            "task": ["merged"],
            "source": ["tuning", "gradient", "shuffled"],
            "compared": ["tuning", "gradient", "shuffled"],
            "site": ["layer 1", "layer 2", "all"],
            "strength": [0.5],
            "form": ["a", "b", "c"],
        },
    )


def test_sources_against_each_other():
    data = made_up([[0.2, 0.8, 0.6], [0.4, 0.8, 0.8], [0.0, 0.2, 0.0]])
    found = compare_sources(data, 50, 0.95).isel(variant=0, task=0)
    # Half of a share, for performance is the mean over images with and without.
    difference = found["advantage"].sel(comparison="tuning - shuffled")
    np.testing.assert_allclose(difference, [0.1, 0.3, 0.3], atol=1e-12)
    assert np.all(found["advantage_low"] <= found["advantage"])
    parts = found["advantage_part"].sel(comparison="gradient - tuning")
    np.testing.assert_allclose(parts.sel(part=["early", "middle"]), [0.1, 0.0], atol=1e-12)
    assert found["best_layer"].values.tolist() == [2, 2, 2]
    np.testing.assert_allclose(found["all_minus_best"], [-0.1, 0.0, -0.1], atol=1e-12)


def test_forms_against_each_other():
    data = made_up([[0.2, 0, 0], [0.4, 0, 0], [0.6, 0, 0]])
    found = compare_forms(data, 50, 0.95)
    np.testing.assert_allclose(found["form_gain"].values[0], [0.1, 0.2, 0.3], atol=1e-12)
    assert np.all(found["form_strength"] == 0.5)


def test_half_of_a_rise():
    strengths = np.array([0.0, 1.0, 2.0])
    assert half_rise(strengths, np.array([0.0, 0.5, 1.0])) == 1.0
    assert half_rise(strengths, np.array([0.2, 0.2, 0.6])) == pytest.approx(1.5)
    assert half_rise(strengths, np.array([0.0, 0.8, 0.4])) == pytest.approx(0.5)
    assert np.isnan(half_rise(strengths, np.array([0.5, 0.4, 0.3])))


def test_the_slope_of_activity():
    tuning = np.linspace(-1, 1, 8).reshape(2, 4)
    before = np.full((2, 4), 3.0)
    before[0, 0] = 0.0  # a silent map is left out
    attended = 3.0 * np.exp(0.7 * tuning)
    assert activity_slope(attended, before, tuning) == pytest.approx(0.7, rel=1e-9)
    assert np.isnan(activity_slope(attended, np.zeros((2, 4)), tuning))


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["attention.forms_layer=9"], "attention.forms_layer: found 9, allowed: 0 to 2"),
        (["attention.layers=[3]"], "attention.layers: found [3], allowed: 1 to 2"),
        (["images.folder=x"], "images.folder: found 'x', allowed: '' (digits_vgg has its own"),
        (["images.learning=500"], "images.learning, images.gradients: category '0' has 400 images"),
    ],
)
def test_what_cannot_be_looked_at(settings, line, monkeypatch):
    monkeypatch.setattr(detection, "load_study_network", lambda section: tiny())
    always = ["attention.forms_layer=0", "attention.layers=[]"]
    config = load_config(NAME, [*always, *settings])
    with pytest.raises(ConfigError) as caught:
        detection.run(config, Progress())
    assert str(caught.value).startswith(line)


@pytest.mark.parametrize(
    ("setting", "line"),
    [
        ("images.per_category=9", "images.per_category: found 9, allowed: an even number"),
        (
            'attention.sources=["luck"]',
            "attention.sources[0]: found 'luck', allowed: one of 'tuning', 'gradient', 'shuffled'",
        ),
        (
            'attention.sources=["tuning", "tuning"]',
            "attention.sources: found ['tuning', 'tuning'], allowed: each one once",
        ),
    ],
)
def test_a_bad_setting_is_one_clear_line(setting, line):
    with pytest.raises(ConfigError) as caught:
        load_config(NAME, [setting])
    assert str(caught.value).startswith(line)


def test_presets_are_valid_and_stand_beside_their_experiment():
    presets = {preset.name: preset for preset in registry.presets(NAME)}
    assert set(presets) == {"object_detection_vgg16", "object_detection_efficientnet"}
    for name, preset in presets.items():
        assert preset.experiment == NAME
        assert preset.summary.startswith("object_detection, preset: ")
        config = load_config(name, ["images.folder=mine"])
        assert (config.experiment, config.images.folder) == (NAME, "mine")
        assert name not in names()
    assert NAME in names()


def test_the_published_configuration_is_known():
    config = load_config("object_detection_vgg16", ["images.folder=x", "seed=3", "images.batch=2"])
    assert len(config.images.categories) == 20
    assert detection.is_published(config)
    changed = load_config("object_detection_vgg16", ["attention.bidirectional=false"])
    assert not detection.is_published(changed)


def test_photographs_are_asked_for(monkeypatch):
    monkeypatch.setattr(detection, "load_study_network", lambda section: tiny(3, 4, SEEN))
    config = load_config("object_detection_efficientnet", ["attention.layers=[1]"])
    with pytest.raises(ConfigError, match=r"^images\.folder: found '', allowed: a folder of photo"):
        detection.run(
            config.model_copy(
                update={"attention": config.attention.model_copy(update={"forms_layer": 0})}
            ),
            Progress(),
        )
