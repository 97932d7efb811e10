"""The named scalars of tuning quality and of its agreement with gradient values."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.analysis.value_agreement import chance_quality
from cortex.experiment import Measure

PAPER = "Lindsay & Miller 2018, on VGG-16"
RISES = f"direction: {PAPER}, where it rises from about .2 in early to .5 in late layers"
CHANCE = (
    "closed form for responses that say nothing of the category (chosen here); for the 20 "
    "categories of 35 images of Lindsay & Miller 2018 it gives .357, where .372 is published"
)
# The pooling that the normalisation leaves alone.
SHOWN = {"maps": "layer", "categories": "map"}


def agreement_measures(data: xr.Dataset, images: int) -> list[Measure]:
    """Quality against chance; correlations early and late, in the first and last third of layers.

    Parameters
    ----------
    data
        The dataset of `tuning_and_gradients`.
    images
        Of each category that tuning values are computed from.
    """
    return [
        row
        for variant in data["variant"].values.tolist()
        for part in (_network, _quality, _correlations)
        for row in part(data.sel(variant=variant), str(variant), images)
    ]


def _network(one: xr.Dataset, variant: str, images: int) -> Iterator[Measure]:
    yield Measure.reported(f"detector_auc[{variant}]", one["detector_auc"].mean(), "1")
    yield Measure.reported(f"settled[{variant}]", one["settled"], "1")
    error = one["feature_error"].dropna("layer")
    for layer, value in zip(error["layer"].values.tolist(), error.values, strict=True):
        yield Measure.reported(f"feature_error[{variant},{layer}]", value, "1")


def _quality(one: xr.Dataset, variant: str, images: int) -> Iterator[Measure]:
    quality, null = one["quality_mean"].values, one["quality_shuffled_mean"].values
    for n, layer in enumerate(one["layer"].values.tolist()):
        for end in ("", "_low", "_high"):
            value = one[f"quality_mean{end}"].values[n]
            yield Measure.reported(f"quality{end}[{variant},{layer}]", value, "1")
    yield Measure.expecting(
        f"quality_beyond_shuffled_least[{variant}]",
        np.min(quality - null),
        "1",
        expected="> 0",
        provenance="required here: what the maps of every layer have to do with the categories",
        headline=True,
        effect="maps of every layer are tuned, beyond shuffled labels",
        note="Gratings have their colours evenly within every orientation, shuffled labels do not: "
        "there, maps that respond to colour alone have less quality than by chance.",
    )
    yield Measure.compared(
        f"quality_shuffled[{variant}]",
        null.mean(),
        "1",
        reference=chance_quality(one.sizes["category"], images),
        relative=0.1,
        provenance=CHANCE,
        headline=True,
        effect="shuffled labels leave the tuning quality of chance",
        note="Responses far from normal, of which few are not 0, are off the closed form.",
    )


def _correlations(one: xr.Dataset, variant: str, images: int) -> Iterator[Measure]:
    third = max(one.sizes["layer"] // 3, 1)
    for over in one["set"].values.tolist():
        for pooled, normalised in SHOWN.items():
            here = one.sel(set=over, normalisation=normalised, pooled=pooled)
            where = f"{variant},{over},over {pooled}"
            for n, layer in enumerate(one["layer"].values.tolist()):
                for end in ("", "_low", "_high"):
                    value = here[f"correlation{end}"].values[n]
                    yield Measure.reported(f"correlation{end}[{where},{layer}]", value, "1")
            by_layer = here["correlation"].values
            early, late = by_layer[:third].mean(), by_layer[-third:].mean()
            yield Measure.reported(f"correlation_early[{where}]", early, "1", headline=True)
            yield Measure.reported(f"correlation_late[{where}]", late, "1", headline=True)
            yield Measure.expecting(
                f"correlation_rise[{where}]",
                late - early,
                "1",
                expected="> 0",
                provenance=RISES,
                headline=True,
                effect=f"gradient values agree with tuning more in late layers (over {pooled}, "
                f"{'balanced set' if over == 'balanced' else 'images of the category'})",
                note="Mean of the last third of the layers minus that of the first.",
            )
