"""What is shown: gratings, shapes, bumps on a ring, composites and digits.

Lengths are degrees of visual angle, contrasts percent, orientations those of the bars in
degrees counter-clockwise from horizontal.
"""

from cortex.stimuli.composites import array_double, array_same, halve, merge
from cortex.stimuli.datasets import Digits, load_digits, split_digits
from cortex.stimuli.grating_images import (
    GratingField,
    GratingNoise,
    SingleGratings,
    single_gratings,
)
from cortex.stimuli.grating_trials import FirstAlone, FullFieldTrials, GratingTrials
from cortex.stimuli.gratings import carrier, grating, plaid, to_luminance
from cortex.stimuli.pixel_noise import (
    gaussian_noise,
    gaussian_noise_each,
)
from cortex.stimuli.ring import circular_distance, paired_bumps, ring_bump, ring_positions
from cortex.stimuli.shapes import annulus, band, bar, blob, disc, line
from cortex.stimuli.trials import (
    AbstractTrials,
    ComposedTrials,
    NoisyTrials,
    array_trials,
    merged_trials,
)
from cortex.stimuli.visual_field import VisualField

__all__ = [
    "AbstractTrials",
    "ComposedTrials",
    "Digits",
    "FirstAlone",
    "FullFieldTrials",
    "GratingField",
    "GratingNoise",
    "GratingTrials",
    "NoisyTrials",
    "SingleGratings",
    "VisualField",
    "annulus",
    "array_double",
    "array_same",
    "array_trials",
    "band",
    "bar",
    "blob",
    "carrier",
    "circular_distance",
    "disc",
    "gaussian_noise",
    "gaussian_noise_each",
    "grating",
    "halve",
    "line",
    "load_digits",
    "merge",
    "merged_trials",
    "paired_bumps",
    "plaid",
    "ring_bump",
    "ring_positions",
    "single_gratings",
    "split_digits",
    "to_luminance",
]
