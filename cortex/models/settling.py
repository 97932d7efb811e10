"""How an experiment finds its steady states."""

from __future__ import annotations

from cortex.circuit import Integrate
from cortex.experiment import Section, quantity

HERE = "chosen here"


class SettlingSection(Section):
    """How steady states are found: by integrating until nothing changes any more."""

    duration: float = quantity(5000.0, "ms", "longest simulated time", source=HERE, gt=0)
    largest_step: float = quantity(
        5.0, "ms", "largest step; explicit steps chatter without a bound", source=HERE, gt=0
    )
    rtol: float = quantity(
        2e-5, "1", "residual allowed, as a share of the largest rate", source=HERE, gt=0
    )
    atol: float = quantity(
        1e-4, "Hz", "residual allowed besides; single precision has no less", source=HERE, gt=0
    )

    def integrate(self) -> Integrate:
        """The settling for `cortex.circuit.steady_state`."""
        return Integrate(
            duration=self.duration, dtmax=self.largest_step, rtol=self.rtol, atol=self.atol
        )
