"""Detection with a learned source of attention, with an unlearned one, and with none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from cortex.analysis.detection import quantities
from cortex.attention import quadrant_mask
from cortex.experiment import Measure
from cortex.experiment.results import variable
from cortex.tasks import bootstrap_counts, interval

CONTRASTS = {
    "learned_over_untrained": ("learned", "untrained"),
    "learned_over_none": ("learned", "none"),
    "untrained_over_none": ("untrained", "none"),
}
NAMES = {"auc": "area under the ROC curve", "sensitivity": "sensitivity d'", "criterion": "c"}
HERE = "direction: what a source that learned should do"


def interval_of_means(
    values: np.ndarray, resamples: int, level: float, seed: int
) -> tuple[Any, Any, Any]:
    """Mean over the last axis, images, with an interval from resampling them.

    Args:
        values: (..., images); seeds are averaged before, so that only images are resampled.
        resamples: of the bootstrap.
        level: of the interval.
        seed: of the bootstrap.
    """
    count = values.shape[-1]
    drawn = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), resamples)
    low, high = interval(np.moveaxis(values @ drawn.T / count, -1, 0), level)
    return values.mean(axis=-1), low, high


def by_place(data: xr.Dataset, name: str, inside: np.ndarray, logarithm: bool) -> xr.DataArray:
    """The mean of a variable on some places against that on the others, after the last look.

    Args:
        data: with the variable over (condition, seed, pass, image, row, column).
        name: of the variable.
        inside: how much of each place belongs to them, (image, row, column).
        logarithm: the logarithm of the ratio, or else the difference.
    """
    values = data[name].isel({"pass": -1})
    weights = xr.DataArray(inside, dims=("image", "row", "column"))
    on, off = (values.weighted(w).mean(("row", "column")) for w in (weights, 1 - weights))
    return xr.DataArray(np.log(on / off)) if logarithm else on - off


def in_quadrants(quadrant: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """How much of each place lies in the quadrant of each image, (images, height, width)."""
    height, width = shape
    masks = [(np.asarray(quadrant_mask((height, width), n)) + 1) / 2 for n in range(4)]
    return np.stack(masks)[quadrant]


def detection_by_condition(data: xr.Dataset, resamples: int, level: float, seed: int) -> xr.Dataset:
    """Detection after the last look in each condition, and differences between conditions.

    Args:
        data: `score` (condition, seed, pass, image), `present` and `category` (image), images in
            the order of categories, as many of each.
        resamples: of the bootstrap over images, within category and kind of image.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        For `auc`, `sensitivity` and `criterion`: `<name>` (condition, seed); its mean over seeds
        `mean_<name>` with `_low` and `_high`; and `gain_<name>` (contrast) of those means.
    """
    categories = len(np.unique(data["category"]))
    scores = data["score"].isel({"pass": -1}).transpose("condition", "seed", "image").values
    scores = scores.reshape(*scores.shape[:2], categories, -1)
    present = data["present"].values.reshape(categories, -1)
    rng = np.random.default_rng(seed)
    counts = np.stack([bootstrap_counts(rng, one, resamples) for one in present])
    found, drawn = quantities(scores, present), quantities(scores, present, counts)
    names = list(data["condition"].values)
    kept = {}
    for name, words in NAMES.items():
        kept[name] = variable(("condition", "seed"), found[name], "1", words)
        mean, samples = found[name].mean(axis=-1), drawn[name].mean(axis=-1)
        for label, dimension, value, all_ in (
            (f"mean_{name}", "condition", mean, samples),
            (f"gain_{name}", "contrast", _differences(mean, names), _differences(samples, names)),
        ):
            low, high = interval(all_, level)
            for suffix, array in (("", value), ("_low", low), ("_high", high)):
                kept[label + suffix] = variable(dimension, array, "1", f"{words}, mean over seeds")
    contrasts = variable("contrast", list(CONTRASTS), "1", "which conditions are compared")
    return xr.Dataset(kept, {"contrast": contrasts})


def _differences(values: np.ndarray, names: list[str]) -> np.ndarray:
    """Over the last axis, conditions, the differences of `CONTRASTS`."""
    pairs = [(names.index(a), names.index(b)) for a, b in CONTRASTS.values()]
    return np.stack([values[..., a] - values[..., b] for a, b in pairs], axis=-1)


def detection_rows(data: xr.Dataset, what: str, why: str = "") -> Iterator[Measure]:
    """Rows for `detection_by_condition`.

    Args:
        data: with its results.
        what: the mechanism in words.
        why: for the notes, why detection gains what it does.
    """
    for name, words in (("auc", "the ROC area"), ("sensitivity", "d'")):
        for contrast, (better, worse) in CONTRASTS.items():
            here = data.sel(contrast=contrast)
            value, low, high = (float(here[f"gain_{name}{end}"]) for end in ("", "_low", "_high"))
            note = f"{value:.3f} ({low:.3f} to {high:.3f})"
            label = f"{name}_gain_lowest[{contrast}]"
            if better == "untrained":
                yield Measure.reported(label, low, "1", note=f"{note}; random weights")
                continue
            note = f"{note}; {why}" if why else note
            against = "first weights" if worse == "untrained" else "no attention"
            yield Measure.expecting(
                label,
                low,
                "1",
                expected="> 0",
                provenance=HERE,
                headline=name == "auc",
                effect=f"{what} raises {words} over {against}",
                note=note,
            )
    shift = data.sel(contrast="learned_over_none")
    yield Measure.reported("criterion_shift[learned_over_none]", shift["gain_criterion"], "1")


def interval_row(
    name: str,
    value: tuple[Any, Any, Any],
    expected: str,
    provenance: str,
    effect: str,
    unit: str = "1",
    note: str = "",
) -> Measure:
    """A row on the lower end of an interval, both in its note.

    Args:
        name: of the row.
        value: with the lower and the upper end of its interval.
        expected: of the lower end.
        provenance: of the expectation.
        effect: what is claimed.
        unit: of the value.
        note: what else a reader should know.
    """
    middle, low, high = (float(x) for x in value)
    words = f"{middle:.3g} ({low:.3g} to {high:.3g})"
    return Measure.expecting(
        name,
        low,
        unit,
        expected=expected,
        provenance=provenance,
        headline=True,
        effect=effect,
        note=f"{words}; {note}" if note else words,
    )
