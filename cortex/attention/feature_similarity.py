"""Feature attention: each map by its value for the category sought, the same at every place."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative, Pattern, feature_pattern
from .source import AbstractSource, Maps, Query, State


class FeatureSimilarity(AbstractSource):
    """Gain `1 + strength * value`, with the values of the category that is asked for.

    Attributes:
        values: by category and map: tuning values (the feature-similarity gain model of Treue &
            Martinez-Trujillo 1999) or gradient values (Lindsay & Miller 2018), see
            `cortex.attention.values`.
        strength: beta [1].
    """

    values: Float[Array, "categories maps"]
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        height, width = features.shape[1:]
        own = jnp.asarray(self.values)[query.category]
        return feature_pattern(own, self.strength, (height, width))
