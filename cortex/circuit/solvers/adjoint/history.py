"""What the forward integration stores for the way back."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ...populations import EI, Leaf
from .problem import Problem, SolverOptions
from .runge_kutta import Stepper


def write(buffer: Array, rows: Array, start: Any) -> Array:
    """`buffer` with `rows` written along its first axis from index `start` on."""
    return jax.lax.dynamic_update_slice_in_dim(buffer, rows, start, axis=0)


def read(buffer: Array, start: Any, count: int) -> Array:
    """`count` rows of `buffer` from index `start` on."""
    return jax.lax.dynamic_slice_in_dim(buffer, start, count, axis=0)


@jax.custom_batching.custom_vmap
def any_member(value: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether `value` is true for any member of the batches (`jax.vmap`) around it.

    As the condition of a loop it keeps all members in step. A member that has finished writes
    into a spare row that nobody reads; with a condition for each member, `jax.vmap` would
    instead copy every array at every turn.
    """
    return value


@any_member.def_vmap
def _any_of_batch(size: int, batched: list[bool], values: Bool[Array, " batch"]) -> Any:
    return any_member(jnp.any(values)) if batched[0] else any_member(values), False


class History(NamedTuple):
    """A ring buffer of the last steps, with checkpoints from which earlier ones are recomputed.

    Attributes:
        step_times: ends of all steps, after the start of the first [ms], (most_steps + 1,).
        checkpoints: rates at the start of every `SolverOptions.checkpoint_every`-th step, and a
            spare row.
        rates: rates at the start of the step in each slot, and a spare row.
        projected: projected rates of the stages of the steps in all slots, stage after stage. The
            last stage of an FSAL step is the first of the next one and is stored once.
    """

    step_times: Float[Array, " step_times"]
    checkpoints: EI[Leaf]
    rates: EI[Leaf]
    projected: Any

    @classmethod
    def empty(cls, problem: Problem, options: SolverOptions) -> "History":
        """The history before the first step."""

        def buffer(row: Any, count: int) -> Any:
            return jax.tree.map(lambda r: jnp.zeros((count, *r.shape), r.dtype), row)

        rates, method = problem.rates, options.method
        projected = eqx.filter_eval_shape(problem.dynamics.operator.project, rates)
        return cls(
            step_times=jnp.full(options.most_steps + 1, problem.start),
            checkpoints=buffer(rates, options.checkpoints + 1),
            rates=buffer(rates, options.buffer_size + 1),
            projected=buffer(
                projected, (options.buffer_size + 1) * method.evaluations + 2 * method.fsal
            ),
        )

    def with_step(
        self, options: SolverOptions, slot: Int[Array, ""], rates: EI[Leaf], projected: list[Any]
    ) -> "History":
        """With a step in `slot`: the rates at its start, and the projected rates of its stages."""
        # The last slot's shared stage is read: a write to the spare slot must leave it alone.
        spare = (slot == options.buffer_size) & options.method.fsal
        row = slot * options.method.evaluations + spare
        stacked = jax.tree.map(lambda *stages: jnp.stack(stages), *projected)
        return self._replace(
            rates=self.rates.map(lambda buffer, r: write(buffer, r[None], slot), rates),
            projected=jax.tree.map(
                lambda buffer, p: write(buffer, p, row), self.projected, stacked
            ),
        )

    def with_checkpoint(
        self, options: SolverOptions, step: Int[Array, ""], rates: EI[Leaf], active: Bool[Array, ""]
    ) -> "History":
        """With the rates before a step, if it is `active` and its number is a checkpoint's."""
        every = options.checkpoint_every
        row = jnp.where(active & (step % every == 0), step // every, options.checkpoints)
        checkpoints = self.checkpoints.map(lambda c, r: write(c, r[None], row), rates)
        return self._replace(checkpoints=checkpoints)

    def step(self, options: SolverOptions, slot: Int[Array, ""]) -> tuple[EI[Leaf], list[Any]]:
        """The rates at the start of the step in `slot`, and the projected rates of its stages."""
        rates = self.rates.map(lambda buffer: read(buffer, slot, 1)[0])
        row, count = slot * options.method.evaluations, options.method.stages
        stages = jax.tree.map(lambda buffer: read(buffer, row, count), self.projected)
        return rates, [jax.tree.map(lambda p, i=i: p[i], stages) for i in range(count)]

    def recompute(
        self, problem: Problem, options: SolverOptions, first: Int[Array, ""], end: Int[Array, ""]
    ) -> "History":
        """With steps number `first` to `end` (not included) in its slots, computed again."""
        checkpoint = first // options.checkpoint_every

        def under_way(carry: Any) -> Bool[Array, ""]:
            return (first < end) & (carry[0] < end)

        def advance(carry: Any) -> Any:
            number, stepper, history = carry
            t0, t1 = read(history.step_times, number, 2)
            step, projected = stepper.step(problem.dynamics, options.method, t1 - t0)
            wanted = under_way(carry) & (number >= first)
            slot = jnp.where(wanted, number - first, options.buffer_size)
            history = history.with_step(options, slot, stepper.rates, projected)
            return number + 1, stepper.after(step, projected), history

        rates = self.checkpoints.map(lambda buffer: read(buffer, checkpoint, 1)[0])
        stepper = Stepper.at(problem.dynamics, options.method, rates)
        begin = checkpoint * options.checkpoint_every, stepper, self
        return jax.lax.while_loop(lambda carry: any_member(under_way(carry)), advance, begin)[-1]
