"""Yes-no detection: rates, sensitivity, criterion, and what attention gains.

Scores are arrays with the dimensions ``category`` (what is sought) and ``image``, with a
coordinate ``present`` along ``image``; a detector says yes where its score is positive. Rates are
means over categories, and criterion and sensitivity follow from those means.
"""

from __future__ import annotations

import functools
import operator
from collections.abc import Mapping, Sequence

import numpy as np
import xarray as xr

from cortex.analysis.bootstrap import bootstrap
from cortex.analysis.curves import half_rise
from cortex.analysis.signal_detection import Rates

MEASURES = {
    "performance": "mean of true-positive and true-negative rate",
    "true_positive": "true-positive rate",
    "false_positive": "false-positive rate",
    "auc": "area under the ROC curve",
    "criterion": "criterion c",
    "sensitivity": "sensitivity d'",
    "sensitivity_free": "sensitivity d' whatever the criterion, from the area",
}
_AREAS = (0.001, 0.999)  # held between these for z scores
THRESHOLD = "threshold"  # the control: no attention, and a better threshold of the detectors
_CANDIDATES = np.linspace(0.01, 0.99, 99)  # quantiles of the scores, tried as thresholds


def yes_no(scores: xr.DataArray) -> xr.DataArray:
    """Every measure of detection, along a dimension ``measure``; NaN where any score is.

    Args:
        scores: with the dimensions ``category`` and ``image`` and the coordinate ``present``.

    Returns:
        The `MEASURES` [1], without ``category`` and ``image``.

    Source: Lindsay & Miller 2018 (rates are held between 0.01 and 0.99 for z scores).
    """
    from scipy.special import ndtri  # slow to import

    hits, alarms = _hits_and_alarms(scores)
    rates = Rates(hits.values, alarms.values)
    area = _over_categories(area_under_curve(scores))
    rows = {
        "performance": hits.copy(data=rates.performance),
        "true_positive": hits,
        "false_positive": alarms,
        "auc": area,
        "criterion": hits.copy(data=rates.criterion),
        "sensitivity": hits.copy(data=rates.sensitivity),
        "sensitivity_free": area.copy(data=np.sqrt(2) * ndtri(np.clip(area.values, *_AREAS))),
    }
    words = {"units": "1", "long_name": "measure of detection"}
    found = xr.concat(rows.values(), xr.Variable("measure", list(rows), words), coords="minimal")
    found = found.drop_vars("present", errors="ignore")
    return found.assign_attrs(units="1", long_name="measure of detection")


def performance(scores: xr.DataArray) -> xr.DataArray:
    """Mean of true-positive and true-negative rate over categories, as in `yes_no` [1]."""
    hits, alarms = _hits_and_alarms(scores)
    return (hits + 1 - alarms) / 2


