"""What is no state gives no number: NaN values, and NaN derivatives where they are asked for."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool


@eqx.filter_custom_jvp
def withhold(value: Array, known: Bool[Array, "..."], inputs: Any) -> Array:
    """`value` where it is `known`, else NaN, with NaN derivatives.

    `jnp.where` alone would give derivatives of 0.0 there, as in a minimum. Here only a result
    that does not depend on a withheld entry, because `jnp.where` chose something else in its
    place, has derivatives of zero.

    Args:
        value: a floating-point array.
        known: where it is known; broadcasts to it.
        inputs: what a withheld entry would depend on besides; None for nothing.
    """
    return jnp.where(known, value, jnp.nan)


@withhold.def_jvp
def _withhold_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (value, known, inputs), (change, _, by_inputs) = primals, tangents
    change = jnp.zeros_like(value) if change is None else change
    total = sum((jnp.sum(leaf) for leaf in jax.tree.leaves(by_inputs)), start=jnp.zeros(()))
    unknown = _undefined(change + total.astype(value.dtype))
    return withhold(value, known, inputs), jnp.where(known, change, unknown)


def _undefined(change: Array) -> Array:
    """NaN for any change, and zero for none; its transpose is the same."""

    def solve(_: Any, vector: Array) -> Array:
        return jnp.where(vector == 0, 0.0, jnp.nan).astype(vector.dtype)

    return jax.lax.custom_linear_solve(lambda v: v, change, solve, symmetric=True)


def all_finite(tree: Any) -> Bool[Array, ""]:
    """Whether every number is finite."""
    checks = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(checks))


@jax.custom_jvp
def stand_in(value: Array, other: Array) -> Array:
    """`other`, with the derivatives of `value`."""
    return other


@stand_in.defjvp
def _stand_in_jvp(primals: Any, tangents: Any) -> tuple[Array, Array]:
    return stand_in(*primals), tangents[0]
