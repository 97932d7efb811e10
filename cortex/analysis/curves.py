"""Where a curve crosses a level or rises half-way, how often a course does, and its thirds."""

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


def half_rise(curve: xr.DataArray, dim: str) -> xr.DataArray:
    """Where values have risen half-way from the first to the largest, by linear interpolation.

    Args:
        curve: values over rising coordinates of `dim`; those that are NaN are left out.
        dim: the dimension.

    Returns:
        The coordinate, by the other dimensions; NaN where the values never rise.
    """

    def one(places: np.ndarray, values: np.ndarray) -> float:
        known = np.isfinite(values)
        places, values = places[known], values[known]
        if not known.any() or not values.max() > values[0]:
            return float("nan")
        goal = (values[0] + values.max()) / 2
        after = int(np.argmax(values >= goal))
        share = (goal - values[after - 1]) / (values[after] - values[after - 1])
        return float(places[after - 1] + share * (places[after] - places[after - 1]))

    return xr.apply_ufunc(
        one, curve[dim], curve, input_core_dims=[[dim], [dim]], vectorize=True
    ).assign_attrs(units=curve[dim].attrs.get("units", "1"))


THIRDS = ("early", "middle", "late")


def thirds(values: xr.DataArray, dim: str) -> xr.DataArray:
    """Means over the first, the second and the last third of a dimension.

    Args:
        values: with the dimension `dim`, in order.
        dim: the dimension.

    Returns:
        Along a dimension ``part``: early, middle, late; those with nothing in them are left out.
    """
    places = zip(THIRDS, np.array_split(np.arange(values.sizes[dim]), len(THIRDS)), strict=True)
    means = {part: values.isel({dim: i}).mean(dim) for part, i in places if i.size}
    return xr.concat(means.values(), xr.Variable("part", list(means)), coords="minimal")


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
