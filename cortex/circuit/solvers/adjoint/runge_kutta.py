"""One explicit Runge-Kutta step of a circuit, and the same step from cached projections."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp

from ...circuit import Dynamics
from ...coupling import AbstractOperator
from ...populations import EI, Leaf

VectorField = Callable[[EI[Leaf]], EI[Leaf]]


@dataclasses.dataclass(frozen=True)
class Method:
    """The Butcher tableau of an explicit Runge-Kutta method.

    Attributes:
        rows: weights of the earlier stages in each stage but the first.
        weights: of the stages in the step.
        errors: of the stages in the error estimate, or None.
        order: of convergence, which step controllers take for that of the error.
        fsal: first same as last: the last stage is at the end of the step, and so is the first
            stage of the next one.
        interpolation: diffrax's interpolation between the ends of a step.
    """

    rows: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]
    errors: tuple[float, ...] | None
    order: float
    fsal: bool
    interpolation: Callable[..., Any]

    @classmethod
    def of(cls, solver: diffrax.AbstractSolver) -> "Method | None":
        """The method of a diffrax solver, or None if it is not explicit."""
        order = solver.order(diffrax.ODETerm(lambda t, y, args: y))
        if isinstance(solver, diffrax.Euler):
            rows: tuple[tuple[float, ...], ...] = ()
            weights: tuple[float, ...] = (1.0,)
            errors: tuple[float, ...] | None = None
            fsal = False
        elif isinstance(solver, diffrax.AbstractERK):
            tableau = solver.tableau
            assert isinstance(tableau, diffrax.ButcherTableau)
            rows = tuple(_floats(row) for row in tableau.a_lower)
            weights, errors = _floats(tableau.b_sol), _floats(tableau.b_error)
            fsal = tableau.fsal
        else:
            return None
        assert order is not None
        return cls(rows, weights, errors, float(order), fsal, solver.interpolation_cls)

    @property
    def stages(self) -> int:
        """Number of stages."""
        return len(self.weights)

    @property
    def evaluations(self) -> int:
        """Evaluations of the coupling in a step whose first stage may be known."""
        return self.stages - self.fsal


def _floats(row: Any) -> tuple[float, ...]:
    return tuple(float(number) for number in row)


class Step(eqx.Module):
    """The result of a step.

    Attributes:
        rates: at its end [Hz].
        velocities: at all stages [Hz/ms].
    """

    rates: EI[Leaf]
    velocities: tuple[EI[Leaf], ...]

    def error(self, method: Method, dt: Leaf) -> EI[Leaf] | None:
        """The estimated error of `rates` [Hz]."""
        return None if method.errors is None else _increment(method.errors, self.velocities, dt)

    def interpolate(self, method: Method, start: EI[Leaf], t0: Leaf, t1: Leaf, t: Leaf) -> EI[Leaf]:
        """The rates at `t`, in a step from `t0`, where the rates are `start`, to `t1`."""
        ends: dict[str, Any] = {"y0": start, "y1": self.rates}
        if method.stages > 1:
            ends["k"] = jax.tree.map(lambda *f: (t1 - t0) * jnp.stack(f), *self.velocities)
        return method.interpolation(t0=t0, t1=t1, **ends).evaluate(t)


def take_step(
    method: Method, start: EI[Leaf], first: EI[Leaf], dt: Leaf, vector_field: VectorField
) -> Step:
    """A step of `dt` [ms] from the rates `start`, whose velocity is `first`."""
    velocities, stage = [first], start
    for row in method.rows:
        stage = _moved(start, row, velocities, dt)
        velocities.append(vector_field(stage))
    if not method.fsal:
        stage = _moved(start, method.weights, velocities, dt)
    return Step(stage, tuple(velocities))


def _increment(weights: Sequence[float], velocities: Sequence[EI[Leaf]], dt: Leaf) -> EI[Leaf]:
    terms = [f.map(lambda v, w=w: w * v) for w, f in zip(weights, velocities, strict=True) if w]
    return EI(dt * sum(f.E for f in terms), dt * sum(f.I for f in terms))


def _moved(
    start: EI[Leaf], weights: Sequence[float], velocities: Sequence[EI[Leaf]], dt: Leaf
) -> EI[Leaf]:
    return start.map(jnp.add, _increment(weights, velocities, dt))


class Stepper(eqx.Module):
    """The state between two steps. It is carried through loops, so the dynamics are not in it.

    Attributes:
        rates: [Hz].
        velocity: their velocity [Hz/ms], where the method is FSAL.
        projected: their projection by the coupling, where the method is FSAL and a history is
            kept.
    """

    rates: EI[Leaf]
    velocity: EI[Leaf] | None = None
    projected: Any = None

    @classmethod
    def at(cls, dynamics: Dynamics, method: Method, rates: EI[Leaf]) -> "Stepper":
        """The state before a first step from `rates`."""
        if not method.fsal:
            return cls(rates)
        projected = dynamics.operator.project(rates)
        velocity = dynamics.velocity_under(dynamics.input_from(projected), rates)
        return cls(rates, velocity, projected)

    def step(self, dynamics: Dynamics, method: Method, dt: Leaf) -> tuple[Step, list[Any]]:
        """A step of `dt` [ms], and the projected rates of its stages."""
        projected = [] if self.velocity is None else [self.projected]

        def vector_field(rates: EI[Leaf]) -> EI[Leaf]:
            projected.append(dynamics.operator.project(rates))
            return dynamics.velocity_under(dynamics.input_from(projected[-1]), rates)

        first = vector_field(self.rates) if self.velocity is None else self.velocity
        return take_step(method, self.rates, first, dt, vector_field), projected

    def after(self, step: Step, projected: list[Any]) -> "Stepper":
        """The state at the end of a step."""
        if self.velocity is None:
            return Stepper(step.rates)
        last = None if self.projected is None else projected[-1]
        return Stepper(step.rates, step.velocities[-1], last)

    def without_projection(self) -> "Stepper":
        """The same, for a loop that keeps no history."""
        return Stepper(self.rates, self.velocity)


class CachedVectorField:
    """The vector field along a sequence of states whose projected rates are known.

    Its derivatives are those of the vector field itself.
    """

    def __init__(self, dynamics: Dynamics, projected: Sequence[Any]):
        self.dynamics = dynamics
        self.projected = iter(projected)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        projected = _cached_projection((self.dynamics.operator, rates), next(self.projected))
        return self.dynamics.velocity_under(self.dynamics.input_from(projected), rates)


@eqx.filter_custom_vjp
def _cached_projection(arguments: tuple[AbstractOperator, EI[Leaf]], projected: Any) -> Any:
    """`operator.project(rates)`, whose value is known to be `projected`."""
    return projected


@_cached_projection.def_fwd
def _cached_projection_forward(perturbed: Any, arguments: Any, projected: Any) -> tuple[Any, None]:
    return projected, None


@_cached_projection.def_bwd
def _cached_projection_backward(
    residuals: None, cotangent: Any, perturbed: Any, arguments: Any, projected: Any
) -> Any:
    differentiated, constant = eqx.partition(as_arrays(arguments), perturbed)

    def project(differentiated: Any) -> Any:
        operator, rates = eqx.combine(differentiated, constant)
        return operator.project(rates)

    # The value is not used, so the compiler drops its computation.
    _, transpose = eqx.filter_vjp(project, differentiated)
    cotangent = jax.tree.map(
        lambda cotangent, p: jnp.zeros_like(p) if cotangent is None else cotangent,
        cotangent,
        projected,
        is_leaf=lambda leaf: leaf is None,
    )
    return transpose(cotangent)[0]


def as_arrays(tree: Any) -> Any:
    """With JAX arrays for the constants that JAX makes of some of them on the way back."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf) if hasattr(leaf, "dtype") else leaf, tree)
