"""Gaussian falloff over space times a feature matrix, without the matrix of all pairs."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import EI, Leaf, as_floats, require
from .base import AbstractCoupling, AbstractOperator, Projections
from .features import AbstractFeatures, as_features

LARGEST_PLANE = 256  # places; up to here one dense product is the fastest (measured)
CUTOFF = 1e-12  # of the peak: weaker weights would become denormals, which are slow


def gaussian_sum(sigma: Leaf) -> Leaf:
    """Sum of `exp(-d^2 / 2 sigma^2)` over all integers d.

    Directly for narrow Gaussians; by Poisson summation, which converges as fast for wide
    ones. Exact to 1e-15 for every width.
    """
    d = jnp.arange(1.0, 9.0)
    narrow = jnp.minimum(sigma, 1.0)
    direct = 1 + 2 * jnp.sum(jnp.exp(-(d**2) / (2 * narrow**2)))
    wide = jnp.maximum(sigma, 1.0)
    m = jnp.arange(1.0, 3.0)
    poisson = (
        wide * jnp.sqrt(2 * jnp.pi) * (1 + 2 * jnp.sum(jnp.exp(-2 * (jnp.pi * m * wide) ** 2)))
    )
    return jnp.where(sigma < 1.0, direct, poisson)


def _bell(distance: Leaf, sigma: Leaf) -> Leaf:
    value = jnp.exp(-(distance**2) / (2 * sigma**2))
    return jnp.where(value > CUTOFF, value, 0.0)


class AbstractBorder(eqx.Module):
    """What lies beyond the edge of the sheet."""

    @abc.abstractmethod
    def kernel(self, size: int, sigma: Leaf) -> Float[Array, "size size"]:
        """Matrix of the one-dimensional Gaussian of unit sum, row = target position."""

    @abc.abstractmethod
    def check(self, size: int, sigma: Leaf, name: str) -> None:
        """Raise ValueError if the width does not fit the size."""


class ZeroBorder(AbstractBorder):
    """Nothing lies beyond: units near the edge have fewer neighbours."""

    def kernel(self, size: int, sigma: Leaf) -> Float[Array, "size size"]:
        position = jnp.arange(size, dtype=sigma.dtype)
        return _bell(position[:, None] - position[None, :], sigma) / gaussian_sum(sigma)

    def check(self, size: int, sigma: Leaf, name: str) -> None:
        require(sigma, name, lambda v: v > 0, "> 0 px")


class PeriodicBorder(AbstractBorder):
    """The sheet closes on itself: the Gaussian is summed over its images."""

    images: int = eqx.field(static=True, default=4)

    def kernel(self, size: int, sigma: Leaf) -> Float[Array, "size size"]:
        position = jnp.arange(size, dtype=sigma.dtype)
        image = jnp.arange(-self.images, self.images + 1, dtype=sigma.dtype) * size
        distance = position[:, None, None] - position[None, :, None] + image[None, None, :]
        return jnp.sum(_bell(distance, sigma), axis=-1) / gaussian_sum(sigma)

    def check(self, size: int, sigma: Leaf, name: str) -> None:
        limit = size * self.images / 8  # the images reach 8 sigma
        require(sigma, name, lambda v: (v > 0) & (v <= limit), f"> 0 and <= {limit:g} px")


class GaussianCoupling(AbstractCoupling):
    """`W_ab(dy, dx, f, g) = J_ab G(dy; sigma_ab) G(dx; sigma_ab) S(f, g)`.

    G is a Gaussian of unit sum over the lattice, S a feature coupling. Memory grows with
    the side of the sheet, not with the number of pairs of units.

    Attributes:
        J: total weight of each projection, >= 0 (far from borders, for rows of S that
            sum to one).
        sigma: width of each projection [px], > 0.
        features: S, array (features, features), >= 0, row = target feature; or another
            `AbstractFeatures`, such as `FactoredFeatures` for hundreds of them.
        shape: (features, height, width).
        border: `ZeroBorder()` (default) or `PeriodicBorder()`.

    Raises:
        ValueError: a shape or a width that does not fit.
    """

    J: Projections[Leaf]
    sigma: Projections[Leaf]
    features: AbstractFeatures
    shape: tuple[int, int, int] = eqx.field(static=True)
    border: AbstractBorder

    def __init__(
        self,
        J: Projections[Any],
        sigma: Projections[Any],
        features: Any,
        shape: tuple[int, int, int],
        border: AbstractBorder | None = None,
    ):
        self.J, self.sigma = J.map(as_floats), sigma.map(as_floats)
        self.features = as_features(features)
        self.shape = shape
        self.border = ZeroBorder() if border is None else border

    def __check_init__(self) -> None:
        features = self.shape[0]
        if self.features.shape != (features, features):
            raise ValueError(
                f"features: found shape {self.features.shape}, allowed: ({features}, {features})"
            )
        for name in ("EE", "EI", "IE", "II"):
            for size in self.shape[1:]:
                self.border.check(size, getattr(self.sigma, name), f"sigma_{name}")

    def check_dale(self) -> None:
        self.J.check_dale("J")
        self.features.check_dale()

    def operator(self) -> AbstractOperator:
        """One product over a small plane; two, over rows and columns, on a large one."""
        _, height, width = self.shape
        rows = self.sigma.map(lambda s, j: j * self.border.kernel(height, s), self.J)
        columns = self.sigma.map(lambda s: self.border.kernel(width, s))
        if height * width > LARGEST_PLANE:
            return SeparableOperator(rows, columns, self.features)
        return PlaneOperator.build(rows, columns, self.features)


class PlaneOperator(AbstractOperator):
    """Products over features and over the whole plane, for sheets of few places.

    Attributes:
        from_E: kernels (places, 2 x places) onto E and, beside them, onto I.
        from_I: likewise.
        features: S.
    """

    from_E: Float[Array, "places twice"]
    from_I: Float[Array, "places twice"]
    features: AbstractFeatures

    @classmethod
    def build(
        cls,
        rows: Projections[Float[Array, "height height"]],
        columns: Projections[Float[Array, "width width"]],
        features: AbstractFeatures,
    ) -> "PlaneOperator":
        """From the kernels over rows (times J) and over columns."""

        def plane(row: Leaf, column: Leaf) -> Leaf:
            places = row.shape[0] * column.shape[0]
            return jnp.einsum("yY,xX->YXyx", row, column).reshape(places, places)

        planes = rows.map(plane, columns)
        return cls(
            from_E=jnp.concatenate([planes.EE, planes.IE], axis=1),
            from_I=jnp.concatenate([planes.EI, planes.II], axis=1),
            features=features,
        )

    # Space first, features second: with excitation and inhibition already added up, and half
    # of the rearranging of memory that the other order needs in a batch (measured: twice as
    # fast).
    def _spread(self, rates: EI[Leaf]) -> EI[Leaf]:
        flat = rates.map(lambda r: r.reshape(*r.shape[:-2], -1))
        kernels = EI(self.from_E, self.from_I)
        return flat.map(lambda r, k: jnp.matmul(r, k, precision="highest"), kernels)

    def _onto(self, both: Leaf, shape: tuple[int, ...]) -> tuple[Leaf, Leaf]:
        mixed = self.features(both)
        onto_E, onto_I = jnp.split(mixed, 2, axis=-1)
        return onto_E.reshape(shape), onto_I.reshape(shape)

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        spread = self._spread(rates)
        EE, IE = self._onto(spread.E, rates.E.shape)
        E_from_I, II = self._onto(spread.I, rates.I.shape)
        return Projections(EE=EE, EI=E_from_I, IE=IE, II=II)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        spread = self._spread(rates)
        return EI(*self._onto(spread.E - spread.I, rates.E.shape))


class SeparableOperator(AbstractOperator):
    """Three small matrix products: over features, over columns, over rows.

    Attributes:
        rows: kernels (height, height) times the strength J.
        columns: kernels (width, width).
        features: S.
    """

    rows: Projections[Float[Array, "height height"]]
    columns: Projections[Float[Array, "width width"]]
    features: AbstractFeatures

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        flat = rates.map(lambda r: r.reshape(*r.shape[:-2], -1))
        mixed = rates.map(lambda r, f: self.features(f).reshape(r.shape), flat)
        sources = Projections(EE=mixed.E, EI=mixed.I, IE=mixed.E, II=mixed.I)
        return self.rows.map(
            lambda rows, columns, source: jnp.einsum(
                "yY,...fYX,xX->...fyx", rows, source, columns, precision="highest"
            ),
            self.columns,
            sources,
        )
