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

from typing import Any

import numpy as np
import xarray as xr

from cortex.experiment import ExperimentConfig, Measure, Progress
from cortex.experiment.results import variable
from cortex.measures.colour_naming import summarise_colours
from cortex.measures.colour_rows import colour_measures
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
from cortex.tasks import every_answer, look

EXAMPLE = 2  # orientation that example images are of: 40 deg


class Config(ExperimentConfig):
    """Configuration of `colour_of_orientation`."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(13,)
    )
    circuit: CircuitSection = CircuitSection()
    gratings: GratingsSection = GratingsSection()
    values: ValuesSection = ValuesSection(gradients_over="category", gradients_normalised="both")
    attention: GratingAttentionSection = GratingAttentionSection(
        sources=("tuning", "gradient", "shuffled", "uniform"),
        layers=(8, 13, 15, 18),
        control_layers=(15, 18),
        strengths=(0.3, 0.9, 2.7),
    )
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs."""
    found = load_study_network(config.network)
    places = [name for name, _ in sites(config.attention, len(found.layers))]
    images = grating_images(config.gratings, found, config.seed, positive_only=True)
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
        variants.append(name_colours(config, found, built, images, variant, progress))
    data = label(config, found, images, places, variants)
    with progress.stage("shares of colours and their intervals"):
        s = config.statistics
        summary = summarise_colours(data, s.resamples, s.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact", combine_attrs="override")


def name_colours(
    config: Config,
    found: StudyNetwork,
    built: Built,
    images: Images,
    variant: str,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Which colour one variant names in every pair, with and without attention.

    Returns
    -------
    dict of arrays
        ``answer`` (source, site, strength, orientation, image) and ``answer_unattended``
        (orientation, image), number of the colour; ``settled`` (source, site, strength),
        ``settled_unattended`` (), ``feature_error`` (layer), and ``right_single`` (): how often
        the colour of single gratings without noise is named.
    """
    a, system = config.attention, built.system
    wanted = "gradient" in a.sources
    with progress.stage(
        f"{variant}: single gratings, readout, attention values",
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
            learned.colour,
            images.trials,
            [one.condition for one in asked],
            forms,
            batch=BATCH,
            answer=every_answer,
            report=stage.advance,
        )
    shape = (len(a.sources), len(sites(a, len(system.areas))), len(a.strengths))
    answer = np.full((*shape, *images.trials.present.shape), np.nan, np.float32)
    settled = np.full(shape, np.nan)
    for one, outcome in zip(asked, outcomes, strict=True):
        answer[one.place], settled[one.place] = named(outcome.answers), outcome.settled
    errors = [built.feature_errors.get(area, np.nan) for area in range(len(system.areas))]
    return {
        "answer": answer,
        "answer_unattended": named(unattended.answers),
        "settled": settled,
        "settled_unattended": np.array(unattended.settled),
        "feature_error": np.array(errors),
        "right_single": np.array(learned.right_colour),
    }


def named(logits: np.ndarray) -> np.ndarray:
    """The colour with the largest logit; -1, no answer, where a circuit ran away."""
    lost = np.isnan(logits).any(axis=-1)
    return np.where(lost, -1.0, np.nan_to_num(logits).argmax(axis=-1)).astype(np.float32)


CONDITION = ("source", "site", "strength")
VARIABLES = {
    "answer": ((*CONDITION, "orientation", "image"), "1", "colour named with attention"),
    "answer_unattended": (("orientation", "image"), "1", "colour named without attention"),
    "settled": (CONDITION, "1", "fraction of images for which all circuits settled"),
    "settled_unattended": ((), "1", "the same without attention"),
    "feature_error": (("layer",), "1", "what low-rank coupling between maps leaves out"),
    "right_single": ((), "1", "single gratings whose colour is named"),
}


def label(
    config: Config,
    found: StudyNetwork,
    images: Images,
    places: list[str],
    variants: list[dict[str, np.ndarray]],
) -> xr.Dataset:
    """The arrays of all variants as a dataset with dimensions, units and long names."""
    a, trials = config.attention, images.trials
    coordinates = {
        "variant": variable("variant", list(config.network.variants), "1", "network"),
        "source": variable("source", list(a.sources), "1", "what attention is applied by"),
        "site": variable("site", places, "1", "where attention is applied"),
        "strength": variable("strength", a.strengths, "1", "strength of attention, beta"),
        "orientation": variable("orientation", images.field.orientations, "deg", "attended"),
        "layer": variable("layer", np.arange(1, len(found.layers) + 1), "1", "1 the lowest"),
        "layer_name": variable("layer", list(found.layers), "1", "name of the layer"),
        "colour_name": variable(
            "colour_name", list(images.field.colour_names), "1", "colours, in the order of numbers"
        ),
    }
    kept: dict[str, Any] = {
        name: variable(("variant", *dims), np.stack([one[name] for one in variants]), units, words)
        for name, (dims, units, words) in VARIABLES.items()
    }
    by_trial = ("orientation", "image")
    kept["colour"] = variable(by_trial, trials.colour, "1", "colour of the attended orientation")
    kept["other_colour"] = variable(
        by_trial, trials.other_colour, "1", "colour of the other grating"
    )
    kept["example"] = variable(
        ("shown", "y", "x", "rgb"),
        example_images(images, EXAMPLE),
        "1",
        "a single grating, and two pairs with its orientation",
    )
    kept["rgb_of_colour"] = variable(
        ("colour_name", "rgb"), images.field.colours, "1", "brightest line of a bar, 0 to 255"
    )
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """How often the attended orientation's colour is named, and what attention adds."""
    del config
    return colour_measures(data)
