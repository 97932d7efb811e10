"""Feature-similarity gain layer by layer: lines of all maps, and what they come to in a layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from cortex.labelled import variable

from .similarity_gain import by_preference, lines, matching, over_maps

STATISTICS = {
    "slope_median": "median slope of the ratio over positions",
    "intercept_median": "median intercept of the same line",
    "matching_share": "share of maps with feature matching, slope < 0 and intercept > 1",
    "turn_mean": "turn of the population vector, mean over orientations",
    "turn_centred_mean": "the same for deviations from the mean over orientations",
}


def propagation(
    ratio: np.ndarray,
    tuning: np.ndarray,
    turns: Mapping[str, np.ndarray],
    of_map: np.ndarray,
    attended: Sequence[int],
    *,
    resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Lines of all maps and their statistics at every layer from the attended one up.

    Parameters
    ----------
    ratio
        Attended over unattended activity, (source, attended, orientation, map), the maps of all
        layers in one row; NaN where there is none.
    tuning
        Tuning values, (orientation, map).
    turns
        Turns of the population vector by name, `turn` and `turn_centred`, (source, attended,
        layer, orientation).
    of_map
        Layer of every map, 1 to the number of layers.
    attended
        Layer attended, as many as the second axis has.
    resamples, level, seed
        Bootstrap over the maps of a layer (over orientations, for turns).

    Returns
    -------
    dict of arrays
        ``slope``, ``intercept`` (source, attended, map), NaN for maps without a line;
        (source, attended, layer), NaN below the attended layer: what `STATISTICS` names, each
        also with ``_low`` and ``_high``, and ``counted``, maps with a line; ``quartiles``
        (source, attended, layer, quartile, position) of the ratio over those maps.
    """
    folded = by_preference(ratio, tuning)
    slope, intercept = lines(folded)
    matches = matching(slope, intercept)
    grid, layers = slope.shape[:2], turns["turn"].shape[2]
    found = {
        f"{name}{end}": np.full((*grid, layers), np.nan)
        for name in STATISTICS
        for end in ("", "_low", "_high")
    }
    counted = np.zeros((*grid, layers), int)
    quartiles = np.full((*grid, layers, 3, folded.shape[-2]), np.nan)
    for place in np.ndindex(grid):
        for number in range(attended[place[1]] - 1, layers):
            at = (*place, number)
            here = (of_map == number + 1) & np.isfinite(slope[place])
            counted[at] = here.sum()
            if here.any():
                quartiles[at] = np.quantile(folded[place][:, here], [0.25, 0.5, 0.75], axis=1)
            rows: list[tuple[str, np.ndarray, Callable[..., Any]]] = [
                ("slope_median", slope[place][here], np.median),
                ("intercept_median", intercept[place][here], np.median),
                ("matching_share", matches[place][here], np.mean),
                *((f"{name}_mean", turn[at], np.mean) for name, turn in turns.items()),
            ]
            for name, values, statistic in rows:
                some = over_maps(values, statistic, resamples=resamples, level=level, seed=seed)
                for end, value in zip(("", "_low", "_high"), some[:3], strict=True):
                    found[f"{name}{end}"][at] = value
    return {
        "slope": slope,
        "intercept": intercept,
        "counted": counted,
        "quartiles": quartiles,
        **found,
    }


CONDITION = ("source", "attended")
VARIABLES = {
    "ratio": ((*CONDITION, "orientation", "map"), "1", "attended/unattended activity"),
    "values": (("source", "orientation", "map"), "1", "value attention is applied by"),
    "tuning": (("orientation", "map"), "1", "tuning value"),
    "rate": (("orientation", "map"), "Hz", "unattended activity; a plain layer's in its own unit"),
    "slope": ((*CONDITION, "map"), "1", "slope of the ratio over positions"),
    "intercept": ((*CONDITION, "map"), "1", "intercept of the same line"),
    "turn": (
        (*CONDITION, "layer", "orientation"),
        "1",
        "cos(attended, alone) - cos(unattended, alone), two gratings shown",
    ),
    "turn_centred": (
        (*CONDITION, "layer", "orientation"),
        "1",
        "the same for deviations from the mean over orientations",
    ),
    "settled": (CONDITION, "1", "share of images for which all circuits settled"),
    "settled_unattended": ((), "1", "the same without attention"),
    "detector_auc": (("orientation",), "1", "area under the ROC curve of a detector"),
    "feature_error": (("layer",), "1", "what low-rank coupling between maps leaves out"),
    "counted": ((*CONDITION, "layer"), "1", "maps with a line"),
    "quartiles": (
        (*CONDITION, "layer", "quartile", "position"),
        "1",
        "quartiles of the ratio over maps",
    ),
}
BY_LAYER = {
    f"{name}{end}": ((*CONDITION, "layer"), "1", f"{words}{which}")
    for name, words in STATISTICS.items()
    for end, which in (("", ""), ("_low", ", lower end"), ("_high", ", upper end"))
}


def propagation_dataset(
    variants: Sequence[Mapping[str, np.ndarray]], of_map: np.ndarray
) -> xr.Dataset:
    """What was found for every variant, its dimensions, units and meanings named.

    Parameters
    ----------
    variants
        For each, the arrays that `VARIABLES` and `BY_LAYER` name, those of `propagation` among
        them.
    of_map
        Layer of every map, 1 to the number of layers.
    """
    kept = {}
    for name, (dims, units, words) in (VARIABLES | BY_LAYER).items():
        values = np.stack([one[name] for one in variants])
        if values.dtype == float and "map" in dims:
            values = values.astype(np.float32)  # there are many maps
        kept[name] = variable(("variant", *dims), values, units, words)
    layers, positions = (np.shape(kept["quartiles"][1])[axis] for axis in (3, 5))
    coordinates = {
        "layer": variable("layer", np.arange(1, layers + 1), "1", "layer recorded, 1 the lowest"),
        "layer_of_map": variable("map", of_map, "1", "layer that a map is of"),
        "quartile": variable("quartile", [0.25, 0.5, 0.75], "1", "share of maps below"),
        "position": variable("position", np.arange(positions), "1", "rank of preference"),
    }
    return xr.Dataset(kept, coordinates)
