"""Gaussian falloff over space times a feature matrix, without the matrix of all pairs."""

import abc
import math
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..populations import EI, Leaf, as_floats, concrete, require
from .band import Axis, Band, precision
from .base import AbstractCoupling, AbstractOperator, Projections
from .features import AbstractFeatures, FactoredFeatures, UnmixedFeatures, as_features
from .narrow import Reach
from .shortcut import AbstractShortcut, GuardedOperator

LARGEST_PLANE = 64  # places; up to here one dense product is the fastest (measured)
# What waves or sums may cost of what products on places do. Measured on waves: at .66 a quarter
# faster, at .82 no difference.
WORTHWHILE = 0.7
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
    def period(self, size: int, reach: float) -> int:
        """The period of waves of which a Gaussian that ends at `reach` [px] can be the sum."""

    @abc.abstractmethod
    def check(self, size: int, sigma: Leaf, name: str) -> None:
        """Raise ValueError if the width does not fit the size."""


class ZeroBorder(AbstractBorder):
    """Nothing lies beyond: units near the edge have fewer neighbours."""

    def kernel(self, size: int, sigma: Leaf) -> Float[Array, "size size"]:
        position = jnp.arange(size, dtype=sigma.dtype)
        return _bell(position[:, None] - position[None, :], sigma) / gaussian_sum(sigma)

    def period(self, size: int, reach: float) -> int:
        return size + math.ceil(reach)  # so that nothing comes back on the other side

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

    def period(self, size: int, reach: float) -> int:
        return size

    def check(self, size: int, sigma: Leaf, name: str) -> None:
        limit = size * self.images / 8  # the images reach 8 sigma
        require(sigma, name, lambda v: (v > 0) & (v <= limit), f"> 0 and <= {limit:g} px")


class GaussianCoupling(AbstractCoupling):
    """`W_ab(dy, dx, f, g) = J_ab G(dy; sigma_ab) G(dx; sigma_ab) S(f, g)`.

    G is a Gaussian of unit sum over the lattice, S a feature coupling. Memory grows with
    the side of the sheet, not with the number of pairs of units.

    Where wide Gaussians leave only slow waves, the net input is computed on those; where narrow
    ones reach few places, as the sum over these. How many is fixed when a coupling is made from
    widths that are numbers; widths put in later (by training, by `jax.vmap`) are looked at as the
    program runs, and those that the waves or places do not carry take the products on all places
    instead. Couplings that are to be stacked must agree on `shortcut`.

    Attributes:
        J: total weight of each projection, >= 0 (far from borders, for rows of S that
            sum to one).
        sigma: width of each projection [px], > 0.
        features: S, array (features, features), >= 0, row = target feature; or another
            `AbstractFeatures`, such as `FactoredFeatures` for hundreds of them.
        shape: (features, height, width).
        border: `ZeroBorder()` (default) or `PeriodicBorder()`.
        shortcut: the waves, or the places that are reached; or None: widths were traced, or
            neither pays.

    Raises:
        ValueError: a shape or a width that does not fit.
    """

    J: Projections[Leaf]
    sigma: Projections[Leaf]
    features: AbstractFeatures
    shape: tuple[int, int, int] = eqx.field(static=True)
    border: AbstractBorder
    shortcut: AbstractShortcut | None = eqx.field(static=True)

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
        self.shortcut = _shortcut(shape, self.border, self.sigma)

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
        """One product over a small plane; on a large one, products or sums along rows and columns.

        Of features that are wholly factored the few sums over them are spread over places, not
        the features themselves.
        """
        features = self.features
        if not isinstance(features, FactoredFeatures) or features.own is not None:
            return self._over_places(features)
        return PooledOperator(self._over_places(UnmixedFeatures(len(features.of))), features)

    def _over_places(self, features: AbstractFeatures) -> AbstractOperator:
        _, height, width = self.shape
        rows = self.sigma.map(lambda s, j: j * self.border.kernel(height, s), self.J)
        columns = self.sigma.map(lambda s: self.border.kernel(width, s))
        if height * width <= LARGEST_PLANE:
            return PlaneOperator.build(rows, columns, features)
        exact = SeparableOperator.build(rows, columns, features)
        if self.shortcut is None:
            return exact
        sums = self.sigma.map(gaussian_sum)
        quick = self.shortcut.operator(self.J, self.sigma, sums, features, exact)
        known = _extremes(self.sigma)
        narrowest, widest = known or (self.sigma.map(jnp.min), self.sigma.map(jnp.max))
        carried = self.shortcut.carries(narrowest, widest, precision(self.sigma.EE.dtype))
        if known is None:
            return GuardedOperator(jax.lax.stop_gradient(carried), quick, exact)
        return quick if carried else exact


def _extremes(sigma: Projections[Leaf]) -> tuple[Projections[float], Projections[float]] | None:
    """The narrowest and the widest of each projection, or None if one is not known yet."""
    known = sigma.map(concrete)
    if any(getattr(known, name) is None for name in ("EE", "EI", "IE", "II")):
        return None
    return known.map(lambda s: float(np.min(s))), known.map(lambda s: float(np.max(s)))


