"""The named scalars of a study in which attention to an orientation is to reveal its colour."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.experiment import Measure

from .grating_rows import circuit_rows, control_rows, single_layers, variant_rows
from .orientation_rows import ENDS

DIRECTION = "direction: Lindsay & Miller 2018, on VGG-16"


def colour_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of a study of the colour of the attended orientation.

    Args:
        data: answers, and what `summarise_colours` makes of them.
    """
    rows: list[Measure] = []
    for variant in data["variant"].values.tolist():
        here = data.sel(variant=variant)
        rows += _network(here, variant)
        rows += _shares(here, variant)
        rows += _claims(here, variant)
    return rows + list(variant_rows(data, data["gain_own"]))


def chosen_layer(here: xr.Dataset, source: str = "tuning") -> str:
    """The single layer at which one variant names the attended colour most often.

    It is found, like the strength, on the first half of each orientation's images.
    """
    names = single_layers(here)
    half = here.sizes["image"] // 2
    answers = here["answer"].sel(source=source, site=names)
    right = (answers == here["colour"]).isel(image=slice(0, half))
    found = right.mean(["orientation", "image"]).max("strength")
    return names[int(np.argmax(found.transpose("site").values))]


def _network(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    colours = int(here.sizes["colour_name"])
    yield Measure.expecting(
        f"right_single[{variant}]",
        here["right_single"],
        "1",
        expected=f"> 0.8 (chance {1 / colours:g})",
        provenance="required here: the readout knows the colours of single gratings",
        headline=True,
        effect="the colours of single gratings are named",
    )
    yield from circuit_rows(here, variant)
    for name in ("own", "other"):
        yield Measure.reported(
            f"{name}_unattended[{variant}]",
            here[f"{name}_unattended"],
            "1",
            headline=True,
            note=f"Guessing gives {1 / colours:g}; either of the two colours shown, {1 / 2:g}.",
        )


def _shares(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    for source in here["source"].values.tolist():
        for site in here["site"].values.tolist():
            one = here.sel(source=source, site=site)
            if not np.isfinite(one["gain_own"]):
                continue
            for name in ("own", "other"):
                for end in ENDS:
                    yield Measure.reported(
                        f"{name}_gain{end}[{variant},{source},{site}]",
                        one[f"gain_{name}{end}"],
                        "1",
                    )


def _claims(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    if "tuning" not in here["source"].values:
        return
    site = chosen_layer(here)
    one = here.sel(source="tuning", site=site)
    where = f"{variant},{site}"
    note = (
        f"{site.capitalize()} and beta = {float(one['best_strength']):g} are the best on the first "
        f"half of the images; on the other half attention moves the share from "
        f"{float(here['base_own']):.1%} to {float(one['best_own']):.1%}, and that of the other "
        f"grating's colour from {float(here['base_other']):.1%} to {float(one['best_other']):.1%}."
    )
    yield Measure.expecting(
        f"tuning_gain_low[{where}]",
        one["gain_own_low"],
        "1",
        expected="> 0",
        provenance=f"{DIRECTION} (lower end of the interval)",
        headline=True,
        effect="attention to an orientation brings out its colour",
        note=note,
    )
    yield Measure.expecting(
        f"other_gain[{where}]",
        one["gain_other"],
        "1",
        expected="< 0",
        provenance=DIRECTION,
        headline=True,
        effect="attention to an orientation drives out the other grating's colour",
        note=note,
    )
    yield Measure.expecting(
        f"own_minus_other[{where}]",
        one["best_own"] - one["best_other"],
        "1",
        expected="> 0",
        provenance=DIRECTION,
        headline=True,
        effect="the colour named is that of the attended orientation, not the other's",
        note=note,
    )
    yield from control_rows(here, variant, here["gain_own"], "bring out the colour")
