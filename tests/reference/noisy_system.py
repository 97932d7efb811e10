"""Circuits of several layers with noise over time, as a plain float64 program; Heun's method.

Written from the equations alone; nothing of it is shared with cortex:

    tau dr/dt = -r + k [drive + W r + eta]_+^n,    drive of a layer = scale [conv(sent below)]_+
"""

import numpy as np

from tests.reference import attention, ssn


def drive(image, stage, scale):
    """Of one layer, the same to E and I [2N]."""
    maps = scale * np.maximum(attention.net_input(image, stage), 0).ravel()
    return np.concatenate([maps, maps])


def sent(rates, shape, power_map):
    """What a layer sends up: scale ((r + 1/2)^exponent - (1/2)^exponent), map by map."""
    maps = rates[: len(rates) // 2].reshape(shape)
    rows = zip(maps, *power_map, strict=True)
    return np.stack([s * ((r + 0.5) ** e - 0.5**e) for r, s, e in rows])


def trial(layers, image, noise, onset, dt):
    """E rates of the topmost layer after every step [steps, N].

    Args:
        layers: from the lowest: (network, stage, scale, shape, power map, gain on the drive).
        image: seen from step `onset` on, a blank field before.
        noise: by layer, before the first step and after each, [steps + 1, N].
        onset: step.
        dt: ms.
    """
    states = [np.zeros(2 * eta.shape[1]) for eta in noise]
    course = []
    for step in range(len(noise[0]) - 1):
        received, after = image if step >= onset else np.zeros_like(image), []
        for (net, stage, scale, shape, power_map, gain), rates, eta in zip(
            layers, states, noise, strict=True
        ):
            given = ssn.Input(drive(received, stage, scale), gain)
            now, later = (ssn.with_extra(given, np.tile(eta[step + i], 2)) for i in (0, 1))
            first = (ssn.target(net, now, rates) - rates) / net.tau
            there = rates + dt * first
            second = (ssn.target(net, later, there) - there) / net.tau
            received = sent(rates, shape, power_map)
            after.append(rates + dt / 2 * (first + second))
        states = after
        course.append(states[-1][: len(states[-1]) // 2])
    return np.stack(course)