def _shortcut(
    shape: tuple[int, int, int], border: AbstractBorder, sigma: Projections[Leaf]
) -> AbstractShortcut | None:
    """The waves that carry Gaussians of these widths, or the places they reach, if that pays."""
    known = _extremes(sigma)
    if known is None:
        return None
    narrowest, widest = (f(jax.tree.leaves(e)) for f, e in zip((min, max), known, strict=True))
    if not (narrowest > 0 and math.isfinite(widest)):
        return None
    _, height, width = shape
    if height * width <= LARGEST_PLANE:
        return None
    tolerance = precision(sigma.EE.dtype)
    closed = border.period(1, 1.0) == 1
    far = widest * math.sqrt(2 * math.log(1 / tolerance))
    rows, columns = (
        Axis.carrying(size, border.period(size, far), narrowest, tolerance)
        for size in (height, width)
    )
    ways: list[AbstractShortcut] = [
        Band(rows, columns, closed),
        Reach.of(known[1], tolerance, closed),
    ]
    best = min(ways, key=lambda way: way.share(height, width))
    return best if best.share(height, width) <= WORTHWHILE else None


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
    """Small matrix products: over columns, over rows, over features.

    Attributes:
        columns: of each source, the kernels (width, width) onto E and, below them, onto I.
        rows: onto each target, the kernels (height, height) from E, times their strength J, and
            beside them those from I, times -J.
        features: S.
    """

    columns: EI[Float[Array, "twice_width width"]]
    rows: EI[Float[Array, "height twice_height"]]
    features: AbstractFeatures

    @classmethod
    def build(
        cls,
        rows: Projections[Float[Array, "height height"]],
        columns: Projections[Float[Array, "width width"]],
        features: AbstractFeatures,
    ) -> "SeparableOperator":
        """From the kernels over rows (times J) and over columns."""
        return cls(
            columns=EI(
                jnp.concatenate([columns.EE, columns.IE]), jnp.concatenate([columns.EI, columns.II])
            ),
            rows=EI(
                jnp.concatenate([rows.EE, -rows.EI], axis=1),
                jnp.concatenate([rows.IE, -rows.II], axis=1),
            ),
            features=features,
        )

    # One product over columns for both targets, which writes its result turned; then one over
    # rows that adds up both sources; features last. Two to three times as fast on 14 x 14 places
    # as products over the plane or projection by projection, a fifth faster on 28 x 28 (measured).

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        onto_E, onto_I = self._over_columns(rates)
        height = rates.E.shape[-2]
        E, I = self.rows.E, self.rows.I  # noqa: E741
        return Projections(
            EE=self._over_rows(E[:, :height], onto_E[..., :height]),
            EI=self._over_rows(-E[:, height:], onto_E[..., height:]),
            IE=self._over_rows(I[:, :height], onto_I[..., :height]),
            II=self._over_rows(-I[:, height:], onto_I[..., height:]),
        )

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        return self.rows.map(self._over_rows, EI(*self._over_columns(rates)))

    def _over_columns(self, rates: EI[Leaf]) -> list[Leaf]:
        """What goes to E and what to I, (..., width, 2 x height): from E and, beside it, from I."""
        turned = rates.map(
            lambda r, k: jnp.einsum("cX,...yX->...cy", k, r, precision="highest"), self.columns
        )
        both = (jnp.split(turned.E, 2, axis=-2), jnp.split(turned.I, 2, axis=-2))
        return [jnp.concatenate(sources, axis=-1) for sources in zip(*both, strict=True)]

    def _over_rows(self, rows: Leaf, turned: Leaf) -> Leaf:
        net = jnp.einsum("yc,...xc->...yx", rows, turned, precision="highest")
        return self.features(net.reshape(*net.shape[:-2], -1)).reshape(net.shape)


class PooledOperator(AbstractOperator):
    """Coupling of many features through few sums over them.

    Attributes:
        places: coupling over places of as many features as there are sums.
        features: S, a product of two factors.
    """

    places: AbstractOperator
    features: FactoredFeatures
    condenses: ClassVar[bool] = True

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        return self.places.parts(rates.map(self._pool)).map(self._spread)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        return self.expand(self.project(rates))

    def project(self, rates: EI[Leaf]) -> EI[Leaf]:
        """The sums, on modes where the coupling over places is computed on them."""
        pooled = rates.map(self._pool)
        return self.places.project(pooled) if self.places.condenses else pooled

    def expand(self, projected: EI[Leaf]) -> EI[Leaf]:
        """The net input, from these sums."""
        places = self.places
        net = places.expand(projected) if places.condenses else places(projected)
        return net.map(self._spread)

    def _pool(self, values: Leaf) -> Leaf:
        return _over_features(self.features.pool, values)

    def _spread(self, values: Leaf) -> Leaf:
        return _over_features(self.features.spread, values)


def _over_features(mix: Callable[[Leaf], Leaf], values: Leaf) -> Leaf:
    """A product over features, of values (..., features, height, width)."""
    places = values.shape[-2:]
    mixed = mix(values.reshape(*values.shape[:-2], -1))
    return mixed.reshape(*mixed.shape[:-1], *places)
