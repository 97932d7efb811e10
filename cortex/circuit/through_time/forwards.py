"""The way through an epoch: steps, accepted or not, and what is saved between them."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from ..populations import EI, Leaf
from .course import Between, Course, Outcome, Plan
from .history import History, any_member, put
from .runge_kutta import Step, Walker

ULPS = 100  # a step that would leave less than that before the end goes there


class Forward(NamedTuple):
    """A moment on the way.

    Attributes:
        number: of steps taken.
        tries: those that were rejected included.
        t0, t1: where the next step begins, and will end if it is accepted [ms].
        walker: there.
        controller: state of the controller of steps.
        saved: number of the next of the times to save.
        values: what was saved, and a place for waste.
        history: for the way back, or None.
    """

    number: Int[Array, ""]
    tries: Int[Array, ""]
    t0: Leaf
    t1: Leaf
    walker: Walker
    controller: Any
    saved: Int[Array, ""]
    values: PyTree[Array]
    history: History | None

    def outcome(self, course: Course) -> Outcome:
        """Values (inf where there are none), the last rates, and whether all went well."""
        there = self.t0 >= course.end
        rates = self.walker.rates
        finite = jnp.all(jnp.isfinite(rates.E)) & jnp.all(jnp.isfinite(rates.I))
        values = jax.tree.map(lambda all: all[:-1], self.values)
        return values, rates.map(lambda r: jnp.where(there, r, jnp.inf)), there & finite


def forwards(course: Course, plan: Plan, keep_history: bool) -> Forward:
    """To the end, or as far as it goes."""
    method = plan.method
    controller: Any  # of diffrax, which has it look at more than these do
    controller, first_step = plan.stepping.plan(course.end - course.start)
    t1, state = controller.init(
        None, course.start, course.end, course.rates, first_step, None, None, method.order
    )
    shapes = eqx.filter_eval_shape(course.save, course.start, course.rates, course.dynamics)
    count = len(course.times) + 1
    walker = Walker.at(course.dynamics, method, course.rates)
    begin = Forward(
        number=jnp.zeros((), int),
        tries=jnp.zeros((), int),
        t0=course.start,
        t1=jnp.minimum(t1, course.end),
        walker=walker if keep_history else walker.forgetting(),
        controller=state,
        saved=plan.first,
        values=jax.tree.map(lambda s: _blank((count, *s.shape), s.dtype), shapes),
        history=History.blank(course, plan) if keep_history else None,
    )

    def under_way(c: Forward) -> Bool[Array, ""]:
        return (c.t0 < course.end) & (c.tries < plan.most_steps) & (c.t0 < c.t1)

    def turn(c: Forward) -> Forward:
        active = under_way(c)
        made, gathered = c.walker.step(course.dynamics, method, c.t1 - c.t0)
        # A state that ran away is no reason to stop: shorter steps may save it.
        error = made.error(method, c.t1 - c.t0)
        error = None if error is None else error.map(lambda e: jnp.where(jnp.isnan(e), jnp.inf, e))
        kept, t0, t1, _, state, _ = controller.adapt_step_size(
            c.t0, c.t1, c.walker.rates, made.rates, None, error, method.order, c.controller
        )
        kept = active & kept
        t0 = jnp.minimum(t0, course.end)
        saved, values = _save(
            Between(course, method, c.t0, c.t1), c.walker.rates, made, c.saved, c.values, kept
        )
        return Forward(
            number=c.number + kept,
            tries=c.tries + active,
            t0=jnp.where(active, t0, c.t0),
            t1=jnp.where(active, _to_end(t0, t1, course.end, kept), c.t1),
            walker=_choose(kept, c.walker.after(made, gathered), c.walker),
            controller=_choose(active, state, c.controller),
            saved=saved,
            values=values,
            history=_noted(c, plan, gathered, active, kept),
        )

    return jax.lax.while_loop(lambda c: any_member(under_way(c)), turn, begin)


def _blank(shape: tuple[int, ...], dtype: Any) -> Array:
    return jnp.full(shape, jnp.inf if jnp.issubdtype(dtype, jnp.inexact) else 0, dtype)


def _choose(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _to_end(t0: Leaf, t1: Leaf, end: Leaf, kept: Bool[Array, ""]) -> Leaf:
    """Where the next step ends: not beyond the end, nor just before it."""
    near = t1 > end - ULPS * jnp.finfo(end.dtype).eps * jnp.abs(end)
    # One that was rejected and still would end there must become shorter.
    return jnp.where(near, jnp.where(kept, end, t0 + 0.5 * (end - t0)), t1)


def _noted(
    c: Forward, plan: Plan, gathered: list[Any], active: Bool[Array, ""], kept: Bool[Array, ""]
) -> History | None:
    """The history with this try; where it is rejected, the next one is written over it."""
    if c.history is None:
        return None
    slot = jnp.where(active, c.number % plan.slots, plan.slots)
    history = c.history.cornered(plan, c.number, c.walker.rates, active)
    history = history.noted(plan, slot, c.walker.rates, gathered)
    return history._replace(edges=history.edges.at[c.number + 1].set(jnp.where(kept, c.t1, c.t0)))


def _save(
    step: Between,
    start: EI[Leaf],
    made: Step,
    saved: Int[Array, ""],
    values: PyTree[Array],
    kept: Bool[Array, ""],
) -> tuple[Int[Array, ""], PyTree[Array]]:
    """The number of the next moment and all values, after a step that may be `kept`."""
    times = step.course.times
    count = len(times)

    def due(carry: Any) -> Bool[Array, ""]:
        saved = carry[0]
        return kept & (saved < count) & (times[jnp.minimum(saved, count - 1)] <= step.t1)

    def turn(carry: Any) -> Any:
        saved, values = carry
        place = jnp.where(due(carry), saved, count)
        new = step.value(start, made, jnp.minimum(saved, count - 1))
        values = jax.tree.map(lambda all, v: put(all, jnp.asarray(v)[None], place), values, new)
        return saved + due(carry), values

    return jax.lax.while_loop(lambda carry: any_member(due(carry)), turn, (saved, values))
