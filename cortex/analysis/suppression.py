"""Size tuning: how the response grows with a stimulus and falls again."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def suppression_index(rates: Float[Array, "*batch size"]) -> Float[Array, "*batch"]:
    """SI = (r_max - r_largest)/r_max over sizes in rising order; 0 where nothing fires.

    0 is no suppression, 1 is silence at the largest size; NaN if a rate is.
    """
    peak = jnp.max(rates, -1)
    silent = peak == 0
    return jnp.where(silent, 0.0, (peak - rates[..., -1]) / jnp.where(silent, 1.0, peak))


def summation_field(
    rates: Float[Array, "*batch size"], sizes: Float[Array, " size"]
) -> Float[Array, "*batch"]:
    """The size of the largest response, one of `sizes` (in their unit); NaN if a rate is."""
    known = jnp.all(jnp.isfinite(rates), -1)
    return jnp.where(known, sizes[jnp.argmax(rates, -1)], jnp.nan)
