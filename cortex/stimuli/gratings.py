"""Sinusoidal gratings and plaids, in degrees and contrast.

Conventions, the same everywhere in cortex:

- *orientation* is that of the BARS, in degrees counter-clockwise from horizontal: 0° has
  horizontal bars (luminance varies along y), 90° vertical ones. Its period is 180°.
- *phase* is in degrees, a cosine: at phase 0 the place (x, y) lies on the middle of a bright
  bar. A growing phase moves the bars toward lower `across` (`VisualField.rotated`).
- *contrast* is Michelson's, in percent: (L_max − L_min) / (L_max + L_min) · 100.
- an *aperture* is any mask of `cortex.stimuli.shapes` (0 to 1): it scales the contrast, so
  that the outside of it has the mean luminance.
"""

from collections.abc import Sequence
from typing import TypeAlias

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import ArrayLike, Float, Num, ScalarLike

from cortex.stimuli._numeric import as_float
from cortex.stimuli.visual_field import VisualField

Components: TypeAlias = Num[ArrayLike, " component"] | Sequence[ScalarLike]


def to_luminance(
    modulation: Float[Array, "*shape"], contrast: ScalarLike = 100.0, mean: ScalarLike = 0.5
) -> Float[Array, "*shape"]:
    """Luminance mean · (1 + contrast/100 · modulation) of a pattern about a mean.

    **Arguments:** `modulation`: pattern, −1 to 1; `contrast`: percent, 0 to 100;
    `mean`: luminance, 0 to 1. Nothing is clipped: a mean above 0.5 leaves [0, 1] at contrasts
    above 100 (1 − mean) / mean.
    **Returns:** luminance, of the shape of `modulation`.
    """
    return as_float(mean) * (1.0 + as_float(contrast) / 100.0 * modulation)


def carrier(
    field: VisualField,
    orientation: ScalarLike,
    spatial_frequency: ScalarLike,
    phase: ScalarLike = 0.0,
    *,
    x: ScalarLike = 0.0,
    y: ScalarLike = 0.0,
) -> Float[Array, "height width"]:
    """The modulation cos(2π f · across + phase) of a grating, −1 to 1.

    **Arguments:** `orientation` of the bars, degrees; `spatial_frequency` f, cycles/degree;
    `phase`, degrees; `x`, `y`: where the phase is taken, degrees.
    **Returns:** [height, width].
    """
    _, across = field.rotated(orientation, x, y)
    cycles = as_float(spatial_frequency) * across + as_float(phase) / 360.0
    return jnp.cos(2.0 * jnp.pi * cycles)


def grating(
    field: VisualField,
    orientation: ScalarLike,
    spatial_frequency: ScalarLike,
    *,
    contrast: ScalarLike = 100.0,
    phase: ScalarLike = 0.0,
    mean: ScalarLike = 0.5,
    x: ScalarLike = 0.0,
    y: ScalarLike = 0.0,
    aperture: Float[Array, "height width"] | None = None,
) -> Float[Array, "height width"]:
    """Luminance of a sinusoidal grating.

    **Arguments:** `orientation` of the bars, degrees counter-clockwise from horizontal;
    `spatial_frequency`, cycles/degree, at most half a cycle a pixel if it is not to alias;
    `contrast`, percent, 0 to 100; `phase`, degrees; `mean` luminance, 0 to 1; `x`, `y`: where
    the phase is taken, degrees; `aperture`: mask 0 to 1, none for a full field.
    **Returns:** [height, width], within mean · (1 ± contrast/100).
    """
    modulation = carrier(field, orientation, spatial_frequency, phase, x=x, y=y)
    if aperture is not None:
        modulation = modulation * aperture
    return to_luminance(modulation, contrast, mean)


def plaid(
    field: VisualField,
    orientations: Components,
    spatial_frequencies: Components | ScalarLike,
    contrasts: Components | ScalarLike,
    *,
    phases: Components | ScalarLike = 0.0,
    mean: ScalarLike = 0.5,
    x: ScalarLike = 0.0,
    y: ScalarLike = 0.0,
    aperture: Float[Array, "height width"] | None = None,
) -> Float[Array, "height width"]:
    """Luminance of a sum of gratings (two, usually), each with its own contrast.

    **Arguments:** as for `grating`, one value a component or one for all of them. The contrasts
    (percent) should sum to 100 or less: luminances are not clipped.
    **Returns:** mean · (1 + Σ contrast/100 · carrier), [height, width].
    """
    orientations = as_float(orientations)

    def each(value: Components | ScalarLike) -> Array:
        return jnp.broadcast_to(as_float(value), orientations.shape)

    def component(orientation: Array, frequency: Array, contrast: Array, phase: Array) -> Array:
        return contrast / 100.0 * carrier(field, orientation, frequency, phase, x=x, y=y)

    parts = jax.vmap(component)(
        orientations, each(spatial_frequencies), each(contrasts), each(phases)
    )
    modulation = parts.sum(axis=0)
    if aperture is not None:
        modulation = modulation * aperture
    return to_luminance(modulation, 100.0, mean)
