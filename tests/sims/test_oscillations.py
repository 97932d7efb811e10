"""Oscillations of the ring against plain NumPy: power, onset and limit cycle."""

import numpy as np
import pytest
from cortex.sims.oscillations import experiment

from cortex.analysis import cycle_frequency
from tests.reference import fluctuations, ssn
from tests.reference.published import settled_ring

SETTINGS = dict(experiment.small) | {
    "circuit.units": 36,
    "contrasts": [20.0, 50.0],
    "inhibition.curve": [2.0, 8.0, 25],
}


def test_the_power_spectrum_in_float64(settings, data):
    units = settings.circuit.units
    state = settled_ring(50.0, tau=(settings.tau_E, settings.tau_I))
    noise = settings.noise_sd**2 * fluctuations.ring_covariance(units, 180.0, 60.0)
    some, mean_E = data["frequency"].values[[5, 25, 45]], np.repeat([1.0 / units, 0.0], units)
    expected = fluctuations.power_spectrum(*state, settings.noise_tau, noise, some, mean_E)
    found = data["power_theory"].sel(contrast=50.0)[[5, 25, 45]]
    np.testing.assert_allclose(found, expected, rtol=0.01)


def test_the_onset_of_oscillation_in_float64(settings, data):
    """The time constant of I at which the largest real part passes zero, by bisection."""
    low, high = 2.0, 8.0
    net, given, rates = settled_ring(50.0)
    units = len(rates) // 2
    for _ in range(30):
        middle = (low + high) / 2
        net.tau = np.repeat((settings.tau_E, middle), units)
        values = np.linalg.eigvals(ssn.jacobian(net, given, rates))
        first = values[np.argmax(values.real)]
        low, high = (low, middle) if first.real > 0 else (middle, high)
    # Points of the curve are 0.25 ms apart; between them it is nearly straight.
    assert float(data["onset"]) == pytest.approx(middle, abs=0.03)
    frequency = 1000 * abs(first.imag) / (2 * np.pi)
    assert float(data["onset_frequency"].sel(tau_E=5.0)) == pytest.approx(frequency, abs=0.5)


def test_the_limit_cycle_in_plain_euler_steps(settings, data):
    net, given, rates = settled_ring(50.0, tau=(settings.tau_E, settings.tau_slow))
    _, course = ssn.euler(net, given, 1.05 * rates, 0.01, 50_000)
    E = course[30_000:, 9]  # 45 degrees; from 300 ms on
    times = 0.01 * np.flatnonzero((E[:-1] <= E.mean()) & (E[1:] > E.mean()))
    # Euler's steps add omega^2 dt/2 = 0.4 /s to a growth rate of 12 /s: 2 % in size.
    found = data["cycle"].sel(population="E")
    assert cycle_frequency(found) == pytest.approx(1000 / np.diff(times).mean(), rel=0.01)
    assert np.ptp(found.values) == pytest.approx(np.ptp(E), rel=0.03)


def test_with_published_units_the_oscillation_is_slower_than_gamma(data):
    """Frequencies scale as one over the time constants, all of them."""
    fast, slow = data["onset_frequency"].sel(tau_E=5.0), data["onset_frequency"].sel(tau_E=20.0)
    assert float(fast) == pytest.approx(4 * float(slow))
    assert 8 < float(slow) < 20


def test_trials_have_noise_of_their_own(data):
    power = data["power_simulated"].values
    assert not np.allclose(power[:, 0], power[:, 1], rtol=1e-3, atol=0)
    assert not np.allclose(power[0], power[1], rtol=1e-3, atol=0)
