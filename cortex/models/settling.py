"""How an experiment finds its steady states."""

from __future__ import annotations

from cortex.circuit import FixedPointIteration, TimeIntegration
from cortex.settings import Settings, quantity


class Settle(Settings):
    """How steady states are found: by integrating until nothing changes any more."""

    duration: float = quantity(5000.0, "ms", "longest simulated time", gt=0)
    largest_step: float = quantity(
        5.0, "ms", "largest step; explicit steps chatter without a bound", gt=0
    )
    rtol: float = quantity(2e-5, "1", "residual allowed, as a share of the largest rate", gt=0)
    atol: float = quantity(
        1e-4, "Hz", "residual allowed besides; single precision has no less", gt=0
    )

    def __call__(self) -> TimeIntegration:
        """The solver for `cortex.circuit.steady_state`."""
        return TimeIntegration(
            duration=self.duration, dtmax=self.largest_step, rtol=self.rtol, atol=self.atol
        )


class Iterate(Settings):
    """How steady states are found: by equal steps until nothing changes any more."""

    step: float = quantity(2.0, "ms", "step", gt=0)
    duration: float = quantity(1000.0, "ms", "longest simulated time", gt=0)
    rtol: float = quantity(1e-5, "1", "residual allowed, as a share of the largest rate", gt=0)
    atol: float = quantity(1e-4, "Hz", "residual allowed besides", gt=0)

    def __call__(self) -> FixedPointIteration:
        """The solver for `cortex.circuit.steady_state`."""
        return FixedPointIteration(
            dt=self.step, duration=self.duration, rtol=self.rtol, atol=self.atol
        )
