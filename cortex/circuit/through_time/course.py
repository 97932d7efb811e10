"""What is integrated through one epoch, and how."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, PyTree

from ..circuit import Dynamics
from ..populations import EI, Leaf
from ..stepping import AbstractStepping
from .runge_kutta import Method, Step

Save = Callable[[Leaf, EI[Leaf], Dynamics], PyTree[Array]]
Outcome = tuple[PyTree[Array], EI[Leaf], Bool[Array, ""]]
CORNERS = 16  # at most so many


class DiscreteAdjoint(eqx.Module):
    """Derivatives of the very steps that were taken, backwards; of explicit Runge-Kutta methods.

    Step sizes count as given: were an epoch longer, each step would keep its share of it. What
    the coupling made of the rates is remembered of the last steps, so that a gradient evaluates
    it once forwards and, transposed, once backwards. Steps before those are taken again, from
    the nearest of a few states that are remembered too.

    Attributes:
        steps: of an epoch that are remembered. Memory: for each a state, and one more a stage
            (less where the coupling acts on waves); besides, up to 16 states.
    """

    steps: int = eqx.field(static=True, default=48)

    def __check_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"DiscreteAdjoint.steps: found {self.steps}, allowed: >= 1")


class Course(NamedTuple):
    """What is integrated, and may be differentiated.

    Attributes:
        dynamics: the equations of motion.
        save: of (time, rates, dynamics), to what is kept; a module, no function that refers to
            arrays of its surroundings.
        rates: at the start [Hz].
        start, end: of the epoch [ms].
        times: to save [ms], increasing.
    """

    dynamics: Dynamics
    save: Save
    rates: EI[Leaf]
    start: Leaf
    end: Leaf
    times: Float[Array, " times"]


class Plan(NamedTuple):
    """How it is integrated.

    Attributes:
        method, stepping: explicit, and its step sizes.
        most_steps: tries, rejected ones included.
        remembered: steps of which the way back finds all that it needs.
        first: number of the first of the times to save.
    """

    method: Method
    stepping: AbstractStepping
    most_steps: int
    remembered: int
    first: Int[Array, ""]

    @property
    def slots(self) -> int:
        """Of the history; the step after the last remembered one spoils a part of the oldest."""
        return self.remembered + self.method.closing

    @property
    def apart(self) -> int:
        """Steps from one corner to the next."""
        return -(-self.most_steps // CORNERS)

    @property
    def corners(self) -> int:
        return -(-self.most_steps // self.apart)


class Between(NamedTuple):
    """The moments within one step, from `t0` to `t1`."""

    course: Course
    method: Method
    t0: Leaf
    t1: Leaf

    def value(self, start: EI[Leaf], made: Step, number: Int[Array, ""]) -> PyTree[Array]:
        """What is kept of the moment with that number."""
        t = self.course.times[number]
        rates = made.between(self.method, start, self.t0, self.t1, t)
        return self.course.save(t, rates, self.course.dynamics)
