"""Naming the colour of the orientation that is attended to.

Shown: two gratings of different orientation and colour in two quadrants of an image. Simulated: a
large network, as it is and with circuits at some late layers, with attention to one of the two
orientations by tuning values, gradient values or controls, at one layer or at all, at several
strengths. Measured: how often a choice among five colours, trained on single gratings, names the
colour of the attended orientation, and how often that of the other grating.

Source: Lindsay & Miller 2018, eLife 7:e38105, on VGG-16: attention to one feature should bring
out the others of the same object. The network here is EfficientNet-Lite0 unless another is asked
for; colours, numbers of images and circuits are chosen here.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortex.analysis.colour_naming import summarise_colours
from cortex.experiment import Measure, Progress
from cortex.labelled import variable
from cortex.measures.colour_rows import colour_measures
from cortex.models.grating_runs import (
    GratingConfig,
    as_dataset,
    condition_variables,
    look_at_pairs,
    prepare,
)
from cortex.models.grating_study import (
    GratingAttentionSection,
    Images,
    conditions,
    example_images,
    grating_images,
    lowest_gradient,
)
from cortex.models.networks import StudyNetwork, load_study_network
from cortex.models.study import ValuesSection, sites

EXAMPLE = 2  # orientation that example images are of: 40 deg


class Config(GratingConfig):
    """Configuration of `colour_of_orientation`."""

    values: ValuesSection = ValuesSection(gradients_over="category", gradients_normalised="both")
    attention: GratingAttentionSection = GratingAttentionSection(
        sources=("tuning", "gradient", "shuffled", "uniform"),
        layers=(8, 13, 15, 18),
        control_layers=(15, 18),
        strengths=(0.3, 0.9, 2.7),
    )


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs."""
    found = load_study_network(config.network)
    places = [name for name, _ in sites(config.attention, len(found.layers))]
    images = grating_images(config.gratings, found, config.seed, positive_only=True)
    variants = [
        name_colours(config, found, images, places, variant) for variant in config.network.variants
    ]
    by = ("source", config.attention.sources, "what attention is applied by")
    data = as_dataset(
        config, found, images, variants, VARIABLES, by, places, config.attention.strengths
    )
    data = with_colours(data, images)
    with progress.stage("shares of colours and their intervals"):
        s = config.statistics
        summary = summarise_colours(data, s.resamples, s.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact", combine_attrs="override")


VARIABLES = condition_variables("source", "answer", "colour named") | {
    "right_single": ((), "1", "single gratings whose colour is named"),
}


def name_colours(
    config: Config,
    found: StudyNetwork,
    images: Images,
    places: list[str],
    variant: str,
) -> dict[str, np.ndarray]:
    """Which colour one variant names in every pair, with and without attention.

    Returns
    -------
    dict of arrays
        Of `VARIABLES`; an answer is the number of a colour.
    """
    a = config.attention
    lowest = lowest_gradient(a, len(found.layers))
    ready = prepare(config, found, images, variant, gradients=lowest)
    seen = look_at_pairs(
        ready,
        ready.learned.colour,
        images.trials,
        conditions(a, len(found.layers), ready.learned.values),
        (len(a.sources), len(places), len(a.strengths)),
        variant,
        lambda logits, _: named(logits),
    )
    return seen | {
        "feature_error": ready.feature_error,
        "right_single": np.array(ready.learned.right_colour),
    }


def named(logits: np.ndarray) -> np.ndarray:
    """The colour with the largest logit; -1, no answer, where a circuit ran away."""
    lost = np.isnan(logits).any(axis=-1)
    return np.where(lost, -1.0, np.nan_to_num(logits).argmax(axis=-1)).astype(np.float32)


def with_colours(data: xr.Dataset, images: Images) -> xr.Dataset:
    """The data with what was shown: the colours of every pair, and example images."""
    by_trial, trials = ("orientation", "image"), images.trials
    return data.assign(
        colour=variable(by_trial, trials.colour, "1", "colour of the attended orientation"),
        other_colour=variable(by_trial, trials.other_colour, "1", "colour of the other grating"),
        example=variable(
            ("shown", "y", "x", "rgb"),
            example_images(images, EXAMPLE),
            "1",
            "a single grating, and two pairs with its orientation",
        ),
        rgb_of_colour=variable(
            ("colour_name", "rgb"), images.field.colours, "1", "brightest line of a bar, 0 to 255"
        ),
    ).assign_coords(
        colour_name=variable(
            "colour_name", list(images.field.colour_names), "1", "colours, in the order of numbers"
        )
    )


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """How often the attended orientation's colour is named, and what attention adds."""
    del config
    return colour_measures(data)
