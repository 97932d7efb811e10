"""The shiftable window: scenes as asked for, the window against NumPy, rows and figure."""

import numpy as np
import pytest
from cortex.figures import shiftable_window as figures
from cortex.sims import shiftable_window as experiment

from cortex.errors import UserError
from cortex.experiment import Progress, load_config, plain, replaced
from cortex.experiment.results import check_labels
from tests.reference import location as reference
from tests.reference import ssn

NAME = "shiftable_window"
SMALL = [
    "items.scenes=4",
    "items.items=7",
    "circuit.units=65",
    "window.steps=3",
    "window.farthest=2",
    "statistics.resamples=50",
]


@pytest.fixture(scope="module")
def config():
    return load_config(NAME, SMALL)


@pytest.fixture(scope="module")
def data(config):
    return experiment.run(config, Progress())


def test_the_file_spells_out_the_defaults():
    assert plain(load_config(NAME)) == plain(experiment.Config(experiment=NAME, seed=0))


def test_scenes_keep_clear_of_the_edges_and_move_at_every_step():
    config = load_config(NAME)
    scenes = experiment.draw(config)
    at = scenes["start"][:, None] + np.cumsum(scenes["by"], axis=1)
    assert at.min() >= 1
    assert at.max() <= config.items.items - 2
    assert np.abs(scenes["by"]).min() >= 1
    assert np.abs(scenes["by"]).max() <= config.window.farthest
    sought = scenes["colour"] == 0
    np.testing.assert_array_equal(sought.argmax(1), scenes["start"])
    assert np.all(sought.sum(1) == 1)


def test_labels_and_axes(config, data):
    check_labels(data)
    assert data["rate_E"].dims == ("kind", "scene", "step", "place")
    assert data["rate_E"].shape == (2, 4, 4, 65)
    assert np.all(data["converged"])


def test_the_window_moves_as_the_equations_say(config, data):
    """From the window by content on, in float64; both kinds, every scene and step."""
    w, size = config.window, config.items.size
    scenes = experiment.draw(config)
    reach = w.farthest * size + int(4 * w.spread) + 1
    away = np.arange(-reach, reach + 1)
    for kind, power in (("sharpened", w.power), ("not sharpened", 1.0)):
        for scene in range(4):
            found = data["weights"].sel(kind=kind).values[scene].astype(float)
            now = found[0][None]
            for step in range(w.steps):
                bump = np.exp(-((away - scenes["by"][scene, step] * size) ** 2) / (2 * w.spread**2))
                now = reference.sharpened(reference.shifted(now, bump[None] / bump.sum()), power)
                np.testing.assert_allclose(found[step + 1], now[0], atol=2e-6)


def test_rates_against_the_float64_program(config, data):
    """Steady rates under the gain of one window; the solver's tolerance is 2e-5."""
    c = config.circuit
    away = (np.arange(c.units)[:, None] - np.arange(c.units)[None, :]) * c.spacing

    def weights(peak, sigma):
        return peak * (np.exp(-(away**2) / (2 * sigma**2)) if sigma else np.eye(c.units))

    net = ssn.network(
        EE=weights(c.W_EE, c.sigma_EE),
        EI=weights(c.W_EI, c.sigma_EI),
        IE=weights(c.W_IE, c.sigma_IE),
        II=weights(c.W_II, c.sigma_II),
        tau=(c.tau_E, c.tau_I),
        k=(c.k, c.k),
        n=(c.n, c.n),
    )
    one = data.isel(kind=0, scene=1, step=2)
    gain = 1 + config.window.strength * one["weights"].values.astype(float)
    drive = config.items.contrast * np.concatenate([gain, gain])
    rates = ssn.steady_state(net, ssn.Input(drive), dt=0.5, tolerance=1e-8)
    np.testing.assert_allclose(one["rate_E"], rates[: c.units], rtol=2e-3, atol=1e-3)
    np.testing.assert_allclose(one["rate_I"], rates[c.units :], rtol=2e-3, atol=1e-3)


def test_measures_and_figure(config, data):
    measures = {m.name: m for m in experiment.measure(config, data)}
    for name in ("shift_off_high", "widening_saved_low", "entropy_saved_low", "E_saved_low"):
        assert measures[name].holds is True, name
    plain_E = data["plain_E"].values[16:-16].mean()
    last = data.isel(kind=0, step=-1)
    own = [np.abs(data["place"].values - at).argmin() for at in last["commanded"].values]
    expected = np.mean(last["rate_E"].values[np.arange(4), own]) / plain_E
    assert measures["at_E[sharpened]"].value == pytest.approx(expected, rel=1e-5)
    figure = figures.draw(config, data, list(measures.values()))
    assert len(figure.axes) == 7


def test_no_sharpening_leaves_nothing_to_save(config):
    """A control that fails: with a power of 1 both kinds are the same."""
    same = replaced(config, {"window.power": 1.0})
    measures = {m.name: m for m in experiment.measure(same, experiment.run(same, Progress()))}
    assert measures["widening_saved_low"].holds is False
    assert measures["E_saved_low"].value == pytest.approx(0, abs=1e-4)
    assert "width_limit" not in measures


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("items.items=12", "found 12 items of 9 units, allowed: as many as fit on 101 units"),
        ("window.farthest=10", r"farthest: found 10, allowed: items.items - 2 or less"),
        ("window.power=0.5", "power: found 0.5, allowed: a number >= 1"),
    ],
)
def test_bad_settings_give_one_line(setting, words):
    with pytest.raises(UserError, match=words):
        load_config(NAME, [setting])
