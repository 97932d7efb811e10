"""Gaussian falloff on the few Fourier modes that carry it: few products, small ones."""

import dataclasses
import functools
import math
import operator
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..populations import EI, Leaf
from .base import AbstractOperator, Projections
from .features import AbstractFeatures
from .shortcut import AbstractShortcut

ALIASES = 4  # of a wave on the lattice, each side; enough for all widths from
NARROWEST = 0.3  # px on
ROUND = 8  # numbers of modes are multiples of it: products of odd sizes take twice as long


@dataclasses.dataclass(frozen=True)
class Axis:
    """The modes of one axis of a sheet.

    Attributes:
        size: places.
        period: of the longest waves [px]; larger than `size` for a sheet that is not closed,
            so far that nothing reaches round it.
        modes: how many, slow ones first: the constant, then a cosine and a sine a frequency.
    """

    size: int
    period: int
    modes: int

    @classmethod
    def carrying(cls, size: int, period: int, narrowest: float, tolerance: float) -> "Axis":
        """The modes on which a Gaussian of that width [px] passes more than `tolerance`."""
        cut = period * math.sqrt(math.log(1 / tolerance) / 2) / (math.pi * narrowest)
        modes = ROUND * math.ceil(2 * math.ceil(cut) / ROUND)
        return cls(size, period, min(modes, period))

    def carries(self, narrowest: Any, widest: Any, tolerance: float, closed: bool) -> Any:
        """Whether Gaussians of these widths [px] are represented within `tolerance`."""
        enough = (1 - 1e-5) * math.log(1 / tolerance)  # rounding must not decide
        frequency = (self.modes // 2) / self.period  # the first that is not wholly there
        whole = (self.modes == self.period) & (narrowest >= NARROWEST)
        gap = self.period - self.size + 1  # the shortest way round
        narrow_enough = whole | (2 * (math.pi * frequency * narrowest) ** 2 >= enough)
        return narrow_enough & (closed | (gap**2 >= 2 * enough * widest**2))

    def frequencies(self) -> np.ndarray:
        """Of each mode [cycles/px]."""
        return ((np.arange(self.modes) + 1) // 2) / self.period

    def basis(self) -> np.ndarray:
        """Values (size, modes) of the modes, orthonormal over a period."""
        number = np.arange(self.modes)
        phase = 2 * np.pi * np.arange(self.size)[:, None] * self.frequencies()
        waves = np.where(number % 2 == 1, np.cos(phase), np.sin(phase))
        waves[:, 0] = 1.0
        # The constant and the fastest wave of an even period have no partner.
        alone = (number == 0) | (number + 1 == self.period) & (self.period % 2 == 0)
        return waves * np.sqrt(np.where(alone, 1.0, 2.0) / self.period)

    def transfer(self, sigma: Leaf, gaussian_sum: Leaf) -> Float[Array, " modes"]:
        """What a Gaussian of unit sum over the lattice multiplies each mode by."""
        alias = jnp.arange(-ALIASES, ALIASES + 1, dtype=sigma.dtype)
        frequency = jnp.asarray(self.frequencies(), sigma.dtype)
        shifted = frequency[:, None] + alias[None, :]
        waves = jnp.sum(jnp.exp(-2 * (jnp.pi * sigma * shifted) ** 2), axis=1)
        return math.sqrt(2 * math.pi) * sigma / gaussian_sum * waves


@dataclasses.dataclass(frozen=True)
class Band(AbstractShortcut):
    """The modes of a sheet.

    Attributes:
        rows, columns: of the vertical and of the horizontal axis.
        closed: whether the sheet is (or its Gaussians must not reach round a period).
    """

    rows: Axis
    columns: Axis
    closed: bool

    def share(self, height: int, width: int) -> float:
        m, k = self.rows.modes, self.columns.modes
        return (height * width * k + height * k * m) / (height * width * (height + width))

    def carries(
        self, narrowest: Projections[Any], widest: Projections[Any], tolerance: float
    ) -> Any:
        carried = narrowest.map(
            lambda n, w: (
                self.rows.carries(n, w, tolerance, self.closed)
                & self.columns.carries(n, w, tolerance, self.closed)
            ),
            widest,
        )
        return functools.reduce(operator.and_, jax.tree.leaves(carried))

    def operator(
        self,
        J: Projections[Leaf],
        sigma: Projections[Leaf],
        sums: Projections[Leaf],
        features: AbstractFeatures,
        exact: AbstractOperator,
    ) -> "BandOperator":
        def factor(j: Leaf, s: Leaf, total: Leaf) -> Leaf:
            across, down = (axis.transfer(s, total) for axis in (self.columns, self.rows))
            return j * across[:, None] * down[None, :]

        return BandOperator(
            rows=jnp.asarray(self.rows.basis(), sigma.EE.dtype),
            columns=jnp.asarray(self.columns.basis(), sigma.EE.dtype),
            factors=J.map(factor, sigma, sums),
            features=features,
            exact=exact,
        )


def precision(dtype: Any) -> float:
    """Share of the peak below which a mode is left out: 1e-6 in float32, 1e-12 in float64."""
    return min(max(8 * float(jnp.finfo(dtype).eps), 1e-12), 1e-6)


class BandOperator(AbstractOperator):
    """Rates on the modes, a factor a mode and projection, the features, and back.

    Two products there and two back for each population, of fewer modes than places, where
    `SeparableOperator` has two a projection. Equal to it to 1e-5 of the largest input.

    Attributes:
        rows, columns: the modes' values, (height, modes) and (width, modes).
        factors: of each mode, (modes of columns, modes of rows), times the strength.
        features: S.
        exact: the same connections on places.
    """

    rows: Float[Array, "height down"]
    columns: Float[Array, "width across"]
    factors: Projections[Float[Array, "across down"]]
    features: AbstractFeatures
    exact: AbstractOperator
    condenses: ClassVar[bool] = True

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        return self.exact.parts(rates)  # on places, where what is >= 0 stays so

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        return self.expand(self.project(rates))

    # Each second product writes its result turned: the fastest way (measured).

    def project(self, rates: EI[Leaf]) -> EI[Leaf]:
        """The rates on the modes."""

        def project(r: Leaf) -> Leaf:
            across = jnp.matmul(r, self.columns, precision="highest")
            return jnp.einsum("yk,...yx->...xk", self.rows, across, precision="highest")

        return rates.map(project)

    def expand(self, projected: EI[Leaf]) -> EI[Leaf]:
        """The net input, from the rates on the modes."""

        def expand(z: Leaf) -> Leaf:
            mixed = self.features(z.reshape(*z.shape[:-2], -1)).reshape(z.shape)
            down = jnp.matmul(mixed, self.rows.T, precision="highest")
            return jnp.einsum("xk,...ky->...yx", self.columns, down, precision="highest")

        f = self.factors.map(lambda factor: jnp.broadcast_to(factor, projected.E.shape))
        return EI(
            expand(f.EE * projected.E - f.EI * projected.I),
            expand(f.IE * projected.E - f.II * projected.I),
        )
