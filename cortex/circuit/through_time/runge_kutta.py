"""One explicit Runge-Kutta step of a circuit, and the same step from what is remembered of it."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from ..circuit import Dynamics
from ..coupling import AbstractOperator
from ..populations import EI, Leaf

Velocity = Callable[[EI[Leaf]], EI[Leaf]]


@dataclasses.dataclass(frozen=True)
class Method:
    """The numbers of an explicit Runge-Kutta method.

    Attributes:
        rows: weights of the earlier stages in each stage but the first.
        weights: of the stages in the step.
        errors: of the stages in the estimate of its error, or None.
        order: of convergence, which is what step controllers take for that of the error.
        closing: the last stage is at the end of the step, and so the first of the next one.
        interpolation: diffrax's, between the two ends of a step.
    """

    rows: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    errors: tuple[float, ...] | None
    order: float
    closing: bool
    interpolation: Callable[..., Any]

    @classmethod
    def of(cls, solver: diffrax.AbstractSolver) -> "Method | None":
        """That of a diffrax solver, or None if it is of another kind."""
        order = solver.order(diffrax.ODETerm(lambda t, y, args: y))
        if isinstance(solver, diffrax.Euler):
            rows: tuple[tuple[float, ...], ...] = ()
            weights: tuple[float, ...] = (1.0,)
            errors: tuple[float, ...] | None = None
            closing = False
        elif isinstance(solver, diffrax.AbstractERK):
            table = solver.tableau
            assert isinstance(table, diffrax.ButcherTableau)
            rows = tuple(_numbers(row) for row in table.a_lower)
            weights, errors = _numbers(table.b_sol), _numbers(table.b_error)
            closing = table.fsal
        else:
            return None
        assert order is not None
        return cls(rows, weights, errors, float(order), closing, solver.interpolation_cls)

    @property
    def stages(self) -> int:
        return len(self.weights)

    @property
    def stride(self) -> int:
        """Evaluations of the coupling that a step adds to those before."""
        return self.stages - self.closing


def _numbers(row: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in row)


class Step(eqx.Module):
    """What a step gives.

    Attributes:
        rates: at its end [Hz].
        velocities: of all stages [Hz/ms].
    """

    rates: EI[Leaf]
    velocities: tuple[EI[Leaf], ...]

    def error(self, method: Method, dt: Leaf) -> EI[Leaf] | None:
        """The estimated error of `rates` [Hz]."""
        return None if method.errors is None else _change(method.errors, self.velocities, dt)

    def between(self, method: Method, start: EI[Leaf], t0: Leaf, t1: Leaf, t: Leaf) -> EI[Leaf]:
        """The rates at `t`, between the step's ends `t0` and `t1`."""
        given: dict[str, Any] = {"y0": start, "y1": self.rates}
        if method.stages > 1:
            given["k"] = jax.tree.map(lambda *f: (t1 - t0) * jnp.stack(f), *self.velocities)
        return method.interpolation(t0=t0, t1=t1, **given).evaluate(t)


def step(method: Method, start: EI[Leaf], first: EI[Leaf], dt: Leaf, velocity: Velocity) -> Step:
    """From the rates `start`, whose velocity is `first`, over `dt` [ms]."""
    velocities, stage = [first], start
    for row in method.rows:
        stage = _moved(start, row, velocities, dt)
        velocities.append(velocity(stage))
    if not method.closing:
        stage = _moved(start, method.weights, velocities, dt)
    return Step(stage, tuple(velocities))


def _change(weights: Sequence[float], velocities: Sequence[EI[Leaf]], dt: Leaf) -> EI[Leaf]:
    terms = [f.map(lambda v, w=w: w * v) for w, f in zip(weights, velocities, strict=True) if w]
    return EI(dt * sum(f.E for f in terms), dt * sum(f.I for f in terms))


def _moved(
    start: EI[Leaf], weights: Sequence[float], velocities: Sequence[EI[Leaf]], dt: Leaf
) -> EI[Leaf]:
    return start.map(jnp.add, _change(weights, velocities, dt))


class Walker(eqx.Module):
    """Somewhere on the way, before a step. (It changes in loops, so the equations are not in it.)

    Attributes:
        rates: there [Hz].
        velocity, gathered: there, where a step ends with those of the next one. What is gathered
            is what the coupling makes of the rates, before it is spread.
    """

    rates: EI[Leaf]
    velocity: EI[Leaf] | None = None
    gathered: Any = None

    @classmethod
    def at(cls, dynamics: Dynamics, method: Method, rates: EI[Leaf]) -> "Walker":
        if not method.closing:
            return cls(rates)
        gathered = dynamics.operator.gather(rates)
        velocity = dynamics.velocity_under(dynamics.input_from(gathered), rates)
        return cls(rates, velocity, gathered)

    def step(self, dynamics: Dynamics, method: Method, dt: Leaf) -> tuple[Step, list[Any]]:
        """A step of `dt` [ms], and what was gathered at its stages."""
        gathered = [] if self.velocity is None else [self.gathered]

        def velocity(rates: EI[Leaf]) -> EI[Leaf]:
            gathered.append(dynamics.operator.gather(rates))
            return dynamics.velocity_under(dynamics.input_from(gathered[-1]), rates)

        first = velocity(self.rates) if self.velocity is None else self.velocity
        return step(method, self.rates, first, dt, velocity), gathered

    def after(self, made: Step, gathered: list[Any]) -> "Walker":
        """At the end of the step; what was gathered is kept if it was here."""
        if self.velocity is None:
            return Walker(made.rates)
        kept = None if self.gathered is None else gathered[-1]
        return Walker(made.rates, made.velocities[-1], kept)

    def forgetting(self) -> "Walker":
        """Without what was gathered, where there is no history to be written."""
        return Walker(self.rates, self.velocity)


class Replay:
    """The same velocity, from what was gathered before.

    Its derivatives are those of the velocity itself.
    """

    def __init__(self, dynamics: Dynamics, gathered: Sequence[Any]):
        self.dynamics = dynamics
        self.gathered = iter(gathered)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        remembered = _remembered((self.dynamics.operator, rates), next(self.gathered))
        return self.dynamics.velocity_under(self.dynamics.input_from(remembered), rates)


@eqx.filter_custom_vjp
def _remembered(given: tuple[AbstractOperator, EI[Leaf]], gathered: Any) -> Any:
    """What the operator gathers of the rates, which is known: `gathered`."""
    return gathered


@_remembered.def_fwd
def _remembered_forward(perturbed: Any, given: Any, gathered: Any) -> tuple[Any, None]:
    return gathered, None


@_remembered.def_bwd
def _remembered_backward(
    residuals: None, change: Any, perturbed: Any, given: Any, gathered: Any
) -> Any:
    moved, still = eqx.partition(as_arrays(given), perturbed)

    def gather(moved: Any) -> Any:
        operator, rates = eqx.combine(moved, still)
        return operator.gather(rates)

    # Its value is of no use, so the compiler leaves it out.
    _, pull = eqx.filter_vjp(gather, moved)
    change = jax.tree.map(
        lambda change, g: jnp.zeros_like(g) if change is None else change,
        change,
        gathered,
        is_leaf=lambda leaf: leaf is None,
    )
    return pull(change)[0]


def as_arrays(tree: Any) -> Any:
    """With arrays of JAX for what it turns constants into on the way back."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if hasattr(leaf, "dtype") else leaf, tree)
