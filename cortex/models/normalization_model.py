"""The normalisation model of attention of Reynolds & Heeger 2009, a reference for the circuits.

    R(x, theta) = | A(x, theta) E(x, theta) / (S(x, theta) + sigma) |_T,    S = s * (A E)

The stimulus drive E is the stimulus seen through Gaussian stimulation fields, A >= 0 the
attention field, s the Gaussian suppressive field over space and orientation, and | |_T sets what
lies below the threshold T to zero. Nothing here is a circuit: the answer is one division.

Source: Reynolds & Heeger 2009, Neuron 61:168; widths and peak from the code that the
authors released, as two independent transcriptions of it agree.
"""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

from cortex.circuit import ZeroBorder
from cortex.settings import Settings, quantity
from cortex.sources import Source
from cortex.stimuli.ring import circular_distance, ring_positions

CODE = Source("reynolds2009", "the authors' code, as transcribed by two others")
SCALED = Source(
    "reynolds2009",
    "widths 5 and 20 of the authors' code, as transcribed by two others, at 0.1 deg a unit, "
    "chosen here",
)
NONE = Source("reynolds2009", "the paper's T; the authors' code, as transcribed, has none")

Field = Float[Array, "feature place"]


class NormalizationModel(Settings):
    """The fields of the normalisation model; its places are those of the circuit beside it."""

    features: int = quantity(24, "1", "number of preferred orientations", ge=2)
    period: float = quantity(360.0, "deg", "circumference of the features", CODE, gt=0)
    stimulation_width: float = quantity(
        0.5, "deg", "spatial width of the stimulation field", SCALED, gt=0
    )
    stimulation_tuning: float = quantity(
        60.0, "deg", "tuning width of the stimulation field", CODE, gt=0
    )
    suppression_width: float = quantity(
        2.0, "deg", "spatial width of the suppressive field", SCALED, gt=0
    )
    suppression_tuning: float = quantity(
        360.0, "deg", "tuning width of the suppressive field", CODE, gt=0
    )
    attention_peak: float = quantity(
        2.0, "1", "attention field at its peak; 1 far from it", CODE, ge=0
    )
    sigma: float = quantity(2.0, "%", "semi-saturation; only shifts the axis of log contrast", gt=0)
    threshold: float = quantity(0.0, "1", "responses below this one are 0", NONE, ge=0)

    def stimulus_drive(self, patch: Float[Array, " place"], spacing: float | Array) -> Field:
        """E of a grating of the orientation of feature 0, at every place and orientation.

        Args:
            patch: contrast of the grating along the line of places [%].
            spacing: distance between places [deg].

        Returns:
            Drive [%]. A full-field grating of contrast c drives the units that prefer it by c: the
            field has unit sum over space, and unit peak over orientation, where the authors' code
            has unit sum; that only changes the unit of sigma.
        """
        preferred = ring_positions(self.features, self.period)
        distance = circular_distance(preferred, jnp.zeros_like(preferred), self.period)
        tuned = jnp.exp(-(distance**2) / (2 * self.stimulation_tuning**2))
        seen = _over_places(patch.shape[0], self.stimulation_width, spacing) @ patch
        return tuned[:, None] * seen[None, :]

    def attention_field(self, pattern: Field) -> Field:
        """A = 1 + (peak - 1) pattern, the pattern 1 at the attended peak and 0 far from it."""
        return 1.0 + (self.attention_peak - 1.0) * pattern

    def response(self, drive: Field, attention: Field, spacing: float | Array) -> Field:
        """R of every unit [1]; nothing lies beyond the ends of the line of places.

        Args:
            drive: E [%], from `stimulus_drive`.
            attention: A [1], from `attention_field`; all 1 without attention.
            spacing: distance between places [deg].
        """
        attended = attention * drive
        over_places = _over_places(drive.shape[-1], self.suppression_width, spacing)
        pooled = jnp.einsum(
            "fg,gy,xy->fx", self._over_features(), attended, over_places, precision="highest"
        )
        response = attended / (pooled + self.sigma)
        return jnp.where(response >= self.threshold, response, 0.0)

    def _over_features(self) -> Array:
        """Gaussian of unit sum over the circle, by the shorter way round."""
        preferred = ring_positions(self.features, self.period)
        distance = circular_distance(preferred[:, None], preferred[None, :], self.period)
        falloff = jnp.exp(-(distance**2) / (2 * self.suppression_tuning**2))
        return falloff / jnp.sum(falloff, axis=1, keepdims=True)


def _over_places(places: int, width: float | Array, spacing: float | Array) -> Array:
    """Gaussian of unit sum over an endless line of places."""
    return ZeroBorder().kernel(places, jnp.asarray(width / spacing, float))
