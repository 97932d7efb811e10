"""REINFORCE: the gradient of an expected reward over choices, from samples of them."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def rewards_to_come(rewards: Float[Array, "*batch steps"]) -> Float[Array, "*batch steps"]:
    """At each step the sum of its reward and of all later ones."""
    return jnp.flip(jnp.cumsum(jnp.flip(rewards, -1), axis=-1), -1)


def policy_loss(
    log_probability: Float[Array, "*batch"],
    reward: Float[Array, "*batch"],
    baseline: Float[Array, "*batch"],
) -> Float[Array, ""]:
    """A number whose gradient is an unbiased estimate of minus that of the expected reward.

    The gradient is that of `-sum log p(choice) (reward - baseline)`; its own value means nothing.
    A baseline that does not depend on the choice leaves the gradient's mean as it is and takes
    from its variance.

    Args:
        log_probability: of each choice that was made, up to a constant.
        reward: that followed it.
        baseline: expected before it was made.

    Source: Williams 1992; with a learned baseline Mnih et al. 2014.
    """
    advantage = jax.lax.stop_gradient(reward - baseline)
    return -jnp.sum(log_probability * advantage)


def baseline_loss(
    reward: Float[Array, "*batch"], baseline: Float[Array, "*batch"]
) -> Float[Array, ""]:
    """Sum of squares of what the baseline is off; its gradient reaches the baseline alone."""
    return jnp.sum((jax.lax.stop_gradient(reward) - baseline) ** 2)
