"""Feature attention: each map by its value for the category sought, the same at every place."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit.populations import as_floats
from cortex.errors import UserError

from .forms import AbstractForm, Multiplicative, Pattern, feature_pattern
from .source import AbstractSource, Attention, Maps, Query, State
from .values import tuning_values


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

    @classmethod
    def fit(cls, observer: Any, images: Any, labels: Any, *, at: str | int) -> Attention:
        """By the tuning of a layer's maps for the categories of ordinary images.

        Args:
            observer: a `cortex.tasks.Observer`, whose layer responds without attention.
            images: (images, channels, height, width).
            labels: category of each image, 0 to categories - 1, (images,).
            at: the layer, by its name or its number from 1.

        Returns:
            Attention at that layer with `tuning_values`; call it with a category and a strength.

        Raises:
            UserError: an argument that does not fit.
        """
        if not hasattr(observer, "mean_responses"):
            raise UserError(
                f"observer: found {type(observer).__name__}, allowed: an Observer, as "
                "Observer.fit(system, images, labels) gives it"
            )
        labels = jnp.asarray(observer.checked_labels(labels, len(images)))
        responses = jnp.asarray(observer.mean_responses(images, at=at))
        return cls(tuning_values(responses, labels, observer.categories)).at(at)

    @property
    def categories(self) -> int:
        return len(self.values)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        height, width = features.shape[1:]
        own = jnp.asarray(self.values)[query.category]
        return feature_pattern(own, self.strength, (height, width))
