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

from typing import Any

import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.analysis.yes_no import yes_no
from cortex.models.networks import load_study_network
from cortex.models.study import StudyAttentionSection, sites
from cortex.progress import stage
from cortex.settings import Positive, quantity
from cortex.sources import REQUIRED, Source
from cortex.stimuli import GratingTrials
from cortex.studies import Subject, by_place, gratings, together

CODE = Source("lindsay2018", "0 to 1 in the public code")


class CuedGratings(gratings.Gratings):
    """Single gratings to learn from, pairs of them with one in the cued quadrant."""

    cued: int = quantity(1, "1", "cued quadrant, 0 to 3 as a page is read", ge=0, le=3)


class Attention(StudyAttentionSection):
    """Layers, form and strengths; every kind of attention has the same strengths."""

    strengths: tuple[Positive, ...] = quantity(
        (0.25, 0.5, 1.0), "1", "beta and beta_s", CODE, min_length=1
    )

    @model_validator(mode="after")
    def _ascending(self) -> Attention:
        found = list(self.strengths)
        if found != sorted(found):
            raise ValueError(f"strengths: found {found}, allowed: ascending")
        return self


class Settings(gratings.GratingSettings):
    """Settings of `spatial_and_feature_attention`."""

    gratings: CuedGratings = CuedGratings(trials=24)
    attention: Attention = Attention(layers=(7, 13, 17), all_layers=False)


def simulate(s: Settings, _: Array) -> xr.Dataset:
    """Each variant learns from single gratings and looks at pairs, with one quadrant cued."""
    network = load_study_network(s.network)
    images = s.gratings.images(network, s.seed)
    trials = GratingTrials(
        images.field,
        s.gratings.trials,
        s.seed + 1,
        cued=s.gratings.cued,
        preprocessing=network.preprocessing,
    )
    shares = [share for _, share in sites(s.attention, len(network.layers))]
    lowest = int(np.flatnonzero(np.any(shares, axis=0))[0])
    learned = gratings.learn_gratings(s, network, images, gradients=lowest)
    subjects = {variant: both_kinds(one) for variant, one in learned.items()}
    return gratings.look_at_pairs(network, trials, s.attention, learned, subjects)


def both_kinds(one: gratings.LearnedGratings) -> Subject:
    """Attention to the cued place, to the orientation, and to both at once."""
    place, tuning, gradient = by_place(one.forms), one.by("tuning"), one.by("gradient")
    sources = {
        "spatial": place,
        "tuning": tuning,
        "gradient": gradient,
        "spatial and tuning": together(tuning, place),
        "spatial and gradient": together(gradient, place),
    }
    return Subject(one.orientation, sources)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Measures of detection, their change by attention, and that by tuning against by place."""
    scores = data[["score", "score_unattended"]]

    def statistic(some: xr.Dataset) -> xr.Dataset:
        change = yes_no(some["score"]) - yes_no(some["score_unattended"])
        mean = change.mean("strength", skipna=False)
        difference = mean.sel(source="tuning", drop=True) - mean.sel(source="spatial", drop=True)
        return xr.Dataset(
            {
                "change": change,
                "mean_change": mean,
                "feature_minus_spatial": difference,
                "both_minus_better_alone": both_minus_better_alone(yes_no(some["score"])),
            }
        )

    with stage("criterion, sensitivity and their intervals"):
        how: dict[str, Any] = {"n": s.statistics.resamples, "level": s.statistics.level}
        found = bootstrap(
            statistic, scores, "image", within=("present", "category"), rng=rng, **how
        )
    words = {
        "change": "change by attention",
        "mean_change": "change by attention, mean over its strengths",
        "feature_minus_spatial": "change by tuning values less that by place, mean over strengths",
        "both_minus_better_alone": "best performance with both together less the better alone",
    }
    changes = {name: found[name].assign_attrs(units="1", long_name=words[name]) for name in words}
    measures = {
        "detection": yes_no(data["score"]),
        "detection_unattended": yes_no(data["score_unattended"]),
    }
    return measures | changes


def feature_minus_spatial(measure: str) -> Any:
    """The claim's value: the difference by network and layer."""
    return lambda d: d["feature_minus_spatial"].sel(measure=measure)


def best_performances(detection: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Best performance over layers and strengths of either kind alone, and of both together."""
    best = detection.sel(measure="performance", drop=True).max(("site", "strength"))
    alone = best.sel(source=["spatial", "tuning"]).max("source")
    return alone, best.sel(source="spatial and tuning", drop=True)


def both_minus_better_alone(detection: xr.DataArray) -> xr.DataArray:
    """What both kinds together add to the better one."""
    alone, together = best_performances(detection)
    return together - alone


def performances_in_words(d: xr.Dataset, place: dict[str, Any]) -> str:
    """The performances themselves."""
    best = best_performances(d["detection"])
    alone, together = (float(one.sel(variant=place["variant"])) for one in best)
    return (
        f"Best performance over layers and strengths: {alone:.1%} alone, {together:.1%} both; "
        "chosen and reported on the same images, alike for all."
    )


DIRECTION = Source("lindsay2018", "direction, on VGG-16")
ORDER = {
    "criterion": "feature attention lowers the criterion more than spatial attention",
    "sensitivity": "sensitivity is higher with spatial than with feature attention",
}

CLAIMS = (
    ex.Claim(
        "settled_lowest",
        gratings.settled_lowest,
        ex.Near(1.0),
        REQUIRED,
        "every steady state was reached",
        unit="1",
    ),
    *(
        ex.Claim(
            f"feature_minus_spatial_{measure}",
            feature_minus_spatial(measure),
            ex.Below(0),
            DIRECTION,
            effect,
            headline=True,
            known="Mean over strengths, tuning values.",
        )
        for measure, effect in ORDER.items()
    ),
    ex.Claim(
        "both_minus_better_alone",
        lambda d: d["both_minus_better_alone"],
        ex.Above(0),
        DIRECTION,
        "spatial and feature attention combine",
        headline=True,
        known=performances_in_words,
        unit="1",
    ),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    small=gratings.SMALL
    | {
        "attention.layers": [4],
        "attention.strengths": [0.3, 0.6],
        "statistics.resamples": 20,
    },
)
