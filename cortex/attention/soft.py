"""Soft attention to places: scored against what is sought, and looked at again and again."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .forms import AbstractForm, Multiplicative, Pattern, spatial_pattern
from .source import AbstractSource, Maps, Query, State

Weights = Float[Array, "height width"]


def annotations(features: Maps) -> Float[Array, "places maps"]:
    """The features of each place as a vector, those of one image with a root mean square of 1.

    Rectified features of an area have a scale of their own; silence stays silence.
    """
    vectors = features.reshape(features.shape[0], -1).T
    power = jnp.mean(vectors**2)
    return vectors / jnp.sqrt(jnp.where(power > 0, power, 1.0))


class SoftAttention(AbstractSource):
    """Weights of places that a query and the attended features choose together, over glances.

    Each place i has a vector a_i, its features. At glance t,

        e_i = v . tanh(W_a a_i + W_q q_t + b),      alpha = softmax(e)
        q_{t+1} = q_t + W_c sum_i alpha_i a_i

    so that the query, at first the learned vector of the category sought, takes up what was
    attended and the next glance weights the places anew. The pattern is that of the last glance,
    relative to even weights: `places * alpha - 1`, the same for every map.

    Scores and weights: Xu et al. 2015 (deterministic attention); the query that takes up the
    context: Yang et al. 2016 (stacked attention), here with the same weights at every glance. That
    the weights of places become gains of circuits is our design.

    Attributes:
        embedding: of each category.
        from_features: W_a.
        from_query: W_q.
        offset: b.
        score: v.
        from_context: W_c.
        glances: how often the places are weighted, >= 1.
    """

    embedding: Float[Array, "categories width"]
    from_features: Float[Array, "hidden maps"]
    from_query: Float[Array, "hidden width"]
    offset: Float[Array, " hidden"]
    score: Float[Array, " hidden"]
    from_context: Float[Array, "width maps"]
    glances: int = eqx.field(static=True, default=3)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @classmethod
    def random(
        cls,
        key: PRNGKeyArray,
        maps: int,
        categories: int,
        width: int = 16,
        hidden: int = 32,
        glances: int = 3,
    ) -> "SoftAttention":
        """First weights: normal, with a spread of 1 over the root of what is summed; b = 0.

        That of v is four times as large, so that weights are uneven from the start.

        Args:
            key: of the draw.
            maps: of the area.
            categories: that can be sought.
            width: of the query.
            hidden: units of the score.
            glances: how often the places are weighted.
        """
        keys = jax.random.split(key, 5)

        def normal(own: PRNGKeyArray, *shape: int) -> Array:
            return jax.random.normal(own, shape) / jnp.sqrt(shape[-1])

        return cls(
            embedding=jax.random.normal(keys[0], (categories, width)),
            from_features=normal(keys[1], hidden, maps),
            from_query=normal(keys[2], hidden, width),
            offset=jnp.zeros(hidden),
            score=4.0 * normal(keys[3], hidden),
            from_context=normal(keys[4], width, maps),
            glances=glances,
        )

    def weights(self, features: Maps, query: Query) -> Float[Array, "glances height width"]:
        """Weights of the places at each glance; none is negative and those of a glance sum to 1."""
        vectors = annotations(features)
        own = vectors @ self.from_features.T + self.offset[None, :]

        def glance(asked: Array, _: None) -> tuple[Array, Array]:
            hidden = jnp.tanh(own + (self.from_query @ asked)[None, :])
            alpha = jax.nn.softmax(hidden @ self.score)
            return asked + self.from_context @ (alpha @ vectors), alpha

        _, found = jax.lax.scan(glance, self.embedding[query.category], length=self.glances)
        return found.reshape(self.glances, *features.shape[1:])

    @property
    def categories(self) -> int:
        return len(self.embedding)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        last: Weights = self.weights(features, query)[-1]
        return spatial_pattern(last * last.size - 1.0, 1.0, len(features))
