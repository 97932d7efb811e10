"""The line in visual space of Rubin, Van Hooser & Miller 2015, Fig. 2."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit import EI, Circuit, Populations, Projections, line_coupling
from cortex.experiment import Section, quantity

RUBIN = "Rubin et al. 2015, Fig. 2, as transcribed by one other"


class LineSection(Section):
    """A row of E/I pairs, each pair with a place in visual space; no wrap-around."""

    units: int = quantity(101, "1", "number of E/I pairs", source=RUBIN, ge=3, le=4096)
    spacing: float = quantity(1 / 3, "deg", "distance between neighbours", source=RUBIN, gt=0)
    W_EE: float = quantity(1.0, "1/Hz", "peak weight from E onto E", source=RUBIN, ge=0)
    W_IE: float = quantity(1.25, "1/Hz", "peak weight from E onto I", source=RUBIN, ge=0)
    W_EI: float = quantity(1.0, "1/Hz", "peak weight from I onto E", source=RUBIN, ge=0)
    W_II: float = quantity(0.75, "1/Hz", "peak weight from I onto I", source=RUBIN, ge=0)
    sigma_EE: float = quantity(2 / 3, "deg", "width of the weights E onto E", source=RUBIN, ge=0)
    sigma_IE: float = quantity(4 / 3, "deg", "width of the weights E onto I", source=RUBIN, ge=0)
    sigma_EI: float = quantity(
        0.0, "deg", "width of the weights I onto E; 0: same site only", source=RUBIN, ge=0
    )
    sigma_II: float = quantity(
        0.0, "deg", "width of the weights I onto I; 0: same site only", source=RUBIN, ge=0
    )
    k: float = quantity(0.01, "Hz", "rate at an input of 1", source=RUBIN, gt=0)
    n: float = quantity(
        2.0, "1", "exponent of the input-output function (2.2 in some accounts)", source=RUBIN, gt=0
    )
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", source=RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", source=RUBIN, gt=0)


def line_circuit(line: LineSection) -> Circuit:
    """The circuit of a `LineSection`, of shape (units,). Weights are not normalised."""
    return Circuit(
        populations=Populations(
            tau=EI(line.tau_E, line.tau_I), k=EI(line.k, line.k), n=EI(line.n, line.n)
        ),
        coupling=line_coupling(
            line.units,
            line.spacing,
            Projections(EE=line.W_EE, EI=line.W_EI, IE=line.W_IE, II=line.W_II),
            Projections(EE=line.sigma_EE, EI=line.sigma_EI, IE=line.sigma_IE, II=line.sigma_II),
        ),
    )


def line_positions(line: LineSection) -> Float[Array, " unit"]:
    """Places of the units [deg], 0 at the middle of the line."""
    return (jnp.arange(line.units) - (line.units - 1) / 2) * line.spacing
