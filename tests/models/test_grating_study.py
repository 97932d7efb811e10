"""What the studies with gratings share: images, choices of colour, and the conditions there are."""

from functools import partial

import numpy as np
import pytest

from cortex.areas import VisualSystem
from cortex.errors import UserError
from cortex.experiment import ConfigError, Progress
from cortex.frontends.efficientnet import Blocks, random_efficientnet
from cortex.models.grating_study import (
    GratingAttentionSection,
    GratingsSection,
    calibration_images,
    conditions,
    example_images,
    grating_images,
    learn_gratings,
    learning_steps,
    lowest_gradient,
)
from cortex.models.networks import StudyNetwork
from cortex.models.study import ValuesSection
from cortex.stimuli.image_files import Preprocessing
from cortex.tasks import Detectors, respond_to_all
from tests.frontends import small

SIZE = 32
PREPROCESSING = Preprocessing(SIZE, None, "bilinear", (127.0,) * 3, (128.0,) * 3)
KINDS = (Blocks(3, 1, 1, 8, 1), Blocks(3, 2, 2, 8, 1))
FOUND = StudyNetwork(
    "efficientnet_lite0",
    small.network(
        small.EFFICIENTNET._replace(
            random=partial(random_efficientnet, stem=8, blocks=KINDS, head=24, classes=6)
        )
    ),
    ("stem", "block1", "block2", "head"),
    SIZE,
    3,
    PREPROCESSING,
    {},
)
SECTION = GratingsSection(cycles_per_pixel=0.1, detectors=4, tuning=4, gradients=1, trials=4)


def run_small(module, config):
    """An experiment with gratings on the small network."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, "load_study_network", lambda section: FOUND)
        return module.run(config, Progress())


@pytest.fixture(scope="module")
def images():
    return grating_images(SECTION, FOUND, 0)


@pytest.fixture(scope="module")
def system():
    return VisualSystem.plain(FOUND.network)


@pytest.fixture(scope="module")
def learned(images, system):
    done = []
    found = learn_gratings(
        system, images, ValuesSection(), 0, batch=6, gradients=None, report=done.append
    )
    assert sum(done) == learning_steps(images, gradients=False) == 36 + 36
    return found


def test_images_are_other_ones_for_every_purpose(images):
    assert [len(i) for i in (images.noisy, images.clean, images.further)] == [36, 36, 9]
    assert images.clean.noise is None
    assert float(images.noisy.noise.sd) == 20.0
    phases = [set(i.phase) for i in (images.noisy, images.clean, images.further)]
    assert not phases[0] & phases[1] | phases[1] & phases[2] | phases[0] & phases[2]
    again = grating_images(SECTION, FOUND, 0)
    np.testing.assert_array_equal(images.trials.phases, again.trials.phases)
    other = grating_images(SECTION, FOUND, 1)
    assert np.all(images.trials.phases != other.trials.phases)
    assert calibration_images(images, 7).shape == (7, 3, 32, 32)


def test_example_images_are_pixels(images):
    shown = example_images(images, 3)
    assert (shown.shape, shown.dtype) == ((3, 32, 32, 3), np.uint8)
    # Half of a pair's image is grey, and it is what the network receives.
    assert np.mean(np.all(shown[1] == 128, axis=-1)) == pytest.approx(0.5, abs=0.01)
    received = np.moveaxis(np.asarray(images.trials.images(3, 0, 2)), 1, -1)
    # Rounded to whole grey levels.
    np.testing.assert_allclose(shown[1:], received * 128 + 127, atol=0.51)


@pytest.mark.slow
def test_the_choice_of_colours_is_judged_on_what_it_was_not_fitted_to(images, system, learned):
    noisy, clean = (respond_to_all(system, i.batches(6)) for i in (images.noisy, images.clean))
    right = 0
    for start in (0, 1):
        held = np.arange(start, 36, 2)
        kept = np.setdiff1d(np.arange(36), held)
        one = Detectors.fit_choice(
            np.concatenate([noisy.units, clean.units[kept]]),
            np.concatenate([images.noisy.colour, images.clean.colour[kept]]),
            5,
            common=True,
        )
        logits = clean.units[held] @ np.asarray(one.weight).T + np.asarray(one.bias)
        right += np.sum(logits.argmax(axis=1) == images.clean.colour[held])
    assert learned.right_colour == pytest.approx(right / 36)
    assert learned.colour.detectors.bias.shape == (5,)
    assert learned.orientation.detectors.bias.shape == (9,)
    # As in the authors' code, on request: detectors that saw noisy images only.
    noisy_only = Detectors.fit(noisy.units, images.noisy.orientation, 9, common=True)
    asked = learn_gratings(
        system,
        images._replace(detectors_see="noisy"),
        ValuesSection(),
        0,
        batch=6,
        gradients=None,
    )
    np.testing.assert_allclose(asked.orientation.detectors.weight, noisy_only.weight, atol=1e-3)
    apart = np.abs(learned.orientation.detectors.weight - noisy_only.weight).max()
    assert apart > 0.01
    logits = clean.units @ np.asarray(noisy_only.weight).T + np.asarray(noisy_only.bias)
    right = np.mean(logits.argmax(axis=1) == images.clean.orientation)
    assert asked.right_orientation == pytest.approx(right)


def test_one_spread_for_all_units_leaves_quiet_ones_out():
    """A unit of a thousandth of the others' spread that tells the classes apart by chance."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    units = rng.normal(size=(60, 4))
    units[:, 0] += 2 * labels
    units[:, 3] *= 1e-3
    for fit in (Detectors.fit, Detectors.fit_choice):
        own, common = (np.abs(fit(units, labels, 3, common=c).weight) for c in (False, True))
        assert np.all(common[:, 3] < 0.05 * common[:, 0].max())
        assert own[:, 3].max() > 10 * common[:, 3].max()
    # The same as raw units with a penalty in units of the common spread.
    spread = np.sqrt(np.mean(units.std(axis=0) ** 2))
    scaled = Detectors.fit(units * 7, labels, 3, common=True).weight
    np.testing.assert_allclose(
        scaled * 7, Detectors.fit(units, labels, 3, common=True).weight, 1e-3
    )
    assert spread > 0


