"""Covariance and power spectrum against the augmented system in float64 SciPy."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.linalg

from cortex.circuit import EI, OrnsteinUhlenbeck, fluctuations, power_spectrum
from cortex.circuit.fluctuations import lyapunov, resolvent
from tests.circuit import twins
from tests.derivatives import check_derivatives
from tests.reference import fluctuations as reference
from tests.reference import published, ssn

moments = eqx.filter_jit(fluctuations)
spectrum = eqx.filter_jit(power_spectrum)
UNITS = 24


def ring_case(contrast, tau=50.0, sd=1.0, onto=(1.0, 1.0)):
    """Ours and the reference's arguments for a grating on a ring with correlated noise."""
    circuit, net = twins.ring(UNITS)
    h = published.bump(UNITS, 45, contrast)
    given = ssn.Input(np.concatenate([h, h]))
    rates = ssn.steady_state(net, given)
    noise = OrnsteinUhlenbeck.on_ring(tau, sd, UNITS, 60.0)
    noise = OrnsteinUhlenbeck(tau, sd, noise.factor, EI(*onto))
    ours = (circuit, twins.as_ei(rates), twins.as_ei((h, h)), noise)
    return ours, (net, given, rates, tau, sd**2 * reference.ring_covariance(UNITS, 180.0, 60.0))


def parts(covariance):
    half = len(covariance) // 2
    return covariance[:half, :half], covariance[:half, half:], covariance[half:, half:]


@pytest.mark.parametrize(("contrast", "tau"), [(5.0, 50.0), (10.0, 2.0), (50.0, 500.0)])
def test_covariance_in_single_precision(contrast, tau):
    """Well within the 5 % that physiology is compared to, whatever the time constant."""
    ours, theirs = ring_case(contrast, tau, sd=0.5)
    found = moments(*ours)
    for mine, expected in zip(
        (found.EE, found.EI, found.II), parts(reference.covariance(*theirs)), strict=True
    ):
        assert mine.dtype == jnp.float32
        np.testing.assert_allclose(mine, expected, atol=1e-3 * np.abs(expected).max())
    assert float(found.residual) < 1e-4


@pytest.mark.usefixtures("x64")
def test_covariance_with_modulation_in_double_precision():
    """Parameters a cell, modulation at every place, noise of unequal SD and unequal shares."""
    numbers = twins.random_numbers(3, 8)
    net, given = twins.reference_network(numbers), twins.reference_input(numbers)
    rates = ssn.steady_state(net, given)
    rng = np.random.default_rng(0)
    root = rng.normal(size=(8, 3))
    root /= np.linalg.norm(root, axis=1, keepdims=True)
    sd = rng.uniform(0.5, 2, 8)
    found = moments(
        twins.cortex_circuit(numbers),
        twins.as_ei(rates),
        twins.as_ei(numbers["drive"]),
        OrnsteinUhlenbeck(30.0, jnp.asarray(sd), jnp.asarray(root), EI(1.0, 0.4)),
        twins.cortex_modulation(numbers),
    )
    noise = (sd[:, None] * root) @ (sd[:, None] * root).T
    expected = reference.covariance(net, given, rates, 30.0, noise, onto=(1.0, 0.4))
    for mine, theirs in zip((found.EE, found.EI, found.II), parts(expected), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-8, atol=1e-10)


@pytest.mark.usefixtures("x64")
def test_lyapunov_and_resolvent_against_scipy():
    """Decay rates two orders of magnitude apart; complex shifts."""
    rng = np.random.default_rng(1)
    basis = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    A = basis @ (np.diag(-np.geomspace(1e-2, 1, 6)) + np.triu(rng.normal(size=(6, 6)), 1) / 20)
    A = A @ basis.T
    root = rng.normal(size=(6, 6))
    Q = root @ root.T
    expected = scipy.linalg.solve_continuous_lyapunov(A, -Q)
    np.testing.assert_allclose(lyapunov(jnp.asarray(A), jnp.asarray(Q)), expected, rtol=1e-8)
    B, shifts = rng.normal(size=(6, 3)) + 0j, np.array([0.0, 0.3, 1 + 2j])
    solved = [np.linalg.solve(s * np.eye(6) - A, b) for s, b in zip(shifts, B.T, strict=True)]
    found = resolvent(*map(jnp.asarray, (A, B, shifts)))
    np.testing.assert_allclose(found, np.transpose(solved), rtol=1e-8)


def test_an_unstable_state_is_not_finite():
    """Enough doublings to find out at once; a residual that cannot be overlooked."""
    circuit, _ = twins.ring(UNITS, k=(0.4, 0.0))
    h = jnp.asarray(published.bump(UNITS, 45, 20.0))
    found = moments(
        circuit, EI(h, 0 * h), EI(h, h), OrnsteinUhlenbeck.on_ring(50.0, 1.0, UNITS, 60.0)
    )
    assert not np.isfinite(found.residual)


def test_power_spectrum():
    """Against a solve a frequency, and its integral against the variance of the same sum."""
    ours, theirs = ring_case(20.0)
    frequencies = np.concatenate([[0.0], np.geomspace(0.01, 2000, 800)])
    rng = np.random.default_rng(2)
    weights = rng.normal(size=2 * UNITS)
    found = spectrum(*ours, jnp.asarray(frequencies), twins.as_ei(weights))
    some = slice(0, None, 40)
    expected = reference.power_spectrum(*theirs, frequencies[some], weights)
    np.testing.assert_allclose(found[some], expected, rtol=2e-3)
    variance = weights @ reference.covariance(*theirs) @ weights
    # Trapezoids of 1.5 % steps in frequency.
    assert np.trapezoid(found, frequencies) == pytest.approx(variance, rel=3e-3)


@pytest.mark.usefixtures("x64")
@pytest.mark.slow
def test_derivatives_against_differences():
    """Of a variance in the width and the time constant of the noise and the drive."""
    (circuit, rates, drive, _), _ = ring_case(10.0)

    def variance(at):
        width, tau, gain = at
        noise = OrnsteinUhlenbeck.on_ring(tau, 1.0, UNITS, width)
        found = fluctuations(circuit, rates, drive.map(lambda h: gain * h), noise)
        return found.EE[6, 6]

    at = jnp.array([60.0, 50.0, 1.0])
    check_derivatives(variance, at, 1e-4 * at, rtol=1e-5)


def test_noise_must_fit_the_circuit():
    (circuit, rates, drive, _), _ = ring_case(10.0)
    with pytest.raises(ValueError, match="found 5 units, allowed: 24"):
        fluctuations(circuit, rates, drive, OrnsteinUhlenbeck.independent(50.0, 1.0, 5))
