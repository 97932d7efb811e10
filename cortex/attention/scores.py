"""Content-based attention: scores of keys against a query, softmax weights, context vector."""

import abc
import math

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PRNGKeyArray

Query = Float[Array, " query"]
Keys = Float[Array, "items key"]
Scores = Float[Array, " items"]


class AbstractScores(eqx.Module):
    """How well each key answers a query; any real number."""

    @abc.abstractmethod
    def __call__(self, query: Query, keys: Keys) -> Scores:
        """One score a key [1].

        Args:
            query: what is looked for.
            keys: one for each item that can be attended to.
        """


class DotScores(AbstractScores):
    """`q . k`; query and keys are of one length."""

    def __call__(self, query: Query, keys: Keys) -> Scores:
        return jnp.einsum("d,nd->n", query, keys, precision="highest")


class ScaledScores(AbstractScores):
    """`q . k / sqrt(d)`, so that their variance does not grow with the length d.

    Source: Vaswani et al. 2017, eq. 1.
    """

    def __call__(self, query: Query, keys: Keys) -> Scores:
        return DotScores()(query, keys) / math.sqrt(len(query))


class AdditiveScores(AbstractScores):
    """`v . tanh(W q + U k)`, a network of one hidden layer.

    Attributes:
        W: (hidden, query).
        U: (hidden, key).
        v: (hidden,).

    Source: Bahdanau et al. 2015, section A.1.2 (W_a, U_a, v_a).
    """

    W: Float[Array, "hidden query"]
    U: Float[Array, "hidden key"]
    v: Float[Array, " hidden"]

    @classmethod
    def random(cls, key: PRNGKeyArray, query: int, keys: int, hidden: int) -> "AdditiveScores":
        """Normal weights of unit gain for queries and keys of these lengths."""
        draws = [jax.random.normal(k, (hidden, n)) for k, n in _named(key, query, keys, 1)]
        W, U, v = (draw / math.sqrt(draw.shape[1]) for draw in draws)
        return cls(W, U, v[:, 0] / math.sqrt(hidden))

    def __call__(self, query: Query, keys: Keys) -> Scores:
        asked = jnp.einsum("hq,q->h", self.W, query, precision="highest")
        found = jnp.einsum("hk,nk->nh", self.U, keys, precision="highest")
        return jnp.einsum("h,nh->n", self.v, jnp.tanh(asked[None, :] + found), precision="highest")


def _named(key: PRNGKeyArray, *sizes: int) -> list[tuple[PRNGKeyArray, int]]:
    return list(zip(jax.random.split(key, len(sizes)), sizes, strict=True))


def softmax_weights(
    scores: Float[Array, "*rows items"], allowed: Bool[Array, "*rows items"] | None = None
) -> Float[Array, "*rows items"]:
    """Weights from 0 to 1 that sum to one over the last axis.

    Args:
        scores: any real numbers.
        allowed: items that may be attended to, all by default. The others get 0; where none is
            allowed all get 0.
    """
    if allowed is None:
        return jax.nn.softmax(scores, axis=-1)
    # Rows with nothing allowed go through the softmax with scores of 0: no 0 / 0, no NaN slopes.
    some = jnp.any(allowed, axis=-1, keepdims=True)
    open_or_empty = allowed | ~some
    weights = jax.nn.softmax(jnp.where(open_or_empty, scores, -jnp.inf), axis=-1)
    return jnp.where(allowed, weights, 0.0)


class Attended(eqx.Module):
    """What one act of attention gives.

    Attributes:
        context: weighted sum of the values.
        weights: one an item, 0 to 1.
    """

    context: Float[Array, " value"]
    weights: Float[Array, " items"]


def attend(
    scores: AbstractScores,
    query: Query,
    keys: Keys,
    values: Float[Array, "items value"],
    allowed: Bool[Array, " items"] | None = None,
) -> Attended:
    """Soft attention: `sum_n softmax(scores)_n values_n`.

    Args:
        scores: how keys are compared with the query.
        query: what is looked for.
        keys: by which items are found.
        values: what is taken from them.
        allowed: items that may be attended to, all by default.
    """
    weights = softmax_weights(scores(query, keys), allowed)
    context = jnp.einsum("n,nv->v", weights, values, precision="highest")
    return Attended(context, weights)
