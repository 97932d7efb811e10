"""The way back through an epoch: derivatives of the steps that were taken."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ..populations import EI, Leaf
from .course import Between, Course, Plan
from .forwards import Forward
from .history import History, any_member, take
from .runge_kutta import Replay, Step, step


class _Backward(NamedTuple):
    """A moment on the way back: derivatives by what was there then.

    Attributes:
        number: of steps still to be undone.
        saved: number of moments still to be undone.
        rates: derivative by the rates.
        velocity: and by their velocity, where one step hands it on to the next.
        course: by what is `moved` of the course, so far.
    """

    number: Int[Array, ""]
    saved: Int[Array, ""]
    rates: EI[Leaf]
    velocity: EI[Leaf] | None
    course: Any


def backwards(
    course: Course, plan: Plan, found: Forward, perturbed: Any, values: Any, last: EI[Leaf]
) -> Any:
    """The derivatives by the `perturbed` leaves of the course; None for the others.

    Args:
        found: where the way there ended, with its history.
        values: derivatives by what was saved, of its floating-point members.
        last: by the last rates.
    """
    method, history = plan.method, found.history
    assert history is not None
    moved, still = eqx.partition(course, perturbed)

    def section(carry: tuple[_Backward, History]) -> tuple[_Backward, History]:
        """As many steps as are remembered at a time."""
        c, history = carry
        base = jnp.maximum(c.number - plan.remembered, 0)
        # The last ones are there still, round about.
        last = c.number == found.number
        history = jax.lax.cond(
            any_member(~last),
            lambda h: h.again(course, plan, base, jnp.where(last, base, c.number)),
            lambda h: h,
            history,
        )
        offset = jnp.where(last, 0, base)

        def undo(c: _Backward) -> _Backward:
            slot = (c.number - 1 - offset) % plan.slots
            return _undo(c, course, plan, history, slot, moved, still, values)

        return jax.lax.while_loop(lambda c: c.number > base, undo, c), history

    begin = _Backward(
        number=found.number,
        saved=found.saved,
        rates=last,
        velocity=last.map(jnp.zeros_like) if method.closing else None,
        course=jax.tree.map(jnp.zeros_like, moved),
    )
    c, history = jax.lax.while_loop(
        lambda carry: any_member(carry[0].number > 0), section, (begin, history)
    )
    change = c.course._replace(
        rates=jax.tree.map(
            lambda so_far, more: None if so_far is None else so_far + more,
            c.course.rates,
            c.rates,
            is_leaf=lambda leaf: leaf is None,
        )
    )
    if not method.closing:
        return change
    _, gathered = history.step(plan, jnp.zeros_like(found.number))

    def opening(moved: Any) -> EI[Leaf]:
        course: Course = eqx.combine(moved, still)
        return Replay(course.dynamics, gathered[:1])(course.rates)

    _, pull = eqx.filter_vjp(opening, moved)
    return jax.tree.map(jnp.add, change, pull(c.velocity)[0])


def _undo(
    c: _Backward,
    course: Course,
    plan: Plan,
    history: History,
    slot: Int[Array, ""],
    moved: Any,
    still: Any,
    values: Any,
) -> _Backward:
    """One step, which is in `slot`, and the moments in it."""
    method, number = plan.method, c.number - 1
    start, gathered = history.step(plan, slot)
    opening = course.dynamics.input_from(gathered[0])
    first = course.dynamics.velocity_under(opening, start)
    edges = take(history.edges, number, 2)

    def within(course: Course) -> Between:
        # A step keeps its share of the epoch.
        share = (edges - course.start) / (course.end - course.start)
        ends = course.start + jax.lax.stop_gradient(share) * (course.end - course.start)
        return Between(course, method, ends[0], ends[1])

    def make(moved: Any, start: EI[Leaf], first: EI[Leaf]) -> Step:
        at = within(eqx.combine(moved, still))
        replay = Replay(at.course.dynamics, gathered[method.closing :])
        first = first if method.closing else replay(start)
        return step(method, start, first, at.t1 - at.t0, replay)

    def due(saved: Int[Array, ""]) -> Bool[Array, ""]:
        time = course.times[jnp.maximum(saved - 1, 0)]
        return (saved > plan.first) & ((time > edges[0]) | (number == 0))

    def look(carry: Any) -> Any:
        """At all moments of the step."""
        made = make(moved, start, first)

        def one(carry: Any) -> Any:
            saved, so_far = carry[0] - 1, carry[1]

            def value(moved: Any, start: EI[Leaf], made: Step) -> Any:
                kept = within(eqx.combine(moved, still)).value(start, made, saved)
                return eqx.filter(kept, eqx.is_inexact_array)

            _, pull = eqx.filter_vjp(value, moved, start, made)
            more = pull(jax.tree.map(lambda v: v[saved], values))
            return saved, jax.tree.map(jnp.add, so_far, more)

        return jax.lax.while_loop(lambda carry: due(carry[0]), one, carry)

    nothing = start.map(jnp.zeros_like)
    by_velocities = [nothing] * method.stages
    if c.velocity is not None:
        by_velocities[-1] = c.velocity
    begin = c.saved, (c.course, nothing, Step(c.rates, tuple(by_velocities)))
    # Most steps have none: then nothing of this is computed.
    saved, (by_course, by_start, by_made) = jax.lax.cond(
        due(c.saved), look, lambda carry: carry, begin
    )
    _, pull = eqx.filter_vjp(make, moved, start, first)
    more, by_rates, by_first = pull(by_made)
    return _Backward(
        number=number,
        saved=saved,
        rates=by_rates.map(jnp.add, by_start),
        velocity=by_first if method.closing else None,
        course=jax.tree.map(jnp.add, by_course, more),
    )
