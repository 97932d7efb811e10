"""Backwards through an epoch: the derivatives of the steps that were taken."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from ...populations import EI, Leaf
from .forward import LoopState
from .history import History, any_member, read
from .problem import Interval, Problem, SolverOptions
from .runge_kutta import CachedVectorField, Step, take_step


class _Adjoint(NamedTuple):
    """Derivatives by the state between two steps, on the way back.

    Attributes:
        steps: number of steps still to be undone.
        saved: number of saved times still to be undone.
        rates: derivative by the rates.
        velocity: derivative by their velocity, where an FSAL step hands it on to the next one.
        problem: derivative by the differentiated part of the problem, so far.
    """

    steps: Int[Array, ""]
    saved: Int[Array, ""]
    rates: EI[Leaf]
    velocity: EI[Leaf] | None
    problem: Any


def backpropagate(
    problem: Problem,
    options: SolverOptions,
    final: LoopState,
    perturbed: Any,
    by_values: Any,
    by_rates: EI[Leaf],
) -> Any:
    """The derivatives by the `perturbed` leaves of the problem; None for the others.

    Args:
        problem, options: as they were integrated.
        final: state at the end of the integration, with its history.
        perturbed: which leaves of the problem are differentiated.
        by_values: derivatives by the floating-point members of what was saved.
        by_rates: derivatives by the last rates.
    """
    method, history = options.method, final.history
    assert history is not None
    differentiated, constant = eqx.partition(problem, perturbed)

    def undo_section(carry: tuple[_Adjoint, History]) -> tuple[_Adjoint, History]:
        """Undo as many steps as are stored at a time."""
        adjoint, history = carry
        first = jnp.maximum(adjoint.steps - options.stored_steps, 0)
        # The last steps are still in the ring buffer, which does not begin with its first slot.
        newest = adjoint.steps == final.steps
        history = jax.lax.cond(
            any_member(~newest),
            lambda h: h.recompute(problem, options, first, jnp.where(newest, first, adjoint.steps)),
            lambda h: h,
            history,
        )
        offset = jnp.where(newest, 0, first)

        def undo(adjoint: _Adjoint) -> _Adjoint:
            slot = (adjoint.steps - 1 - offset) % options.buffer_size
            return _undo(
                adjoint, problem, options, history, slot, differentiated, constant, by_values
            )

        return jax.lax.while_loop(lambda a: a.steps > first, undo, adjoint), history

    begin = _Adjoint(
        steps=final.steps,
        saved=final.saved,
        rates=by_rates,
        velocity=by_rates.map(jnp.zeros_like) if method.fsal else None,
        problem=jax.tree.map(jnp.zeros_like, differentiated),
    )
    adjoint, history = jax.lax.while_loop(
        lambda carry: any_member(carry[0].steps > 0), undo_section, (begin, history)
    )
    by_problem = adjoint.problem._replace(
        rates=jax.tree.map(
            lambda so_far, more: None if so_far is None else so_far + more,
            adjoint.problem.rates,
            adjoint.rates,
            is_leaf=lambda leaf: leaf is None,
        )
    )
    if not method.fsal:
        return by_problem
    _, projected = history.step(options, jnp.zeros_like(final.steps))

    def first_velocity(differentiated: Any) -> EI[Leaf]:
        problem: Problem = eqx.combine(differentiated, constant)
        return CachedVectorField(problem.dynamics, projected[:1])(problem.rates)

    _, transpose = eqx.filter_vjp(first_velocity, differentiated)
    return jax.tree.map(jnp.add, by_problem, transpose(adjoint.velocity)[0])


def _undo(
    adjoint: _Adjoint,
    problem: Problem,
    options: SolverOptions,
    history: History,
    slot: Int[Array, ""],
    differentiated: Any,
    constant: Any,
    by_values: Any,
) -> _Adjoint:
    """Undo the step in `slot`, and what was saved in it."""
    method, number = options.method, adjoint.steps - 1
    start, projected = history.step(options, slot)
    first_input = problem.dynamics.input_from(projected[0])
    first = problem.dynamics.velocity_under(first_input, start)
    step_times = read(history.step_times, number, 2)

    def interval(problem: Problem) -> Interval:
        # A step keeps its share of the epoch.
        share = (step_times - problem.start) / (problem.end - problem.start)
        ends = problem.start + jax.lax.stop_gradient(share) * (problem.end - problem.start)
        return Interval(problem, method, ends[0], ends[1])

    def step_from(differentiated: Any, start: EI[Leaf], first: EI[Leaf]) -> Step:
        problem, _, t0, t1 = interval(eqx.combine(differentiated, constant))
        vector_field = CachedVectorField(problem.dynamics, projected[method.fsal :])
        first = first if method.fsal else vector_field(start)
        return take_step(method, start, first, t1 - t0, vector_field)

    def due(saved: Int[Array, ""]) -> Bool[Array, ""]:
        time = problem.times[jnp.maximum(saved - 1, 0)]
        return (saved > options.first_saved) & ((time > step_times[0]) | (number == 0))

    def undo_saved(carry: Any) -> Any:
        """Undo everything that was saved in the step."""
        step = step_from(differentiated, start, first)

        def undo_one(carry: Any) -> Any:
            saved, so_far = carry[0] - 1, carry[1]

            def value(differentiated: Any, start: EI[Leaf], step: Step) -> Any:
                problem = eqx.combine(differentiated, constant)
                values = interval(problem).saved_value(start, step, saved)
                return eqx.filter(values, eqx.is_inexact_array)

            _, transpose = eqx.filter_vjp(value, differentiated, start, step)
            more = transpose(jax.tree.map(lambda v: v[saved], by_values))
            return saved, jax.tree.map(jnp.add, so_far, more)

        return jax.lax.while_loop(lambda carry: due(carry[0]), undo_one, carry)

    zero = start.map(jnp.zeros_like)
    by_velocities = [zero] * method.stages
    if adjoint.velocity is not None:
        by_velocities[-1] = adjoint.velocity
    begin = adjoint.saved, (adjoint.problem, zero, Step(adjoint.rates, tuple(by_velocities)))
    # In most steps nothing was saved: then none of this is computed.
    saved, (by_problem, by_start, by_step) = jax.lax.cond(
        due(adjoint.saved), undo_saved, lambda carry: carry, begin
    )
    _, transpose = eqx.filter_vjp(step_from, differentiated, start, first)
    more, by_rates, by_first = transpose(by_step)
    return _Adjoint(
        steps=number,
        saved=saved,
        rates=by_rates.map(jnp.add, by_start),
        velocity=by_first if method.fsal else None,
        problem=jax.tree.map(jnp.add, by_problem, more),
    )
