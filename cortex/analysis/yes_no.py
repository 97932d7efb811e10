"""Yes-no detection: rates, sensitivity, criterion.

Scores are arrays with the dimensions ``category`` (what is sought) and ``image``, with a
coordinate ``present`` along ``image``; a detector says yes where its score is positive. Rates are
means over categories, and criterion and sensitivity follow from those means.
"""

from __future__ import annotations

import functools
import operator

import numpy as np
import xarray as xr

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


def yes_no(scores: xr.DataArray, *, by_halves: bool = False) -> xr.DataArray:
    """Every measure of detection, along a dimension ``measure``; NaN where any score is.

    Args:
        scores: with the dimensions ``category`` and ``image`` and the coordinate ``present``.
        by_halves: the area is the mean over the two `halves` of the images, as where each was seen
            with a strength of its own, so that their scores are not to be compared.

    Returns:
        The `MEASURES` [1], without ``category`` and ``image``.

    Source: Lindsay & Miller 2018 (rates are held between 0.01 and 0.99 for z scores).
    """
    from scipy.special import ndtri  # slow to import

    hits, alarms = _hits_and_alarms(scores)
    rates = Rates(hits.values, alarms.values)
    area = mean_area(scores, by_halves=by_halves)
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


def mean_area(scores: xr.DataArray, *, by_halves: bool = False) -> xr.DataArray:
    """Mean area under the ROC curve over categories, as in `yes_no` [1]."""
    if not by_halves:
        return over_categories(area_under_curve(scores))
    first, second = (mean_area(half) for half in halves(scores))
    return (first + second) / 2


def performance(scores: xr.DataArray) -> xr.DataArray:
    """Mean of true-positive and true-negative rate over categories, as in `yes_no` [1]."""
    hits, alarms = _hits_and_alarms(scores)
    return (hits + 1 - alarms) / 2


def _hits_and_alarms(scores: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """True- and false-positive rates over categories."""
    hits, alarms = rates_of_yes((scores > 0).where(scores.notnull()))
    return over_categories(hits), over_categories(alarms)


def rates_of_yes(yes: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """True- and false-positive rates of each category, from whether a detector said yes."""
    present = yes["present"]
    hits, alarms = (
        (yes * kind).sum("image", skipna=False) / kind.sum("image") for kind in (present, ~present)
    )
    return hits, alarms


def over_categories(values: xr.DataArray) -> xr.DataArray:
    """Their mean."""
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
    """First and second half of the images: on each a strength is chosen for the other.

    As images with and without the category alternate, both halves have as many of each.
    """
    half = scores.sizes["image"] // 2 // 2 * 2
    return scores.isel(image=slice(half)), scores.isel(image=slice(half, None))
