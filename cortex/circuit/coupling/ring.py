"""A ring of evenly spaced units, its weights a function of distance: waves do not mix."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import EI, Leaf, as_floats, concrete, require
from .band import Axis
from .base import AbstractCoupling, AbstractOperator, Projections


class RingOperator(AbstractOperator):
    """Products over the waves round the ring, whose values all rings of a size share.

    Under `jax.vmap` over strengths or widths each ring brings a factor a wave and not four
    matrices: the products remain those of one matrix with many rings.

    Attributes:
        waves: orthonormal, (units, waves).
        factors: of each wave, times the strength, (waves,).
        weights: of the units at each distance, times the strength, (units,).
    """

    waves: Float[Array, "units waves"]
    factors: Projections[Float[Array, " waves"]]
    weights: Projections[Float[Array, " units"]]

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        sources = Projections(EE=rates.E, EI=rates.I, IE=rates.E, II=rates.I)
        return self.weights.map(
            lambda w, r: jnp.einsum("ij,...j->...i", circulant(w), r, precision="highest"),
            sources,
        )

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        modes = rates.map(lambda r: jnp.matmul(r, self.waves, precision="highest"))
        f = self.factors.map(lambda factor: jnp.broadcast_to(factor, modes.E.shape))
        net = EI(f.EE * modes.E - f.EI * modes.I, f.IE * modes.E - f.II * modes.I)
        return net.map(lambda z: jnp.matmul(z, self.waves.T, precision="highest"))


class FalloffOperator(AbstractOperator):
    """Products with the matrix of one falloff: half of those over waves, for one known width.

    Attributes:
        falloff: relative weights, symmetric, (units, units).
        J: strengths.
    """

    falloff: Float[Array, "units units"]
    J: Projections[Leaf]

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        spread = rates.map(self._spread)
        sources = Projections(EE=spread.E, EI=spread.I, IE=spread.E, II=spread.I)
        return self.J.map(lambda strength, u: strength * u, sources)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        J, E, I = self.J, rates.E, rates.I  # noqa: E741
        return EI(self._spread(J.EE * E - J.EI * I), self._spread(J.IE * E - J.II * I))

    def _spread(self, r: Leaf) -> Leaf:
        return jnp.matmul(r, self.falloff, precision="highest")


def circulant(row: Float[Array, " units"]) -> Float[Array, "units units"]:
    """The matrix of weights that depend on the distance round a ring."""
    place = jnp.arange(len(row))
    return row[(place[:, None] - place[None, :]) % len(row)]


class RingCoupling(AbstractCoupling):
    """Gaussian falloff on a ring, a density: `W_ab(d) = J_ab D exp(-d^2 / 2 sigma^2)`.

    D is the distance between neighbours [deg]: a ring of more units receives the same input,
    and `J` are the weights of the published ring, whose 180 units stand 1 deg apart. The same
    weights as of `ring_coupling`, without their matrices.

    Attributes:
        J: peak weight of each projection for each degree of the ring [1/(Hz deg)], >= 0.
        sigma: width [deg], > 0.
        period: circumference [deg], > 0.
        shape: (units,).

    Source: Rubin, Van Hooser & Miller 2015, Fig. 1, as transcribed by others.
    """

    J: Projections[Leaf]
    sigma: Leaf
    period: Leaf
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, size: int, period: Any, J: Projections[Any], sigma: Any):
        self.J, self.sigma, self.period = J.map(as_floats), as_floats(sigma), as_floats(period)
        self.shape = (size,)

    def __check_init__(self) -> None:
        require(self.sigma, "sigma", lambda v: v > 0, "> 0")
        require(self.period, "period", lambda v: v > 0, "> 0")

    @property
    def weights(self) -> Projections[Float[Array, "units units"]]:
        """The four matrices, row = postsynaptic unit."""
        falloff = circulant(self._falloff())
        return self._strengths().map(lambda strength: strength * falloff)

    def check_dale(self) -> None:
        self.J.check_dale("J")

    def operator(self) -> AbstractOperator:
        """With one matrix where the width is a number as this is called; else over waves."""
        size = self.shape[0]
        falloff, strengths = self._falloff(), self._strengths()
        if concrete(self.sigma) is not None and concrete(self.period) is not None:
            return FalloffOperator(circulant(falloff), strengths)
        axis = Axis(size, size, size)
        # The falloff is even: its transform is made of cosines, the same for both of a pair.
        turns = jnp.asarray(axis.frequencies(), falloff.dtype)[:, None] * jnp.arange(size)[None, :]
        cosines = jnp.cos(2 * jnp.pi * (turns % 1.0))
        transform = jnp.matmul(cosines, falloff, precision="highest")
        return RingOperator(
            waves=jnp.asarray(axis.basis(), falloff.dtype),
            factors=strengths.map(lambda strength: strength * transform),
            weights=strengths.map(lambda strength: strength * falloff),
        )

    def _strengths(self) -> Projections[Leaf]:
        """Peak weights between two units [1/Hz]."""
        spacing = self.period / self.shape[0]
        return self.J.map(lambda density: density * spacing)

    def _falloff(self) -> Float[Array, " units"]:
        """Relative weight at each place from the first one on."""
        size = self.shape[0]
        place = jnp.arange(size, dtype=self.sigma.dtype)
        distance = jnp.minimum(place, size - place) * (self.period / size)
        return jnp.exp(-(distance**2) / (2 * self.sigma**2))
