"""Tuning curves and populations: what changes them, and by how much."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike


def linear_fit(
    x: Float[Array, "*batch sample"], y: Float[Array, "*batch sample"]
) -> tuple[Float[Array, "*batch"], Float[Array, "*batch"], Float[Array, "*batch"]]:
    """Least-squares line y = slope x + intercept along the last axis.

    Returns:
        slope, intercept, r2: r2 the explained share of the variance, 0 to 1. NaN where x (for r2
            also y) does not vary.
    """
    mean_x, mean_y = jnp.mean(x, -1, keepdims=True), jnp.mean(y, -1, keepdims=True)
    xx = jnp.sum((x - mean_x) ** 2, -1)
    yy = jnp.sum((y - mean_y) ** 2, -1)
    xy = jnp.sum((x - mean_x) * (y - mean_y), -1)
    slope = xy / xx
    return slope, mean_y[..., 0] - slope * mean_x[..., 0], xy**2 / (xx * yy)


def interaction_slope(rates: Float[Array, "*batch stimulus unit"]) -> Float[Array, "*batch"]:
    """Slope of sensory interaction against selectivity over the units of a population.

    Selectivity is r_first - r_second, sensory interaction r_both - r_second: the slope is 1 if
    the response to both is that to the first, 0 if it is that to the second, 1/2 if it is their
    mean.

    Args:
        rates: responses to the first stimulus, to the second, and to both, in this order [Hz].

    Source: Reynolds, Chelazzi & Desimone 1999; there each rate is also divided by the cell's
    largest one.
    """
    first, second, both = jnp.moveaxis(rates, -2, 0)
    return linear_fit(first - second, both - second)[0]


def tuning_width(curve: Float[Array, "*batch shown"], period: ScalarLike) -> Float[Array, "*batch"]:
    """Full width of a tuning curve at half its height above its minimum.

    Args:
        curve: responses to stimuli evenly spaced around a circle.
        period: circumference of the circle, in the unit of the result.

    Returns:
        Length of the part of the circle on which the curve, joined by straight lines, lies above
        the half height; NaN for a curve that is flat.
    """
    low, high = jnp.min(curve, -1, keepdims=True), jnp.max(curve, -1, keepdims=True)
    level = (curve - low) / (high - low) - 0.5
    after = jnp.roll(level, -1, -1)
    step = jnp.abs(after - level)
    # Of a segment that is level, all or nothing.
    above = jnp.maximum(level, after) / jnp.where(step > 0, step, 1e-12)
    return jnp.mean(jnp.clip(above, 0.0, 1.0), -1) * period
