"""Where a curve crosses a level, and how often a course does."""

from __future__ import annotations

import numpy as np
import xarray as xr


def crossing(curve: xr.DataArray, level: int | float, *, falling: bool = True) -> float:
    """Where a curve first falls (or rises) through a level, by linear interpolation.

    Args:
        curve: values along one dimension whose coordinates are > 0, such as contrasts; places
            between them are found in the logarithm of the coordinate.
        level: the level, in the unit of the curve.
        falling: whether the curve is to fall through it; otherwise to rise.

    Returns:
        The coordinate; NaN where the curve does not cross the level.
    """
    (dim,) = curve.dims
    place = np.log(curve[dim].values)
    height = (curve.values - level) * (1 if falling else -1)
    through = np.flatnonzero((height[:-1] > 0) & (height[1:] <= 0))
    if through.size == 0:
        return float("nan")
    i = through[0]
    part = height[i] / (height[i] - height[i + 1])
    return float(np.exp(place[i] + part * (place[i + 1] - place[i])))


def cycle_frequency(course: xr.DataArray) -> float:
    """Mean frequency of an oscillation, from the times at which it rises through its mean.

    Args:
        course: values over ``time`` [ms].

    Returns:
        Frequency [Hz]; NaN with less than one whole cycle.
    """
    time, values = course["time"].values, course.values - float(course.mean())
    i = np.flatnonzero((values[:-1] <= 0) & (values[1:] > 0))
    if len(i) < 2:
        return float("nan")
    rising = time[i] - values[i] * (time[i + 1] - time[i]) / (values[i + 1] - values[i])
    return float(1000.0 / np.mean(np.diff(rising)))
