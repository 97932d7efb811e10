"""What attention gains: the best strength chosen on other images, and as published.

Scores are as in `cortex.analysis.yes_no`, with the dimensions ``source``, ``site`` and ``strength``
where somebody attends.

*Chosen on other images*: one strength for all categories, the best on one half of the images, is
reported on the other half, and the other way round. *As published*: for each category the strength
that is best on the very images that are reported, none at all among them; such a gain is never
below 0 and has to be read beside that of shuffled values (Lindsay & Miller 2018, eLife 7:e38105,
and the authors' code).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import xarray as xr

from cortex.analysis.bootstrap import bootstrap
from cortex.analysis.curves import half_rise
from cortex.analysis.yes_no import (
    halves,
    mean_area,
    over_categories,
    performance,
    rates_of_yes,
    yes_no,
)

THRESHOLD = "threshold"  # the control: no attention, and a better threshold of the detectors
_CANDIDATES = np.linspace(0.01, 0.99, 99)  # quantiles of the scores, tried as thresholds
WORDS = {
    "best": "at the best strength of attention, chosen on other images",
    "gain": "gain of attention at its best strength, chosen on other images",
    "beyond_threshold": "gain in performance beyond that of a better threshold",
    "area_gain": "gain in area under the ROC curve at the strength best for it, on other images",
    "published_gain": "gain in performance, best strength of each category on the same images",
    "best_layer_gain": "gain at the layer and strength that are best, chosen on other images",
}

# From estimates, and rates and performance along ``strength`` with 0 first, to further estimates.
Contrasts = Callable[[xr.Dataset, xr.DataArray], Mapping[str, xr.DataArray]]


def attention_gains(
    attended: xr.DataArray,
    unattended: xr.DataArray,
    *,
    contrasts: Contrasts = lambda gains, course: {},
    nested_in: str = "",
    n: int,
    level: float,
    rng: np.random.Generator,
) -> xr.Dataset:
    """What attention gains, and how much a better threshold would have, with intervals.

    Args:
        attended: scores with the dimensions ``source``, ``site`` and ``strength``.
        unattended: scores without these three.
        contrasts: from the estimates below, without ``bound``, and from the course of performance
            and rates over strengths, 0 first, to further estimates, computed from the same
            resamples. What is to be compared belongs there.
        nested_in: a dimension that is drawn again too, and averaged over; see `bootstrap`.
        n: bootstrap resamples over images, within category, kind of image and half.
        level: of the intervals.
        rng: of the bootstrap.

    Returns:
        `best_strength` and `best_threshold`, by ``half`` (0: chosen for the first half); and the
        estimates, with a dimension ``bound``: `best`, measures at the best strength; `gain`, that
        less without attention, both along ``compared``, the sources and "threshold";
        `beyond_threshold`, advantage in performance over that control; `best_layer_gain`, where the
        layer is chosen with the strength; `area_gain`, with strengths chosen for the area; and
        `published_gain`.
    """
    known = attended.notnull().all(("category", "image"))
    strength, best = chosen_on_other_half(attended, performance)
    single = [str(site) for site in attended["site"].values if str(site).startswith("layer ")]
    flat = attended.sel(site=single).stack(choice=("site", "strength"), create_index=False)
    threshold, moved = better_threshold(unattended)
    moved = moved.expand_dims(source=[THRESHOLD], site=best["site"].values)
    every = xr.concat([best, moved], "source", coords="minimal", join="outer")
    data = xr.Dataset(
        {
            "best": every.rename(source="compared"),
            "best_layer": chosen_on_other_half(flat, performance, "choice")[1],
            "base": unattended,
            "for_area": chosen_on_other_half(attended, mean_area)[1],
            "yes": attended > 0,
        }
    )
    data = data.assign_coords(half=("image", _half(unattended)))

    def statistic(drawn: xr.Dataset) -> xr.Dataset:
        found = yes_no(drawn["best"], by_halves=True)
        base = yes_no(drawn["base"], by_halves=True)
        right = found.sel(measure="performance", drop=True)
        beyond = right.drop_sel(compared=THRESHOLD) - right.sel(compared=THRESHOLD, drop=True)
        area = base.sel(measure="auc", drop=True)
        course = _course(drawn["yes"], drawn["base"] > 0, known)
        gains = xr.Dataset(
            {
                "best": found,
                "gain": found - base,
                "best_layer_gain": performance(drawn["best_layer"])
                - base.sel(measure="performance", drop=True),
                "beyond_threshold": beyond.rename(compared="source"),
                "area_gain": mean_area(drawn["for_area"], by_halves=True) - area,
                "published_gain": published_gain(course, drawn["base"]),
            }
        )
        return gains.assign(contrasts(gains, over_categories(course)))

    estimates: xr.Dataset = bootstrap(
        statistic,
        data,
        "image",
        within=("present", "half", "category"),
        nested_in=nested_in,
        n=n,
        level=level,
        rng=rng,
    )
    for name, array in estimates.items():
        array.attrs = {"units": "1", "long_name": WORDS.get(str(name), str(name))} | array.attrs
    chosen = {"best_strength": strength, "best_threshold": threshold}
    return estimates.assign(
        {
            name: array.assign_attrs(units="1", long_name=name.replace("_", " ") + " of a half")
            for name, array in chosen.items()
        }
    )


def chosen_on_other_half(
    scores: xr.DataArray,
    measure: Callable[[xr.DataArray], xr.DataArray],
    choose: str = "strength",
) -> tuple[xr.DataArray, xr.DataArray]:
    """For each half of the images the choice that is best on the other half, and scores at it.

    Args:
        scores: with the dimension `choose`; what has a missing score, as where a circuit did not
            settle, is not chosen.
        measure: what is to be large.
        choose: dimension that is chosen along.

    Returns:
        The coordinate ``strength`` of the choice along ``half``, NaN where every choice has
        missing scores, and the scores.
    """
    known = scores.notnull().all(("category", "image"))
    some = known.any(choose)
    along = [name for name in scores.coords if choose in scores[name].dims]
    first, second = halves(scores)
    strengths, parts = [], []
    for reported, deciding in ((first, second), (second, first)):
        place = measure(deciding).where(known).fillna(-1.0).argmax(choose)
        strength = xr.DataArray(scores["strength"].values, dims=choose)  # no coordinate
        strengths.append(strength.isel({choose: place}).where(some))
        at = reported.isel({choose: place}, drop=True)
        parts.append(at.drop_vars(along, errors="ignore").where(some))
    found = xr.concat(parts, "image", coords="minimal")
    return xr.concat(strengths, _HALVES, coords="minimal"), found


_HALVES = xr.Variable("half", [0, 1], {"units": "1", "long_name": "half of the images"})


def _half(scores: xr.DataArray) -> np.ndarray:
    first, second = (part.sizes["image"] for part in halves(scores))
    return np.repeat([0, 1], [first, second])


def better_threshold(scores: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """A threshold common to all categories, chosen on the other half, and scores less it.

    Zero, and the percentiles of the scores, are tried.
    """
    first, second = halves(scores)
    found, parts = [], []
    for reported, deciding in ((first, second), (second, first)):
        tried = deciding.quantile(_CANDIDATES, ("category", "image")).rename(quantile="candidate")
        zero = xr.zeros_like(tried.isel(candidate=[0]))
        tried = xr.concat([zero, tried], "candidate", coords="minimal").drop_vars("candidate")
        right = performance(deciding - tried)
        found.append(tried.isel(candidate=right.argmax("candidate")))
        parts.append(reported - found[-1])
    return xr.concat(found, _HALVES), xr.concat(parts, "image", coords="minimal")


def _course(yes: xr.DataArray, base: xr.DataArray, known: xr.DataArray) -> xr.DataArray:
    """Performance and rates of each category along ``strength``, 0 first, by ``measure``."""
    parts = []
    for said, there in ((base.expand_dims(strength=[0.0]), None), (yes, known)):
        hits, alarms = rates_of_yes(said)
        rates = {
            "performance": (hits + 1 - alarms) / 2,
            "true_positive": hits,
            "false_positive": alarms,
        }
        one = xr.concat(rates.values(), xr.Variable("measure", list(rates)), coords="minimal")
        parts.append(one if there is None else one.where(there))
    none, rising = parts[0], parts[1].sortby("strength")
    none = none.broadcast_like(rising.isel(strength=[0]), exclude=["strength"])
    return xr.concat([none, rising], "strength", coords="minimal")


def published_gain(course: xr.DataArray, unattended: xr.DataArray) -> xr.DataArray:
    """Gain at the best strength of each category on the same images, mean over categories.

    Args:
        course: of each category along ``strength``, 0 first, by ``measure``.
        unattended: scores, for what a better threshold of each category gains.

    Returns:
        Along ``compared``: the sources, then "threshold".
    """
    right = course.sel(measure="performance", drop=True)
    tried = right.isel(strength=slice(1, None)).notnull().any("strength")
    gain = over_categories(right.max("strength") - right.isel(strength=0, drop=True))
    gain = gain.where(tried.all("category")).rename(source="compared")
    own = over_categories(_best_of_thresholds(unattended) - _right(unattended))
    own = own.expand_dims(compared=[THRESHOLD], site=gain["site"].values)
    return xr.concat([gain, own], "compared", coords="minimal")


def _right(scores: xr.DataArray) -> xr.DataArray:
    hits, alarms = rates_of_yes(scores > 0)
    return (hits + 1 - alarms) / 2


def _best_of_thresholds(scores: xr.DataArray) -> xr.DataArray:
    """The best performance of each category that any threshold gives on these images."""
    present = scores["present"].broadcast_like(scores)

    def best(values: np.ndarray, there: np.ndarray) -> Any:
        order = np.argsort(-values, axis=-1)
        there = np.take_along_axis(there, order, axis=-1)
        hits = np.cumsum(there, -1) / there.sum(-1, keepdims=True)
        alarms = np.cumsum(~there, -1) / (~there).sum(-1, keepdims=True)
        return (1 + np.maximum((hits - alarms).max(axis=-1), 0.0)) / 2

    return xr.apply_ufunc(best, scores, present, input_core_dims=[["image"], ["image"]])


def lag_of_false_positives(course: xr.DataArray) -> xr.DataArray:
    """By how much larger a strength false than true positives have risen half-way.

    Args:
        course: rates along ``strength`` and ``measure``.
    """
    rise = half_rise(course, "strength")
    lag = rise.sel(measure="false_positive") - rise.sel(measure="true_positive")
    return lag.assign_attrs(
        units="1", long_name="strength at which false positives rise, less that of true ones"
    )


def at_change(gains: xr.DataArray, change: xr.DataArray, target: float) -> xr.DataArray:
    """Gains at one change of activity, common to systems that strength moves more or less.

    Args:
        gains: along ``strength``, 0 first.
        change: of activity, without that of strength 0, which is 0; rising with strength.
        target: the change asked for.

    Returns:
        By linear interpolation; NaN where the change is never so large.
    """

    def weights(values: np.ndarray) -> np.ndarray:
        places = np.concatenate([[0.0], values])
        known = np.isfinite(places) & (places >= np.maximum.accumulate(np.nan_to_num(places)))
        if places[known].max() < target:
            return np.full(len(places), np.nan)
        found = np.zeros(len(places))
        unit = np.eye(int(known.sum()))
        found[known] = [np.interp(target, places[known], row) for row in unit]
        return found

    rising = change.sortby("strength")
    given = xr.apply_ufunc(
        weights,
        rising,
        input_core_dims=[["strength"]],
        output_core_dims=[["at"]],
        vectorize=True,
    ).rename(at="strength")
    given = given.assign_coords(strength=gains["strength"])
    lost = given.isnull().any("strength")
    return (gains.fillna(0.0) * given.fillna(0.0)).sum("strength").where(~lost)
