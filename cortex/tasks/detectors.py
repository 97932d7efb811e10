"""Detectors: logistic regressions on a system's readout units."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.errors import UserError


class Detectors(eqx.Module):
    """One logit a category.

    As fitted by `fit`, each is a detector of its own: yes where its logit is positive. As fitted
    by `fit_choice`, the largest says which category it is.

    Attributes:
        weight: (categories, units).
        bias: (categories,).
    """

    weight: Float[Array, "categories units"]
    bias: Float[Array, " categories"]

    def __call__(self, units: Float[Array, " units"]) -> Float[Array, " categories"]:
        """One logit a category."""
        return jnp.einsum("cu,u->c", self.weight, units, precision="highest") + self.bias

    @classmethod
    def fit(
        cls,
        units: np.ndarray,
        labels: np.ndarray,
        categories: int,
        strength: float = 0.1,
        rows: Sequence[np.ndarray] | None = None,
        common: bool = False,
    ) -> "Detectors":
        """Logistic regressions of each category against others, both sides weighing alike.

        Args:
            units: readout units for ordinary images, (images, units).
            labels: category of each image, or whether each category is in it, (images,
                categories), where there may be several.
            categories: how many.
            strength: inverse of the L2 penalty on weights of standardised units, > 0.
            rows: for each category the images it is fitted on, such as 35 of the category and
                35 of others; all by default.
            common: units are divided by one spread, the root mean square of all, rather than
                each by its own. Then a unit that hardly responds counts for little, as without
                standardising; with its own spread it counts as much as any other.

        Raises:
            UserError: a category has no image, or no other; circuits ran away on an image.
        """
        standard, mean, spread = _standardised(units, common)
        weights, biases = [], []
        labels = np.asarray(labels)
        member = labels if labels.ndim == 2 else labels[:, None] == np.arange(categories)
        for category in range(categories):
            chosen = np.arange(len(standard)) if rows is None else np.asarray(rows[category])
            present = member[chosen, category]
            if not present.any() or present.all():
                raise UserError(
                    f"training images: found {int(present.sum())} of {present.size} of category "
                    f"{category}, allowed: some, not all"
                )
            model = _fitted(strength, standard[chosen], present, class_weight="balanced")
            weights.append(model.coef_[0])
            biases.append(model.intercept_[0])
        return cls._of(np.stack(weights), np.stack(biases), mean, spread)

    @classmethod
    def fit_choice(
        cls,
        units: np.ndarray,
        labels: np.ndarray,
        categories: int,
        strength: float = 0.1,
        common: bool = False,
    ) -> "Detectors":
        """One softmax regression over all categories, three or more; arguments as for `fit`.

        Raises:
            UserError: a category has no image; circuits ran away on an image.
        """
        found = np.unique(labels)
        if len(found) < max(categories, 3):
            raise UserError(
                f"training images: found {len(found)} categories, allowed: {max(categories, 3)}"
            )
        standard, mean, spread = _standardised(units, common)
        model = _fitted(strength, standard, np.asarray(labels))
        return cls._of(model.coef_, model.intercept_, mean, spread)

    @classmethod
    def _of(
        cls, weight: np.ndarray, bias: np.ndarray, mean: np.ndarray, spread: np.ndarray
    ) -> "Detectors":
        """From regressions on standardised units."""
        weight = weight / spread[None, :]
        bias = bias - weight @ mean
        dtype = jnp.result_type(float)
        return cls(jnp.asarray(weight, dtype), jnp.asarray(bias, dtype))


def _fitted(strength: float, units: np.ndarray, present: np.ndarray, **options: Any) -> Any:
    """A logistic regression.

    On one thread: between products the optimiser asks LAPACK for tiny systems thousands of times,
    and threads that wait for one another there took five times as long as one alone.
    """
    from sklearn.linear_model import LogisticRegression  # slow to import, seldom needed
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):
        return LogisticRegression(C=strength, max_iter=3000, **options).fit(units, present)


def _standardised(units: np.ndarray, common: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Units of zero mean and unit spread, silent ones zero; the means and the spreads."""
    units = np.asarray(units, np.float64)
    wild = int(np.sum(~np.isfinite(units).all(axis=1)))
    if wild:
        raise UserError(
            f"training images: circuits run away on {wild} of {len(units)}, allowed: on none"
        )
    mean, spread = units.mean(axis=0), units.std(axis=0)
    if common:
        spread = np.full_like(spread, np.sqrt(np.mean(spread**2)))
    spread = np.where(spread > 1e-6, spread, 1.0)
    return (units - mean) / spread, mean, spread


def balanced_rows(
    labels: np.ndarray, categories: int, each: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """For each category, images of it and as many of others, evenly from those.

    Args:
        labels: category of each image.
        categories: how many.
        each: images of the category, and as many others; fewer where there are fewer.
        rng: of the draw.

    Returns:
        Row numbers, those of the category first.
    """
    labels = np.asarray(labels)
    shuffled = rng.permutation(len(labels))
    by_category = [shuffled[labels[shuffled] == c] for c in range(categories)]
    found = []
    for category in range(categories):
        others = [rows for c, rows in enumerate(by_category) if c != category]
        # One of each of the others in turn, from a random start, so that none is left out.
        start = rng.integers(len(others)) if others else 0
        turned = others[start:] + others[:start]
        deepest = max((len(rows) for rows in turned), default=0)
        in_turn = [rows[depth] for depth in range(deepest) for rows in turned if depth < len(rows)]
        inside = by_category[category][:each]
        found.append(np.concatenate([inside, np.asarray(in_turn[: len(inside)], int)]))
    return found
