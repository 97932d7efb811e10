"""The line in visual space of Rubin, Van Hooser & Miller 2015, Fig. 2."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit import EI, Circuit, Populations, Projections, line_coupling
from cortex.labelled import Coordinate, coordinate
from cortex.settings import Settings, quantity
from cortex.sources import Source

RUBIN = Source("rubin2015", "Fig. 2, as transcribed by one other")


class Line(Settings):
    """A row of E/I pairs, each pair with a place in visual space; no wrap-around.

    The transcription is the weakest one we have; the paper's own text was not at hand.
    """

    units: int = quantity(101, "1", "number of E/I pairs", RUBIN, ge=3, le=4096)
    spacing: float = quantity(1 / 3, "deg", "distance between neighbours", RUBIN, gt=0)
    W_EE: float = quantity(1.0, "1/Hz", "peak weight from E onto E", RUBIN, ge=0)
    W_IE: float = quantity(1.25, "1/Hz", "peak weight from E onto I", RUBIN, ge=0)
    W_EI: float = quantity(1.0, "1/Hz", "peak weight from I onto E", RUBIN, ge=0)
    W_II: float = quantity(0.75, "1/Hz", "peak weight from I onto I", RUBIN, ge=0)
    sigma_EE: float = quantity(2 / 3, "deg", "width of the weights E onto E", RUBIN, ge=0)
    sigma_IE: float = quantity(4 / 3, "deg", "width of the weights E onto I", RUBIN, ge=0)
    sigma_EI: float = quantity(
        0.0, "deg", "width of the weights I onto E; 0: same place only", RUBIN, ge=0
    )
    sigma_II: float = quantity(
        0.0, "deg", "width of the weights I onto I; 0: same place only", RUBIN, ge=0
    )
    k: float = quantity(0.01, "Hz", "rate at an input of 1", RUBIN, gt=0)
    n: float = quantity(
        2.0, "1", "exponent of the input-output function (2.2 in some accounts)", RUBIN, gt=0
    )
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", RUBIN, gt=0)

    def circuit(self) -> Circuit:
        """The circuit, of shape (units,). Weights are not normalised."""
        return Circuit(
            populations=Populations(
                tau=EI(self.tau_E, self.tau_I), k=EI(self.k, self.k), n=EI(self.n, self.n)
            ),
            coupling=line_coupling(
                self.units,
                self.spacing,
                Projections(EE=self.W_EE, EI=self.W_EI, IE=self.W_IE, II=self.W_II),
                Projections(EE=self.sigma_EE, EI=self.sigma_EI, IE=self.sigma_IE, II=self.sigma_II),
            ),
        )

    def positions(self) -> Float[Array, " unit"]:
        """Places of the units [deg], 0 at the middle of the line."""
        return (jnp.arange(self.units) - (self.units - 1) / 2) * self.spacing

    @property
    def middle(self) -> int:
        """Number of the unit at the middle, the left one of two, counted from 0."""
        return (self.units - 1) // 2

    def places(self) -> Coordinate:
        """What stands along the units: their places."""
        numbers = [(unit - (self.units - 1) / 2) * self.spacing for unit in range(self.units)]
        return coordinate(numbers, "deg", "place of the unit, from the middle")


def line(units: int = 101, **settings: Any) -> Circuit:
    """The line in visual space of Rubin, Van Hooser & Miller 2015, for any number of units.

    Neighbours stay 1/3 deg apart: more units are a longer line, which responds in its middle as
    the published one does.

    Args:
        units: E/I pairs, 3 or more.
        **settings: of `Line` (`W_EE`, `sigma_EE`, ...) in place of the published ones.
    """
    return Line(units=units, **settings).circuit()
