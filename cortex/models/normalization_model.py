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
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.stimuli.ring import circular_distance, ring_positions

CODE = "the authors' code (Reynolds & Heeger 2009), as transcribed by two others"
SCALED = "widths 5 and 20 of " + CODE + ", at 0.1 deg a unit, chosen here"
NONE = "the paper's T; the authors' code, as transcribed, has none"
HERE = "chosen here"

Field = Float[Array, "feature place"]


class NormalizationSection(Section):
    """The fields of the normalisation model; its places are those of the circuit beside it."""

    features: int = quantity(24, "1", "number of preferred orientations", source=HERE, ge=2)
    period: float = quantity(360.0, "deg", "circumference of the features", source=CODE, gt=0)
    stimulation_width: float = quantity(
        0.5, "deg", "spatial width of the stimulation field", source=SCALED, gt=0
    )
    stimulation_tuning: float = quantity(
        60.0, "deg", "tuning width of the stimulation field", source=CODE, gt=0
    )
    suppression_width: float = quantity(
        2.0, "deg", "spatial width of the suppressive field", source=SCALED, gt=0
    )
    suppression_tuning: float = quantity(
        360.0, "deg", "tuning width of the suppressive field", source=CODE, gt=0
    )
    attention_peak: float = quantity(
        2.0, "1", "attention field at its peak; 1 far from it", source=CODE, ge=0
    )
    sigma: float = quantity(
        2.0, "%", "semi-saturation; only shifts the axis of log contrast", source=HERE, gt=0
    )
    threshold: float = quantity(0.0, "1", "responses below this one are 0", source=NONE, ge=0)


def stimulus_drive(
    section: NormalizationSection, patch: Float[Array, " place"], spacing: float | Array
) -> Field:
    """E of a grating of the orientation of feature 0, at every place and preferred orientation.

    Parameters
    ----------
    section
        The model.
    patch
        Contrast of the grating along the line of places [%].
    spacing
        Distance between places [deg].

    Returns
    -------
    array (feature, place)
        Drive [%]. A full-field grating of contrast c drives the units that prefer it by c: the
        field has unit sum over space, and unit peak over orientation, where the authors' code
        has unit sum; that only changes the unit of sigma.
    """
    preferred = ring_positions(section.features, section.period)
    distance = circular_distance(preferred, jnp.zeros_like(preferred), section.period)
    tuned = jnp.exp(-(distance**2) / (2 * section.stimulation_tuning**2))
    seen = _over_places(patch.shape[0], section.stimulation_width, spacing) @ patch
    return tuned[:, None] * seen[None, :]


def attention_field(section: NormalizationSection, pattern: Field) -> Field:
    """A = 1 + (peak - 1) pattern, the pattern 1 at the attended peak and 0 far from it."""
    return 1.0 + (section.attention_peak - 1.0) * pattern


def normalized_response(
    section: NormalizationSection, drive: Field, attention: Field, spacing: float | Array
) -> Field:
    """R of every unit [1]; nothing lies beyond the ends of the line of places.

    Parameters
    ----------
    section
        The model.
    drive
        E [%], from `stimulus_drive`.
    attention
        A [1], from `attention_field`; all 1 without attention.
    spacing
        Distance between places [deg].
    """
    places = drive.shape[-1]
    attended = attention * drive
    over_places = _over_places(places, section.suppression_width, spacing)
    over_features = _over_features(section)
    pooled = jnp.einsum("fg,gy,xy->fx", over_features, attended, over_places, precision="highest")
    response = attended / (pooled + section.sigma)
    return jnp.where(response >= section.threshold, response, 0.0)


def _over_places(places: int, width: float | Array, spacing: float | Array) -> Array:
    """Gaussian of unit sum over an endless line of places."""
    return ZeroBorder().kernel(places, jnp.asarray(width / spacing, float))


def _over_features(section: NormalizationSection) -> Array:
    """Gaussian of unit sum over the circle, by the shorter way round."""
    preferred = ring_positions(section.features, section.period)
    distance = circular_distance(preferred[:, None], preferred[None, :], section.period)
    falloff = jnp.exp(-(distance**2) / (2 * section.suppression_tuning**2))
    return falloff / jnp.sum(falloff, axis=1, keepdims=True)
