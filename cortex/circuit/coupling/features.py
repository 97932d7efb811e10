"""Feature couplings S(f, g): how strongly maps of one layer are connected, by likeness."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from ..populations import Leaf, as_floats, require

LITTLE = 0.01  # weight onto itself, as a share of all a feature gets, that is not kept apart


class AbstractFeatures(eqx.Module):
    """A matrix S of non-negative weights between features, ready to be applied."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, int]:
        """(features, features)."""

    @abc.abstractmethod
    def __call__(self, values: Float[Array, "*batch features places"]) -> Leaf:
        """S applied to the features at every place."""

    @abc.abstractmethod
    def matrix(self) -> Float[Array, "features features"]:
        """S itself, row = target feature."""

    @abc.abstractmethod
    def check_dale(self) -> None:
        """Raise ValueError if a known weight is negative or not finite."""


class DenseFeatures(AbstractFeatures):
    """S as it is.

    Attributes:
        weights: array (features, features), >= 0, row = target feature.
    """

    weights: Float[Array, "targets features"]

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.weights.shape[-2:]
        return rows, columns

    def __call__(self, values: Float[Array, "*batch features places"]) -> Leaf:
        return jnp.einsum("fg,...gx->...fx", self.weights, values, precision="highest")

    def matrix(self) -> Float[Array, "features features"]:
        return self.weights

    def check_dale(self) -> None:
        require(self.weights, "features", lambda v: v >= 0, ">= 0")


class UnmixedFeatures(AbstractFeatures):
    """Every map connected to itself only.

    Attributes:
        count: of the features.
    """

    count: int = eqx.field(static=True)

    @property
    def shape(self) -> tuple[int, int]:
        return self.count, self.count

    def __call__(self, values: Float[Array, "*batch features places"]) -> Leaf:
        return values

    def matrix(self) -> Float[Array, "features features"]:
        return jnp.eye(self.count)

    def check_dale(self) -> None:
        pass


