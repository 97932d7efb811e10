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

import numpy as np
import xarray as xr
from pydantic import model_validator

from cortex.experiment import Measure, Positive, Progress, quantity
from cortex.labelled import variable
from cortex.measures.cued_rows import KINDS, cued_measures, summarise_cued
from cortex.models.grating_runs import (
    GratingConfig,
    as_dataset,
    condition_variables,
    look_at_pairs,
    prepare,
)
from cortex.models.grating_study import Attended, GratingsSection, Images, grating_images
from cortex.models.networks import StudyNetwork, load_study_network
from cortex.models.study import CODE, HERE, StudyAttentionSection, sites
from cortex.stimuli import GratingTrials
from cortex.tasks import Condition, LayerValues


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


class Config(GratingConfig):
    """Configuration of `spatial_and_feature_attention`."""

    gratings: CuedSection = CuedSection(trials=24)
    attention: AttentionSection = AttentionSection(layers=(7, 13, 17), all_layers=False)


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
        detect(config, found, variant, images, trials) for variant in config.network.variants
    ]
    places = [name for name, _ in sites(config.attention, len(found.layers))]
    by = ("kind", list(KINDS), "what is attended, and by which values")
    data = as_dataset(
        config, found, images, variants, VARIABLES, by, places, config.attention.strengths
    )
    data["present"] = variable(
        ("orientation", "image"), trials.present, "1", "whether the orientation is shown"
    )
    with progress.stage("criterion, sensitivity and their intervals"):
        s = config.statistics
        summary = summarise_cued(data, s.resamples, s.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact")


VARIABLES = condition_variables("kind", "score", "detector logit")


def detect(
    config: Config,
    found: StudyNetwork,
    variant: str,
    images: Images,
    trials: GratingTrials,
) -> dict[str, np.ndarray]:
    """What one variant says of every image: arrays of `VARIABLES`."""
    attended = [share for _, share in sites(config.attention, len(found.layers))]
    lowest = int(np.flatnonzero(np.any(attended, axis=0))[0])
    ready = prepare(config, found, images, variant, gradients=lowest)
    places, asked = conditions(config, len(found.layers), ready.learned.values)
    seen = look_at_pairs(
        ready,
        ready.learned.orientation,
        trials,
        asked,
        (len(KINDS), len(places), len(config.attention.strengths)),
        variant,
    )
    return {
        "score": seen.pop("answer"),
        "score_unattended": seen.pop("answer_unattended"),
        **seen,
        "feature_error": ready.feature_error,
    }


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Criterion, sensitivity and performance of each kind of attention, and their order."""
    return cued_measures(data)
