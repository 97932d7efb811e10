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

from typing import Any

import numpy as np
import xarray as xr

from cortex.experiment import ExperimentConfig, Measure, Progress
from cortex.experiment.results import variable
from cortex.measures import summarise_detection
from cortex.measures.orientation_rows import orientation_measures
from cortex.models.grating_study import (
    BATCH,
    GratingAttentionSection,
    GratingsSection,
    Images,
    calibration_images,
    conditions,
    example_images,
    grating_images,
    learn_gratings,
    learning_steps,
)
from cortex.models.networks import (
    Built,
    CircuitSection,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    additive_scales,
    build_system,
    load_study_network,
)
from cortex.models.study import StatisticsSection, ValuesSection, forms_of, sites
from cortex.tasks import look

PUBLISHED_TRIALS = 100  # images an orientation in the authors' code
EXAMPLE = 2  # orientation that example images are of: 40 deg


class Config(ExperimentConfig):
    """Configuration of `orientation_detection`."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(13,)
    )
    circuit: CircuitSection = CircuitSection()
    gratings: GratingsSection = GratingsSection()
    values: ValuesSection = ValuesSection(gradients_over="category", gradients_normalised="both")
    attention: GratingAttentionSection = GratingAttentionSection(
        layers=(8, 13, 15, 18), control_layers=(15, 18), strengths=(0.3, 0.9, 2.7)
    )
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs."""
    found = load_study_network(config.network)
    places = [name for name, _ in sites(config.attention, len(found.layers))]
    images = grating_images(config.gratings, found, config.seed)
    variants = []
    for variant in config.network.variants:
        with progress.stage(f"{variant}: building"):
            built = build_system(
                found,
                config.network,
                config.circuit,
                config.solver,
                variant,
                calibration_images(images),
            )
        variants.append(detect(config, found, built, images, variant, progress))
    data = label(config, found, images, places, variants)
    with progress.stage("rates, sensitivity, criterion and their intervals"):
        return data.merge(summary(config, data), compat="no_conflicts", join="exact")


def detect(
    config: Config,
    found: StudyNetwork,
    built: Built,
    images: Images,
    variant: str,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """What one variant says of every pair, with and without attention.

    Returns
    -------
    dict of arrays
        ``score`` (source, site, strength, orientation, image), ``score_unattended`` (orientation,
        image), ``settled`` (source, site, strength), ``settled_unattended`` (), ``feature_error``
        (layer), ``tuning_quality`` (layer), and ``right_single`` (): how often the largest logit
        names the orientation of single gratings without noise.
    """
    a, system = config.attention, built.system
    wanted = "gradient" in a.sources
    with progress.stage(
        f"{variant}: single gratings, detectors, attention values",
        total=learning_steps(images, wanted),
    ) as stage:
        learned = learn_gratings(
            system, images, config.values, config.seed, gradients=wanted, report=stage.advance
        )
    asked = conditions(a, len(system.areas), learned.values)
    forms = forms_of(a, system, additive_scales(found, learned.clean.means))
    with progress.stage(
        f"{variant}: pairs of gratings", total=(1 + len(asked)) * len(images.trials)
    ) as stage:
        unattended, outcomes = look(
            learned.orientation,
            images.trials,
            [one.condition for one in asked],
            forms,
            batch=BATCH,
            report=stage.advance,
        )
    shape = (len(a.sources), len(sites(a, len(system.areas))), len(a.strengths))
    score = np.full((*shape, *images.trials.present.shape), np.nan, np.float32)
    settled = np.full(shape, np.nan)
    for one, outcome in zip(asked, outcomes, strict=True):
        score[one.place], settled[one.place] = outcome.answers, outcome.settled
    quality = [float(np.abs(v).max(axis=0).mean()) for v in learned.values["tuning"]]
    errors = [built.feature_errors.get(area, np.nan) for area in range(len(system.areas))]
    return {
        "score": score,
        "score_unattended": unattended.answers,
        "settled": settled,
        "settled_unattended": np.array(unattended.settled),
        "feature_error": np.array(errors),
        "tuning_quality": np.array(quality),
        "right_single": np.array(learned.right_orientation),
    }


CONDITION = ("source", "site", "strength")
VARIABLES = {
    "score": ((*CONDITION, "orientation", "image"), "1", "detector logit with attention"),
    "score_unattended": (("orientation", "image"), "1", "detector logit without attention"),
    "settled": (CONDITION, "1", "fraction of images for which all circuits settled"),
    "settled_unattended": ((), "1", "the same without attention"),
    "feature_error": (("layer",), "1", "what low-rank coupling between maps leaves out"),
    "tuning_quality": (("layer",), "1", "largest absolute tuning value, mean over maps"),
    "right_single": ((), "1", "single gratings whose orientation has the largest logit"),
}


def label(
    config: Config,
    found: StudyNetwork,
    images: Images,
    places: list[str],
    variants: list[dict[str, np.ndarray]],
) -> xr.Dataset:
    """The arrays of all variants as a dataset with dimensions, units and long names."""
    a = config.attention
    coordinates = {
        "variant": variable("variant", list(config.network.variants), "1", "network"),
        "source": variable("source", list(a.sources), "1", "what attention is applied by"),
        "site": variable("site", places, "1", "where attention is applied"),
        "strength": variable("strength", a.strengths, "1", "strength of attention, beta"),
        "orientation": variable("orientation", images.field.orientations, "deg", "sought"),
        "layer": variable("layer", np.arange(1, len(found.layers) + 1), "1", "1 the lowest"),
        "layer_name": variable("layer", list(found.layers), "1", "name of the layer"),
    }
    kept: dict[str, Any] = {
        name: variable(("variant", *dims), np.stack([one[name] for one in variants]), units, words)
        for name, (dims, units, words) in VARIABLES.items()
    }
    kept["present"] = variable(
        ("orientation", "image"), images.trials.present, "1", "whether the orientation is shown"
    )
    shown = example_images(images, EXAMPLE)
    kept["example"] = variable(
        ("shown", "y", "x", "rgb"), shown, "1", "a single grating, a pair with it, one without"
    )
    return xr.Dataset(kept, coordinates)


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
