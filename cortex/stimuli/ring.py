"""Stimuli on a ring of orientations, and the distance around a circle."""

from collections.abc import Sequence

import jax.numpy as jnp
from jax import Array
from jaxtyping import ArrayLike, Float, Num, ScalarLike

from cortex.stimuli._numeric import as_float


def circular_distance(
    a: Num[ArrayLike, "*#shape"], b: Num[ArrayLike, "*#shape"], period: ScalarLike = 180.0
) -> Float[Array, "*shape"]:
    """Shortest distance between a and b around a circle.

    **Arguments:** `a`, `b`: places, in the unit of `period`, any real numbers (scalars or
    arrays of one rank); `period` > 0: 180 for orientation in degrees, 360 for direction.
    **Returns:** 0 to period/2, of the broadcast shape.
    """
    period = as_float(period)
    half = period / 2.0
    return jnp.abs(jnp.mod(as_float(a) - as_float(b) + half, period) - half)


def ring_positions(n: int, period: ScalarLike = 180.0) -> Float[Array, " n"]:
    """n places evenly around a ring, the first at 0: preferred orientations, in degrees."""
    return jnp.arange(n, dtype=float) * (as_float(period) / n)


def ring_bump(
    preferred: Num[ArrayLike, " unit"],
    centre: ScalarLike,
    width: ScalarLike = 30.0,
    period: ScalarLike = 180.0,
) -> Float[Array, " unit"]:
    """Gaussian bump h = exp(−d²/2 width²) of unit peak, d the circular distance.

    **Arguments:** `preferred`: of each unit, degrees; `centre`: the stimulus, degrees; `width`:
    standard deviation, degrees, > 0; `period`, degrees.
    **Returns:** [unit], 0 to 1. The drive of a grating of contrast c is c · h.
    Source: Rubin, Van Hooser & Miller 2015, Fig. 1 (30°, period 180°).
    """
    preferred = as_float(preferred)
    distance = circular_distance(preferred, jnp.full_like(preferred, as_float(centre)), period)
    return jnp.exp(-(distance**2) / (2.0 * as_float(width) ** 2))


def paired_bumps(
    preferred: Num[ArrayLike, " unit"],
    centres: Num[ArrayLike, " bump"] | Sequence[ScalarLike],
    contrasts: Num[ArrayLike, " bump"] | Sequence[ScalarLike],
    width: ScalarLike = 30.0,
    period: ScalarLike = 180.0,
) -> Float[Array, " unit"]:
    """Sum of bumps, each times its own contrast: the drive Σ c_i h_i of several gratings.

    **Arguments:** `preferred`: of each unit, degrees; `centres`: of the bumps, degrees;
    `contrasts`: of the bumps, percent; `width`, degrees, > 0; `period`, degrees.
    **Returns:** [unit], in the unit of `contrasts`.
    Source: Rubin, Van Hooser & Miller 2015, Fig. 1: the inputs of two gratings add.
    """
    preferred, centres = as_float(preferred), as_float(centres)
    distance = circular_distance(preferred[:, None], centres[None, :], period)
    bumps = jnp.exp(-(distance**2) / (2.0 * as_float(width) ** 2))
    return (bumps * as_float(contrasts)[None, :]).sum(axis=1)
