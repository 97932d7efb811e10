"""What attention does to a response."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def attention_ratio(
    attended: Float[Array, "*shape"], unattended: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """Attended over unattended response; NaN where the unattended one is 0."""
    return attended / jnp.where(unattended > 0, unattended, jnp.nan)


def modulation_index(
    attended: Float[Array, "*shape"], unattended: Float[Array, "*shape"]
) -> Float[Array, "*shape"]:
    """(attended - unattended)/(attended + unattended), -1 to 1; NaN where both are 0."""
    total = attended + unattended
    return (attended - unattended) / jnp.where(total > 0, total, jnp.nan)
