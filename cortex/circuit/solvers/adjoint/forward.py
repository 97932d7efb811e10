"""Forwards through an epoch: steps, accepted or rejected, and what is saved between them."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int, PyTree

from ...circuit import Dynamics
from ...populations import EI, Leaf
from .history import History, any_member, write
from .problem import Interval, Outcome, Problem, SolverOptions
from .runge_kutta import Method, Step, Stepper

ULPS = 100  # a step that would leave less than this before the end of the epoch goes to the end


class LoopState(NamedTuple):
    """The state of the integration between two attempted steps.

    Attributes:
        steps: number of accepted steps.
        attempts: number of attempted steps.
        t0, t1: start of the next step, and its end if it is accepted [ms].
        stepper: state of the circuit at `t0`.
        controller: state of the step size controller.
        saved: index of the next of the times to save.
        values: what was saved, with a spare row.
        history: what the way back needs, or None.
    """

    steps: Int[Array, ""]
    attempts: Int[Array, ""]
    t0: Leaf
    t1: Leaf
    stepper: Stepper
    controller: Any
    saved: Int[Array, ""]
    values: PyTree[Array]
    history: History | None

    def outcome(self, problem: Problem) -> Outcome:
        """Saved values (inf where not reached), the last rates, and whether both are valid."""
        arrived = self.t0 >= problem.end
        rates = self.stepper.rates
        finite = jnp.all(jnp.isfinite(rates.E)) & jnp.all(jnp.isfinite(rates.I))
        values = jax.tree.map(lambda rows: rows[:-1], self.values)
        return values, rates.map(lambda r: jnp.where(arrived, r, jnp.inf)), arrived & finite


class Attempt(NamedTuple):
    """An attempted step.

    Attributes:
        accepted: whether the controller accepts it.
        t0, t1: start and end of the step to attempt next [ms].
        step, projected: the step, and the projected rates of its stages.
        controller: state of the step size controller after it.
    """

    accepted: Bool[Array, ""]
    t0: Leaf
    t1: Leaf
    step: Step
    projected: list[Any]
    controller: Any


def first_interval(
    controller: Any, method: Method, start: Leaf, end: Leaf, rates: EI[Leaf], first_step: Any
) -> tuple[Leaf, Any]:
    """The end of the first step to attempt [ms], and the initial state of the controller."""
    t1, state = controller.init(None, start, end, rates, first_step, None, None, method.order)
    return jnp.minimum(t1, end), state


def attempt_step(
    dynamics: Dynamics,
    method: Method,
    controller: Any,  # typed by diffrax for more than it looks at
    stepper: Stepper,
    t0: Leaf,
    t1: Leaf,
    state: Any,
) -> Attempt:
    """Attempt the step from `t0` to `t1` [ms] with a diffrax controller in this `state`."""
    step, projected = stepper.step(dynamics, method, t1 - t0)
    # A state that is not finite is no reason to stop: a shorter step may be.
    error = step.error(method, t1 - t0)
    error = None if error is None else error.map(lambda e: jnp.where(jnp.isnan(e), jnp.inf, e))
    accepted, t0, t1, _, state, _ = controller.adapt_step_size(
        t0, t1, stepper.rates, step.rates, None, error, method.order, state
    )
    return Attempt(accepted, t0, t1, step, projected, state)


def integrate(problem: Problem, options: SolverOptions, keep_history: bool) -> LoopState:
    """Integrate to the end of the epoch, or as far as `most_steps` attempts lead."""
    method = options.method
    controller, first_step = options.stepping.plan(problem.end - problem.start)
    t1, controller_state = first_interval(
        controller, method, problem.start, problem.end, problem.rates, first_step
    )
    shapes = eqx.filter_eval_shape(problem.save, problem.start, problem.rates, problem.dynamics)
    rows = len(problem.times) + 1
    stepper = Stepper.at(problem.dynamics, method, problem.rates)
    begin = LoopState(
        steps=jnp.zeros((), int),
        attempts=jnp.zeros((), int),
        t0=problem.start,
        t1=t1,
        stepper=stepper if keep_history else stepper.without_projection(),
        controller=controller_state,
        saved=options.first_saved,
        values=jax.tree.map(lambda s: _not_reached((rows, *s.shape), s.dtype), shapes),
        history=History.empty(problem, options) if keep_history else None,
    )

    def under_way(now: LoopState) -> Bool[Array, ""]:
        return (now.t0 < problem.end) & (now.attempts < options.most_steps) & (now.t0 < now.t1)

    def attempt(now: LoopState) -> LoopState:
        active = under_way(now)
        tried = attempt_step(
            problem.dynamics, method, controller, now.stepper, now.t0, now.t1, now.controller
        )
        step, accepted = tried.step, active & tried.accepted
        t0 = jnp.minimum(tried.t0, problem.end)
        interval = Interval(problem, method, now.t0, now.t1)
        saved, values = _save(interval, now.stepper.rates, step, now.saved, now.values, accepted)
        return LoopState(
            steps=now.steps + accepted,
            attempts=now.attempts + active,
            t0=jnp.where(active, t0, now.t0),
            t1=jnp.where(active, _to_end(t0, tried.t1, problem.end, accepted), now.t1),
            stepper=_choose(accepted, now.stepper.after(step, tried.projected), now.stepper),
            controller=_choose(active, tried.controller, now.controller),
            saved=saved,
            values=values,
            history=_record(now, options, tried.projected, active, accepted),
        )

    return jax.lax.while_loop(lambda now: any_member(under_way(now)), attempt, begin)


def _not_reached(shape: tuple[int, ...], dtype: Any) -> Array:
    return jnp.full(shape, jnp.inf if jnp.issubdtype(dtype, jnp.inexact) else 0, dtype)


def _choose(condition: Bool[Array, ""], new: Any, old: Any) -> Any:
    return jax.tree.map(lambda a, b: jnp.where(condition, a, b), new, old)


def _to_end(t0: Leaf, t1: Leaf, end: Leaf, accepted: Bool[Array, ""]) -> Leaf:
    """Where the next step ends: not beyond the end of the epoch, nor just before it."""
    near = t1 > end - ULPS * jnp.finfo(end.dtype).eps * jnp.abs(end)
    # A rejected step that would still end there must become shorter.
    return jnp.where(near, jnp.where(accepted, end, t0 + 0.5 * (end - t0)), t1)


def _record(
    now: LoopState,
    options: SolverOptions,
    projected: list[Any],
    active: Bool[Array, ""],
    accepted: Bool[Array, ""],
) -> History | None:
    """The history with this attempt; the next one is written over it if it is rejected."""
    if now.history is None:
        return None
    slot = jnp.where(active, now.steps % options.buffer_size, options.buffer_size)
    history = now.history.with_checkpoint(options, now.steps, now.stepper.rates, active)
    history = history.with_step(options, slot, now.stepper.rates, projected)
    end = jnp.where(accepted, now.t1, now.t0)
    return history._replace(step_times=history.step_times.at[now.steps + 1].set(end))


def _save(
    interval: Interval,
    start: EI[Leaf],
    step: Step,
    saved: Int[Array, ""],
    values: PyTree[Array],
    accepted: Bool[Array, ""],
) -> tuple[Int[Array, ""], PyTree[Array]]:
    """The index of the next time to save and all values, after a step that may be `accepted`."""
    times = interval.problem.times
    count = len(times)

    def due(carry: Any) -> Bool[Array, ""]:
        saved = carry[0]
        return accepted & (saved < count) & (times[jnp.minimum(saved, count - 1)] <= interval.t1)

    def save_one(carry: Any) -> Any:
        saved, values = carry
        row = jnp.where(due(carry), saved, count)
        new = interval.saved_value(start, step, jnp.minimum(saved, count - 1))
        values = jax.tree.map(lambda rows, v: write(rows, jnp.asarray(v)[None], row), values, new)
        return saved + due(carry), values

    return jax.lax.while_loop(lambda carry: any_member(due(carry)), save_one, (saved, values))
