"""Noise on the ring, and how it is simulated: what experiments on variability share."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray
from pydantic import model_validator

from cortex.circuit import (
    EI,
    Circuit,
    Modulation,
    NoisyRun,
    OrnsteinUhlenbeck,
    fluctuations,
    ring_correlation_parts,
    simulate_noise,
)
from cortex.experiment import Section, quantity

from .ring import RingSection, ring_circuit

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

    def simulate(
        self,
        circuit: Circuit,
        drive: EI[Array],
        noise: OrnsteinUhlenbeck,
        key: PRNGKeyArray,
        rates: EI[Array],
        modulation: Modulation | None = None,
    ) -> NoisyRun:
        """All trials, each started at the steady state `rates`; moments of the E rates."""

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

        return jax.vmap(trial)(jax.random.split(key, self.trials))


def refuse_repeated(name: str, values: tuple[float, ...]) -> None:
    """ValueError, in one line, for a list that names a value twice."""
    names = [f"{value:g}" for value in values]
    if len(set(names)) < len(names):
        raise ValueError(f"{name}: found [{', '.join(names)}], allowed: each one once")


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
