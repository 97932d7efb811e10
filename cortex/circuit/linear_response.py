"""Linear response of a steady state: gains, and the solve that every derivative needs."""

import abc
from collections.abc import Callable
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
    solver: "AbstractLinearSolver | None" = None,
) -> EI[Leaf]:
    """Solve `(1 - d steady_rate/dr) x = source` at the steady state `rates`.

    Args:
        dynamics: the circuit under its input.
        rates: a steady state [Hz].
        source: the change of `Dynamics.steady_rate` at fixed rates [Hz].
        solver: `GMRES()` by default; `Relaxation` is faster for batches of stable circuits.

    Returns:
        The change of the steady state [Hz].
    """
    derivative = jax.linearize(dynamics.steady_rate, rates)[1]

    def matrix(v: EI[Leaf]) -> EI[Leaf]:
        return v.map(lambda a, b: a - b, derivative(v))

    solver = GMRES() if solver is None else solver
    # To be transposed, both parts must depend on what is differentiated; a parameter may reach one.
    source = EI(source.E + 0.0 * source.I, source.I + 0.0 * source.E)
    return jax.lax.custom_linear_solve(matrix, source, solver, transpose_solve=solver)


Matrix = Callable[[EI[Leaf]], EI[Leaf]]


class AbstractLinearSolver(eqx.Module):
    """A way to solve the linear system of a derivative.

    What it returns is used as it is: a solver that has to give up returns what it has, or NaN.
    """

    @abc.abstractmethod
    def solve(self, matrix: Matrix, vector: EI[Leaf]) -> EI[Leaf]:
        """The solution x of `matrix(x) = vector`, whose entries are finite."""

    def __call__(self, matrix: Matrix, vector: EI[Leaf]) -> EI[Leaf]:
        """The solution of `matrix(x) = vector`; NaN where an entry of the vector is not finite."""
        finite = jnp.isfinite(largest(vector))
        solution = self.solve(matrix, vector.map(lambda b: jnp.where(finite, b, 0.0)))
        return solution.map(lambda x: jnp.where(finite, x, jnp.nan))


class GMRES(AbstractLinearSolver):
    """Generalised minimal residuals: robust; keeps tens of states."""

    def solve(self, matrix: Matrix, vector: EI[Leaf]) -> EI[Leaf]:
        tolerance = 1e-5 if vector.E.dtype == jnp.float32 else 1e-10
        solver = lineax.GMRES(rtol=tolerance, atol=tolerance, restart=30, stagnation_iters=30)
        operator = lineax.FunctionLinearOperator(matrix, jax.eval_shape(lambda: vector))
        return lineax.linear_solve(operator, vector, solver, throw=False).value


class Relaxation(AbstractLinearSolver):
    """Let the linearised circuit itself come to rest: `x += fraction (vector - A x)`.

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

    def solve(self, matrix: Matrix, vector: EI[Leaf]) -> EI[Leaf]:
        tolerance = self.rtol * largest(vector)

        def step(x: EI[Leaf]) -> tuple[EI[Leaf], EI[Leaf]]:
            residual = vector.map(lambda b, image: b - image, matrix(x))
            moved = x.map(lambda a, r, f: a + f * r, residual, self.fraction)
            return moved, residual

        def advance(carry: tuple[Any, EI[Leaf], Any]) -> tuple[Any, EI[Leaf], Any]:
            steps, x, _ = carry
            x = jax.lax.fori_loop(0, self.check_every - 1, lambda _, x: step(x)[0], x)
            x, residual = step(x)
            return steps + self.check_every, x, largest(residual) <= tolerance

        def under_way(carry: tuple[Any, EI[Leaf], Any]) -> Any:
            return (carry[0] < self.max_steps) & ~carry[2]

        start = (0, vector.map(jnp.zeros_like), jnp.asarray(False))
        return jax.lax.while_loop(under_way, advance, start)[1]
