"""Fitting parameters through steady states: guarded descent on squared residuals, with errors."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Point = Float[Array, " parameters"]
Residuals = Callable[[Point], tuple[Float[Array, " residuals"], Bool[Array, ""]]]


class Fit(eqx.Module):
    """Where a descent ended.

    Attributes:
        start: of the descent, after walking back.
        parameters: at the end.
        cost: half the sum of squared residuals, at the start and after each step.
        information: `slopes^T slopes` at the end. With residuals in standard deviations of
            independent noise this is Fisher's information, and its inverse the covariance of
            the errors.
        decrement: how far the minimum still is, in standard errors [1]; small where the
            descent arrived, not where it was stopped by states that do not settle.
    """

    start: Point
    parameters: Point
    cost: Float[Array, " costs"]
    information: Float[Array, "parameters parameters"]
    decrement: Float[Array, ""]

    def covariance(self) -> Float[Array, "parameters parameters"]:
        """Of the errors of the parameters."""
        return jnp.linalg.inv(self.information)


def stabilised(rates: Float[Array, "*shape"], floor: Any, share: Any) -> Float[Array, "*shape"]:
    """Rates on a scale on which noise has a standard deviation of 1 everywhere.

    For noise with an SD of `sqrt(floor^2 + (share r)^2)` that is `arcsinh(share r/floor)/share`.
    It also tames the residuals of a start that is far away.

    Args:
        rates: [Hz].
        floor: SD of the noise at a rate of zero [Hz], > 0.
        share: SD of the noise at high rates, as a share of them [1], > 0.
    """
    return jnp.arcsinh(share * rates / floor) / share


def precondition() -> Any:
    """An optax transformation: gradients times the inverse of `matrix + damping diag(matrix)`.

    Both are given to `update`.
    """
    import optax

    def update(gradient: Any, state: Any, params: Any = None, **given: Any) -> tuple[Any, Any]:
        matrix, damping = given["matrix"], given["damping"]
        return jnp.linalg.solve(matrix + damping * jnp.diag(jnp.diag(matrix)), gradient), state

    return optax.GradientTransformationExtraArgs(lambda params: optax.EmptyState(), update)


def fit_residuals(
    residuals: Residuals,
    start: Point,
    *,
    steps: int = 24,
    damping: Any = 0.01,
    largest_step: Any = 0.3,
    retreat: Point | None = None,
) -> Fit:
    """Descend the sum of squared residuals from `start` (Levenberg-Marquardt, with optax).

    Weights of a circuit trade off along narrow curved valleys in which plain gradient descent
    crawls; the matrix that straightens them comes from the same derivatives. A circuit that
    runs away or oscillates has no steady rates and no gradient: a step into one, like a step
    uphill, is refused, and the next is damped three times more.

    Args:
        residuals: function of the parameters to residuals and whether every state behind
            them settled; where not, they may be NaN. Differentiated forwards.
        start: parameters; of a circuit that settles, unless `retreat` is given.
        steps: tried, refused ones included; the work is the same for each member of a batch.
        damping: the first one, relative to the diagonal of the matrix [1].
        largest_step: length of a step in the unit of the parameters.
        retreat: step by which to walk a start back until everything settles, and once more:
            at the edge of stability the slopes are too steep to be of use. At most 50 times.
    """
    import optax  # slow to import, seldom needed

    optimiser = optax.chain(
        precondition(), optax.clip_by_global_norm(largest_step), optax.scale(-1.0)
    )

    def evaluate(point: Point) -> tuple[Array, Array, Array]:
        def twice(point: Point) -> tuple[Array, tuple[Array, Array]]:
            found, settled = residuals(point)
            return found, (found, settled)

        slopes, (found, settled) = jax.jacfwd(twice, has_aux=True)(point)
        value = jnp.where(settled, jnp.sum(found**2) / 2, jnp.inf)
        return value, slopes.T @ found, slopes.T @ slopes

    def step(carry: Any, _: None) -> tuple[Any, Array]:
        point, memory, damping, now = carry
        value, gradient, matrix = now
        move, memory = optimiser.update(gradient, memory, point, matrix=matrix, damping=damping)
        tried = jnp.asarray(optax.apply_updates(point, move))
        there = evaluate(tried)
        better = there[0] <= value  # false as well where the state is lost
        now = jax.tree.map(lambda new, old: jnp.where(better, new, old), there, now)
        damping = jnp.where(better, damping / 10, damping * 3).clip(1e-7, 1e3)
        return (jnp.where(better, tried, point), memory, damping, now), now[0]

    if retreat is not None:
        start = _walked_back(residuals, start, retreat)
    # The first of the steps does not move: it evaluates the start, and is compiled only once.
    nothing = jnp.zeros_like(start), jnp.eye(len(start), dtype=start.dtype)
    first = (jnp.asarray(jnp.inf, start.dtype), *nothing)
    damping = 10 * jnp.asarray(damping, start.dtype)
    carry = (start, optimiser.init(start), damping, first)
    (point, _, _, (_, gradient, matrix)), costs = jax.lax.scan(step, carry, None, steps + 1)
    return Fit(
        start=start,
        parameters=point,
        cost=costs,
        information=matrix,
        decrement=jnp.sqrt(gradient @ jnp.linalg.solve(matrix, gradient)),
    )


def _walked_back(residuals: Residuals, start: Point, retreat: Point) -> Point:
    def lost(carry: tuple[Array, Point]) -> Array:
        return (carry[0] < 50) & ~residuals(carry[1])[1]

    def back(carry: tuple[Array, Point]) -> tuple[Array, Point]:
        return carry[0] + 1, carry[1] + retreat

    steps, walked = jax.lax.while_loop(lost, back, (jnp.asarray(0), start))
    return jnp.where(steps == 0, start, walked + retreat)
