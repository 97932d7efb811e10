"""Tuning curves and populations: what changes them, and by how much."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import xarray as xr
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


def correlation(a: xr.DataArray, b: xr.DataArray, dim: str) -> xr.DataArray:
    """Pearson's correlation along a dimension, NaN where one of the two does not vary.

    Args:
        a, b: values with the dimension `dim`; others are broadcast.
        dim: what is correlated over. Over maps, dividing the values of a category by a number
            changes nothing; over categories, dividing those of a map.
    """
    x, y = (values - values.mean(dim) for values in (a, b))
    spread = [(values**2).mean(dim) ** 0.5 for values in (x, y)]
    # A spread of no more than rounding is none.
    varies = [s > 1e-6 * abs(values).max(dim) for s, values in zip(spread, (a, b), strict=True)]
    return (x * y).mean(dim) / (spread[0] * spread[1]).where(varies[0] & varies[1])


def chance_quality(categories: int, images: int) -> float:
    """Tuning quality that a map has by chance, when its responses say nothing of the category.

    Quality is the largest absolute tuning value over categories. The mean of `images` responses
    drawn from all without replacement has a standard deviation of
    sqrt((1/images) (N - images)/(N - 1)) in units of that over all N = categories * images, and
    quality is the largest of `categories` of these, taken as normal and independent. Closed form
    of what shuffled labels give (ours).

    Args:
        categories: at least 2.
        images: of each category, at least 1.
    """
    from scipy.integrate import quad  # slow to import, seldom needed
    from scipy.special import ndtr

    total = categories * images
    spread = np.sqrt((total - images) / (images * (total - 1)))
    largest = quad(lambda t: 1.0 - (2.0 * ndtr(t) - 1.0) ** categories, 0.0, 12.0)[0]
    return float(spread * largest)
