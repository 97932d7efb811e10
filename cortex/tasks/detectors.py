"""Binary detectors, one a category: logistic regressions on a system's readout units."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from sklearn.linear_model import LogisticRegression

from cortex.errors import UserError


class Detectors(eqx.Module):
    """Says for each category whether it is there: yes where the logit is positive.

    Attributes:
        weight: (categories, units).
        bias: (categories,).
    """

    weight: Float[Array, "categories units"]
    bias: Float[Array, " categories"]

    def __call__(self, units: Float[Array, " units"]) -> Float[Array, " categories"]:
        """One logit a category."""
        return jnp.einsum("cu,u->c", self.weight, units) + self.bias

    @classmethod
    def fit(
        cls, units: np.ndarray, labels: np.ndarray, categories: int, strength: float = 0.1
    ) -> "Detectors":
        """Logistic regressions of each category against all others, both sides weighing alike.

        Args:
            units: readout units for ordinary images, (images, units).
            labels: category of each image.
            strength: inverse of the L2 penalty on weights of standardised units, > 0.

        Raises:
            UserError: a category has no image.
        """
        units = np.asarray(units, np.float64)
        mean, spread = units.mean(axis=0), units.std(axis=0)
        spread = np.where(spread > 1e-6, spread, 1.0)
        standard = (units - mean) / spread
        weights, biases = [], []
        for category in range(categories):
            present = np.asarray(labels) == category
            if not present.any() or present.all():
                raise UserError(
                    f"training images: found {int(present.sum())} of {present.size} of category "
                    f"{category}, allowed: some, not all"
                )
            model = LogisticRegression(C=strength, class_weight="balanced", max_iter=1000)
            model.fit(standard, present)
            weights.append(model.coef_[0] / spread)
            biases.append(model.intercept_[0] - weights[-1] @ mean)
        return cls(
            jnp.asarray(np.stack(weights), jnp.result_type(float)),
            jnp.asarray(np.stack(biases), jnp.result_type(float)),
        )
