"""The operator N(.): maps with one strong peak are promoted, maps with many alike suppressed."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.circuit.populations import as_floats

from .pyramid import separable

Maps = Float[Array, "maps height width"]
TIED = 1e-5


def ranged(maps: Maps, floor: Float[Array, ""] | float, largest: Array | None = None) -> Maps:
    """Maps >= 0 brought to a common range, 0 to 1, each by its own largest value.

    Args:
        maps: to be scaled.
        floor: maps whose largest value is below it are divided by it instead, and so stay small
            (ours): rounding must not become a feature.
        largest: (maps,) to divide by, where it is not each map's own.
    """
    own = jnp.max(maps, axis=(1, 2)) if largest is None else largest
    return maps / jnp.maximum(own, floor)[:, None, None]


class AbstractNormalisation(eqx.Module):
    """Gives every map its say by how few peaks it has."""

    @abc.abstractmethod
    def __call__(self, maps: Maps) -> Maps:
        """N(.) of maps of a common range, 0 to 1."""


class NoCompetition(AbstractNormalisation):
    """Maps as they are: what N(.) does, by its absence."""

    def __call__(self, maps: Maps) -> Maps:
        return maps


class GlobalMaximum(AbstractNormalisation):
    """`(M - m)^2 x`: M the largest value, m the mean of all other local maxima.

    A local maximum is a place that none of its 8 neighbours exceeds by more than 1e-5, so that
    rounding does not decide between equals.

    Attributes:
        least: local maxima below it do not count [1]; chosen here.

    Source: Itti, Koch & Niebur 1998.
    """

    least: Float[Array, ""] = eqx.field(converter=as_floats, default=0.05)

    def __call__(self, maps: Maps) -> Maps:
        window = ((1, 3, 3), (1, 1, 1), "SAME")
        around = jax.lax.reduce_window(maps, -jnp.inf, jax.lax.max, *window)
        peak = (maps >= around - TIED) & (maps > self.least)
        largest = jnp.max(maps, axis=(1, 2))
        count = jnp.sum(peak, axis=(1, 2))
        others = jnp.sum(jnp.where(peak, maps, 0.0), axis=(1, 2)) - largest
        # Without a second peak the mean of the others is 0.
        mean = jnp.where(count > 1, others / jnp.maximum(count - 1, 1), 0.0)
        return maps * ((largest - mean) ** 2)[:, None, None]


class IterativeCompetition(AbstractNormalisation):
    """Repeated convolution with a difference of Gaussians, a constant inhibition, rectification.

        x <- [x + x * (c_ex^2 G(s_ex) - c_inh^2 G(s_inh)) - inhibition]_+

    with Gaussians G whose weights over the places that there are sum to 1, also near the border.

    Attributes:
        excitation, inhibition_far: c_ex and c_inh [1].
        near, far: s_ex and s_inh, as a share of the map's width.
        inhibition: constant [1].
        iterations: how often, static.

    Source: Itti & Koch 2000, Vision Res 40:1489.
    """

    excitation: Float[Array, ""] = eqx.field(converter=as_floats, default=0.5)
    inhibition_far: Float[Array, ""] = eqx.field(converter=as_floats, default=1.5)
    near: float = eqx.field(static=True, default=0.02)
    far: float = eqx.field(static=True, default=0.25)
    inhibition: Float[Array, ""] = eqx.field(converter=as_floats, default=0.02)
    iterations: int = eqx.field(static=True, default=10)

    def __call__(self, maps: Maps) -> Maps:
        height, width = maps.shape[1:]
        (near_rows, near_columns), (far_rows, far_columns) = (
            [_gaussian(size, share * width) for size in (height, width)]
            for share in (self.near, self.far)
        )

        def step(_: Any, x: Maps) -> Maps:
            near = self.excitation**2 * separable(near_rows, near_columns, x)
            far = self.inhibition_far**2 * separable(far_rows, far_columns, x)
            return jnp.maximum(x + near - far - self.inhibition, 0.0)

        return jax.lax.fori_loop(0, self.iterations, step, maps)


def _gaussian(size: int, spread: float) -> np.ndarray:
    """Matrix of a Gaussian, of rows that sum to 1."""
    distance = np.arange(size)[:, None] - np.arange(size)[None, :]
    weights = np.exp(-(distance**2) / (2 * spread**2))
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
