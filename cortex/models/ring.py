"""The ring of orientations of Rubin, Van Hooser & Miller 2015, Fig. 1."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
from jax import Array

from cortex.circuit import EI, Circuit, Populations, Projections, RingCoupling
from cortex.labelled import Coordinate, coordinate
from cortex.settings import Settings, quantity
from cortex.sources import Source
from cortex.stimuli.ring import circular_distance, ring_bump, ring_positions

RUBIN = Source("rubin2015", "Fig. 1, as transcribed by three others")


class Ring(Settings):
    """A ring of E/I pairs, each pair with a preferred orientation."""

    units: int = quantity(180, "1", "number of E/I pairs on the ring", RUBIN, ge=2, le=4096)
    period: float = quantity(180.0, "deg", "circumference of the ring", RUBIN, gt=0)
    J_EE: float = quantity(0.044, "1/(Hz deg)", "weight from E onto E a degree", RUBIN, ge=0)
    J_IE: float = quantity(0.042, "1/(Hz deg)", "weight from E onto I a degree", RUBIN, ge=0)
    J_EI: float = quantity(0.023, "1/(Hz deg)", "weight from I onto E a degree", RUBIN, ge=0)
    J_II: float = quantity(0.018, "1/(Hz deg)", "weight from I onto I a degree", RUBIN, ge=0)
    sigma_coupling: float = quantity(
        32.0, "deg", "width of the Gaussian fall-off of the weights", RUBIN, gt=0
    )
    k: float = quantity(0.04, "Hz", "rate at an input of 1", RUBIN, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", RUBIN, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", RUBIN, gt=0)

    def circuit(self) -> Circuit:
        """The circuit, of shape (units,); unit i prefers i period/units [deg].

        Weights are densities: the response does not depend on the number of units.
        """
        return Circuit(
            populations=Populations(
                tau=EI(self.tau_E, self.tau_I), k=EI(self.k, self.k), n=EI(self.n, self.n)
            ),
            coupling=RingCoupling(
                self.units,
                self.period,
                Projections(EE=self.J_EE, EI=self.J_EI, IE=self.J_IE, II=self.J_II),
                self.sigma_coupling,
            ),
        )

    def positions(self) -> Array:
        """Preferred orientations [deg], (units,)."""
        return ring_positions(self.units, self.period)

    def bump(self, centre: Any, width: Any) -> Array:
        """Gaussian over the units, 1 at an orientation [deg], with a width [deg]."""
        return ring_bump(self.positions(), centre, width, self.period)

    def unit_at(self, orientation: Any) -> Array:
        """Number of the unit that prefers an orientation [deg] most, counted from 0."""
        positions = self.positions()
        target = jnp.full_like(positions, orientation)
        return jnp.argmin(circular_distance(positions, target, self.period))

    def preferred(self) -> Coordinate:
        """What stands along the units: their preferred orientations."""
        step = self.period / self.units
        numbers = [unit * step for unit in range(self.units)]
        return coordinate(numbers, "deg", "preferred orientation")


def ring(units: int = 180, **settings: Any) -> Circuit:
    """The ring of orientations of Rubin, Van Hooser & Miller 2015, for any number of units.

    Weights are densities over orientation: 36 units give the response of 180. Unit i prefers
    i 180/units [deg]; `cortex.stimuli.ring_bump` drives it as a grating does.

    Args:
        units: E/I pairs, 2 or more.
        **settings: of `Ring` (`J_EE`, `sigma_coupling`, `tau_E`, ...) in place of published ones.
    """
    return Ring(units=units, **settings).circuit()
