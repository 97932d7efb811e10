"""Lateral attention: its bookkeeping by hand, what must hold, settings and figure."""

import numpy as np
import pytest
from cortex.figures import lateral_attention as figures
from cortex.sims import lateral_attention as experiment

from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain
from cortex.experiment.results import check_labels
from cortex.models.learned import hard_digits, lateral
from cortex.models.learned.through_circuits import standard_observer
from tests.reference import content_attention as reference

# Few images, one training, and detectors fitted on few digits.
SHORT = ["images.per_category=4", "learned.seeds=[0]", "statistics.resamples=100"]


@pytest.fixture(scope="module")
def config():
    return load_config("lateral_attention", SHORT)


@pytest.fixture(scope="module")
def data(config):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hard_digits, "DETECTOR_DIGITS", 300)
        standard_observer.cache_clear()
        yield experiment.run(config, Progress())
    standard_observer.cache_clear()


@pytest.mark.slow
def test_what_holds_for_any_images(config, data):
    measures = {m.name: m for m in experiment.measure(config, data)}
    assert measures["rollout_off_one"].holds
    assert measures["settled_share"].value > 0.95
    claims = [m for m in measures.values() if m.claims]
    # Unlearned, learned, and their difference, of two kinds of attention; E and I: not unlearned.
    assert len(claims) == 1 + 2 * (3 * 2 + 2 * 2 + 3)
    # What was learned holds on few images too.
    for name in ("gain_apart[self", "gain_apart[graph", "E_apart[graph", "I_apart[graph"):
        assert measures[f"{name},learned][lower end]"].holds


@pytest.mark.slow
def test_the_energy_is_the_same_for_all(config, data):
    """The pattern is one for all maps: a place's gain is 1 + it, but where it is cut off at 0."""
    gain = data["gain"].values
    assert (gain >= 0).all()
    uncut = (gain > 0).all(axis=(3, 4))
    found = np.sqrt(((gain - 1) ** 2).mean(axis=(3, 4)))[uncut]
    assert found.size > 10
    # float32; places without any drive have no gain of the drive.
    np.testing.assert_allclose(found, 0.5, rtol=1e-4)


@pytest.mark.slow
def test_places_on_the_digit_and_on_clutter(data):
    """A place is never both, and holds ink of its kind."""
    on, off = data["on"].values, data["off"].values
    assert not (on & off).any()
    ink = data["shown"].values.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)
    assert (ink[on] >= 0.1 - 1e-6).all()
    assert (ink[off] >= 0.1 - 1e-6).all()
    assert on.sum(axis=1).min() >= 1


@pytest.mark.slow
def test_rollout_by_hand(data):
    """Rows sum to one, and it is no mere copy of the weights of one layer."""
    np.testing.assert_allclose(data["rollout_sum"], 1, atol=1e-5)
    np.testing.assert_allclose(data["rollout"].sum("place"), 1, atol=1e-4)
    draw = np.random.default_rng(0).dirichlet(np.ones(49), (2, 3, 2, 49)).astype(np.float32)
    found = np.asarray(experiment._rolled(draw[0], draw[1]))
    for n in range(3):
        np.testing.assert_allclose(found[n], reference.rollout(draw[:, n], 0.5), atol=1e-6)


@pytest.mark.slow
def test_the_bootstrap_of_every_image_once_is_the_value(data):
    once = np.arange(data.sizes["image"])[None]
    np.testing.assert_allclose(
        experiment.grouping(data, once)[0], experiment.grouping(data), rtol=1e-4
    )


def test_learning_changed_the_attention():
    """The kept weights are not those it started from; the curve is with them."""
    trained, facts = lateral.learned().load(0)
    first = lateral.unlearned()
    moved = np.abs(trained.everywhere.value_proj.weight - first.everywhere.value_proj.weight)
    assert float(moved.max()) > 0.1
    assert len(facts["curve"]) == lateral.EPOCHS


@pytest.mark.slow
def test_every_variable_is_labelled(data):
    check_labels(data)


@pytest.mark.slow
def test_the_figure(config, data):
    figures.draw(config, data, experiment.measure(config, data))


def test_the_file_spells_out_the_defaults():
    usual = load_config("lateral_attention")
    assert plain(usual) == plain(experiment.Config(experiment="lateral_attention", seed=0))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("images.per_category=5", "per_category: found 5, allowed: an even number"),
        ("attention.size=0", "size: found 0, allowed"),
    ],
)
def test_bad_settings_give_one_line(setting, words):
    with pytest.raises(UserError, match=words):
        load_config("lateral_attention", [setting])
