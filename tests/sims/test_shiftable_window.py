"""The shiftable window: scenes as asked for, the window against NumPy, rows and figure."""

import jax
import numpy as np
import pytest
from cortex.sims.shiftable_window import draw_scenes, experiment, scenes_of

from tests.reference import location as reference
from tests.reference import published, ssn
from tests.small_runs import changed_run


def test_scenes_keep_clear_of_the_edges_and_move_at_every_step():
    usual = experiment.settings()
    colour, start, by = draw_scenes(usual, 0)
    at = start[:, None] + np.cumsum(by, axis=1)
    assert at.min() >= 1
    assert at.max() <= usual.items - 2
    assert np.abs(by).min() >= 1
    assert np.abs(by).max() <= usual.farthest
    np.testing.assert_array_equal((colour == 0).argmax(1), start)
    assert np.all((colour == 0).sum(1) == 1)


def test_scenes_are_those_of_the_seed_whoever_asks(settings):
    """A sweep maps the key; a run has the seed."""
    keys = jax.vmap(jax.random.key)(np.array([3, 4], np.uint32))
    found = jax.jit(jax.vmap(lambda key: scenes_of(settings, key)))(keys)
    for number, seed in enumerate((3, 4)):
        for array, expected in zip(found, draw_scenes(settings, seed), strict=True):
            np.testing.assert_array_equal(array[number], expected)


def test_the_window_moves_as_the_equations_say(settings, data):
    """From the window by content on, in float64; both kinds, every scene and step."""
    w, size = settings, settings.size
    _, _, by = draw_scenes(settings, settings.seed)
    reach = w.farthest * size + int(4 * w.spread) + 1
    away = np.arange(-reach, reach + 1)
    for kind, power in (("sharpened", w.power), ("not sharpened", 1.0)):
        for scene in range(4):
            found = data["weights"].sel(kind=kind).isel(scene=scene).values.astype(float)
            now = found[0][None]
            for step in range(w.steps):
                bump = np.exp(-((away - by[scene, step] * size) ** 2) / (2 * w.spread**2))
                now = reference.sharpened(reference.shifted(now, bump[None] / bump.sum()), power)
                np.testing.assert_allclose(found[step + 1], now[0], atol=2e-6)


def test_rates_against_the_float64_program(settings, data):
    """Steady rates under the gain of one window; the solver's tolerance is 2e-5."""
    units = settings.circuit.units
    one = data.isel(kind=0, scene=1, step=2)
    gain = 1 + settings.strength * one["weights"].values.astype(float)
    drive = settings.contrast * np.concatenate([gain, gain])
    rates = ssn.steady_state(published.line(units), ssn.Input(drive), dt=0.5)
    expected = rates.reshape(2, units)
    np.testing.assert_allclose(one["rates"], expected, rtol=2e-3, atol=1e-3)


def test_rates_there_against_the_rates(settings, data):
    plain = data["plain"].sel(population="E").values
    last = data.sel(kind="sharpened", population="E").isel(step=-1)
    own = [np.abs(data["place"].values - at).argmin() for at in last["commanded"].values]
    expected = last["rates"].values[np.arange(4), own] / plain[16:-16].mean()
    np.testing.assert_allclose(last["at"], expected, rtol=1e-5)
    mean = float(data["E_saved"].sel(bound="value"))
    both = data["at"].sel(population="E").isel(step=-1)
    saved = both.sel(kind="sharpened") - both.sel(kind="not sharpened")
    assert mean == pytest.approx(float(saved.mean()), rel=1e-5)


@pytest.mark.slow
def test_no_sharpening_leaves_nothing_to_save():
    """A control that fails: with a power of 1 both kinds are the same."""
    rows = {row.name: row for row in experiment.rows(*changed_run("shiftable_window", power=1.0))}
    assert rows["widening_saved"].holds is False
    assert rows["E_saved"].value == pytest.approx(0, abs=1e-4)
    assert rows["width_limit"].holds is None
