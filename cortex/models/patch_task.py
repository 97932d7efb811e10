"""Telling two patches apart by the noisy activity of circuits over the visual field.

A trial begins at the steady state of the empty field, under whatever attention is on; then the
patch appears, with noise on the input of every pair. The readout sees the mean excitatory rate of
each orientation around each place, and is linear: a logistic regression of which patch it was on
these rates, averaged over the window, fitted without attention.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.attention import (
    AbstractForm,
    AbstractSource,
    Additive,
    Multiplicative,
    Query,
    State,
)
from cortex.attention.window import DividedWindow, SpatialWindow, gaussian_window
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
from cortex.settings import Settings, choice, quantity
from cortex.tasks import Detectors
from cortex.tasks.accumulation import Decisions, first_passage

from .orientation_field import FieldNoise, OrientationField, Patches

Pooled = Float[Array, "places height width"]


class Trial(Settings):
    """The time from the onset of the patch on."""

    duration: float = quantity(300.0, "ms", "simulated, and seen", gt=0)
    ignored: float = quantity(60.0, "ms", "after the onset, not in the readout's window", ge=0)
    sample: float = quantity(10.0, "ms", "between samples of the rates", gt=0)
    step: float = quantity(2.0, "ms", "of Heun's method", gt=0)
    penalty: float = quantity(0.1, "1", "inverse of the L2 penalty on the readout's weights", gt=0)

    @property
    def times(self) -> np.ndarray:
        """Of the samples, after the onset [ms]."""
        count = int(np.floor(self.duration / self.sample + 1e-6))
        return (np.arange(count) + 1) * self.sample

    @property
    def window(self) -> np.ndarray:
        """Which samples the readout averages over."""
        return self.times > self.ignored


class PlaceAttention(Settings):
    """Attention to places: windows of one total strength, whatever they are shared among."""

    form: Literal["gain on drive", "input to E"] = choice(
        "gain on drive", "how attention reaches the circuits"
    )
    gain: float = quantity(1.0, "1", "relative gain at the peak of an undivided window", gt=0)
    input: float = quantity(3.0, "%", "instead, input to E at that peak", gt=0)
    width: float = quantity(0.125, "1", "standard deviation, as a share of the field's side", gt=0)

    def modulations(self, task: PatchTask, places: Sequence[tuple[float, float]]) -> Modulation:
        """Attention to each place, to all of them, and to none: leaves (places + 2, ...)."""
        gain = self.form == "gain on drive"
        form: AbstractForm = Multiplicative() if gain else Additive(scale=self.input)
        strength, width = (jnp.asarray(x, float) for x in (self.gain if gain else 1.0, self.width))
        alone = SpatialWindow(strength, width, form=form)
        shared = DividedWindow(jnp.asarray(places, float), strength, width, form=form)
        none = SpatialWindow(jnp.zeros(()), form=form)
        found = [task.modulation(alone, place) for place in places]
        found += [task.modulation(source) for source in (shared, none)]
        return jax.tree.map(lambda *leaves: jnp.stack(leaves), *found)


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
    def of(cls, field: OrientationField, shown: Patches, noise: FieldNoise) -> PatchTask:
        """From the settings of an experiment; what none of them traces is computed once."""
        with jax.ensure_compile_time_eval():
            return cls(
                circuit=field.circuit(),
                noise=noise.on(field),
                drives=shown.drives(field, shown.orientations),
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

    def modulation(self, source: AbstractSource, place: Any = None) -> Modulation:
        """What a source of attention does to the circuit while nothing is seen.

        Args:
            source: the source.
            place: that it is asked for, (row, column) as shares of the side; by default that of
                the circuits nearest to the first place.

        Returns:
            A modulation, every leaf of the circuit's shape.
        """
        nothing = jnp.zeros(self.circuit.shape)
        if place is None:
            row, column = jnp.unravel_index(jnp.argmax(self.pooling[0]), nothing.shape[1:])
            place = (jnp.stack([row, column]) + 0.5) / jnp.asarray(nothing.shape[1:])
        state = State(EI(nothing, nothing), jnp.zeros(2))
        given = source(nothing, state, Query(place=jnp.asarray(place)))
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, nothing.shape), given)

    def mean_rates(self, rates: Float[Array, "maps height width"]) -> Float[Array, " places"]:
        """Mean rate over orientations around each place [Hz]."""
        return jnp.mean(self.features(rates).reshape(len(self.pooling), -1), axis=1)

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
        time: Trial,
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


def pooling(field: OrientationField, shown: Patches) -> Pooled:
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
        """Logistic regression on means over the window.

        Args:
            features: (..., trials, features).
            target: 0 or 1, (trials,), the same in every block of trials.
            penalty: of the weights, see `Detectors.fit`.
        """
        labels = np.broadcast_to(target, features.shape[:-1]).ravel()
        both = Detectors.fit(features.reshape(len(labels), -1), labels, 2, penalty)
        return cls(np.asarray(both.weight[1], float), float(both.bias[1]))

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Evidence, one number for features (..., features)."""
        return np.asarray(features, float) @ self.weight + self.bias

    def decide(self, features: np.ndarray, trial: Trial, bound: float) -> Decisions:
        """When added evidence meets a bound, in trials (..., samples, features)."""
        return first_passage(self(features), trial.sample, bound)
