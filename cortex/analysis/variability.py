"""Variability of rates: variance over mean, noise correlations, errors over trials.

For rate units variance over mean has the unit Hz and is no Fano factor: that of spike counts
would add what spiking adds, 1 for Poisson spikes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cortex.circuit import pool
from cortex.stimuli.ring import circular_distance, ring_positions

# Unit and meaning of what `Flanks.statistic` returns.
STATISTICS = {
    "rate": ("Hz", "E rate at the grating"),
    "variance": ("Hz^2", "variance of the E rate at the grating"),
    "ratio": ("Hz", "variance over mean of the E rate at the grating"),
    "correlation": ("1", "noise correlation of the pair"),
    "by_difference": ("1", "noise correlation of pairs that straddle the grating"),
}

Square = Float[Array, "units units"]
Pairs = Int[Array, " pair"]


def variance_over_mean(
    variance: Float[Array, "*shape"], mean: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """Variance over mean [Hz]; NaN where the mean is 0."""
    return variance / jnp.where(mean > 0, mean, jnp.nan)


def pair_correlation(covariance: Square, first: Pairs, second: Pairs) -> Float[Array, " pair"]:
    """Correlation of the pairs (first, second) of units, -1 to 1; NaN if one never varies."""
    spread = jnp.sqrt(jnp.diagonal(covariance))
    product = spread[first] * spread[second]  # of variances it would leave single precision sooner
    return covariance[first, second] / jnp.where(product > 0, product, jnp.nan)


class Flanks(eqx.Module):
    """The unit of a ring nearest to an orientation, and the pairs of units that straddle it.

    Attributes:
        first, second: of the pairs; pair k is k places before and after the unit, so that
            its tuning difference is 2 k period / units. Pair 0 is the unit itself.
        chosen: which of the pairs is *the* pair.
    """

    first: Pairs
    second: Pairs
    chosen: Int[Array, ""]

    def __init__(self, units: int, orientation: Any, separation: Any, period: Any):
        preferred = ring_positions(units, period)
        centre = jnp.argmin(
            circular_distance(preferred, jnp.full_like(preferred, orientation), period)
        )
        away = jnp.arange(units // 4 + 1)
        self.first, self.second = (centre - away) % units, (centre + away) % units
        nearest = jnp.round(separation / 2 / (period / units))
        self.chosen = jnp.clip(nearest, 1, units // 4).astype(self.first.dtype)

    def statistic(self, mean: Float[Array, " units"], covariance: Square) -> dict[str, Array]:
        """Of the unit: rate [Hz], variance [Hz^2] and their ratio [Hz]; of the pair, and of all
        the pairs, the correlation."""
        rate, variance = mean[self.first[0]], covariance[self.first[0], self.first[0]]
        by_difference = pair_correlation(covariance, self.first, self.second)
        return {
            "rate": rate,
            "variance": variance,
            "ratio": variance_over_mean(variance, rate),
            "correlation": by_difference[self.chosen],
            "by_difference": by_difference,
        }


def standard_error(
    statistic: Callable[[Float[Array, " units"], Square], Any],
    mean: Float[Array, "trials units"],
    covariance: Float[Array, "trials units units"],
) -> Any:
    """Jackknife standard error of a function of pooled mean and covariance over trials.

    Args:
        statistic: function (mean, covariance) to any tree of arrays.
        mean, covariance: of each trial, as in `cortex.circuit.NoisyRun`; at least two.
    """
    trials = len(mean)
    centre, _ = pool(mean, covariance)
    away = mean - centre[None, :]
    second = covariance + away[:, :, None] * away[:, None, :]
    total = jnp.sum(second, axis=0)

    def without(one: Float[Array, " units"], its: Square) -> Any:
        shift = -one / (trials - 1)  # of the mean of the others
        left = (total - its) / (trials - 1) - shift[:, None] * shift[None, :]
        return statistic(centre + shift, left)

    values = jax.vmap(without)(away, second)
    return jax.tree.map(lambda v: jnp.sqrt((trials - 1) * jnp.var(v, axis=0)), values)
