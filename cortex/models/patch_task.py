"""Telling two patches apart by the noisy activity of circuits over the visual field.

A trial begins at the steady state of the empty field, under whatever attention is on; then the
patch appears, with noise on the input of every pair. The readout sees the mean excitatory rate of
each orientation around each place, and is linear: a logistic regression of which patch it was on
these rates, averaged over the window, fitted without attention.
"""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.attention.window import gaussian_window
from cortex.circuit import (
    EI,
    AbstractSteadyStateSolver,
    Circuit,
    Modulation,
    OrnsteinUhlenbeck,
    SteadyState,
    simulate_noise,
    steady_state,
)
from cortex.experiment import Section, quantity
from cortex.tasks import Detectors

from .orientation_field import NoiseSection, OrientationFieldSection, PatchSection, patch_drives

HERE = "chosen here"
Pooled = Float[Array, "places height width"]


class TrialSection(Section):
    """The time from the onset of the patch on."""

    duration: float = quantity(300.0, "ms", "simulated, and seen", source=HERE, gt=0)
    ignored: float = quantity(
        60.0, "ms", "after the onset, not in the readout's window", source=HERE, ge=0
    )
    sample: float = quantity(10.0, "ms", "between samples of the rates", source=HERE, gt=0)
    step: float = quantity(2.0, "ms", "of Heun's method", source=HERE, gt=0)
    penalty: float = quantity(
        0.1, "1", "inverse of the L2 penalty on the readout's weights", source=HERE, gt=0
    )

    @property
    def times(self) -> np.ndarray:
        """Of the samples, after the onset [ms]."""
        count = int(np.floor(self.duration / self.sample + 1e-6))
        return (np.arange(count) + 1) * self.sample

    @property
    def window(self) -> np.ndarray:
        """Which samples the readout averages over."""
        return self.times > self.ignored


class PatchTask(eqx.Module):
    """What all trials have in common.

    Attributes:
        circuit, noise: of the field.
        drives: by a patch of 1 %, by place and target.
        background: uniform drive [%].
        pooling: how the readout sees each place, rows of unit sum.
    """

    circuit: Circuit
    noise: OrnsteinUhlenbeck
    drives: Float[Array, "places 2 maps height width"]
    background: Float[Array, ""]
    pooling: Pooled

    @classmethod
    def of(
        cls, field: OrientationFieldSection, shown: PatchSection, noise: NoiseSection
    ) -> PatchTask:
        """From the sections of a configuration."""
        return cls(
            circuit=field.circuit(),
            noise=noise.on(field),
            drives=patch_drives(field, shown, shown.orientations),
            background=jnp.asarray(field.background, float),
            pooling=pooling(field, shown),
        )

    def empty(self) -> Array:
        """Drive of the empty field."""
        return jnp.broadcast_to(self.background, self.circuit.shape)

    def settle(
        self, drive: Array, modulation: Modulation, solver: AbstractSteadyStateSolver
    ) -> SteadyState:
        """The steady state without noise; the same drive goes to E and I."""
        return steady_state(self.circuit, EI(drive, drive), modulation, solver=solver)

    def features(self, rates: Float[Array, "maps height width"]) -> Float[Array, " features"]:
        """Mean rate of each orientation around each place, places outermost [Hz]."""
        found = jnp.einsum("pyx,fyx->pf", self.pooling, rates, precision="highest")
        return found.ravel()

    def trial(
        self,
        key: PRNGKeyArray,
        drive: Array,
        start: EI[Array],
        modulation: Modulation,
        time: TrialSection,
    ) -> Float[Array, "samples features"]:
        """What the readout sees of E, sample by sample [Hz].

        Args:
            key: of the noise.
            drive: with the patch, on top of the empty field's.
            start: rates at its onset [Hz].
            modulation: of the whole trial.
            time: what is simulated.
        """
        found = simulate_noise(
            self.circuit,
            EI(drive, drive),
            self.noise,
            key,
            duration=time.duration,
            dt=time.step,
            burn_in=0.0,
            sample_every=time.sample,
            initial=start,
            modulation=modulation,
            observe=lambda rates: rates.E[:1, 0, 0],  # moments are not needed
            record=lambda rates: self.features(rates.E),
        )
        return found.series


def pooling(field: OrientationFieldSection, shown: PatchSection) -> Pooled:
    """Gaussian weights around each place, SD half a patch, of unit sum."""
    width = shown.diameter / 2 / (field.side * field.degrees_per_pixel)
    height, across = field.shape[1:]
    windows = jax.vmap(lambda at: gaussian_window(at, width, (height, across)))(
        jnp.asarray(shown.places, float)
    )
    return windows / jnp.sum(windows, axis=(1, 2), keepdims=True)


class LinearReadout(NamedTuple):
    """Evidence for target 1 against target 0, in units of log odds.

    Attributes:
        weight: of each feature [1/Hz], (features,).
        bias: what is added.
    """

    weight: np.ndarray
    bias: float

    @classmethod
    def fit(cls, features: np.ndarray, target: np.ndarray, penalty: float) -> LinearReadout:
        """Logistic regression on means over the window (trials, features)."""
        both = Detectors.fit(features, target, 2, penalty)
        return cls(np.asarray(both.weight[1], float), float(both.bias[1]))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Evidence, one number for features (..., features)."""
        return np.asarray(features, float) @ self.weight + self.bias
