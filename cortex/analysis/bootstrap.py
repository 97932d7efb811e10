"""One estimate with an interval: the percentile bootstrap, and a choice made on other data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

BOUND = "bound"
ENDS = ("value", "low", "high")
_MOST_NUMBERS = 2**23  # of the data, drawn again, at a time


def bootstrap(
    statistic: Callable[[Any], Any],
    data: Any,
    over: str,
    *,
    within: Sequence[str] = (),
    nested_in: str = "",
    n: int = 1000,
    level: float = 0.95,
    rng: np.random.Generator,
) -> Any:
    """A statistic of the data with its percentile interval over resamples.

    What should be compared belongs into one statistic: the difference of two conditions that share
    their images is to be computed from the same resample.

    Args:
        statistic: from data as given to an array or dataset; it must reduce the dimension `over`
            and leave further dimensions alone, as methods of xarray do.
        data: array or dataset with the dimension `over`.
        over: dimension of what was sampled: images, trials, cells.
        within: strata, each resampled by itself: coordinates along `over` (category, present), so
            that a resample has as many of each kind, or other dimensions of the data (repeat), each
            place of which then has draws of its own.
        nested_in: dimension of the data that `over` is nested in, such as networks that each saw
            images of their own: it is drawn again too (a hierarchical bootstrap), and the estimate
            is the mean over it. The statistic leaves it alone. None by default.
        n: number of resamples, >= 1.
        level: probability of the interval, between 0 and 1.
        rng: generator of the draws.

    Returns:
        What `statistic` returns, with a last dimension ``bound``: value, low, high.

    Raises:
        ValueError: `over` or a name of `within` is not there.
    """
    _check(data, over, [*within, *([nested_in] if nested_in else [])])
    value = _without_a_word(statistic, data)
    own = [name for name in within if name in data.dims]
    own += [nested_in] * bool(nested_in)
    strata = _strata(data, over, [name for name in within if name not in own])
    each = max(1, _MOST_NUMBERS // max(1, _count(data)))
    drawn = []
    for first in range(0, n, each):
        places = _draws(rng, data, over, own, strata, min(each, n - first))
        drawn.append(_without_a_word(statistic, data.isel({over: places})))
    resampled = xr.concat(drawn, "resample") if len(drawn) > 1 else drawn[0]
    if nested_in:
        value = _without_a_word(lambda each: each.mean(nested_in), value)
        resampled = _without_a_word(lambda r: _drawn_again(r, nested_in, rng), resampled)
    return estimate(value, resampled, level)


def _drawn_again(resampled: Any, group: str, rng: np.random.Generator) -> Any:
    """The mean over as many members of a group as there are, drawn with replacement.

    Each member drawn comes with a resample of its own: that of another number if it is drawn twice.
    """
    count, members = resampled.sizes["resample"], resampled.sizes[group]
    chosen = rng.integers(members, size=(count, members))
    number = np.stack([rng.permutation(count) for _ in range(members)], axis=1)
    places = {"resample": number, group: chosen}
    at = {dim: xr.DataArray(i, dims=("again", "member")) for dim, i in places.items()}
    return (
        resampled.isel(at)
        .mean("member")
        .drop_vars(["resample", group], errors="ignore")
        .rename(again="resample")
    )


def estimate(value: Any, resampled: Any, level: float = 0.95) -> Any:
    """A value with the percentile interval of its resamples, however they were drawn.

    Args:
        value: array or dataset.
        resampled: the same with a dimension ``resample`` besides.
        level: probability of the interval, between 0 and 1.

    Returns:
        The value with a last dimension ``bound``: value, low, high.
    """
    tail = (1 - level) / 2
    ends = _without_a_word(lambda r: r.quantile([tail, 1 - tail], "resample"), resampled)
    ends = ends.drop_vars("quantile")
    low, high = (ends.isel(quantile=i) for i in (0, 1))
    found = xr.concat([value, low, high], BOUND, coords="minimal", compat="override")
    words = {"units": "1", "long_name": "estimate, and the ends of its interval"}
    found = found.assign_coords({BOUND: (BOUND, list(ENDS), words)})
    return found.transpose(..., BOUND)


def _without_a_word(statistic: Callable[[Any], Any], data: Any) -> Any:
    """The statistic; where all numbers are missing it is missing, of which NumPy warns."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return statistic(data)


def _check(data: Any, over: str, within: Sequence[str]) -> None:
    if over not in data.dims:
        raise ValueError(f"over: found {over!r}, allowed: {', '.join(map(str, data.dims))}")
    for name in within:
        along = name in data.coords and data[name].dims == (over,)
        if not along and (name not in data.dims or name == over):
            raise ValueError(
                f"within: found {name!r}, allowed: coordinates along {over!r} and other dimensions"
            )


def _count(data: Any) -> int:
    arrays = data.values() if isinstance(data, xr.Dataset) else (data,)
    return sum(array.size for array in arrays)


def _strata(data: Any, over: str, names: Sequence[str]) -> list[np.ndarray]:
    """Places along `over` of each combination of the named coordinates."""
    size = data.sizes[over]
    kinds = np.zeros(size, int)
    for name in names:
        kinds = kinds * (size + 1) + np.unique(data[name].values, return_inverse=True)[1]
    return [np.flatnonzero(kinds == kind) for kind in np.unique(kinds)]


def _draws(
    rng: np.random.Generator,
    data: Any,
    over: str,
    own: Sequence[str],
    strata: Sequence[np.ndarray],
    count: int,
) -> xr.DataArray:
    shape = (count, *(data.sizes[name] for name in own))
    places = np.empty((*shape, data.sizes[over]), int)
    for rows in strata:
        places[..., rows] = rows[rng.integers(rows.size, size=(*shape, rows.size))]
    return xr.DataArray(places, dims=("resample", *own, over))


def chosen_on_half(
    statistic: Callable[[Any], xr.DataArray],
    data: Any,
    over: str,
    choose: str,
    *,
    within: Sequence[str] = (),
    rng: np.random.Generator,
) -> tuple[xr.DataArray, Any]:
    """Choose the best setting on one half of the data; the other half is left to report.

    A gain reported on the data that chose its strength is too large.

    Args:
        statistic: what is to be large, from data to an array with the dimension `choose`.
        data: array or dataset with the dimensions `over` and `choose`.
        over: dimension that is halved: images, trials.
        choose: dimension of the settings chosen among: strengths.
        within: coordinates along `over`, each kind of which is halved by itself.
        rng: generator that halves.

    Returns:
        The chosen coordinate of `choose` at every place of what else `statistic` leaves, and the
        other half of the data, at these choices.
    """
    _check(data, over, within)
    halves: tuple[list[int], list[int]] = ([], [])
    for rows in _strata(data, over, within):
        mixed = rng.permutation(rows)
        for half, part in zip(halves, np.array_split(mixed, 2), strict=True):
            half.extend(part.tolist())
    first, second = (data.isel({over: np.sort(half)}) for half in halves)
    score = statistic(first)
    best = score.fillna(-np.inf).argmax(choose)
    return score[choose].isel({choose: best}), second.isel({choose: best})
