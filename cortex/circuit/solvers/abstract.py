"""What every steady-state solver has in common."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool

from ..circuit import Dynamics, largest
from ..linear_response import AbstractLinearSolver
from ..populations import EI, Leaf

# A search goes on to this share of the tolerance: one that stopped on its very edge would be
# judged differently by a program that rounds differently.
TOLERANCE_MARGIN = 0.5


class AbstractSteadyStateSolver(eqx.Module):
    """A way to find the steady state. Its stability decides whether it is found.

    Attributes:
        rtol: tolerated residual relative to the largest rate [1].
        atol: tolerated residual [Hz].
        max_rate: a rate beyond this one has diverged [Hz].
    """

    rtol: eqx.AbstractVar[float]
    atol: eqx.AbstractVar[float]
    max_rate: eqx.AbstractVar[float]

    @abc.abstractmethod
    def solve(self, dynamics: Dynamics, initial: EI[Leaf]) -> EI[Leaf]:
        """The rates [Hz] at which the search from `initial` ended, settled or not."""

    def linear_solver(self, dynamics: Dynamics) -> AbstractLinearSolver | None:
        """The solver of the linear system for derivatives; None is `linear_response`'s default."""
        return None

    def settled(self, residual: EI[Leaf], rates: EI[Leaf], share: float = 1.0) -> Bool[Array, ""]:
        """Whether the residual [Hz] is within `share` of the tolerance."""
        return largest(residual) <= share * (self.atol + self.rtol * largest(rates))

    def diverged(self, rates: EI[Leaf]) -> Bool[Array, ""]:
        """Whether a rate is beyond `max_rate`, or not finite."""
        most = min(self.max_rate, float(jnp.finfo(rates.E.dtype).max))
        return ~(largest(rates) <= most)  # true for NaN as well
