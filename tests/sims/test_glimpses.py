"""The experiment on glimpses, with networks of random weights and few images."""

import equinox as eqx
import jax
import numpy as np
import pytest
from cortex.figures import glimpses as figures
from cortex.sims import glimpses as experiment

from cortex.experiment import ConfigError, Progress, load_config, plain
from cortex.experiment.results import check_labels
from cortex.frontends.weights import save_weights
from cortex.models.learned import glimpses as learned
from cortex.stimuli.cluttered_digits import Canvas
from cortex.tasks import Rates

NAME = "glimpses"
SEEDS = (0, 5)
NETWORKS = ("learned", "random", "centre")


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weights")
    curve = [{f"accuracy_{name}": 0.1 * k for name in NETWORKS} for k in range(3)]
    for seed in SEEDS:
        module = eqx.filter_jit(learned.Glimpsers.untrained)(jax.random.key(seed))
        save_weights(learned.trained_source().file(seed, folder), module, {"curve": curve})
    settings = [
        f'learned.weights="{folder}"',
        f"learned.seeds={list(SEEDS)}",
        "images.images=24",
        "images.circuits=12",
        "window.training=100",
        "statistics.resamples=50",
    ]
    return load_config(NAME, settings)


@pytest.fixture(scope="module")
def shown(config):
    return experiment.held_out_images(config)


@pytest.fixture(scope="module")
def data(config, shown):
    """As if networks and circuits had looked, at random."""
    rng = np.random.default_rng(0)
    place = rng.random((2, 2, 24, learned.GLIMPSES, 2)).astype(np.float32)
    place[..., 0, :] = 0.5
    found = {
        "right": rng.random((2, 2, 24, learned.GLIMPSES)) < 0.6,
        "place": place,
        "right_centre": rng.random((2, 24)) < 0.5,
        "curve": rng.random((2, 3, 4)),
    }
    seen = {
        "logits": rng.normal(size=(2, 4, 12, 10)),
        "cut_logits": rng.normal(size=(2, 4, 12, 10)),
        "E": rng.random((2, 4, 12, 14, 14)),
        "I": rng.random((2, 4, 12, 14, 14)),
        "settled": np.ones((2, 4, 12), bool),
        "cut_settled": np.ones((2, 4, 12), bool),
        "clean": np.ones(12, bool),
    }
    made = experiment.label(config, shown, found, seen)
    made.attrs.update(logits=seen["cut_logits"], E=seen["E"])
    return made


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in experiment.measure(config, data)}


@pytest.fixture(scope="module")
def ran(config):
    return experiment.run(config, Progress())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(experiment.Config(experiment=NAME, seed=0))


def test_labels_and_axes(data):
    check_labels(data)
    assert data["right"].dims == ("seed", "policy", "image", "glimpse")
    assert data["hit"].dims == ("seed", "window", "case")
    assert list(data["seed"].values) == list(SEEDS)


def test_answers_of_detectors_against_plain_loops(data):
    for seed in range(2):
        for number, name in enumerate(("centre", "learned", "random", "digit")):
            one = data.sel(fixated=name).isel(seed=seed)
            for case in range(12):
                logits, label = data.attrs["logits"][seed, number, case], int(data["label"][case])
                others = [logits[c] > 0 for c in range(10) if c != label]
                assert bool(one["cut_hit"][case]) == (logits[label] > 0)
                assert float(one["cut_false_alarms"][case]) == pytest.approx(np.mean(others))
                assert bool(one["cut_chosen"][case]) == (np.argmax(logits) == label)


def test_rates_on_and_off_the_digit_against_plain_loops(data):
    E = data.attrs["E"]
    for case in range(12):
        inside = experiment._inside(data["digit"].values[case][None], (14, 14), 0.5)[0]
        one = data.isel(seed=1, window=2, case=case)
        assert float(one["rate_E_on"]) == pytest.approx(E[1, 2, case][inside].mean())
        assert float(one["rate_E_off"]) == pytest.approx(E[1, 2, case][~inside].mean())


def test_every_image_shows_another_digit(data):
    for one in range(24):
        for other in range(one):
            assert np.any(data["digit"].values[one] != data["digit"].values[other])


