"""The named scalars of attention in a hierarchy of areas: sizes, onsets, controls, robustness."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from cortex.experiment import Measure

BUFFALO = (
    "direction: Buffalo, Fries, Landman, Liang & Desimone 2010, PNAS 107:361, from the abstract"
)
SIZES = f"{BUFFALO}; sizes also Kastner & Pinsk 2004 (review)"
GROWTH = "known from the anatomy of these areas; the sizes are chosen here"
REJECTED = (
    "what attention that enters at the bottom predicts, which Buffalo et al. 2010 do not find"
)
BY_CONSTRUCTION = "follows from the equations: only feedback brings attention to V1 and V2"
NORMAL = "required here: the normal regime of such circuits"


def hierarchy_measures(data: xr.Dataset, entries: Sequence[str], bottom: str) -> list[Measure]:
    """All measures of `area_hierarchy`.

    Parameters
    ----------
    data
        Its dataset.
    entries
        The ways in which attention enters, the one that expectations are stated for first.
    bottom
        The one among them that enters at the first area.
    """
    return [
        *_sizes(data, entries),
        *_onsets(data, entries, bottom),
        *_controls(data),
        *_circuit(data),
        *_robustness(data),
    ]


def _pairs(data: xr.Dataset) -> list[tuple[int, int]]:
    """Neighbouring areas, the later one first."""
    return [(i + 1, i) for i in reversed(range(data.sizes["area"] - 1))]


def _sizes(data: xr.Dataset, entries: Sequence[str]) -> Iterator[Measure]:
    areas = data["area"].values
    for entry in entries:
        for area, value in zip(areas, data["MI"].sel(entry=entry).values, strict=True):
            yield Measure.reported(f"MI[{area},{entry}]", value, "1")
    index = data["MI"].sel(entry=entries[0]).values
    for late, early in _pairs(data):
        yield Measure.expecting(
            f"MI_{areas[late]}_minus_{areas[early]}[{entries[0]}]",
            index[late] - index[early],
            "1",
            expected="> 0",
            provenance=SIZES,
            headline=True,
            effect=f"attention changes {areas[late]} more than {areas[early]}",
        )
    yield Measure.expecting(
        f"MI_lowest_area[{entries[0]}]",
        index[0],
        "1",
        expected="> 0",
        provenance=SIZES,
        effect=f"attention in {areas[-1]} reaches {areas[0]}",
    )


def _onsets(data: xr.Dataset, entries: Sequence[str], bottom: str) -> Iterator[Measure]:
    areas, onset = data["area"].values, data["onset"].sel(entry=entries[0])
    for protocol in data["protocol"].values:
        for criterion in data["criterion"].values:
            found = onset.sel(protocol=protocol, criterion=criterion).values
            for area, value in zip(areas, found, strict=True):
                # An effect that never reaches the threshold has no onset: no row, not a failure.
                if np.isfinite(value):
                    yield Measure.reported(f"onset[{area},{protocol},{criterion}]", value, "ms")
        share = onset.sel(protocol=protocol, criterion="share").values
        for late, early in _pairs(data):
            yield Measure.expecting(
                f"onset_{areas[early]}_minus_{areas[late]}[{protocol}]",
                share[early] - share[late],
                "ms",
                expected="> 0",
                provenance=BUFFALO
                if protocol == "stimulus"
                else f"{BUFFALO}; a cue during the stimulus is our protocol",
                headline=True,
                effect=f"after the {protocol}, attention shows in {areas[late]} "
                f"before {areas[early]}",
                note="onset: the effect reaches the stated share of its final size; without "
                "conduction times, so that only the order can be compared",
            )
    for entry in entries[1:]:
        found = data["onset"].sel(entry=entry, protocol="cue", criterion="share").values
        name = f"onset_{areas[0]}_minus_{areas[-1]}[cue,{entry}]"
        if entry != bottom:
            if np.isfinite(found[0] - found[-1]):
                yield Measure.reported(name, found[0] - found[-1], "ms")
            continue
        yield Measure.expecting(
            name,
            found[0] - found[-1],
            "ms",
            expected="< 0",
            provenance=REJECTED,
            effect=f"control: attention that enters {areas[0]} shows there first",
            note="as configured by default its size is largest in the last area all the same: "
            "size does not tell where attention enters, the order of onsets does",
        )
    arrival = data["arrival"].values
    yield Measure.expecting(
        f"arrival_{areas[-1]}_minus_{areas[0]}",
        arrival[-1] - arrival[0],
        "ms",
        expected="> 0",
        provenance="the forward order of these areas; conduction takes no time here",
        effect=f"the response to the stimulus arrives in {areas[0]} before {areas[-1]}",
    )


def _controls(data: xr.Dataset) -> Iterator[Measure]:
    areas = data["area"].values
    here, elsewhere = data["without_rate"].transpose("direction", "area").values
    for area, change in list(zip(areas, here - elsewhere, strict=True))[:-1]:
        yield Measure.compared(
            f"effect_without_feedback[{area}]",
            change,
            "Hz",
            reference=0.0,
            absolute=1e-3,
            provenance=BY_CONSTRUCTION,
            effect=f"control: without feedback attention leaves {area} as it is",
        )
    yield Measure.reported(f"effect_without_feedback[{areas[-1]}]", here[-1] - elsewhere[-1], "Hz")


def _circuit(data: xr.Dataset) -> Iterator[Measure]:
    areas, width = data["area"].values, data["field_width"].values
    for area, value in zip(areas, width, strict=True):
        yield Measure.reported(f"field_width[{area}]", value, "deg")
    yield Measure.expecting(
        "field_width_smallest_ratio",
        np.min(width[1:] / width[:-1]),
        "1",
        expected="> 1",
        provenance=GROWTH,
        effect="receptive fields grow from area to area",
    )
    for area, value in zip(areas, data["eigenvalue_E"].values, strict=True):
        yield Measure.reported(f"leading_eigenvalue_E[{area}]", value, "1")
    yield Measure.expecting(
        "leading_eigenvalue_E_smallest",
        np.min(data["eigenvalue_E"].values),
        "1",
        expected="> 1",
        provenance=NORMAL,
        effect="every area is inhibition-stabilised under the stimulus",
    )
    yield Measure.expecting(
        "largest_growth_rate",
        np.max(data["growth"].values),
        "1/ms",
        expected="< 0",
        provenance=NORMAL,
        effect="the whole hierarchy is stable, at every feedback strength",
    )


def _robustness(data: xr.Dataset) -> Iterator[Measure]:
    """Over the grid: in which share of it is the order that of the laboratory?"""
    with_feedback = data["feedback"].values > 0
    if not with_feedback.any():
        return
    index = data["grid_MI"].values[:, with_feedback]
    ordered = np.all(np.diff(index, axis=-1) > 0, axis=-1) & (index[..., 0] > 0)
    yield Measure.reported(
        "grid_share_sizes_in_order",
        ordered.mean(),
        "1",
        note="strong feedback to E alone moves the whole bump of activity in the lower areas off "
        "the middle of the stimulus: the unit that is read there loses, the bump as a whole gains",
    )
    for protocol in data["protocol"].values:
        for criterion in data["criterion"].values:
            chosen = data["grid_onset"].sel(protocol=protocol, criterion=criterion)
            onset = chosen.transpose("to_I", "feedback", "area").values[:, with_feedback]
            known = np.isfinite(onset).all(-1) & (np.sign(index) == np.sign(index[..., -1:])).all(
                -1
            )
            first = np.all(np.diff(onset, axis=-1) < 0, axis=-1)
            if known.any():
                yield Measure.reported(
                    f"grid_share_onsets_in_order[{protocol},{criterion}]",
                    first[known].mean(),
                    "1",
                    note="of the points at which every area has an effect of one sign and its "
                    "onset; where feedback reaches I as strongly as E, the small effect in the "
                    "lower areas soon reaches its share",
                )
