"""Masks over the features themselves: residual attention, and gates opened by what is sought."""

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from .forms import AbstractForm, Multiplicative, Pattern, spatial_pattern
from .soft import annotations
from .source import AbstractSource, Maps, Query, State


def _convolved(weight: Float[Array, "new maps side side"], maps: Maps) -> Array:
    """Same size, zero padding."""
    margin = weight.shape[-1] // 2
    return jax.lax.conv_general_dilated(
        maps[None], weight, (1, 1), ((margin, margin), (margin, margin))
    )[0]


def _normal(key: PRNGKeyArray, *shape: int) -> Array:
    """Of a spread that keeps the variance of rectified inputs."""
    summed = 1
    for size in shape[1:]:
        summed *= size
    return jax.random.normal(key, shape) * jnp.sqrt(2.0 / summed)


class ResidualMask(AbstractSource):
    """Gain 1 + M with a mask M in [0, 1] for every map and place, made of the features alone.

    Bottom-up: the largest of 2 x 2 places, a 3 x 3 convolution, rectified. Top-down: back to the
    full size by linear interpolation, added to what a 1 x 1 convolution passes by, rectified, and
    a 1 x 1 convolution with a sigmoid, which gives M. The drive becomes (1 + M) times T, the
    features.

    Source: Wang et al. 2017 (residual attention, "mixed" mask), with one scale where they have
    two or three and no residual units inside. Nothing is asked: the query is not used.

    Attributes:
        down: the convolution at half the size.
        down_bias: its bias.
        past: the 1 x 1 convolution past it.
        mask: the 1 x 1 convolution that gives the mask.
        mask_bias: its bias.
    """

    down: Float[Array, "hidden maps 3 3"]
    down_bias: Float[Array, " hidden"]
    past: Float[Array, "hidden maps 1 1"]
    mask: Float[Array, "maps hidden 1 1"]
    mask_bias: Float[Array, " maps"]
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @classmethod
    def random(cls, key: PRNGKeyArray, maps: int, hidden: int = 16) -> "ResidualMask":
        """First weights: normal, no biases.

        Args:
            key: of the draw.
            maps: of the area.
            hidden: maps in between.
        """
        keys = jax.random.split(key, 3)
        return cls(
            down=_normal(keys[0], hidden, maps, 3, 3),
            down_bias=jnp.zeros(hidden),
            past=_normal(keys[1], hidden, maps, 1, 1),
            mask=_normal(keys[2], maps, hidden, 1, 1),
            mask_bias=jnp.zeros(maps),
        )

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        scaled = annotations(features).T.reshape(features.shape)
        window = (1, 2, 2)
        halved = jax.lax.reduce_window(scaled, -jnp.inf, jax.lax.max, window, window, "SAME")
        below = jnp.maximum(_convolved(self.down, halved) + self.down_bias[:, None, None], 0.0)
        shape = (len(self.down), *features.shape[1:])
        above = jax.image.resize(below, shape, "linear")
        merged = jnp.maximum(above + _convolved(self.past, scaled), 0.0)
        return jax.nn.sigmoid(_convolved(self.mask, merged) + self.mask_bias[:, None, None])


class AttentionGate(AbstractSource):
    """Gain alpha in [0, 1] of every place, the same for every map; what is sought opens the gate.

        alpha_i = sigmoid(psi . relu(W_x x_i + W_g g + b_g) + b_psi)

    with the features x_i of a place and the learned vector g of the category sought as the gating
    signal. The pattern is `alpha - 1`.

    Source: Oktay et al. 2018 (attention gates), whose gating signal is the coarser scale of the
    network; that it is the query is our design.

    Attributes:
        embedding: g of each category.
        from_features: W_x.
        from_gating: W_g and b_g.
        score: psi and b_psi.
    """

    embedding: Float[Array, "categories width"]
    from_features: eqx.nn.Linear
    from_gating: eqx.nn.Linear
    score: eqx.nn.Linear
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @classmethod
    def random(
        cls, key: PRNGKeyArray, maps: int, categories: int, width: int = 16, hidden: int = 32
    ) -> "AttentionGate":
        """First weights: those of equinox, and normal gating signals.

        Args:
            key: PRNG key of the draw.
            maps: of the area.
            categories: that can be sought.
            width: of the gating signal.
            hidden: units of the score.
        """
        keys = jax.random.split(key, 4)
        return cls(
            embedding=jax.random.normal(keys[0], (categories, width)),
            from_features=eqx.nn.Linear(maps, hidden, use_bias=False, key=keys[1]),
            from_gating=eqx.nn.Linear(width, hidden, key=keys[2]),
            score=eqx.nn.Linear(hidden, "scalar", key=keys[3]),
        )

    def gate(self, features: Maps, query: Query) -> Float[Array, "height width"]:
        """alpha of every place."""
        asked = self.from_gating(self.embedding[query.category])
        own = jax.vmap(self.from_features)(annotations(features))
        score = jax.vmap(self.score)(jax.nn.relu(own + asked[None, :]))
        return jax.nn.sigmoid(score).reshape(features.shape[1:])

    @property
    def categories(self) -> int:
        return len(self.embedding)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return spatial_pattern(self.gate(features, query) - 1.0, 1.0, len(features))