def _hits_and_alarms(scores: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """True- and false-positive rates over categories."""
    yes, present = (scores > 0).where(scores.notnull()), scores["present"]
    hits, alarms = (
        _over_categories((yes * kind).sum("image", skipna=False) / kind.sum("image"))
        for kind in (present, ~present)
    )
    return hits, alarms


def _over_categories(values: xr.DataArray) -> xr.DataArray:
    # One after the other: which of equal strengths is the best must not depend on the layout.
    count = values.sizes["category"]
    total = functools.reduce(operator.add, (values.isel(category=c) for c in range(count)))
    return (total / count).drop_vars("category", errors="ignore")


def area_under_curve(scores: xr.DataArray) -> xr.DataArray:
    """Probability that an image with the category scores higher than one without; ties half."""
    from scipy.stats import rankdata  # slow to import

    ranks = xr.apply_ufunc(
        lambda values: rankdata(values, axis=-1),
        scores,
        input_core_dims=[["image"]],
        output_core_dims=[["image"]],
    )
    present = scores["present"]
    count = present.sum("image")
    ranks_of_present = (ranks * present).sum("image", skipna=False)
    return (ranks_of_present - count * (count + 1) / 2) / (count * (~present).sum("image"))


def said_by_detectors(logits: xr.DataArray, label: xr.DataArray) -> xr.Dataset:
    """What the detectors of all categories say of images that show one category each.

    Args:
        logits: with a dimension ``category``, its coordinate 0, 1, ... or none; positive says yes.
        label: category of each image.

    Returns:
        ``hit``, whether the detector of the label says yes; ``false_alarms``, the share of the
        others that do; ``chosen``, whether that of the label has the largest logit.
    """
    own = xr.DataArray(np.arange(logits.sizes["category"]), dims="category") == label
    yes = logits > 0
    return xr.Dataset(
        {
            "hit": (yes & own).any("category"),
            "false_alarms": (yes & ~own).sum("category") / (logits.sizes["category"] - 1),
            "chosen": logits.argmax("category") == label,
        }
    )


def halves(scores: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """The images that strengths are chosen on, and those that are reported: first and second half.

    As images with and without the category alternate, both halves have as many of each.
    """
    half = scores.sizes["image"] // 2 // 2 * 2
    return scores.isel(image=slice(half)), scores.isel(image=slice(half, None))


def at_best(scores: xr.DataArray, choose: str = "strength") -> tuple[xr.DataArray, xr.DataArray]:
    """The best strength, chosen on the first half of the images, and all scores at it.

    Args:
        scores: with the dimension `choose`; strengths at which a score is missing, as where a
            circuit did not settle, are not chosen.
        choose: dimension that is chosen along.

    Returns:
        The chosen coordinate, NaN where every choice has missing scores, and the scores.
    """
    first = performance(halves(scores)[0])
    first = first.where(scores.notnull().all(("category", "image")))
    known = first.notnull().any(choose)
    place = first.fillna(-1.0).argmax(choose)
    chosen = scores[choose].isel({choose: place}, drop=True)
    at = scores.isel({choose: place}, drop=True).drop_vars(choose, errors="ignore")
    return chosen.drop_vars(choose, errors="ignore").where(known), at.where(known)


def best_threshold(scores: xr.DataArray) -> xr.DataArray:
    """The threshold, common to all categories, that serves best on the first half of the images.

    Zero, and the percentiles of the scores, are tried.
    """
    first = halves(scores)[0]
    tried = first.quantile(_CANDIDATES, ("category", "image")).rename(quantile="candidate")
    zero = xr.zeros_like(tried.isel(candidate=[0]))
    tried = xr.concat([zero, tried], "candidate", coords="minimal").drop_vars("candidate")
    right = performance(first - tried)
    return tried.isel(candidate=right.argmax("candidate"))


def attention_gains(
    attended: xr.DataArray,
    unattended: xr.DataArray,
    *,
    n: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, xr.DataArray]:
    """What attention at its best strength gains, and how much a better threshold would have.

    Strengths, and the threshold of the control without attention, are chosen on the first half of
    each category's images, and everything is reported on the second.

    Args:
        attended: scores with the dimensions ``source``, ``site`` and ``strength``.
        unattended: scores without these three.
        n: bootstrap resamples over images, within category and kind of image.
        level: of the intervals.
        rng: of the bootstrap.

    Returns:
        By name: `best_strength`; `best_threshold`; `base`, measures without attention; `best`
        with it, and `gain`, their difference, along ``compared``: the sources and "threshold";
        `beyond_threshold`, the advantage in performance over that control. The last three are
        estimates, with a dimension ``bound``.
    """
    strength, best = at_best(attended)
    threshold = best_threshold(unattended)
    moved = (
        (unattended - threshold)
        .expand_dims(source=[THRESHOLD])
        .broadcast_like(best.isel(source=[0], drop=True).drop_vars("source", errors="ignore"))
    )
    every = xr.concat([best, moved], "source", coords="minimal", join="outer")
    every = every.rename(source="compared")
    late = xr.Dataset({"best": halves(every)[1], "base": halves(unattended)[1]})

    def statistic(data: xr.Dataset) -> xr.Dataset:
        found, base = yes_no(data["best"]), yes_no(data["base"])
        right = found.sel(measure="performance", drop=True)
        beyond = right.drop_sel(compared=THRESHOLD) - right.sel(compared=THRESHOLD, drop=True)
        return xr.Dataset(
            {
                "best": found,
                "gain": found - base,
                "beyond_threshold": beyond.rename(compared="source"),
            }
        )

    found = bootstrap(
        statistic, late, "image", within=("present", "category"), n=n, level=level, rng=rng
    )
    words = {
        "best": "at the best strength of attention",
        "gain": "gain of attention at its best strength",
        "beyond_threshold": "gain in performance beyond that of a better threshold",
    }
    return _described(
        {"best_strength": strength, "best_threshold": threshold, "base": yes_no(late["base"])}
        | {str(name): array for name, array in found.items()},
        {
            "best_strength": "best strength of attention",
            "best_threshold": "best threshold of detectors without attention",
            "base": "without attention, on the images reported",
        }
        | words,
    )


def best_site(attended: xr.DataArray, sites: Sequence[str]) -> xr.DataArray:
    """The best of some sites of attention at its best strength, on the images that chose that."""
    right = performance(halves(at_best(attended)[1])[0]).sel(site=list(sites))
    best = right["site"][right.fillna(-1.0).argmax("site")].drop_vars("site")
    return best.assign_attrs(units="1", long_name="best single site of attention")


def from_none(attended: xr.DataArray, unattended: xr.DataArray) -> xr.DataArray:
    """What `yes_no` measures without attention, as strength 0, and at rising strengths."""
    rising = attended.where(attended["strength"] > 0, drop=True).sortby("strength")
    none = unattended.expand_dims(strength=[0.0])
    return xr.concat([none, rising], "strength", coords="minimal")


def over_strengths(attended: xr.DataArray, unattended: xr.DataArray) -> dict[str, xr.DataArray]:
    """How hits, false alarms and performance go with the strength of attention.

    Args:
        attended: what `yes_no` measures along ``strength``.
        unattended: the same without attention.

    Returns:
        `false_positive_lag`, by how much larger a strength false than true positives have risen
        half-way; `loss_at_strongest`, performance at the strongest attention, of those known, less
        the best, at most 0.
    """
    rates = from_none(attended, unattended)
    rise = half_rise(rates, "strength")
    hits, alarms = (rise.sel(measure=f"{kind}_positive", drop=True) for kind in ("true", "false"))
    right = rates.sel(measure="performance", drop=True)
    strongest = right.notnull().cumsum("strength").argmax("strength")
    loss = right.isel(strength=strongest, drop=True) - right.max("strength")
    return {
        "false_positive_lag": (alarms - hits).assign_attrs(
            units="1", long_name="strength at which false positives rise, less that of true ones"
        ),
        # Sums of shares of images: what is left of their rounding is no loss.
        "loss_at_strongest": loss.round(12).assign_attrs(
            units="1", long_name="performance at the strongest attention less the best"
        ),
    }


def _described(
    arrays: Mapping[str, xr.DataArray], words: Mapping[str, str]
) -> dict[str, xr.DataArray]:
    return {
        name: array.assign_attrs(units="1", long_name=words[name]) for name, array in arrays.items()
    }
