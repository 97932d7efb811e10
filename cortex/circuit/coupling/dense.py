"""Connections given as matrices: rings, lines, anything small or irregular."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import EI, Leaf, as_floats
from .base import AbstractCoupling, AbstractOperator, Projections


class DenseCoupling(AbstractCoupling, AbstractOperator):
    """Four dense matrices of magnitudes, row = postsynaptic unit.

    Attributes:
        weights: `Projections` of arrays (units, units), each >= 0.
    """

    weights: Projections[Float[Array, "units units"]]
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, weights: Projections[Any]):
        self.weights = weights.map(as_floats)
        self.shape = (self.weights.EE.shape[0],)

    def __check_init__(self) -> None:
        size = self.shape[0]
        for name in ("EE", "EI", "IE", "II"):
            found = getattr(self.weights, name).shape
            if found[-2:] != (size, size):
                raise ValueError(f"weights.{name}: found shape {found}, allowed: ({size}, {size})")

    def operator(self) -> "DenseCoupling":
        return self

    def check_dale(self) -> None:
        self.weights.check_dale("W")

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        def product(matrix: Leaf, source: Leaf) -> Leaf:
            return jnp.einsum("ij,...j->...i", matrix, source, precision="highest")

        w = self.weights
        return Projections(
            EE=product(w.EE, rates.E),
            EI=product(w.EI, rates.I),
            IE=product(w.IE, rates.E),
            II=product(w.II, rates.I),
        )


def ring_distance(size: int, period: Any) -> Float[Array, "size size"]:
    """Shorter way round between units evenly spaced on a ring, in the unit of `period`."""
    position = jnp.arange(size) * (period / size)
    difference = jnp.abs(position[:, None] - position[None, :])
    return jnp.minimum(difference, period - difference)


def ring_coupling(size: int, period: Any, J: Projections[Any], sigma: Any) -> DenseCoupling:
    """Gaussian falloff on a ring, a density: `W_ab(d) = J_ab D exp(-d^2 / 2 sigma^2)`.

    D is the distance between neighbours, so that the input does not depend on how many they are.

    Args:
        size: units on the ring.
        period: circumference [deg], > 0.
        J: peak weight of each projection for each degree of the ring [1/(Hz deg)], >= 0.
        sigma: width [deg], > 0.

    Source: Rubin, Van Hooser & Miller 2015, Fig. 1, as transcribed by others.
    """
    falloff = jnp.exp(-(ring_distance(size, period) ** 2) / (2 * jnp.asarray(sigma) ** 2))
    return DenseCoupling(J.map(lambda density: (density * (period / size)) * falloff))


def line_coupling(
    size: int, spacing: Any, J: Projections[Any], sigma: Projections[Any]
) -> DenseCoupling:
    """Unnormalised Gaussian falloff on a line without wrap-around.

    Args:
        size: units on the line.
        spacing: distance between neighbours [deg], > 0.
        J: peak weight of each projection, >= 0.
        sigma: width of each projection [deg]; 0 connects a unit to its own site only.

    Source: Rubin, Van Hooser & Miller 2015, Fig. 2, as transcribed by one other.
    """
    position = jnp.arange(size) * spacing
    distance = position[:, None] - position[None, :]

    def falloff(strength: Any, width: Any) -> Float[Array, "size size"]:
        width = jnp.asarray(width, dtype=distance.dtype)
        safe = jnp.where(width > 0, width, 1.0)
        spread = jnp.exp(-(distance**2) / (2 * safe**2))
        return strength * jnp.where(width > 0, spread, jnp.eye(size))

    return DenseCoupling(J.map(falloff, sigma))