def test_glimpses_begin_at_the_centre_and_distances_are_to_the_digit(config, data):
    place = data["place"].values
    np.testing.assert_array_equal(place[..., 0, :], 0.5)
    off = (place - data["digit"].values[None, None, :, None]) * learned.CANVAS.side
    away = np.sqrt((off**2).sum(-1))
    np.testing.assert_allclose(data["distance"], away, rtol=1e-5)
    np.testing.assert_array_equal(data["on_digit"], away < config.images.on_digit)


@pytest.mark.slow
def test_all_of_it_runs_and_the_window_moves_rates_towards_its_place(config, ran):
    """At the digit E and I rise there and fall elsewhere; without attention nothing changes."""
    data = ran
    check_labels(data)
    np.testing.assert_array_equal(data["curve"].sel(seed=5, network="centre"), [0, 0.1, 0.2])
    np.testing.assert_array_equal(data["place"][..., 0, :], 0.5)
    assert np.std(data["place"][:, 1, :, 1:]) > 0.2  # anywhere
    figures.draw(config, data, experiment.measure(config, data))
    windows = data.sel(window="digit"), data.sel(window="none")
    for population in "EI":
        on, off = (
            float((w[f"rate_{population}_on"] / w[f"rate_{population}_off"]).mean())
            for w in windows
        )
        assert on > 1.2 * off, population
    assert np.all(data["cut_settled"])
    unattended = data["rate_E_on"].sel(window="none")
    np.testing.assert_array_equal(unattended.isel(seed=0), unattended.isel(seed=1))
    assert np.all(data["settled"])


def test_clutter_does_not_move_the_digits(config):
    clean = experiment.held_out_images(config, Canvas(pieces=0))
    shown = experiment.held_out_images(config)
    np.testing.assert_array_equal(clean.places, shown.places)
    assert np.all(np.asarray(clean.images) <= np.asarray(shown.images))
    assert np.mean(np.asarray(clean.images)) < 0.8 * np.mean(np.asarray(shown.images))


def test_a_cut_is_what_lies_around_the_place():
    image = np.random.default_rng(0).random((1, 56, 56)).astype(np.float32)
    found = experiment.cut(image, np.array([[0.5, 20 / 56]], np.float32))
    assert found.shape == (1, 1, 28, 28)
    np.testing.assert_array_equal(found[0, 0], image[0, 14:42, 6:34])


def test_what_lies_in_the_square_of_a_digit():
    """Middles of places, (i + 0.5)/14, nearer than 0.25 to that of the digit along both axes."""
    expected = np.zeros((14, 14), bool)
    expected[3:10, :7] = True  # from 0.23 to 0.73 and from 0 to 0.5
    found = experiment._inside(np.array([[0.48, 0.25]]), (14, 14), 0.5)
    np.testing.assert_array_equal(found[0], expected)


def test_rows_against_plain_numbers(data, measures):
    """Values of rows, and that a claim is on the lower end of its interval."""
    right = data["right"].values
    last = measures["accuracy_over_random_low"]
    gain = right[:, 0, :, -1].mean() - right[:, 1, :, -1].mean()
    assert last.note.startswith(f"{gain:.3g},")
    assert last.value <= gain
    assert last.holds is (last.value > 0)
    one = data.sel(window="random")
    d = [
        Rates(one["hit"].values[s].mean(), one["false_alarms"].values[s].mean()).sensitivity
        for s in range(2)
    ]
    assert measures["sensitivity[random]"].value == pytest.approx(np.mean(d))
    ratio = (
        data["rate_I_off"].sel(window="digit").mean() / data["rate_I_off"].sel(window="none").mean()
    )
    assert measures["rate_I_off_factor[digit]"].value == pytest.approx(float(ratio))
    assert measures["settled_share"].holds is True


def test_the_figure(config, data, measures):
    assert len(figures.draw(config, data, list(measures.values())).axes) == 6


def test_missing_weights_are_one_line(tmp_path, shown):
    config = load_config(NAME, [f'learned.weights="{tmp_path}"'])
    with pytest.raises(ConfigError, match=r"learned\.weights, learned\.seeds: .*glimpses_0"):
        experiment.one_seed(config, 0, shown)
