"""The study in a network of two layers: what it records and compares."""

from functools import partial

import numpy as np
import pytest
from cortex.sims import object_detection as detection
from PIL import Image

from cortex.areas import SSN
from cortex.experiment import ConfigError, load_settings
from cortex.frontends.vgg import random_vgg
from cortex.models.networks import StudyNetwork
from cortex.models.object_images import chosen_categories, stimulus_set
from cortex.stimuli.image_files import Preprocessing, image_folder
from tests.frontends import small
from tests.refusals import refusal

NAME = "object_detection"
SMALL = [
    "images.per_category=8",
    "images.learning=6",
    "images.others=2",
    "images.hard=4",
    "networks=1",
    "images.batch=20",
    "statistics.resamples=20",
    "solver.rtol=1e-2",
    "attention.strengths=[0.5, 1.0]",
    "attention.layers=[1, 2]",
    "attention.control_layers=[2]",
    "forms_layer=2",
]
PLAIN = ['network.variants=["plain"]', 'attention.sources=["tuning", "gradient"]']
CIRCUITS = [
    'network.how="inserted"',
    "network.circuits=[2]",
    'network.variants=["plain", "circuits"]',
    "attention.control_layers=[2]",
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


def ran(monkeypatch, *settings):
    """Settings and data of a small run in the tiny network."""
    monkeypatch.setattr(detection.nets, "load_study_network", lambda section: tiny())
    s = load_settings(NAME, [*SMALL, *settings])[1]
    return s, detection.experiment.run(s)


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


def check_the_activity(data):
    """A plain layer's activity is multiplied by 1 + beta f: the slope is near beta."""
    slope = data["activity_slope"].sel(variant="plain", source="tuning", strength=0.5)
    # log(1 + beta f) is not linear in f; values are within 1 SD or so of 0.
    assert np.all(np.abs(slope.sel(site=["layer 1", "layer 2"]) - 0.5) < 0.2)
    assert np.all(np.isnan(slope.sel(site="all")))
    rates = data["rate"].sel(variant="plain")
    # What lies below the attended layer is left out.
    known = np.isfinite(rates.sel(population="E")).all(["task", "source", "strength"])
    assert known.values.tolist() == [[True, True], [False, True], [True, True]]
    assert np.all(rates.sel(population="I", site="layer 2", layer=2) == 0)


@pytest.mark.slow
def test_attention_acts_and_its_forms_differ(monkeypatch):
    _, data = ran(monkeypatch, *PLAIN)
    assert np.all(data["present"].values == np.tile([True, False], 4))
    change = np.abs(data["score"] - data["score_unattended"]).mean(["category", "image"])
    assert float(change.min()) > 0
    data = data.isel(network=0)
    forms = data["score_form"].mean(["category", "image"]).values
    assert len(np.unique(forms[0, :, 1].round(6))) == 4
    # The first form is that of the main run; 1e-4 of a logit: the same program in another order.
    same = data["score"].sel(task="merged", source="tuning", site="layer 2")
    assert float(np.abs(data["score_form"].isel(form=0) - same).max()) < 1e-4
    check_the_activity(data)


@pytest.mark.slow
def test_a_circuit_inserted_at_one_layer(monkeypatch):
    s, data = ran(monkeypatch, *CIRCUITS)
    assert np.isfinite(data["sum_weight"].isel(network=0)).values.tolist() == [[0, 0], [0, 1]]
    rate = data["rate"].sel(variant="circuits", site="layer 2", layer=2, population="I")
    assert np.all(rate > 0)
    assert data["settled"].values.all()
    rows = {row.name for row in detection.experiment.rows(s, data)}
    assert {"sum_weight[circuits, layer=2]", "tuning_gain[circuits, merged, layer 2]"} <= rows
    assert not any("_late" in name for name in rows)  # of two layers


@pytest.mark.slow
def test_photographs_of_the_user(photographs, monkeypatch):
    monkeypatch.setattr(detection.nets, "load_study_network", lambda section: tiny(3, 4, SEEN))
    settings = [
        *SMALL,
        f"images.folder={photographs}",
        "images.learning=4",
        'images.tasks=["merged"]',
        'network.variants=["plain"]',
        'attention.sources=["tuning"]',
        "attention.layers=[2]",
        "attention.control_layers=[2]",
        "forms_layer=0",
    ]
    config = load_settings(NAME, settings)[1]
    data = detection.experiment.run(config)
    assert list(data["category"].values) == ["n03876231", "others", "padlock", "wall_clock"]
    assert np.all(np.isfinite(data["score"]))
    assert "form_gain" not in data
    rows = {row.name for row in detection.experiment.rows(config, data)}
    assert {"tuning_gain[plain, merged, layer 2]", "compared_with_paper_base[merged]"} <= rows


def test_parts_of_the_images_do_not_overlap(photographs):
    settings = [f"images.folder={photographs}", "images.learning=4", "images.others=2"]
    shown = stimulus_set(load_settings(NAME, settings)[1].images, tiny(3, 4, SEEN), 0)
    rows = [shown.ordinary.learning, shown.ordinary.others]
    assert [len(part) for part in rows] == [16, 8]
    assert len(set(np.concatenate(rows))) == 24
    assert np.bincount(shown.tested.labels).tolist() == [4, 4, 4, 4]
    left = shown.tested.pixels(np.arange(16))
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


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (["forms_layer=9"], "forms_layer: found 9, allowed: 0 to 2"),
        (
            ["attention.layers=[3]", "attention.control_layers=[]"],
            "attention.layers: found [3], allowed: 1 to 2",
        ),
        (["images.folder=x"], "images.folder: found 'x', allowed: '' (digits_vgg has its own"),
        (["images.learning=500"], "images.learning, images.others: category '0' has 400 images"),
    ],
)
def test_what_cannot_be_looked_at(settings, line, monkeypatch):
    monkeypatch.setattr(detection.nets, "load_study_network", lambda section: tiny())
    always = ["forms_layer=0", "attention.layers=[]", "networks=1"]
    config = load_settings(NAME, [*always, *settings])[1]
    assert refusal(detection.experiment.run, config, error=ConfigError).startswith(line)


def test_the_published_configuration_is_known():
    config = load_settings(
        "object_detection_vgg16", ["images.folder=x", "seed=3", "images.batch=2"]
    )[1]
    assert len(config.images.categories) == 20
    assert detection.is_published(config)
    changed = load_settings("object_detection_vgg16", ["attention.bidirectional=false"])[1]
    assert not detection.is_published(changed)


def test_circuits_for_photographs_keep_the_work_of_their_network():
    circuit = load_settings("object_detection_efficientnet", [])[1].circuit
    assert circuit.model_dump() == SSN.faithful().model_dump()


def test_photographs_are_asked_for(monkeypatch):
    monkeypatch.setattr(detection.nets, "load_study_network", lambda section: tiny(3, 4, SEEN))
    settings = load_settings(
        "object_detection_efficientnet",
        ["attention.layers=[1]", "attention.control_layers=[]", "forms_layer=0"],
    )[1]
    with pytest.raises(ConfigError, match=r"^images\.folder: found '', allowed: a folder of photo"):
        detection.experiment.run(settings)
