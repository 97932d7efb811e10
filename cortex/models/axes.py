"""Numbers along an axis, as arrays that a sweep may trace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float


def between(
    low: Any, high: Any, points: int, *, logarithmic: bool = False
) -> Float[Array, " points"]:
    """Numbers from `low` to `high`, evenly spaced, or evenly in logarithm."""
    low, high = jnp.asarray(low, float), jnp.asarray(high, float)
    share = jnp.linspace(0.0, 1.0, points, dtype=low.dtype)
    return low * (high / low) ** share if logarithmic else low + (high - low) * share


def stacked(numbers: Sequence[Any]) -> Float[Array, " numbers"]:
    """The numbers of a setting, some of which may be traced, as one array."""
    return jnp.stack([jnp.asarray(number, float) for number in numbers])
