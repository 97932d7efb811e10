"""How responses to two stimuli combine: sum weight and the weights of each."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float


def sum_weight(rates: Float[Array, "*batch stimulus unit"]) -> Float[Array, "*batch"]:
    """w = <s, r_both>/<s, s>, s = r_first + r_second; below 1 summation is sublinear.

    Args:
        rates: responses to the first stimulus, to the second, and to both, in this order [Hz].

    Source: the "weight" of Rubin, Van Hooser & Miller 2015, Fig. 1.
    """
    total = rates[..., 0, :] + rates[..., 1, :]
    return jnp.sum(total * rates[..., 2, :], -1) / jnp.sum(total**2, -1)


def pair_weights(rates: Float[Array, "*batch stimulus unit"]) -> Float[Array, "*batch 2"]:
    """Least-squares weights of the two single responses in the response to both.

    Args:
        rates: responses to the first stimulus, to the second, and to both, in this order [Hz].

    Returns:
        Weights of the first and of the second, by the normal equations in closed form.
    """
    first, second, both = jnp.moveaxis(rates, -2, 0)
    aa, ab, bb = (jnp.sum(x * y, -1) for x, y in ((first, first), (first, second), (second,) * 2))
    a, b = jnp.sum(first * both, -1), jnp.sum(second * both, -1)
    return jnp.stack([a * bb - b * ab, b * aa - a * ab], -1) / (aa * bb - ab**2)[..., None]
