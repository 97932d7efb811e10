"""Feedback over passes: what a look made of the image sets the gain of each map for the next."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .forms import AbstractForm, Multiplicative, Pattern, feature_pattern
from .source import AbstractSource, Maps, Query, State


class FeedbackGain(AbstractSource):
    """A policy from the activity of the maps and the logits to a gain of each map.

        o = (mean E rate of each map / root mean square of these means, tanh(logits / 4), q)
        pattern = tanh(W_2 relu(W_1 o + b_1) + b_2)

    with q the learned vector of the category sought. It reads the state, so that in each of
    several passes (`cortex.tasks.attending.again`) the gains answer what the last pass gave.

    After dasNet (Stollenga et al. 2014), whose policy reads the means of all maps and the
    class probabilities of a trained network. Ours has one area, a hidden layer, a query, gains
    around 1, and is trained by gradients instead of an evolution strategy.

    Attributes:
        embedding: of each category.
        policy: W_1, b_1, W_2, b_2.
    """

    embedding: Float[Array, "categories width"]
    policy: eqx.nn.MLP
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @classmethod
    def random(
        cls, key: PRNGKeyArray, maps: int, categories: int, width: int = 16, hidden: int = 32
    ) -> "FeedbackGain":
        """First weights: those of equinox, and normal queries.

        Args:
            key: PRNG key of the draw.
            maps: of the area.
            categories: that can be sought, as many as the readout has logits.
            width: of the query.
            hidden: units of the policy.
        """
        first, second = jax.random.split(key)
        policy = eqx.nn.MLP(
            maps + categories + width, maps, hidden, 1, final_activation=jnp.tanh, key=second
        )
        return cls(jax.random.normal(first, (categories, width)), policy)

    def observation(self, state: State, query: Query) -> Float[Array, " observed"]:
        """What the policy reads."""
        means = jnp.mean(state.rates.E, axis=(1, 2))
        power = jnp.mean(means**2)
        means = means / jnp.sqrt(jnp.where(power > 0, power, 1.0))
        # Logits of hard images lie within some units of 0; far ones should not drown the rest.
        return jnp.concatenate(
            [means, jnp.tanh(state.logits / 4.0), self.embedding[query.category]]
        )

    def values(self, state: State, query: Query) -> Float[Array, " maps"]:
        """What is added to the gain of each map, -1 to 1."""
        return self.policy(self.observation(state, query))

    @property
    def categories(self) -> int:
        return len(self.embedding)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        height, width = features.shape[1:]
        return feature_pattern(self.values(state, query), 1.0, (height, width))
