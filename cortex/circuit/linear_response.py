"""Linear response of a steady state: gains, and the solve that every derivative needs."""

from typing import Any

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import lineax
from jaxtyping import Array, Float

from .circuit import Dynamics, largest
from .populations import EI, Leaf


def gains(dynamics: Dynamics, rates: EI[Leaf]) -> EI[Leaf]:
    """Slope of the transfer function at the present input [Hz per unit of input]."""
    inputs = dynamics.net_input(rates)
    return jax.jvp(dynamics.populations.rate, (inputs,), (inputs.map(jnp.ones_like),))[1]


def jacobian(dynamics: Dynamics, rates: EI[Leaf]) -> Float[Array, "n n"]:
    """d(dr/dt)/dr [1/ms], dense, E before I, units in C order."""
    flat, unravel = jax.flatten_util.ravel_pytree(rates)

    def velocity(state: Float[Array, " states"]) -> Float[Array, " states"]:
        return jax.flatten_util.ravel_pytree(dynamics.velocity(unravel(state)))[0]

    return jax.jacfwd(velocity)(flat)


def linear_response(
    dynamics: Dynamics,
    rates: EI[Leaf],
    source: EI[Leaf],
    solver: lineax.AbstractLinearSolver | None = None,
) -> EI[Leaf]:
    """Solve `(1 - d steady_rate/dr) x = source` at the steady state `rates`.

    Args:
        dynamics: the circuit under its input.
        rates: a steady state [Hz].
        source: the change of `Dynamics.steady_rate` at fixed rates [Hz].
        solver: GMRES by default; `Relaxation` is faster for batches of stable circuits.

    Returns:
        The change of the steady state [Hz].
    """

    def operator(v: EI[Leaf]) -> EI[Leaf]:
        return v.map(lambda a, b: a - b, jax.jvp(dynamics.steady_rate, (rates,), (v,))[1])

    if solver is None:
        tolerance = 1e-5 if rates.E.dtype == jnp.float32 else 1e-10
        solver = lineax.GMRES(rtol=tolerance, atol=tolerance, restart=30, stagnation_iters=30)
    matrix = lineax.FunctionLinearOperator(operator, jax.eval_shape(lambda: rates))
    return lineax.linear_solve(matrix, source, solver, throw=False).value


class Relaxation(lineax.AbstractLinearSolver):
    """Let the linearised circuit itself come to rest: `x += fraction (source - A x)`.

    Converges, for A and for its transpose, whenever the same steps of the circuit do:
    `fraction A` and `fraction A^T` have the same eigenvalues. Keeps one state where
    GMRES keeps tens, which in a large batch costs more than the products do.

    Attributes:
        fraction: step over time constant of each unit [1].
        max_steps: bound on the steps.
        rtol: tolerated residual relative to the largest entry of the right-hand side.
        check_every: steps between looks at the residual.
    """

    fraction: EI[Leaf]
    max_steps: int = eqx.field(static=True, default=400)
    rtol: float = eqx.field(static=True, default=1e-4)
    check_every: int = eqx.field(static=True, default=10)

    def init(
        self, operator: lineax.AbstractLinearOperator, options: dict[str, Any]
    ) -> lineax.AbstractLinearOperator:
        return lineax.linearise(operator)

    def compute(
        self, state: lineax.AbstractLinearOperator, vector: EI[Leaf], options: dict[str, Any]
    ) -> tuple[EI[Leaf], lineax.RESULTS, dict[str, Any]]:
        tolerance = self.rtol * largest(vector)

        def step(x: EI[Leaf]) -> tuple[EI[Leaf], EI[Leaf]]:
            residual = vector.map(lambda b, image: b - image, state.mv(x))
            moved = x.map(lambda a, r, f: a + f * r, residual, self.fraction)
            return moved, residual

        def advance(carry: tuple[Any, EI[Leaf], Any]) -> tuple[Any, EI[Leaf], Any]:
            steps, x, _ = carry
            x = jax.lax.fori_loop(0, self.check_every - 1, lambda _, x: step(x)[0], x)
            x, residual = step(x)
            return steps + self.check_every, x, largest(residual) <= tolerance

        def go_on(carry: tuple[Any, EI[Leaf], Any]) -> Any:
            return (carry[0] < self.max_steps) & ~carry[2]

        start = (0, vector.map(jnp.zeros_like), jnp.asarray(False))
        x = jax.lax.while_loop(go_on, advance, start)[1]
        # In reverse mode lineax raises for anything but success, whatever `throw` says, and
        # one slow image of a batch would end a training: what is there is returned, and
        # nothing where the steps diverged. Whether it means something, `converged` tells.
        x = x.map(lambda a: jnp.where(jnp.isfinite(a), a, 0.0))
        return x, lineax.RESULTS.successful, {}

    def transpose(
        self, state: lineax.AbstractLinearOperator, options: dict[str, Any]
    ) -> tuple[lineax.AbstractLinearOperator, dict[str, Any]]:
        return state.transpose(), {}

    def conj(
        self, state: lineax.AbstractLinearOperator, options: dict[str, Any]
    ) -> tuple[lineax.AbstractLinearOperator, dict[str, Any]]:
        return lineax.conj(state), {}

    def assume_full_rank(self) -> bool:
        return True
