"""The ring of orientations of Rubin, Van Hooser & Miller 2015, Fig. 1."""

from __future__ import annotations

from cortex.circuit import EI, Circuit, Populations, Projections, RingCoupling
from cortex.experiment import Section, quantity

RUBIN = "Rubin et al. 2015, Fig. 1, as transcribed by three others"


class RingSection(Section):
    """A ring of E/I pairs, each pair with a preferred orientation."""

    units: int = quantity(180, "1", "number of E/I pairs on the ring", source=RUBIN, ge=2, le=4096)
    period: float = quantity(180.0, "deg", "circumference of the ring", source=RUBIN, gt=0)
    J_EE: float = quantity(0.044, "1/Hz", "weight from E onto E at 180 units", source=RUBIN, ge=0)
    J_IE: float = quantity(0.042, "1/Hz", "weight from E onto I at 180 units", source=RUBIN, ge=0)
    J_EI: float = quantity(0.023, "1/Hz", "weight from I onto E at 180 units", source=RUBIN, ge=0)
    J_II: float = quantity(0.018, "1/Hz", "weight from I onto I at 180 units", source=RUBIN, ge=0)
    sigma_coupling: float = quantity(
        32.0, "deg", "width of the Gaussian fall-off of the weights", source=RUBIN, gt=0
    )
    k: float = quantity(0.04, "Hz", "rate at an input of 1", source=RUBIN, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", source=RUBIN, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", source=RUBIN, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", source=RUBIN, gt=0)


def ring_circuit(ring: RingSection) -> Circuit:
    """The circuit of a `RingSection`, of shape (units,); unit i prefers i period/units [deg].

    The weights are given for 180 units and scaled by 180/units, so that the total input of a
    unit does not depend on their number.
    """
    scale = 180 / ring.units
    J = Projections(EE=ring.J_EE, EI=ring.J_EI, IE=ring.J_IE, II=ring.J_II)
    return Circuit(
        populations=Populations(
            tau=EI(ring.tau_E, ring.tau_I), k=EI(ring.k, ring.k), n=EI(ring.n, ring.n)
        ),
        coupling=RingCoupling(
            ring.units, ring.period, J.map(lambda j: j * scale), ring.sigma_coupling
        ),
    )
