"""Rows that the studies of orientation and of its colour share: circuits, and controls."""

from __future__ import annotations

from collections.abc import Iterator

import xarray as xr

from cortex.experiment import Measure

CONTROL = "required here: what attention does rests on which maps it favours"


def single_layers(data: xr.Dataset) -> list[str]:
    """Sites that are one layer, the lowest first."""
    return [str(name) for name in data["site"].values if name != "all"]


def circuit_rows(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    """How good the circuits of one variant are: coupling between maps, and settling."""
    error = here["feature_error"].dropna("layer")
    for layer in error["layer"].values.tolist():
        yield Measure.reported(
            f"feature_error[{variant},layer={layer}]", error.sel(layer=layer), "1"
        )
    if error.size:
        lowest = min(float(here["settled"].min()), float(here["settled_unattended"]))
        yield Measure.reported(f"settled_lowest[{variant}]", lowest, "1", headline=True)


def control_rows(
    here: xr.Dataset, variant: str, gain: xr.DataArray, does: str
) -> Iterator[Measure]:
    """Tuning values against each control, over the layers that the control is applied to.

    Args:
        here: one variant.
        variant: its name.
        gain: by source and site.
        does: what tuning values do more than a control: a verb and its object.
    """
    alone = gain.sel(site=single_layers(here))
    for control in ("shuffled", "negated", "uniform"):
        if control not in here["source"].values:
            continue
        difference = (alone.sel(source="tuning") - alone.sel(source=control)).dropna("site")
        names = ", ".join(name.removeprefix("layer ") for name in difference["site"].values)
        yield Measure.expecting(
            f"tuning_minus_{control}[{variant}]",
            difference.mean(),
            "1",
            expected="> 0",
            provenance=CONTROL,
            headline=True,
            effect=f"tuning values {does} more than {control} ones",
            note=f"Mean over layers {names}, each source at its best strength.",
        )


def variant_rows(data: xr.Dataset, gain: xr.DataArray) -> Iterator[Measure]:
    """What circuits change about the gain by tuning values.

    Args:
        data: all variants.
        gain: by variant, source and site.
    """
    if not {"plain", "circuits"} <= set(data["variant"].values.tolist()):
        return
    if "tuning" not in data["source"].values:
        return
    tuning = gain.sel(source="tuning")
    for site in data["site"].values.tolist():
        one = tuning.sel(site=site)
        yield Measure.reported(
            f"circuits_minus_plain[{site}]",
            one.sel(variant="circuits") - one.sel(variant="plain"),
            "1",
            headline=True,
            note="Difference of the gains by tuning values.",
        )