def test_controls_and_all_layers_only_where_asked_for(learned):
    section = GratingAttentionSection(
        layers=(2, 4),
        control_layers=(4,),
        strengths=(0.5, 1.0),
        sources=("tuning", "shuffled", "uniform"),
        all_layers_sources=("tuning",),
    )
    found = conditions(section, 4, learned.values)
    places = {one.place for one in found}
    assert places == {
        *((0, site, b) for site in (0, 1, 2) for b in (0, 1)),
        *((s, 1, b) for s in (1, 2) for b in (0, 1)),
    }
    by_place = {one.place: one.condition for one in found}
    np.testing.assert_allclose(by_place[0, 1, 1].feature_strength, [0, 0, 0, 1])
    np.testing.assert_allclose(by_place[0, 2, 0].feature_strength, np.full(4, 0.05))
    assert by_place[1, 1, 0].values is learned.values["shuffled"]
    everywhere = section.model_copy(update={"control_layers": (), "all_layers_sources": ()})
    assert len(conditions(everywhere, 4, learned.values)) == 3 * 3 * 2


def test_refusals(learned):
    with pytest.raises(ConfigError, match=r"attention\.layers: found \[7\], allowed: 1 to 4"):
        conditions(GratingAttentionSection(layers=(7,)), 4, learned.values)
    with pytest.raises(UserError, match="found 'digits_vgg', allowed: 'vgg16', 'efficientnet"):
        grating_images(SECTION, FOUND._replace(name="digits_vgg", channels=1), 0)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"layers": (3, 2)}, 1),
        ({"layers": (3,), "all_layers_sources": ("tuning", "gradient")}, 0),
        ({"layers": (3,), "all_layers_sources": ()}, 0),  # every source
        ({"layers": (3,), "sources": ("tuning",)}, None),
    ],
)
def test_gradients_are_taken_no_lower_than_they_are_applied(settings, expected):
    assert lowest_gradient(GratingAttentionSection(**settings), 4) == expected
