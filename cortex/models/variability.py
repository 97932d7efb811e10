"""What experiments on the ring's variability share: grating, noise and simulation."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from pydantic import model_validator

from cortex.analysis.variability import Flanks, standard_error
from cortex.circuit import (
    EI,
    AbstractSteadyStateSolver,
    Circuit,
    Modulation,
    NoisyRun,
    OrnsteinUhlenbeck,
    fluctuations,
    ring_correlation_parts,
    simulate_noise,
    steady_state,
)
from cortex.experiment import Positive, Section, quantity, require_distinct
from cortex.stimuli.ring import ring_bump, ring_positions

from .ring import RUBIN, RingSection, ring_circuit

DESIGN = "chosen here; the source of the circuit has no noise"
HERE = "chosen here"


class NoiseSection(Section):
    """Input noise: Ornstein-Uhlenbeck, correlated over the ring, shared by E and I of a pair."""

    sd: float = quantity(1.0, "%", "standard deviation, in contrast", source=DESIGN, gt=0)
    tau: float = quantity(50.0, "ms", "time constant", source=DESIGN, gt=0)
    width: float = quantity(
        60.0, "deg", "correlation exp(-d^2/2 width^2), made possible", source=DESIGN, gt=0
    )

    def on_ring(self, units: int, period: Any, sd: Any = None) -> OrnsteinUhlenbeck:
        """The noise of a ring of `units` pairs; `sd` instead of the section's own."""
        sd = self.sd if sd is None else sd
        return OrnsteinUhlenbeck.on_ring(self.tau, sd, units, self.width, period)


class GratingSection(Section):
    """One grating over a range of contrasts, and the pair of units that straddles it."""

    contrasts: tuple[Positive, ...] = quantity(
        (5.0, 10.0, 20.0, 50.0),
        "%",
        "contrasts that measures and simulations are given for",
        source=HERE,
        min_length=1,
    )
    orientation: float = quantity(45.0, "deg", "orientation of the grating", source=RUBIN)
    width: float = quantity(
        30.0, "deg", "width of the Gaussian drive of a grating", source=RUBIN, gt=0
    )
    separation: float = quantity(
        20.0, "deg", "tuning difference of the pair that straddles the grating", source=HERE, gt=0
    )
    axis_low: float = quantity(1.0, "%", "lowest contrast of the curves", source=HERE, gt=0)
    axis_high: float = quantity(100.0, "%", "highest contrast of the curves", source=HERE, gt=0)
    axis_points: int = quantity(
        17, "1", "number of contrasts of the curves, evenly spaced in logarithm", source=HERE, ge=2
    )

    @model_validator(mode="after")
    def _possible(self) -> GratingSection:
        require_distinct(self, "contrasts")
        if not self.axis_low < self.axis_high:
            raise ValueError(
                f"axis_low: found {self.axis_low:g}, allowed: a number < axis_high "
                f"({self.axis_high:g}) [%]"
            )
        return self

    def axis(self) -> Float[Array, " contrast"]:
        """Contrasts of the curves [%]."""
        low, high = jnp.asarray(self.axis_low, float), jnp.asarray(self.axis_high, float)
        return low * (high / low) ** jnp.linspace(0.0, 1.0, self.axis_points, dtype=low.dtype)

    def bump(self, units: int, period: Any, width: Any = None) -> Float[Array, " unit"]:
        """The drive of a grating of contrast 1, or a bump of another width at its place."""
        preferred = ring_positions(units, period)
        return ring_bump(
            preferred, self.orientation, self.width if width is None else width, period
        )

    def flanks(self, units: int, period: Any) -> Flanks:
        """The unit at the grating and the pairs around it, on a ring of so many pairs."""
        return Flanks(units, self.orientation, self.separation, period)


class TrialsSection(Section):
    """Simulation with noise: trials enough for an error of the variance of 1 to 2 %."""

    units: int = quantity(
        36, "1", "E/I pairs of the simulated ring; weights are scaled", source=HERE, ge=8, le=4096
    )
    trials: int = quantity(64, "1", "independent trials", source=HERE, ge=2)
    duration: float = quantity(20000.0, "ms", "length of a trial", source=HERE, gt=0)
    burn_in: float = quantity(500.0, "ms", "left out before each trial", source=HERE, ge=0)
    dt: float = quantity(2.0, "ms", "largest step (noise exact, rates by Heun)", source=HERE, gt=0)
    sample_every: float = quantity(
        10.0, "ms", "time between the samples that moments are taken of", source=HERE, gt=0
    )

    @model_validator(mode="after")
    def _long_enough(self) -> TrialsSection:
        if self.duration < self.sample_every:
            raise ValueError(
                f"duration: found {self.duration:g}, allowed: a number >= sample_every "
                f"({self.sample_every:g}) [ms]"
            )
        return self

    def compare(
        self,
        circuit: Circuit,
        drive: EI[Array],
        noise: OrnsteinUhlenbeck,
        key: PRNGKeyArray,
        flanks: Flanks,
        solver: AbstractSteadyStateSolver,
        modulation: Modulation | None = None,
    ) -> dict[str, Array]:
        """Simulation from the steady state, and linear theory of the same circuit.

        Returns
        -------
        dict of arrays
            What `Flanks.statistic` gives, as simulated (``sim_`` before the name), its standard
            error over trials (``_error`` behind), and by linear theory (``small_`` before).
        """
        rates = steady_state(circuit, drive, modulation, solver=solver).rates
        linear = fluctuations(circuit, rates, drive, noise, modulation)

        def trial(key: PRNGKeyArray) -> NoisyRun:
            return simulate_noise(
                circuit,
                drive,
                noise,
                key,
                duration=self.duration,
                dt=self.dt,
                burn_in=self.burn_in,
                sample_every=self.sample_every,
                initial=rates,
                modulation=modulation,
            )

        found = jax.vmap(trial)(jax.random.split(key, self.trials))
        errors = standard_error(flanks.statistic, found.mean, found.covariance)
        named = {f"sim_{name}_error": value for name, value in errors.items()}
        for before, moments in (("sim_", found.pooled()), ("small_", (rates.E, linear.EE))):
            values = flanks.statistic(*moments)
            named |= {before + name: value for name, value in values.items()}
        return named


def stated_covariance(
    ring: RingSection,
    noise: NoiseSection,
    rates: EI[Array],
    drive: EI[Array],
    modulation: Modulation | None = None,
) -> Float[Array, "units units"]:
    """Covariance of E by linear theory for the correlation exp(-d^2/2 width^2) just as stated.

    On a ring of three widths that matrix has eigenvalues below zero, which no noise can have.
    Linear theory does not mind: it is linear in the covariance of the noise, so that the answer
    is the one for the part above zero minus the one for the part below. Only for comparison
    with numbers computed so.
    """
    circuit = ring_circuit(ring)

    def part(factor: Array) -> Array:
        source = OrnsteinUhlenbeck(noise.tau, noise.sd, factor)
        return fluctuations(circuit, rates, drive, source, modulation).EE

    above, below = jax.vmap(part)(
        jnp.stack(ring_correlation_parts(ring.units, noise.width, ring.period))
    )
    return above - below
