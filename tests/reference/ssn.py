"""The stabilized supralinear network as a plain dense NumPy float64 program.

Written from the equations alone; nothing of it is shared with cortex. A network of N
excitatory and N inhibitory units is one vector of 2 N rates, excitatory first, with one signed
matrix of 2 N x 2 N weights:

    tau dr/dt = -r + k [u]_+^n,    u = drive_gain * drive + recurrent_gain * (W r) + extra

Rates in Hz, times in ms.
"""

from dataclasses import dataclass, replace

import numpy as np


@dataclass
class Network:
    """`weights` [2N, 2N], row = postsynaptic; `tau`, `k`, `n` [2N]."""

    weights: np.ndarray
    tau: np.ndarray
    k: np.ndarray
    n: np.ndarray


@dataclass
class Input:
    """Everything from outside; each a number or [2N] (`output_gain`: a number or [N])."""

    drive: np.ndarray
    drive_gain: np.ndarray | float = 1.0
    recurrent_gain: np.ndarray | float = 1.0
    extra: np.ndarray | float = 0.0
    output_gain: np.ndarray | float = 1.0


def network(EE, EI, IE, II, tau, k, n):
    """From four matrices of magnitudes [N, N] and pairs (E, I) of numbers or of [N]."""
    units = len(EE)

    def both(pair):
        return np.concatenate([np.broadcast_to(np.ravel(part), units) for part in pair])

    weights = np.block([[np.asarray(EE), -np.asarray(EI)], [np.asarray(IE), -np.asarray(II)]])
    return Network(*(np.array(v, dtype=np.float64) for v in (weights, both(tau), both(k), both(n))))


# Weights, one matrix of magnitudes [N, N] at a time.


def ring_weights(units, period, strength, sigma):
    apart = np.abs(np.subtract.outer(np.arange(units), np.arange(units))) * period / units
    return strength * np.exp(-(np.minimum(apart, period - apart) ** 2) / (2 * sigma**2))


def line_weights(units, spacing, strength, sigma):
    if sigma == 0:
        return strength * np.eye(units)
    apart = np.subtract.outer(np.arange(units), np.arange(units)) * spacing
    return strength * np.exp(-(apart**2) / (2 * sigma**2))


def unit_gaussian(distance, sigma):
    """Gaussian at integer distances [px] that sums to one over all the integers."""
    reach = np.arange(-int(40 * sigma) - 2, int(40 * sigma) + 3)
    return np.exp(-(distance**2) / (2 * sigma**2)) / np.exp(-(reach**2) / (2 * sigma**2)).sum()


def axis_weights(size, sigma, periodic):
    distance = np.subtract.outer(np.arange(size), np.arange(size)).astype(np.float64)
    if not periodic:
        return unit_gaussian(distance, sigma)
    images = int(40 * sigma / size) + 2
    return sum(unit_gaussian(distance + m * size, sigma) for m in range(-images, images + 1))


def sheet_weights(shape, strength, sigma, features, periodic):
    """`shape` (features, height, width); units in C order."""
    _, height, width = shape
    rows, columns = axis_weights(height, sigma, periodic), axis_weights(width, sigma, periodic)
    return strength * np.kron(np.asarray(features, dtype=np.float64), np.kron(rows, columns))


def circular_features(preferred, width, period=180.0):
    apart = np.abs(np.subtract.outer(preferred, preferred)) % period
    falloff = np.exp(-(np.minimum(apart, period - apart) ** 2) / (2 * width**2))
    return falloff / falloff.sum(axis=1, keepdims=True)


def angular_features(responses, width):
    """Falloff with the angle between the maps' responses [samples, maps]; silent maps: 90 deg."""
    responses = np.asarray(responses, dtype=np.float64)
    unit = responses / np.maximum(np.linalg.norm(responses, axis=0), 1e-30)
    angle = np.degrees(np.arccos(np.clip(unit.T @ unit, -1, 1)))
    np.fill_diagonal(angle, 0)
    falloff = np.exp(-(angle**2) / (2 * width**2))
    return falloff / falloff.sum(axis=1, keepdims=True)


# Dynamics.


def net_input(net, given, rates):
    return (
        given.drive_gain * given.drive
        + given.recurrent_gain * (net.weights @ rates)
        + (given.extra)
    )


def target(net, given, rates):
    u = net_input(net, given, rates)
    return net.k * np.where(u > 0, np.maximum(u, 1e-300) ** net.n, 0.0)


def euler(net, given, rates, dt, steps):
    """The state after `steps` steps of `dt` ms, and all states from the first on."""
    course = [np.array(rates, dtype=np.float64)]
    for _ in range(steps):
        r = course[-1]
        course.append(r + dt * (target(net, given, r) - r) / net.tau)
    return course[-1], np.stack(course)


def steady_state(net, given, dt=0.1, duration=20_000.0):
    """Where the rates go from silence: integrated until little changes, then by Newton's method."""
    rates = np.zeros(len(net.tau))
    for _ in range(int(duration / dt)):
        change = target(net, given, rates) - rates
        if np.abs(change).max() < 1e-3:
            return newton(net, given, rates)
        rates = rates + dt * change / net.tau
    raise RuntimeError("no steady state")


def newton(net, given, rates):
    """The steady state near rates."""
    for _ in range(20):
        change = target(net, given, rates) - rates
        if np.abs(change).max() < 1e-9:
            return rates
        rates = rates + linear_response(net, given, rates, change)
    raise RuntimeError("no steady state")


def output(given, rates):
    """What the next layer reads."""
    return given.output_gain * rates[: len(rates) // 2]


# Linear theory.


def slopes(net, given, rates):
    u = net_input(net, given, rates)
    return net.n * net.k * np.where(u > 0, np.maximum(u, 1e-300) ** (net.n - 1), 0.0)


def effective_weights(net, given, rates):
    """d target / d rates [2N, 2N]."""
    return (slopes(net, given, rates) * given.recurrent_gain)[:, None] * net.weights


def jacobian(net, given, rates):
    """d (dr/dt) / dr [1/ms]."""
    return (effective_weights(net, given, rates) - np.eye(len(rates))) / net.tau[:, None]


def linear_response(net, given, rates, source):
    """Change of the steady state when the target changes by `source` at fixed rates."""
    return np.linalg.solve(np.eye(len(rates)) - effective_weights(net, given, rates), source)


def input_response(net, given, rates, change):
    """Change of the steady state when `extra` changes by `change`."""
    return linear_response(net, given, rates, slopes(net, given, rates) * change)


def with_extra(given, change):
    return replace(given, extra=given.extra + change)
