"""Spatial and feature attention: which shifts the criterion, and which helps to see.

Shown: two coloured gratings in two quadrants, one of them always in the cued quadrant, which in
half of the images has the orientation sought. Simulated: a large network, as it is and with
circuits, looking with no attention; with attention to the cued quadrant; to the orientation
sought, by tuning or by gradient values; and with both, at one layer at a time. Measured: criterion
and sensitivity against the strength of attention, and what both kinds give together.

Source: the spatial and feature attention of Lindsay & Miller 2018, eLife 7:e38105, on VGG-16. The
network here is EfficientNet-Lite0 unless another is asked for; colours, numbers of images and
circuits are chosen here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import xarray as xr
from pydantic import model_validator

from cortex.experiment import ExperimentConfig, Measure, Positive, Progress, quantity
from cortex.experiment.results import variable
from cortex.measures.cued_rows import KINDS, cued_measures, summarise_cued
from cortex.models.grating_study import (
    BATCH,
    GratingsSection,
    Images,
    calibration_images,
    grating_images,
    learn_gratings,
    learning_steps,
)
from cortex.models.networks import (
    CircuitSection,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    additive_scales,
    build_system,
    load_study_network,
)
from cortex.models.study import (
    CODE,
    HERE,
    StatisticsSection,
    StudyAttentionSection,
    ValuesSection,
    forms_of,
    sites,
)
from cortex.stimuli import GratingTrials
from cortex.tasks import Condition, LayerValues, look


class CuedSection(GratingsSection):
    """Single gratings to learn from, pairs of them with one in the cued quadrant."""

    cued: int = quantity(1, "1", "cued quadrant, 0 to 3 as a page is read", source=HERE, ge=0, le=3)


class AttentionSection(StudyAttentionSection):
    """Layers, form and strengths; every kind of attention has the same strengths."""

    strengths: tuple[Positive, ...] = quantity(
        (0.25, 0.5, 1.0), "1", "beta and beta_s", source=f"0 to 1: {CODE}", min_length=1
    )

    @model_validator(mode="after")
    def _ascending(self) -> AttentionSection:
        found = list(self.strengths)
        if found != sorted(found):
            raise ValueError(f"strengths: found {found}, allowed: ascending")
        return self


class Config(ExperimentConfig):
    """Configuration of `spatial_and_feature_attention`."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(13,)
    )
    circuit: CircuitSection = CircuitSection()
    gratings: CuedSection = CuedSection(trials=24)
    values: ValuesSection = ValuesSection(gradients_normalised="both")
    attention: AttentionSection = AttentionSection(layers=(7, 13, 17), all_layers=False)
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


class Attended(NamedTuple):
    """One condition, and where it stands in tables of (kind, site, strength)."""

    place: tuple[int, int, int]
    condition: Condition


def conditions(
    config: Config, areas: int, values: dict[str, LayerValues]
) -> tuple[list[str], list[Attended]]:
    """Names of the sites, and every kind of attention at every one and at every strength."""
    places = sites(config.attention, areas)
    found = []
    for k, (feature, to_place) in enumerate(KINDS.values()):
        for a, (_, share) in enumerate(places):
            for b, beta in enumerate(config.attention.strengths):
                own = beta * share
                nothing = np.zeros(areas)
                one = Condition(
                    values[feature or "nothing"],
                    own if feature else nothing,
                    own if to_place else nothing,
                )
                found.append(Attended((k, a, b), one))
    return [name for name, _ in places], found


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs, with one quadrant cued."""
    found = load_study_network(config.network)
    images = grating_images(config.gratings, found, config.seed)
    trials = GratingTrials(
        images.field,
        config.gratings.trials,
        config.seed + 1,
        cued=config.gratings.cued,
        preprocessing=found.preprocessing,
    )
    variants = [
        detect(config, found, variant, images, trials, progress)
        for variant in config.network.variants
    ]
    data = label(config, found, images, trials, variants)
    with progress.stage("criterion, sensitivity and their intervals"):
        s = config.statistics
        summary = summarise_cued(data, s.resamples, s.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact")


def detect(
    config: Config,
    found: StudyNetwork,
    variant: str,
    images: Images,
    trials: GratingTrials,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """What one variant says of every image.

    Returns
    -------
    dict of arrays
        ``score`` (kind, site, strength, orientation, image), ``score_unattended`` (orientation,
        image), ``settled`` (kind, site, strength), ``settled_unattended`` (), ``feature_error``
        (layer).
    """
    with progress.stage(f"{variant}: building"):
        calibration = calibration_images(images)
        built = build_system(
            found, config.network, config.circuit, config.solver, variant, calibration
        )
    areas = len(built.system.areas)
    total = learning_steps(images)
    with progress.stage(f"{variant}: single gratings", total=total) as stage:
        learned = learn_gratings(
            built.system, images, config.values, config.seed, report=stage.advance
        )
    places, asked = conditions(config, areas, learned.values)
    forms = forms_of(config.attention, built.system, additive_scales(found, learned.clean.means))
    total = (1 + len(asked)) * len(trials)
    with progress.stage(f"{variant}: pairs of gratings", total=total) as stage:
        before, after = look(
            learned.orientation,
            trials,
            [one.condition for one in asked],
            forms,
            batch=BATCH,
            report=stage.advance,
        )
    shape = (len(KINDS), len(places), len(config.attention.strengths))
    score = np.full((*shape, *trials.present.shape), np.nan, np.float32)
    settled = np.full(shape, np.nan)
    for one, outcome in zip(asked, after, strict=True):
        score[one.place], settled[one.place] = outcome.answers, outcome.settled
    return {
        "score": score,
        "score_unattended": before.answers,
        "settled": settled,
        "settled_unattended": np.array(before.settled),
        "feature_error": np.array([built.feature_errors.get(a, np.nan) for a in range(areas)]),
    }


CONDITION = ("kind", "site", "strength")
VARIABLES = {
    "score": ((*CONDITION, "orientation", "image"), "1", "detector logit with attention"),
    "score_unattended": (("orientation", "image"), "1", "detector logit without attention"),
    "settled": (CONDITION, "1", "fraction of images for which all circuits settled"),
    "settled_unattended": ((), "1", "the same without attention"),
    "feature_error": (("layer",), "1", "what low-rank coupling between maps leaves out"),
}


def label(
    config: Config,
    found: StudyNetwork,
    images: Images,
    trials: GratingTrials,
    variants: list[dict[str, np.ndarray]],
) -> xr.Dataset:
    """The arrays of all variants as a dataset with dimensions, units and long names."""
    a, areas = config.attention, len(found.layers)
    coordinates = {
        "variant": variable("variant", list(config.network.variants), "1", "network"),
        "kind": variable("kind", list(KINDS), "1", "what is attended, and by which values"),
        "site": variable("site", [n for n, _ in sites(a, areas)], "1", "where attention is"),
        "strength": variable("strength", a.strengths, "1", "strength of attention, beta"),
        "orientation": variable("orientation", images.field.orientations, "deg", "sought"),
        "layer": variable("layer", np.arange(1, areas + 1), "1", "1 the lowest"),
        "layer_name": variable("layer", list(found.layers), "1", "name of the layer"),
    }
    kept = {
        name: variable(("variant", *dims), np.stack([one[name] for one in variants]), units, words)
        for name, (dims, units, words) in VARIABLES.items()
    }
    kept["present"] = variable(
        ("orientation", "image"), trials.present, "1", "whether the orientation is shown"
    )
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Criterion, sensitivity and performance of each kind of attention, and their order."""
    return cued_measures(data)
