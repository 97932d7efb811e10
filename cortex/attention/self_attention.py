"""Multi-head self-attention between the places of an area, as a lateral gain."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative
from .lateral import AbstractLateral, Exchanged, Tokens
from .scores import softmax_weights


def head_weights(
    attention: eqx.nn.MultiheadAttention,
    queries: Float[Array, "queries query"],
    keys: Float[Array, "keys key"],
    allowed: Bool[Array, "queries keys"] | None = None,
) -> Float[Array, "heads queries keys"]:
    """The weights that each head of `equinox.nn.MultiheadAttention` attends with.

    Args:
        attention: whose projections.
        queries: one a row.
        keys: one a row.
        allowed: keys that each query may attend to, all by default.

    Source: Vaswani et al. 2017, section 3.2.
    """
    asked = _by_head(attention.query_proj, queries, attention.num_heads)
    found = _by_head(attention.key_proj, keys, attention.num_heads)
    scores = jnp.einsum("qhd,khd->hqk", asked, found, precision="highest")
    scores = scores / math.sqrt(attention.qk_size)
    if allowed is not None:
        allowed = jnp.broadcast_to(allowed[None], scores.shape)
    return softmax_weights(scores, allowed)


def multi_head(
    attention: eqx.nn.MultiheadAttention,
    tokens: Float[Array, "tokens size"],
    allowed: Bool[Array, "tokens tokens"] | None = None,
) -> tuple[Float[Array, "tokens output"], Float[Array, "heads tokens tokens"]]:
    """Self-attention of a row of tokens, with its weights.

    The outputs are those of `attention(tokens, tokens, tokens, allowed)`, which does not give
    its weights; a token that may attend to none takes nothing.
    """
    weights = head_weights(attention, tokens, tokens, allowed)
    values = _by_head(attention.value_proj, tokens, attention.num_heads)
    taken = jnp.einsum("hqk,khd->qhd", weights, values, precision="highest")
    return jax.vmap(attention.output_proj)(taken.reshape(len(tokens), -1)), weights


def _by_head(
    projection: eqx.nn.Linear, rows: Float[Array, "rows size"], heads: int
) -> Float[Array, "rows heads _"]:
    return jax.vmap(projection)(rows).reshape(len(rows), heads, -1)


def similarity_attention(
    maps: int, heads: int = 1, sharpness: float | Array = 1.0
) -> eqx.nn.MultiheadAttention:
    """Nothing learned: every head compares places by its share of what kind they are.

    What is passed on is how active the head's share of the features is there.

    Args:
        maps: half the length of a token of `as_tokens`, a multiple of `heads`.
        heads: each has `maps / heads` of the maps, in their order.
        sharpness: the scaled dot product of two tokens is multiplied by it [1].
    """
    if maps % heads:
        raise ValueError(f"heads: found {heads}, allowed: a divisor of {maps} maps")
    size = maps // heads
    made = eqx.nn.MultiheadAttention(
        heads, 2 * maps, output_size=maps, qk_size=size, vo_size=size, key=jax.random.key(0)
    )
    same, nothing = jnp.eye(maps), jnp.zeros((maps, maps))
    root = jnp.sqrt(jnp.asarray(sharpness, float))
    kind = jnp.concatenate([nothing, root * same], axis=1)
    activity = jnp.concatenate([same, nothing], axis=1)
    return eqx.tree_at(
        lambda a: tuple(p.weight for p in (a.query_proj, a.key_proj, a.value_proj, a.output_proj)),
        made,
        (kind, kind, activity, same),
    )


class SelfAttention(AbstractLateral):
    """Every place of the area attends to every place, by what there is to see.

    Attributes:
        attention: from tokens of `as_tokens` to as many numbers as there are maps.
        strength: of the modulation [1].

    Source: Vaswani et al. 2017; as a gain on circuits our design.
    """

    attention: eqx.nn.MultiheadAttention
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def exchange(self, tokens: Tokens) -> Exchanged:
        return Exchanged(*multi_head(self.attention, tokens))
