"""Linear theory of variability as a plain float64 program: one dense augmented system.

Written from the equations alone; nothing of it is shared with cortex. The noise is a part of
the state y = (x, eta):

    dx/dt = J x + G eta,    d eta/dt = -eta / tau + white,    <eta eta^T> = C

with x the rates of E, then I, in Hz; times in ms; eta the same for the E and I of a pair.
"""

import numpy as np
import scipy.linalg

from tests.reference import ssn


def input_matrix(net, given, rates, onto=(1.0, 1.0)):
    """G [2N, N], Hz/ms per unit of input."""
    units = len(rates) // 2
    pair = np.vstack([onto[0] * np.eye(units), onto[1] * np.eye(units)])
    return (ssn.slopes(net, given, rates) / net.tau)[:, None] * pair


def covariance(net, given, rates, tau, noise_covariance, onto=(1.0, 1.0)):
    """Covariance of all rates [2N, 2N], Hz^2, from the Lyapunov equation of rates and noise."""
    J, G = ssn.jacobian(net, given, rates), input_matrix(net, given, rates, onto)
    states, units = len(J), len(noise_covariance)
    A = np.block([[J, G], [np.zeros((units, states)), -np.eye(units) / tau]])
    diffusion = np.zeros((states + units, states + units))
    diffusion[states:, states:] = 2 / tau * noise_covariance
    return scipy.linalg.solve_continuous_lyapunov(A, -diffusion)[:states, :states]


def power_spectrum(net, given, rates, tau, noise_covariance, frequencies_hz, weights):
    """One-sided power spectral density [Hz^2/Hz] of `weights @ rates`, a frequency at a time."""
    J, G = ssn.jacobian(net, given, rates), input_matrix(net, given, rates)
    power = []
    for frequency in frequencies_hz:
        omega = 2 * np.pi * frequency / 1000  # 1/ms
        transfer = weights @ np.linalg.solve(1j * omega * np.eye(len(J)) - J, G)
        # Two-sided in angular frequency, 2 tau / (1 + (omega tau)^2), in ms; twice that one-sided.
        noise = 2 * (2 * tau / (1 + (omega * tau) ** 2)) / 1000
        power.append((transfer @ noise_covariance @ transfer.conj()).real * noise)
    return np.array(power)


def ring_covariance(units, period, width):
    """Nearest possible matrix to exp(-d^2 / 2 width^2) with a diagonal of one."""
    stated = ssn.ring_weights(units, period, 1.0, width)
    values, vectors = np.linalg.eigh(stated)
    possible = (vectors * np.maximum(values, 0)) @ vectors.T
    scale = np.sqrt(np.diag(possible))
    return possible / np.outer(scale, scale)


def trial(net, given, rates, tau, factor, rng, dt, steps, burn_in, onto=(1.0, 1.0)):
    """Euler steps with noise, float64; all E rates after the burn-in, [steps, N]."""
    units = len(rates) // 2
    state, course = rng.standard_normal(factor.shape[1]), []
    keep = np.exp(-dt / tau)
    for step in range(burn_in + steps):
        eta = factor @ state
        noise = np.concatenate([onto[0] * eta, onto[1] * eta])
        goal = ssn.target(net, ssn.with_extra(given, noise), rates)
        rates = rates + dt * (goal - rates) / net.tau
        state = keep * state + np.sqrt(1 - keep**2) * rng.standard_normal(len(state))
        if step >= burn_in:
            course.append(rates[:units])
    return np.array(course)
