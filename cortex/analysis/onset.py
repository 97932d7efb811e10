"""When an effect begins, and how wide a tuned response is, from sampled curves."""

from __future__ import annotations

import numpy as np
import xarray as xr


def onset_latency(times: np.ndarray, course: np.ndarray, level: np.ndarray) -> np.ndarray:
    """The first time at which a course reaches a level, by linear interpolation.

    Args:
        times: rising [ms], shape (time,).
        course: shape (..., time).
        level: in the unit of the course, of a shape that broadcasts with (...); a negative level is
            reached from above.

    Returns:
        Shape (...) [ms]; NaN where the level is not reached, or is 0 or NaN.
    """
    signed = course * np.sign(level)[..., None]
    goal = np.abs(level)[..., None]
    reached = signed >= goal
    after = np.argmax(reached, axis=-1, keepdims=True)
    before = np.maximum(after - 1, 0)
    low, high = (np.take_along_axis(signed, index, -1) for index in (before, after))
    rise = np.where(high > low, high - low, 1.0)
    part = np.where(after > 0, (goal - low) / rise, 0.0)
    found = times[before] + part * (times[after] - times[before])
    return np.where(reached.any(-1) & (level != 0), found[..., 0], np.nan)


def latency(course: xr.DataArray, level: xr.DataArray) -> xr.DataArray:
    """When a course first reaches a level, as `onset_latency`, in the unit of its times.

    Args:
        course: array with the dimension ``time``.
        level: array without it, in the unit of the course.
    """
    times = course.time.values
    return xr.apply_ufunc(
        lambda level, course: onset_latency(times, course, level),
        level,
        course,
        input_core_dims=[[], ["time"]],
    ).assign_attrs(units=course.time.attrs.get("units", "1"), long_name="onset")


def full_width(places: np.ndarray, responses: np.ndarray) -> float:
    """Full width at half maximum around the peak, by linear interpolation, in units of `places`.

    NaN if nothing responds, or if the response does not fall to half on both sides.
    """
    half, peak = np.max(responses) / 2, int(np.argmax(responses))
    if not half > 0:
        return float("nan")
    width = 0.0
    for step in (-1, 1):
        i = peak
        while responses[i] > half:
            i += step
            if not 0 <= i < len(places):
                return float("nan")
        inner, outer = responses[i - step], responses[i]
        place = places[i] + (places[i - step] - places[i]) * (half - outer) / (inner - outer)
        width += abs(place - places[peak])
    return float(width)
