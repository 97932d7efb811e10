"""What the studies with gratings share: images, choices of colour, and where attention is asked."""

import jax
import numpy as np
import pytest
import xarray as xr

from cortex.areas import VisualSystem
from cortex.errors import UserError
from cortex.models.networks import untrained_network
from cortex.models.study import sites
from cortex.studies import gratings
from cortex.tasks import Detectors, respond_to_all
from tests.progress import told

NETWORK = untrained_network(0)
SECTION = gratings.Gratings(cycles_per_pixel=0.1, detectors=4, tuning=4, gradients=1, trials=4)
SETTINGS = gratings.GratingSettings.model_validate(
    {"gratings": SECTION, "network": {"name": "untrained", "variants": ("plain",)}}
)


@pytest.fixture(scope="module")
def images():
    return SECTION.images(NETWORK, 0)


def learned(images, section=SECTION):
    s = SETTINGS.model_copy(update={"gratings": section})
    return gratings.learn_gratings(s, NETWORK, images, batch=6, gradients=None)["plain"]


def test_images_are_other_ones_for_every_purpose(images):
    assert [len(i) for i in (images.noisy, images.clean, images.further)] == [36, 36, 9]
    assert images.clean.noise is None
    assert float(images.noisy.noise.sd) == 20.0
    phases = [set(i.phase) for i in (images.noisy, images.clean, images.further)]
    assert not phases[0] & phases[1] | phases[1] & phases[2] | phases[0] & phases[2]
    again, other = (SECTION.images(NETWORK, seed) for seed in (0, 1))
    np.testing.assert_array_equal(images.trials.phases, again.trials.phases)
    assert np.all(images.trials.phases != other.trials.phases)


def test_example_images_are_pixels(images):
    shown = images.examples(3)
    assert (shown.shape, shown.dtype) == ((3, 32, 32, 3), np.uint8)
    # Half of a pair's image is grey, and it is what the network receives.
    assert np.mean(np.all(shown[1] == 128, axis=-1)) == pytest.approx(0.5, abs=0.01)
    received = np.moveaxis(np.asarray(images.trials.images(3, 0, 2)), 1, -1)
    # Rounded to whole grey levels.
    np.testing.assert_allclose(shown[1:], received * 128 + 127, atol=0.51)


@pytest.mark.slow
def test_readouts_are_judged_on_what_they_were_not_fitted_to(images):
    with told() as rows:
        found = learned(images)
    assert [row[1:] for row in rows] == [[0, 0], [36 + 36, 36 + 36]]
    system = VisualSystem.plain(NETWORK.network)
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
    assert found.right_colour == pytest.approx(right / 36)
    assert found.colour.detectors.bias.shape == (5,)
    assert found.orientation.detectors.bias.shape == (9,)
    # As in the authors' code, on request: detectors that saw noisy images only.
    noisy_only = Detectors.fit(noisy.units, images.noisy.orientation, 9, common=True)
    asked = learned(images, SECTION.model_copy(update={"detectors_see": "noisy"}))
    np.testing.assert_allclose(asked.orientation.detectors.weight, noisy_only.weight, atol=1e-3)
    assert np.abs(found.orientation.detectors.weight - noisy_only.weight).max() > 0.01
    logits = clean.units @ np.asarray(noisy_only.weight).T + np.asarray(noisy_only.bias)
    right = np.mean(logits.argmax(axis=1) == images.clean.orientation)
    assert asked.right_orientation == pytest.approx(right)


def test_controls_and_all_layers_only_where_asked_for():
    section = gratings.OrientationAttention(
        layers=(2, 4),
        control_layers=(4,),
        sources=("tuning", "shuffled", "uniform"),
        all_layers_sources=("tuning",),
    )
    names = [name for name, _ in sites(section, 4)]
    assert names == ["layer 2", "layer 4", "all"]
    asked = [[section.asked(source, name) for name in names] for source in section.sources]
    assert asked == [[True, True, True], [False, True, False], [False, True, False]]
    everywhere = section.model_copy(update={"control_layers": (), "all_layers_sources": ()})
    assert all(everywhere.asked(source, name) for source in section.sources for name in names)


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
    assert gratings.OrientationAttention(**settings).lowest_gradient(4) == expected


def test_a_network_that_is_not_for_gratings_and_layers_that_are_not_there_are_refused():
    with pytest.raises(UserError, match="found 'digits_vgg', allowed: 'vgg16', 'efficientnet"):
        SECTION.images(NETWORK._replace(name="digits_vgg", channels=1), 0)
    with pytest.raises(UserError, match=r"attention\.layers: found \[7\], allowed: 1 to 4"):
        sites(gratings.OrientationAttention(layers=(7,)), 4)


def test_the_untrained_network_has_the_weights_of_its_seed_and_tells_gratings_apart(images):
    again, other = untrained_network(0), untrained_network(1)
    leaves = [jax.tree.leaves(n.network) for n in (NETWORK, again, other)]
    assert all(np.array_equal(a, b) for a, b in zip(leaves[0], leaves[1], strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(leaves[0], leaves[2], strict=True))
    units = respond_to_all(VisualSystem.plain(NETWORK.network), images.clean.batches(18)).units
    assert np.isfinite(units).all()
    assert np.linalg.matrix_rank(units - units.mean(axis=0)) > 8


def test_the_best_layer_is_that_of_tuning_values_at_their_best_strength():
    right = xr.DataArray(
        [[[0.6, 0.7], [0.8, 0.1], [0.9, 0.9]], [[0.99, 0.99], [0.0, 0.0], [0.0, 0.0]]],
        {"source": ["tuning", "shuffled"], "site": ["layer 2", "layer 4", "all"]},
        ("source", "site", "strength"),
    )
    assert gratings.best_layer(right).item() == "layer 4"
    assert gratings.best_layer(right.isel(strength=[1])).item() == "layer 2"


def test_a_control_is_compared_over_the_layers_that_it_is_applied_to():
    names = {"source": ["tuning", "shuffled"], "site": ["layer 2", "layer 4", "layer 5", "all"]}
    gain = xr.DataArray([[0.5, 0.3, 0.2, 0.9], [np.nan, 0.1, 0.1, np.nan]], names)
    beyond = gratings.beyond_controls(gain)
    assert list(beyond["control"].values) == ["shuffled"]
    assert beyond.item() == pytest.approx(0.15)
    data = xr.Dataset({"settled_share": gain.expand_dims(variant=["plain"])})
    words = gratings.where_controlled("shuffled")(data)
    assert words.startswith("Mean over layers 4, 5, each")
