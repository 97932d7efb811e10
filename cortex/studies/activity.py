"""How much attention changes the activity of a layer's maps, and by what it goes."""

from __future__ import annotations

import numpy as np

SILENT = 1e-3  # of a layer's mean activity: maps that are less active are left out
LARGEST = 100.0  # ratios are held between this and its inverse


def activity_ratio(
    attended: np.ndarray, unattended: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The value of every active map, and its activity with attention over that without.

    Args:
        attended, unattended: mean activity of a layer's maps, (categories, maps).
        values: that attention is applied by, (categories, maps). Maps of NaN are left out.

    Returns:
        Values and ratios of those that are active, one for each map and category.
    """
    known = np.isfinite(attended) & np.isfinite(values) & np.isfinite(unattended)
    least = SILENT * np.mean(unattended, where=known) if known.any() else 0.0
    active = known & (unattended > least) & (attended > 0)
    return values[active], attended[active] / unattended[active]


def activity_slope(attended: np.ndarray, unattended: np.ndarray, values: np.ndarray) -> float:
    """Least-squares slope of the log of `activity_ratio` on the values; NaN of too few maps."""
    found, ratio = activity_ratio(attended, unattended, values)
    if found.size < 3 or np.std(found) == 0:
        return float("nan")
    return float(np.polyfit(found, np.log(ratio), 1)[0])


def activity_change(attended: np.ndarray, unattended: np.ndarray) -> float:
    """Mean absolute log of attended over unattended activity, over active maps and categories.

    Args:
        attended, unattended: mean activity of a layer's maps, (categories, maps); ratios are held
            between 1 / `LARGEST` and `LARGEST`, for a gain of zero silences a map.

    Returns:
        0 for no change, about 0.7 for a doubling or halving of every map; NaN of silent maps.
    """
    active = np.isfinite(attended) & (unattended > SILENT * np.nanmean(unattended))
    if not active.any():
        return float("nan")
    ratio = np.clip(attended[active] / unattended[active], 1 / LARGEST, LARGEST)
    return float(np.mean(np.abs(np.log(ratio))))
