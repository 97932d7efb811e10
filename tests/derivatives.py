"""Derivatives against central differences."""

import jax
import numpy as np


def check_derivatives(value, point, steps, rtol, rounding=0.0):
    """Of a number in each element of a vector; `rounding` of the number is divided by a step."""
    value, steps = jax.jit(value), np.broadcast_to(steps, len(point))
    gradient = np.asarray(jax.jit(jax.grad(value))(point))
    sides = [[float(value(point + side * move)) for side in (1, -1)] for move in np.diag(steps)]
    expected = -np.diff(sides)[:, 0] / (2 * steps)
    allowed = rtol * np.abs(expected) + rounding / steps
    assert (np.abs(gradient - expected) <= allowed).all(), (gradient, expected)
    return gradient
