"""The ring against an independent program."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.sims.ring_normalization import experiment, simulate

from cortex.experiment import load_settings
from cortex.settings import replaced, settings
from tests.circuit import twins
from tests.reference import published, ssn

KEY = jax.random.key(0)
FEW = {"contrasts": (10.0,), "contrasts.curve": [2.0, 60.0, 2], "shares.curve": [0.1, 1.0, 2]}


@pytest.fixture(scope="module")
def small():
    """A few units and contrasts: fast to compile and solve."""
    return load_settings(experiment, values={"circuit.units": 36, **FEW})[1]


@pytest.fixture(scope="module")
def whole():
    """The ring of 180 pairs at a few contrasts."""
    return experiment.run(load_settings(experiment, values=FEW)[1])


def test_against_plain_numpy(whole):
    """Euler steps written out, in float64, with no code in common."""
    gap = np.abs(np.arange(180)[:, None] - np.arange(180)[None, :]).astype(float)
    gap = np.minimum(gap, 180 - gap)
    falloff, bumps = np.exp(-(gap**2) / (2 * 32**2)), np.exp(-(gap**2) / (2 * 30**2))
    drive = 10 * (bumps[45] + bumps[135])
    E, I = np.zeros(180), np.zeros(180)  # noqa: E741
    for _ in range(5000):
        u_E = drive + falloff @ (0.044 * E - 0.023 * I)
        u_I = drive + falloff @ (0.042 * E - 0.018 * I)
        E = E + 0.1 / 20 * (0.04 * np.maximum(u_E, 0) ** 2 - E)
        I = I + 0.1 / 10 * (0.04 * np.maximum(u_I, 0) ** 2 - I)  # noqa: E741
    both = whole.rates.sel(contrast=10, shown="both")
    np.testing.assert_allclose(both.sel(population="E"), E, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(both.sel(population="I"), I, rtol=1e-3, atol=1e-3)


def test_the_stronger_grating_wins_against_plain_numpy(whole):
    """The weights at the least share, from states found by dense float64 Euler steps."""
    _, network = twins.ring(180)
    states = []
    for first, second in ((60.0, 0.0), (0.0, 6.0), (60.0, 6.0)):
        drive = published.bump(180, 45.0, first) + published.bump(180, 135.0, second)
        given = ssn.Input(np.concatenate([drive, drive]))
        states.append(ssn.steady_state(network, given, dt=0.5)[:180])
    expected = np.linalg.lstsq(np.stack(states[:2], 1), states[2], rcond=None)[0]
    weights = whole.weights.sel(population="E")
    # 1e-3: single precision, and a weak response of 3 Hz.
    np.testing.assert_allclose(weights[0], expected, rtol=1e-3, atol=1e-3)
    assert float(weights[-1, 0]) == pytest.approx(float(weights[-1, 1]), rel=1e-4)


def test_other_contrasts_and_circuits_have_no_table(whole):
    _, here = load_settings(experiment, values={"contrasts": (10.0,)})
    named = {row.name: row for row in experiment.rows(here, whole)}
    assert named["w[contrast=10, E]"].reference == 0.868
    assert named["w[contrast=10, E]"].holds
    _, elsewhere = load_settings(experiment, ["circuit.tau_I=11"])
    bare = experiment.rows(elsewhere, whole)
    assert [row.name for row in bare if row.reference is not None] == ["settled_share"]
    assert [row.name for row in bare if row.expected] == ["weak_weight_least_rise"]


@pytest.mark.slow
def test_runaway_is_not_a_number(small):
    wild = replaced(small, {"circuit.J_EI": 0.0, "circuit.J_IE": 0.0})
    rows = {row.name: row for row in experiment.rows(wild, experiment.run(wild))}
    assert np.isnan(rows["r[contrast=10, E]"].value)
    assert rows["r[contrast=10, E]"].holds is False
    assert rows["settled_share"].holds is False


@pytest.mark.slow
def test_vmap_over_every_number(small):
    """Every continuous setting of the circuit and the stimulus as a traced array, at once."""
    numbers = {
        row.path: row.value
        for row in settings(small)
        if isinstance(row.value, float) and not row.path.startswith("settle.")
    }
    assert len(numbers) == 12
    changed = {path: 1.02 * value for path, value in numbers.items()}
    both = {path: jnp.asarray([numbers[path], changed[path]]) for path in numbers}
    swept = jax.jit(jax.vmap(lambda values: simulate(replaced(small, values), KEY)))(both)
    for index, values in enumerate((numbers, changed)):
        single = simulate(replaced(small, values), KEY)
        for name in ("w", "r"):
            found, alone = swept[name].values[index], single[name].values
            np.testing.assert_allclose(found, alone, rtol=1e-4)