class FactoredFeatures(AbstractFeatures):
    """S = diag(own) + onto @ of, for layers of hundreds of maps: cost grows with their number.

    All factors are non-negative, so that Dale's law holds whatever the rank.

    Attributes:
        own: weight of each feature onto itself besides the product, (features,); None for none.
        onto: (features, rank).
        of: (rank, features).
        error: largest difference between a row's weights and those of the matrix that was
            factored, added up over the row, as a share of its sum [1].
    """

    own: Float[Array, " features"] | None
    onto: Float[Array, "features rank"]
    of: Float[Array, "rank features"]
    error: float = eqx.field(static=True)

    @classmethod
    def fit(cls, matrix: Any, rank: int, seed: int = 0) -> "FactoredFeatures":
        """The factors nearest to a matrix of falloff weights, by non-negative factorisation.

        Measured on `learned_features` of EfficientNet-Lite0's layers (60 crops of photographs,
        width 28 deg), two cores: rank 32 takes 0.3 s for 240 maps, 0.9 s for 672, 2 to 11 s for
        1,152 and 1,280, and is off by 0.6 %, 6 %, 33 % and 26 % (`error`, the worst row; the mean
        row by a third to a half of that); rank 8 by 5 %, 19 %, 74 % and 66 %; rank 64 by 0.3 %,
        2 %, 14 % and 17 %, in up to 28 s. Wider falloffs need less: at 60 deg rank 32 is off by
        0.2 % to 4 %. A product with rank 32 costs a tenth of the full one at 1,152 maps.

        Args:
            matrix: S, (features, features), >= 0, rows of the same sum.
            rank: of the product, 1 to features.
            seed: of the factorisation's start.

        Returns:
            Factors with the same row sums; see `error`.
        """
        from sklearn.decomposition import NMF  # slow to import, and seldom needed

        dense = np.asarray(matrix, dtype=np.float64)
        # The peak on the diagonal is no part of the smooth rest: each row's next best stands in.
        rest = dense.copy()
        np.fill_diagonal(rest, 0.0)
        np.fill_diagonal(rest, rest.max(axis=1))
        # A fixed number of sweeps; `error` says how good they were.
        model = NMF(rank, init="nndsvda", max_iter=400, tol=0.0, random_state=seed)
        onto, of = model.fit_transform(rest), model.components_
        product = onto @ of
        own = np.maximum(np.diag(dense) - np.diag(product), 0.0)
        if np.max(own / dense.sum(axis=1)) < LITTLE:
            own = np.zeros_like(own)
        scale = dense.sum(axis=1) / (product.sum(axis=1) + own)
        own, onto = own * scale, onto * scale[:, None]
        gap = np.abs(np.diag(own) + onto @ of - dense).sum(axis=1) / dense.sum(axis=1)
        return cls(
            own=jnp.asarray(own, float) if own.any() else None,
            onto=jnp.asarray(onto, float),
            of=jnp.asarray(of, float),
            error=float(gap.max()),
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.onto.shape[-2], self.of.shape[-1]

    def __call__(self, values: Float[Array, "*batch features places"]) -> Leaf:
        spread = self.spread(self.pool(values))
        return spread if self.own is None else self.own[:, None] * values + spread

    def pool(self, values: Float[Array, "*batch features places"]) -> Leaf:
        """The few sums over features that decide what all of them receive, (..., rank, places)."""
        return jnp.einsum("rg,...gx->...rx", self.of, values, precision="highest")

    def spread(self, pooled: Float[Array, "*batch rank places"]) -> Leaf:
        """What each feature receives from these sums."""
        return jnp.einsum("fr,...rx->...fx", self.onto, pooled, precision="highest")

    def matrix(self) -> Float[Array, "features features"]:
        product = jnp.matmul(self.onto, self.of, precision="highest")
        return product if self.own is None else jnp.diag(self.own) + product

    def check_dale(self) -> None:
        for name in ("own", "onto", "of"):
            if (values := getattr(self, name)) is not None:
                require(values, f"features.{name}", lambda v: v >= 0, ">= 0")


def as_features(features: Any) -> AbstractFeatures:
    """An array as `DenseFeatures`; what is a feature coupling already stays what it is."""
    return (
        features if isinstance(features, AbstractFeatures) else DenseFeatures(as_floats(features))
    )


def _rows_to_one(falloff: Float[Array, "features features"]) -> Float[Array, "features features"]:
    return falloff / jnp.sum(falloff, axis=1, keepdims=True)


def no_features(features: int) -> Float[Array, "features features"]:
    """Every map connected to itself only."""
    return jnp.eye(features)


def circular_features(
    preferred: Any, width: Any, period: float = 180.0
) -> Float[Array, "features features"]:
    """Gaussian falloff with the circular distance between preferred orientations.

    Args:
        preferred: preferred orientation of each map [deg], shape (features,).
        width: standard deviation of the falloff [deg], > 0.
        period: 180 for orientation, 360 for direction [deg].

    Returns:
        S, rows summing to one.
    """
    preferred = as_floats(preferred)
    difference = jnp.abs(preferred[:, None] - preferred[None, :]) % period
    distance = jnp.minimum(difference, period - difference)
    return _rows_to_one(jnp.exp(-(distance**2) / (2 * width**2)))


def learned_features(
    responses: Float[Array, "samples features"], width: Any
) -> Float[Array, "features features"]:
    """Gaussian falloff with the angle between maps' mean responses to a set of images.

    Args:
        responses: spatial mean of each map for each image.
        width: standard deviation of the falloff [deg], > 0.

    Returns:
        S, rows summing to one. A map that never responds is connected to itself only.
    """
    responses = as_floats(responses)
    length = jnp.linalg.norm(responses, axis=0)
    unit = responses / jnp.where(length > 0, length, 1.0)[None, :]
    cosine = jnp.clip(jnp.einsum("nf,ng->fg", unit, unit, precision="highest"), -1.0, 1.0)
    same = jnp.eye(responses.shape[1], dtype=bool)
    angle = jnp.where(same, 0.0, jnp.degrees(jnp.arccos(jnp.where(same, 0.0, cosine))))
    return _rows_to_one(jnp.exp(-(angle**2) / (2 * width**2)))
