"""The ring of `regimes` and `oscillations` in float64, with its steady state."""

import numpy as np

from tests.reference import ssn


def plain_ring(contrast, units=36, tau=(20.0, 10.0)):
    """The ring in float64, its input, and its steady state by Newton's method."""
    J = {"EE": 0.044, "EI": 0.023, "IE": 0.042, "II": 0.018}
    weights = {n: ssn.ring_weights(units, 180.0, j * 180 / units, 32.0) for n, j in J.items()}
    net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
    gap = np.abs(np.arange(units) * 180.0 / units - 45.0)
    bump = np.exp(-(np.minimum(gap, 180 - gap) ** 2) / (2 * 30.0**2))
    given = ssn.Input(contrast * np.concatenate([bump, bump]))
    rates, _ = ssn.euler(net, given, np.zeros(2 * units), 0.5, 2000)
    rates = newton(net, given, rates)
    net.tau = np.repeat(tau, units)  # moves no steady state
    return net, given, rates


def newton(net, given, rates):
    for _ in range(6):
        change = ssn.linear_response(net, given, rates, ssn.target(net, given, rates) - rates)
        rates = rates + change
    assert np.abs(ssn.target(net, given, rates) - rates).max() < 1e-9
    return rates
