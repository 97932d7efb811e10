"""What is integrated through one epoch, and with which options."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
from jaxtyping import Array, Bool, Float, Int, PyTree

from ...circuit import Dynamics
from ...populations import EI, Leaf
from ..stepping import AbstractStepping
from .runge_kutta import Method, Step

Save = Callable[[Leaf, EI[Leaf], Dynamics], PyTree[Array]]
Outcome = tuple[PyTree[Array], EI[Leaf], Bool[Array, ""]]
MOST_CHECKPOINTS = 16


class DiscreteAdjoint(eqx.Module):
    """Exact derivatives of the steps that were taken, backwards; for explicit Runge-Kutta methods.

    Step sizes are constants: were an epoch longer, each step would keep its share of it. The
    projected rates (`AbstractOperator.project`) of the last steps are stored, so that a gradient
    evaluates the coupling once forwards and, transposed, once backwards. Earlier steps are
    computed again from the nearest checkpoint.

    Attributes:
        steps: steps of an epoch that are stored, >= 1. Memory: for each a state, and another for
            each stage (less where the coupling acts on modes); besides, up to 16 checkpoints.
    """

    steps: int = eqx.field(static=True, default=48)

    def __check_init__(self) -> None:
        if self.steps < 1:
            raise ValueError(f"DiscreteAdjoint.steps: found {self.steps}, allowed: >= 1")


class Problem(NamedTuple):
    """What is integrated; every array may be differentiated.

    Attributes:
        dynamics: the equations of motion.
        save: function of (time, rates, dynamics) to what is saved; a module, so that arrays it
            refers to are among its leaves.
        rates: initial rates [Hz].
        start, end: of the epoch [ms].
        times: when to save [ms], increasing.
    """

    dynamics: Dynamics
    save: Save
    rates: EI[Leaf]
    start: Leaf
    end: Leaf
    times: Float[Array, " times"]


class SolverOptions(NamedTuple):
    """How it is integrated.

    Attributes:
        method: explicit Runge-Kutta method.
        stepping: rule for the step sizes.
        most_steps: bound on the attempted steps, rejected ones included.
        stored_steps: steps whose projected rates are stored for the way back.
        first_saved: index of the first of the problem's times that lies in this epoch.
    """

    method: Method
    stepping: AbstractStepping
    most_steps: int
    stored_steps: int
    first_saved: Int[Array, ""]

    @property
    def buffer_size(self) -> int:
        """Slots of the ring buffer. An FSAL step shares its last stage with the next one, so the
        newest step overwrites a part of the oldest: one more slot makes up for it."""
        return self.stored_steps + self.method.fsal

    @property
    def checkpoint_every(self) -> int:
        """Steps from one checkpoint to the next."""
        return -(-self.most_steps // MOST_CHECKPOINTS)

    @property
    def checkpoints(self) -> int:
        """Number of checkpoints."""
        return -(-self.most_steps // self.checkpoint_every)


class Interval(NamedTuple):
    """One step of a problem, from time `t0` to `t1` [ms]."""

    problem: Problem
    method: Method
    t0: Leaf
    t1: Leaf

    def saved_value(self, start: EI[Leaf], step: Step, index: Int[Array, ""]) -> PyTree[Array]:
        """What is saved at `times[index]`, which lies within the step from the rates `start`."""
        t = self.problem.times[index]
        rates = step.interpolate(self.method, start, self.t0, self.t1, t)
        return self.problem.save(t, rates, self.problem.dynamics)
