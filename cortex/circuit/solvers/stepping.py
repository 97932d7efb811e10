"""How a simulation moves through time: a diffrax solver with a rule for its steps."""

import abc
import math

import diffrax
import equinox as eqx
import jax.numpy as jnp
import optimistix
from jaxtyping import Array, Float

Scalar = Float[Array, ""]


class AbstractStepping(eqx.Module):
    """A solver and its step size."""

    solver: eqx.AbstractVar[diffrax.AbstractSolver]

    @abc.abstractmethod
    def plan(self, duration: Scalar) -> tuple[diffrax.AbstractStepSizeController, Scalar | None]:
        """The controller and the first step [ms] for an interval of `duration` ms."""

    @abc.abstractmethod
    def most_steps(self, duration: float) -> int:
        """An upper bound on the steps that `duration` ms can take."""


class Fixed(AbstractStepping):
    """Equal steps, the largest that divide each interval evenly and do not exceed `dt`.

    Args:
        solver: such as `diffrax.Euler()`, `diffrax.Heun()`, `diffrax.Bosh3()`.
        dt: step [ms], > 0. Must stay well below tau / (1 + effective weight), in which an
            inhibition-stabilised circuit needs 1-2 ms.
    """

    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Heun)
    dt: float = eqx.field(static=True, default=1.0)

    def plan(self, duration: Scalar) -> tuple[diffrax.AbstractStepSizeController, Scalar | None]:
        steps = jnp.maximum(jnp.ceil(duration / self.dt - 1e-4), 1.0)
        return diffrax.ConstantStepSize(), duration / steps

    def most_steps(self, duration: float) -> int:
        return math.ceil(duration / self.dt) + 2


class Adaptive(AbstractStepping):
    """Steps chosen so that the estimated error of every unit stays in bounds.

    The error is the largest over the units, not their root mean square, in which a
    sharp transient of few units would drown.

    Args:
        solver: an embedded method, such as `diffrax.Tsit5()`, `diffrax.Bosh3()`.
        rtol: relative error a step [1].
        atol: absolute error a step [Hz].
        dtmax: largest step [ms]. Without it an explicit method near a steady state
            chatters at its limit of stability.
        max_steps: bound on the number of steps of one interval.
    """

    solver: diffrax.AbstractSolver = eqx.field(default_factory=diffrax.Tsit5)
    rtol: float = eqx.field(static=True, default=1e-4)
    atol: float = eqx.field(static=True, default=1e-4)
    dtmax: float = eqx.field(static=True, default=10.0)
    max_steps: int = eqx.field(static=True, default=4096)

    def plan(self, duration: Scalar) -> tuple[diffrax.AbstractStepSizeController, Scalar | None]:
        controller = diffrax.PIDController(
            rtol=self.rtol, atol=self.atol, dtmax=self.dtmax, norm=optimistix.max_norm
        )
        return controller, jnp.minimum(jnp.asarray(0.5, duration.dtype), duration)

    def most_steps(self, duration: float) -> int:
        return self.max_steps
