"""Detecting an orientation in pairs of gratings, with and without attention.

Shown: two coloured gratings of different orientation in two quadrants of an image. Simulated: a
large network, as it is and with circuits at some late layers, looking with no attention and with
attention to the orientation sought, by tuning values, gradient values or controls, at one layer
or at all, at several strengths. Measured: how well detectors that were trained on single
gratings find the orientation, what attention does to hits and to false alarms, and how much of
its gain a mere shift of the detectors' threshold would have brought.

Source: the orientation task of Lindsay & Miller 2018, eLife 7:e38105, on VGG-16. The network
here is EfficientNet-Lite0 unless another is asked for; colours, numbers of images and circuits
are chosen here.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortex.analysis import summarise_detection
from cortex.experiment import Measure, Progress
from cortex.labelled import variable
from cortex.measures.orientation_rows import orientation_measures
from cortex.models.grating_runs import (
    GratingConfig,
    as_dataset,
    condition_variables,
    look_at_pairs,
    prepare,
)
from cortex.models.grating_study import (
    GratingAttentionSection,
    GratingsSection,
    Images,
    conditions,
    example_images,
    grating_images,
    lowest_gradient,
)
from cortex.models.networks import StudyNetwork, load_study_network
from cortex.models.study import ValuesSection, sites

PUBLISHED_TRIALS = 100  # images an orientation in the authors' code
EXAMPLE = 2  # orientation that example images are of: 40 deg


class Config(GratingConfig):
    """Configuration of `orientation_detection`."""

    values: ValuesSection = ValuesSection(gradients_over="category", gradients_normalised="both")
    attention: GratingAttentionSection = GratingAttentionSection(
        layers=(8, 13, 15, 18), control_layers=(15, 18), strengths=(0.3, 0.9, 2.7)
    )


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs."""
    found = load_study_network(config.network)
    places = [name for name, _ in sites(config.attention, len(found.layers))]
    images = grating_images(config.gratings, found, config.seed)
    variants = [
        detect(config, found, images, places, variant) for variant in config.network.variants
    ]
    by = ("source", config.attention.sources, "what attention is applied by")
    data = as_dataset(
        config, found, images, variants, VARIABLES, by, places, config.attention.strengths
    )
    data["present"] = variable(
        ("orientation", "image"), images.trials.present, "1", "whether the orientation is shown"
    )
    data["example"] = variable(
        ("shown", "y", "x", "rgb"),
        example_images(images, EXAMPLE),
        "1",
        "a single grating, a pair with it, one without",
    )
    with progress.stage("rates, sensitivity, criterion and their intervals"):
        return data.merge(summary(config, data), compat="no_conflicts", join="exact")


VARIABLES = condition_variables("source", "score", "detector logit") | {
    "tuning_quality": (("layer",), "1", "largest absolute tuning value, mean over maps"),
    "right_single": ((), "1", "single gratings whose orientation has the largest logit"),
}


def detect(
    config: Config,
    found: StudyNetwork,
    images: Images,
    places: list[str],
    variant: str,
) -> dict[str, np.ndarray]:
    """What one variant says of every pair, with and without attention: arrays of `VARIABLES`."""
    a = config.attention
    lowest = lowest_gradient(a, len(found.layers))
    ready = prepare(config, found, images, variant, gradients=lowest)
    learned = ready.learned
    seen = look_at_pairs(
        ready,
        learned.orientation,
        images.trials,
        conditions(a, len(found.layers), learned.values),
        (len(a.sources), len(places), len(a.strengths)),
        variant,
    )
    quality = [float(np.abs(v).max(axis=0).mean()) for v in learned.values["tuning"]]
    return {
        "score": seen.pop("answer"),
        "score_unattended": seen.pop("answer_unattended"),
        **seen,
        "feature_error": ready.feature_error,
        "tuning_quality": np.array(quality),
        "right_single": np.array(learned.right_orientation),
    }


def summary(config: Config, data: xr.Dataset) -> xr.Dataset:
    """Rates and their intervals, as `summarise_detection` finds them.

    No answer, where a circuit ran away with attention, is taken for a no.
    """
    shaped = data[["score", "score_unattended", "present"]].rename(orientation="category")
    ran_away = np.isnan(shaped["score"]) & np.isfinite(data["settled"])
    shaped["score"] = shaped["score"].where(~ran_away, -np.inf)
    s = config.statistics
    found = summarise_detection(
        shaped.expand_dims(task=["pairs"]), s.resamples, s.level, config.seed
    )
    return found.isel(task=0, drop=True)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """How well the orientation is found, what attention adds, and of what its gain consists."""
    return orientation_measures(data, published=as_published(config))


def as_published(config: Config) -> bool:
    """Whether the numbers of the paper, which are for VGG-16, can be compared with.

    What the paper does not tell (colours, background, full field or not) is as chosen here.
    """
    a, shown, usual = config.attention, config.gratings, GratingsSection()
    fixed = ("cycles_per_pixel", "contrast", "blanked", "noisy", "noise")
    return (
        config.network.name == "vgg16"
        and a.form == "multiplicative"
        and a.bidirectional
        and shown.trials >= PUBLISHED_TRIALS
        and shown.detectors_see == "noisy"
        and all(getattr(shown, name) == getattr(usual, name) for name in fixed)
    )
