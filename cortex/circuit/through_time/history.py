"""What the way back through an epoch needs to know of the way there."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from ..populations import EI, Leaf
from .course import Course, Plan
from .runge_kutta import Walker


def put(all: Array, some: Array, at: Any) -> Array:
    """`all` with `some` from place `at` of the first axis on."""
    return jax.lax.dynamic_update_slice_in_dim(all, some, at, axis=0)


def take(all: Array, at: Any, count: int) -> Array:
    """`count` places from `at` on."""
    return jax.lax.dynamic_slice_in_dim(all, at, count, axis=0)


@jax.custom_batching.custom_vmap
def any_member(value: Bool[Array, ""]) -> Bool[Array, ""]:
    """Whether it is so for one member at least, of all batches (`jax.vmap`) that this is in.

    A loop with this condition has all members take part in all turns; those that are done write
    to a place for waste. With a condition of its own for each, every turn would copy all arrays.
    """
    return value


@any_member.def_vmap
def _any_of_batch(size: int, batched: list[bool], values: Bool[Array, " batch"]) -> Any:
    return any_member(jnp.any(values)) if batched[0] else any_member(values), False


class History(NamedTuple):
    """Of steps; they are written into slots, from the first one again when all are full.

    Attributes:
        edges: of all steps [ms], (most steps + 1,).
        corners: rates at the start of every `Plan.apart`-th step, and a place for waste.
        rates: at the start of the step in each slot, and a slot for waste.
        gathered: at their stages, one after the other; what is the last of one step and the first
            of the next is there once.
    """

    edges: Float[Array, " edges"]
    corners: EI[Leaf]
    rates: EI[Leaf]
    gathered: Any

    @classmethod
    def blank(cls, course: Course, plan: Plan) -> "History":
        """Of no step yet."""

        def room(like: Any, count: int) -> Any:
            return jax.tree.map(lambda r: jnp.zeros((count, *r.shape), r.dtype), like)

        rates, stride, closing = course.rates, plan.method.stride, plan.method.closing
        gathered = eqx.filter_eval_shape(course.dynamics.operator.gather, rates)
        return cls(
            edges=jnp.full(plan.most_steps + 1, course.start),
            corners=room(rates, plan.corners + 1),
            rates=room(rates, plan.slots + 1),
            gathered=room(gathered, (plan.slots + 1) * stride + 2 * closing),
        )

    def noted(
        self, plan: Plan, slot: Int[Array, ""], rates: EI[Leaf], gathered: list[Any]
    ) -> "History":
        """With a step in `slot`: rates at its start, and what was gathered at all its stages."""
        # What the last slot shares with none is not to be wasted.
        wasted = (slot == plan.slots) & plan.method.closing
        at = slot * plan.method.stride + wasted
        stacked = jax.tree.map(lambda *g: jnp.stack(g), *gathered)
        return self._replace(
            rates=self.rates.map(lambda all, r: put(all, r[None], slot), rates),
            gathered=jax.tree.map(lambda all, g: put(all, g, at), self.gathered, stacked),
        )

    def cornered(
        self, plan: Plan, number: Int[Array, ""], rates: EI[Leaf], active: Bool[Array, ""]
    ) -> "History":
        """With the rates before step `number`, if it is `active` and begins at a corner."""
        at = jnp.where(active & (number % plan.apart == 0), number // plan.apart, plan.corners)
        return self._replace(corners=self.corners.map(lambda c, r: put(c, r[None], at), rates))

    def step(self, plan: Plan, slot: Int[Array, ""]) -> tuple[EI[Leaf], list[Any]]:
        """The rates at the start of the step in `slot`, and what was gathered at its stages."""
        rates = self.rates.map(lambda all: take(all, slot, 1)[0])
        at, count = slot * plan.method.stride, plan.method.stages
        gathered = jax.tree.map(lambda all: take(all, at, count), self.gathered)
        return rates, [jax.tree.map(lambda g, i=i: g[i], gathered) for i in range(count)]

    def again(
        self, course: Course, plan: Plan, base: Int[Array, ""], end: Int[Array, ""]
    ) -> "History":
        """With steps number `base` to `end` (not included) in its slots, taken again."""
        corner = base // plan.apart
        before = base - corner * plan.apart

        def under_way(carry: Any) -> Bool[Array, ""]:
            return (base < end) & (carry[0] < end)

        def turn(carry: Any) -> Any:
            number, walker, history = carry
            edges = take(history.edges, number, 2)
            made, gathered = walker.step(course.dynamics, plan.method, edges[1] - edges[0])
            wanted = under_way(carry) & (number >= base)
            slot = jnp.where(wanted, number - base, plan.slots)
            history = history.noted(plan, slot, walker.rates, gathered)
            return number + 1, walker.after(made, gathered), history

        rates = self.corners.map(lambda all: take(all, corner, 1)[0])
        walker = Walker.at(course.dynamics, plan.method, rates)
        begin = base - before, walker, self
        return jax.lax.while_loop(lambda carry: any_member(under_way(carry)), turn, begin)[-1]
