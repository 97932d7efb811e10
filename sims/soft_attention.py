"""Soft attention to places finds the digit asked for among four, and gains act there.

Shown: 2 x 2 arrays of held-out digits, one of which is asked for. Simulated: the digit network
with circuits looks once without attention; weights of the places of its last area are made from
that area's input and the query, over several glances; a second look has gains that follow the
weights, at one energy. The source as trained to point at the digit asked for, with its first
weights, and none. Measured: the share of the weights in the quadrant of the digit asked for,
glance by glance; E and I rates in that quadrant and elsewhere; how the digit stands out among
the logits of the four; detection.

Source: Xu et al. 2015, ICML 37:2048 (soft attention); Yang et al. 2016, CVPR:21 (stacked
attention); that places are told in training, and gains of circuits, are our design.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import numpy as np
import xarray as xr
from jax import Array

from cortex.attention.soft import SoftAttention
from cortex.experiment import Measure, Progress
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.measures.learned_rows import (
    by_place,
    detection_by_condition,
    detection_rows,
    in_quadrants,
    interval_of_means,
    interval_row,
)
from cortex.models.learned import study
from cortex.models.learned.hard_digits import HardImages
from cortex.models.learned.soft import learned as soft

PAPER = "direction: Xu et al. 2015; Yang et al. 2016"
CHANCE = 0.25
WHY = (
    "supposed, not measured: without the digit the weights go to what resembles it; and detectors "
    "were fitted to single digits of full size"
)


class Config(study.StudyConfig):
    """Configuration of `soft_attention`."""


def run(config: Config, progress: Progress) -> xr.Dataset:
    """First looks, weights of all glances, second looks, and statistics."""
    sources = study.sources_of(config, soft())
    with progress.stage("detectors"):
        observer = study.observer_of(config)
    shown = study.held_out_images(config, observer, "array", progress)
    found = study.look_at_all(config, observer, shown, sources, progress, what="soft attention")
    with progress.stage("weights of the places"):
        weights = np.stack(
            [
                [glances(getattr(one, name), shown) for one in sources]
                for name in study.CONDITIONS[1:]
            ]
        )

    kept = study.label(shown, found) | {
        "weight": variable(
            ("trained", "seed", "image", "glance", "row", "column"),
            weights,
            "1",
            "weight of a place",
        ),
        "share": variable(
            ("trained", "seed", "image", "glance"),
            share_in_quadrant(weights, shown),
            "1",
            "share of the weights in the quadrant asked for",
        ),
        "example": variable(
            ("image", "y", "x"), np.asarray(shown.images[:, 0]), "1", "luminance of the image"
        ),
    }

    axes = study.coordinates(config) | {
        "trained": variable("trained", ["untrained", "learned"], "1", "what the weights are from"),
        "glance": variable("glance", np.arange(1, weights.shape[3] + 1), "1", "glance"),
    }
    data = xr.Dataset(kept, axes)
    s = config.statistics
    with progress.stage("intervals"):
        return data.merge(detection_by_condition(data, s.resamples, s.level, config.seed))


@eqx.filter_jit
def _glances(source: SoftAttention, shown: HardImages) -> Array:
    return jax.vmap(source.weights)(shown.seen.features, shown.queries)


def glances(source: SoftAttention, shown: HardImages) -> np.ndarray:
    """Weights of the places, (images, glances, height, width)."""
    return np.asarray(_glances(source, shown))


def share_in_quadrant(weights: np.ndarray, shown: HardImages) -> np.ndarray:
    """Of the weights (..., images, glances, height, width), what lies in the cued quadrant."""
    inside = in_quadrants(np.asarray(shown.quadrant), weights.shape[-2:])
    return np.einsum("...igyx,iyx->...ig", weights, inside)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Where the weights go, what they do to the circuits and to detection."""
    s = config.statistics
    there = data["present"].values

    def mean(values: np.ndarray) -> tuple[Any, Any, Any]:
        return interval_of_means(values, s.resamples, s.level, config.seed)

    share = data["share"].mean("seed").values[:, there]  # (trained, image, glance)
    first, last = share
    rows = [
        interval_row(
            "share_lowest[learned]",
            mean(last[:, -1]),
            f"> {CHANCE:g}",
            PAPER,
            "weights of soft attention gather at the digit asked for",
            note=f"an even spread has {CHANCE:g}",
        ),
        interval_row(
            "share_gain_lowest[learned_over_untrained]",
            mean(last[:, -1] - first[:, -1]),
            "> 0",
            PAPER,
            "more of them than with first weights",
        ),
        interval_row(
            "share_gain_lowest[last_over_first_glance]",
            mean(last[:, -1] - last[:, 0]),
            "> 0",
            PAPER,
            "weights move towards the digit asked for, glance by glance",
        ),
        Measure.reported("share[untrained]", first[:, -1].mean(), "1"),
    ]
    inside = in_quadrants(data["quadrant"].values, (data.sizes["row"], data.sizes["column"]))
    for name in ("E", "I"):
        contrast = by_place(data, f"rate_{name}", inside, logarithm=True).mean("seed")
        change = contrast.sel(condition="learned") - contrast.sel(condition="none")
        rows.append(
            interval_row(
                f"rate_{name}_contrast_lowest[learned_over_none]",
                mean(change.values[there]),
                "> 0",
                "direction: what gain at a place should do",
                f"{name} rates rise at the digit asked for against the rest",
                note="change of the log ratio inside to outside the quadrant",
            )
        )
    margin = data["margin"].isel({"pass": -1}).mean("seed").transpose("condition", "image")
    for worse, words in (("untrained", "first weights"), ("none", "no attention")):
        gain = margin.sel(condition="learned") - margin.sel(condition=worse)
        rows.append(
            interval_row(
                f"margin_gain_lowest[learned_over_{worse}]",
                mean(gain.values[there]),
                "> 0",
                "direction: what gain at a place should do",
                f"the digit attended stands out among the four more than with {words}",
                note="logit of the digit asked for minus the mean of the others shown",
            )
        )
    return [*rows, *detection_rows(data, "soft attention", WHY), converged_share(data, "settled")]
