"""Through an epoch by explicit steps, and back through the same steps for derivatives."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from .backwards import backwards
from .course import Course, DiscreteAdjoint, Outcome, Plan, Save
from .forwards import Forward, forwards
from .runge_kutta import Method, as_arrays

__all__ = ["Course", "DiscreteAdjoint", "Method", "Outcome", "Plan", "Save", "through_epoch"]


@eqx.filter_custom_vjp
def through_epoch(course: Course, plan: Plan) -> Outcome:
    """Values at the times (inf where there are none), the last rates, and whether all went well.

    Differentiable backwards in all of the course.
    """
    return forwards(course, plan, keep_history=False).outcome(course)


@through_epoch.def_fwd
def _there(perturbed: Any, course: Course, plan: Plan) -> tuple[Outcome, Forward]:
    found = forwards(course, plan, keep_history=True)
    return found.outcome(course), found._replace(values=None)


@through_epoch.def_bwd
def _back(found: Forward, change: Any, perturbed: Any, course: Course, plan: Plan) -> Course:
    course = as_arrays(course)
    given = course.start, course.rates, course.dynamics
    shapes = eqx.filter_eval_shape(course.save, *given)
    shapes = jax.tree.map(lambda s: s if jnp.issubdtype(s.dtype, jnp.inexact) else None, shapes)

    def known(like: Any, change: Any) -> Any:  # None is a derivative of zero
        if like is None or change is not None:
            return change
        return jnp.zeros((len(course.times), *like.shape), like.dtype)

    by_values = jax.tree.map(lambda _: None, shapes) if change[0] is None else change[0]
    values = jax.tree.map(known, shapes, by_values, is_leaf=lambda leaf: leaf is None)
    last = found.walker.rates.map(lambda r, dr: jnp.zeros_like(r) if dr is None else dr, change[1])
    return backwards(course, plan, found, perturbed, values, last)
