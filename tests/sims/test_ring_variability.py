"""Variability on the ring against its table, a float64 program, and its own simulation."""

import jax
import numpy as np
import pytest
from cortex.sims.ring_variability import experiment, simulate

from cortex.experiment import load_settings
from cortex.settings import replaced
from tests.reference import fluctuations as reference
from tests.reference import published, ssn

# Fewer curves, conditions and trials than by default; the circuit, grating and noise are those.
SETTINGS = {
    "contrasts.values": [10, 50],
    "contrasts.curve": [5, 20, 2],
    "strengths": [0, 2],
    "noise_sds": [0.25, 4],
    "simulation.duration": 8000.0,
}


@pytest.fixture(scope="module")
def theory():
    """Covariance of all rates in float64 for the grating at c = 10, by input to E."""
    net, bump = published.ring(), published.bump(180, 45)

    def solve(strength, noise):
        given = ssn.Input(
            10 * np.concatenate([bump, bump]),
            extra=strength * np.concatenate([bump, np.zeros(180)]),
        )
        rates = ssn.steady_state(net, given, dt=0.5)
        found = reference.covariance(net, given, rates, 50.0, noise)
        correlation = found[35, 55] / np.sqrt(found[35, 35] * found[55, 55])
        return rates[45], found[45, 45] / rates[45], correlation

    return solve


def test_the_table_needs_nothing_of_its_tolerance(settings, data):
    """For the stated noise; the numbers are stated to three digits."""
    rows = {row.name: row for row in experiment.rows(settings, data)}
    assert {row.name for row in rows.values() if row.holds is False} == set()
    assert rows["stated_ratio[contrast=10]"].value == pytest.approx(0.176, abs=6e-4)
    assert rows["stated_correlation[contrast=10]"].value == pytest.approx(0.930, abs=6e-4)


def test_linear_theory_against_the_augmented_system(data, theory):
    """float32 to 0.1 %: as stated, as possible, and with attention."""
    stated = ssn.ring_weights(180, 180.0, 1.0, 60.0)
    possible = reference.ring_covariance(180, 180.0, 60.0)
    here, attended = data.sel(contrast=10, background="none"), data.sel(strength=2)
    for found, expected in (
        ((here["rate"], here["stated_ratio"], here["stated_correlation"]), theory(0, stated)),
        ((here["rate"], here["ratio"], here["correlation"]), theory(0, possible)),
        (
            [attended[f"attended_{name}"] for name in ("rate", "ratio", "correlation")],
            theory(2, possible),
        ),
    ):
        np.testing.assert_allclose(np.array(found, float), expected, rtol=1e-3)


def test_simulation_against_linear_theory(data):
    """Weak noise: within 4 standard errors. Strong noise: far off where the ring amplifies."""
    weak, strong = data.isel(noise_sd=0), data.isel(noise_sd=1)
    for name in ("variance", "correlation"):
        error, predicted = weak[f"error_{name}"].values, weak[f"predicted_{name}"].values
        assert (np.abs(weak[f"simulated_{name}"] - predicted).values < 4 * error).all()
        assert (error < 0.04 * np.maximum(predicted, 0.5)).all()
    off = np.abs(strong.simulated_variance / strong.predicted_variance - 1)
    assert float(off.sel(simulated_contrast=10)) > 0.2
    # The ring of 36 pairs is the ring of 180.
    whole = data.sel(background="none", contrast=[10, 50])
    np.testing.assert_allclose(weak.predicted_ratio / 0.25**2, whole.ratio, rtol=0.01)
    np.testing.assert_allclose(weak.predicted_correlation, whole.correlation, atol=0.01)


@pytest.mark.slow
def test_the_error_is_that_of_repeated_experiments():
    """Standard deviation over seeds against the mean of the jackknife's estimates."""
    changed = {"contrasts.values": [10], "contrasts.curve": [10, 20, 2], "noise_sds": [1.0]}
    changed |= {"circuit.units": 24, "simulation.trials": 12, "simulation.units": 12}
    brief = load_settings(experiment, values=changed | {"simulation.duration": 1000.0})[1]
    found = jax.jit(jax.vmap(lambda key: simulate(brief, key)))(
        jax.random.split(jax.random.key(5), 60)
    )
    for name in ("variance", "rate"):
        spread = np.std(found[f"simulated_{name}"].values[:, 0, 0])
        estimate = np.sqrt(np.mean(found[f"error_{name}"].values[:, 0, 0] ** 2))
        # 60 repetitions: a standard deviation has a standard error of 9 %.
        assert float(estimate) == pytest.approx(float(spread), rel=0.35)


@pytest.mark.slow
def test_the_circuit_and_the_noise_can_be_traced():
    """A sweep's way: variance under weak noise grows with the square of its SD."""
    small = load_settings(experiment, values=dict(experiment.small))[1]

    def variance(sd):
        found = simulate(replaced(small, {"noise.sd": sd}), jax.random.key(0))
        return found["variance"].values[1, 0]

    one, two = jax.jit(jax.vmap(variance))(np.array([1.0, 2.0], np.float32))
    assert float(two / one) == pytest.approx(4, rel=1e-3)
