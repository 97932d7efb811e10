"""Masks over the features: an attention gate opened by the query, and residual attention.

Shown: 2 x 2 arrays of held-out digits, one of which is asked for. Simulated: the digit network
with circuits looks once without attention; a gate for every place is made from the input of the
last area and the query, or a mask in [0, 1] for every map and place from that input alone; a
second look has gains alpha, or 1 + M, at one energy. Each as trained through the circuits, with
its first weights, and none. Measured: gain at the digit asked for against elsewhere, and on ink
against paper; the same of E and I rates; detection.

Source: Oktay et al. 2018, MIDL, arXiv:1804.03999 (attention gates); Wang et al. 2017, CVPR:6450
(residual attention); gains of circuits and training through them are our design.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import xarray as xr

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
from cortex.models.learned.attention_gate import learned as gate
from cortex.models.learned.residual_mask import learned as residual

MECHANISMS = {"gate": gate, "residual": residual}
WORDS = {"gate": "the attention gate", "residual": "the residual mask"}
PAPERS = {"gate": "direction: Oktay et al. 2018", "residual": "direction: Wang et al. 2017"}
# What each can know: the gate what is asked for, the residual mask only what is there.
OBJECTS = {"gate": "asked", "residual": "ink"}
PLACES = {"asked": "at the digit asked for", "ink": "on ink"}


class Config(study.StudyConfig):
    """Configuration of `attention_masks`."""


def run(config: Config, progress: Progress) -> xr.Dataset:
    """First looks, second looks with both masks, and statistics."""
    with progress.stage("detectors"):
        observer = study.observer_of(config)
    shown = study.held_out_images(config, observer, "array", progress)
    s, parts = config.statistics, []
    for name, thing in MECHANISMS.items():
        sources = study.sources_of(config, thing())
        found = study.look_at_all(
            config, observer, shown, sources, progress, what=WORDS[name].removeprefix("the ")
        )
        kept = study.label(shown, found)
        one = xr.Dataset(kept, study.coordinates(config))
        one = one.merge(detection_by_condition(one, s.resamples, s.level, config.seed))
        parts.append(one)
    axis = variable("mechanism", list(MECHANISMS), "1", "mechanism of attention")
    shared = ("present", "category", "quadrant")
    data = xr.concat(
        [one.drop_vars(shared) for one in parts],
        dim=xr.Variable(*axis),
        combine_attrs="override",
    ).assign({name: parts[0][name] for name in shared})
    images = np.asarray(shown.images[:, 0])
    size = (data.sizes["row"], data.sizes["column"])
    ink = np.asarray(jax.image.resize(images, (len(images), *size), "linear"))
    # A place counts by its ink, up to the ink of a stroke that fills a third of it.
    return data.assign(
        ink=variable(("image", "row", "column"), np.clip(3 * ink, 0, 1), "1", "ink at a place"),
        example=variable(("image", "y", "x"), images, "1", "luminance of the image"),
    )


def contrasts(data: xr.Dataset, name: str, place: str, logarithm: bool) -> xr.DataArray:
    """A variable on the object against elsewhere, by condition, seed and image.

    Args:
        data: of one mechanism.
        name: of the variable.
        place: `asked`, the quadrant of the digit asked for, in images that have it; or `ink`.
        logarithm: the logarithm of the ratio, or else the difference.
    """
    if place == "ink":
        return by_place(data, name, data["ink"].values, logarithm)
    size = (data.sizes["row"], data.sizes["column"])
    inside = in_quadrants(data["quadrant"].values, size)
    found = by_place(data, name, inside, logarithm)
    return found.isel(image=np.flatnonzero(data["present"].values))


# Measured apart, on four arrays and the kept weights of three seeds.
CHOOSES_MAPS = (
    "what detection teaches this mask is which maps to raise, not where: of the kept weights' "
    "variance, measured apart on four arrays, 62 to 81 % lies between maps, at most 2 % between "
    "places"
)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Where the masks are high, and what they do to the circuits and to detection."""
    rows: list[Measure] = []
    for name in MECHANISMS:
        one = data.sel(mechanism=name)
        found = [*_mask(config, one, name), *detection_rows(one, WORDS[name])]
        rows += [_renamed(row, name) for row in found]
    return [*rows, converged_share(data, "settled")]


def _mask(config: Config, data: xr.Dataset, name: str) -> Iterator[Measure]:
    s, what = config.statistics, WORDS[name]

    def mean(values: xr.DataArray) -> tuple[Any, Any, Any]:
        images = values.transpose("image").values
        return interval_of_means(images, s.resamples, s.level, config.seed)

    for place, words in PLACES.items():
        pattern = contrasts(data, "pattern", place, logarithm=False).mean("seed")
        here = pattern.sel(condition="learned")
        over = here - pattern.sel(condition="untrained")
        if place != OBJECTS[name]:
            value, low, high = mean(here)
            note = f"{low:.3g} to {high:.3g}"
            yield Measure.reported(f"gain_contrast[{place}]", value, "1", note=note)
            continue
        yield interval_row(
            f"gain_contrast_lowest[{place},learned]",
            mean(here),
            "> 0",
            PAPERS[name],
            f"{what} is higher {words} than elsewhere",
        )
        yield interval_row(
            f"gain_contrast_lowest[{place},learned_over_untrained]",
            mean(over),
            "> 0",
            PAPERS[name],
            f"{what} prefers it more than with first weights",
        )
        for population in ("E", "I"):
            rates = contrasts(data, f"rate_{population}", place, logarithm=True).mean("seed")
            change = rates.sel(condition="learned") - rates.sel(condition="none")
            yield interval_row(
                f"rate_{population}_contrast_lowest[{place},learned_over_none]",
                mean(change),
                "> 0",
                "direction: what gain at a place should do",
                f"{what} raises {population} rates {words} against elsewhere",
                note="change of the log ratio",
            )


def _renamed(row: Measure, mechanism: str) -> Measure:
    """The same row with its mechanism in the brackets of its name, and why it fails if known."""
    note = row.note
    if mechanism == "residual" and row.holds is False and "_contrast_lowest" in row.name:
        note = f"{note}; {CHOOSES_MAPS}"
    return replace(row, name=row.name.replace("[", f"[{mechanism},", 1), note=note)
