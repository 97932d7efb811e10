"""Through an epoch by explicit Runge-Kutta steps, and back through the same steps."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .backward import backpropagate
from .forward import LoopState, integrate
from .problem import DiscreteAdjoint, Outcome, Problem, Save, SolverOptions
from .runge_kutta import Method, as_arrays

__all__ = [
    "DiscreteAdjoint",
    "Method",
    "Outcome",
    "Problem",
    "Save",
    "SolverOptions",
    "integrate_epoch",
]


@eqx.filter_custom_vjp
def integrate_epoch(problem: Problem, options: SolverOptions) -> Outcome:
    """Integrate one epoch; differentiable backwards in every array of the problem.

    Returns:
        What was saved at each time (inf at times that were not reached), the last rates, and
        whether the end was reached with finite rates.
    """
    return integrate(problem, options, keep_history=False).outcome(problem)


@integrate_epoch.def_fwd
def _forward(perturbed: Any, problem: Problem, options: SolverOptions) -> tuple[Outcome, LoopState]:
    final = integrate(problem, options, keep_history=True)
    return final.outcome(problem), final._replace(values=None)


@integrate_epoch.def_bwd
def _backward(
    final: LoopState, cotangents: Any, perturbed: Any, problem: Problem, options: SolverOptions
) -> Problem:
    problem = as_arrays(problem)
    shapes = eqx.filter_eval_shape(problem.save, problem.start, problem.rates, problem.dynamics)
    shapes = jax.tree.map(lambda s: s if jnp.issubdtype(s.dtype, jnp.inexact) else None, shapes)

    def filled(shape: Any, cotangent: Any) -> Any:  # a cotangent of None is zero
        if shape is None or cotangent is not None:
            return cotangent
        return jnp.zeros((len(problem.times), *shape.shape), shape.dtype)

    saved, rates, _ = cotangents
    saved = jax.tree.map(lambda _: None, shapes) if saved is None else saved
    saved = jax.tree.map(filled, shapes, saved, is_leaf=lambda leaf: leaf is None)
    last = final.stepper.rates.map(lambda r, dr: jnp.zeros_like(r) if dr is None else dr, rates)
    return backpropagate(problem, options, final, perturbed, saved, last)
