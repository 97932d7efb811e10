"""What noisy trials show: areas, gains and what they are due to, noise of logits and of E units."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cortex.analysis import bootstrap, noisy_trials
from cortex.labelled import described

from .noisy_attention import NONE, Comparison

MEANS = ("rate", "unit_rate", "unit_variance", "unit_correlation", "logit_correlation")
WORDS = {
    "auc": "area under the ROC curve",
    "gain": "gain of the area by attention",
    "over_uniform": "area with attention less that with a uniform rise of equal rate",
    "part_of_gain": "part of the gain",
    "rate_match": "mean E rate over the one wanted",
    "noise_share": "share of noise in the logits' variance",
    "logit_variance": "variance of the logit sought within an image",
    "logit_correlation": "noise correlation of logits",
    "unit_ratio": "variance over mean of E at the attended place, in Hz",
    "unit_correlation": "noise correlation of E at the attended place",
    "ratio_change": "relative change of variance over mean at the attended place",
    "correlation_change": "change of noise correlation at the attended place",
}
EVERYONE, EACH, TOGETHER = ("network", "category", "image"), ["image", "trial"], ["image", "again"]


def measures(
    compared: Comparison,
    data: xr.Dataset,
    *,
    n: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, xr.DataArray]:
    """Everything in `WORDS`, means over networks, as estimates over images.

    Args:
        compared: the conditions.
        data: what `attend_to_trials` kept, with the dimensions ``network``, ``task``,
            ``category``, ``image``, ``trial``, ``contrast``, ``condition`` and those of each.
        n: bootstrap resamples over images, within network, task, category and kind.
        level: of the intervals.
        rng: of the bootstrap.
    """
    present = data.present.values.astype(bool)

    def statistic(d: xr.Dataset) -> xr.Dataset:
        return _statistic(compared, d, present)

    kept = _by_image(data).assign_coords(present=("image", present))
    within = ("network", "task", "category", "present")
    found = bootstrap(statistic, kept, "image", within=within, n=n, level=level, rng=rng)
    found = found.assign_coords(part=list(noisy_trials.PARTS))
    return described(**{name: (found[name], text) for name, text in WORDS.items()})


def _over(function: Any, *arrays: Any, core: list[list[str]], to: tuple[str, ...] = ()) -> Any:
    return xr.apply_ufunc(function, *arrays, input_core_dims=core, output_core_dims=[to])


def _by_image(data: xr.Dataset) -> xr.Dataset:
    """What the trials of an image have to say of it; of the logit sought, each trial."""

    def correlation(array: xr.DataArray, along: str) -> Any:
        return _over(noisy_trials.mean_correlation, array, core=[["trial", along]])

    return data[["score"]].assign(
        shuffled=data.shuffled.stack(again=("trial", "shuffle"), create_index=False),
        rate=data["rate"].mean("trial"),
        unit_rate=data["units"].mean(("trial", "unit")),
        unit_variance=data["units"].var("trial", ddof=1).mean("unit"),
        unit_correlation=correlation(data["units"], "unit"),
        logit_correlation=correlation(data.logits, "answer"),
    )


def _statistic(compared: Comparison, d: xr.Dataset, present: np.ndarray) -> xr.Dataset:
    late = d.score.isel(read=-1, drop=True)
    area = _over(lambda x: noisy_trials.area_over_trials(x, present), d.score, core=[EACH])
    area = area.mean(("network", "category"))
    found = d[list(MEANS)].mean(EVERYONE)
    found = found.assign(
        auc=area,
        unit_ratio=found.unit_variance / found.unit_rate,
        logit_variance=late.var("trial", ddof=1).mean(EVERYONE),
        noise_share=_over(
            noisy_trials.noise_share, late, core=[["category", "image", "trial"]]
        ).mean("network"),
    )

    def parts_of_gain(before: Any, after: Any, before_alone: Any, after_alone: Any) -> Any:
        return noisy_trials.parts_of_gain(before, after, before_alone, after_alone, present)

    none = found.sel(condition=NONE, drop=True)
    uniform = area.sel(condition=compared.uniform).assign_coords(condition=area.condition)
    parts = _over(
        parts_of_gain,
        *(both for array in (late, d.shuffled) for both in _beside_none(array)),
        core=[EACH, EACH, TOGETHER, TOGETHER],
        to=("part",),
    )
    return found.assign(
        gain=area - none.auc,
        over_uniform=area - uniform,
        part_of_gain=parts.mean(("network", "category")),
        rate_match=found["rate"] / none["rate"] / (1 + compared.rise),
        ratio_change=found.unit_ratio / none.unit_ratio - 1,
        correlation_change=found.unit_correlation - none.unit_correlation,
    )


def _beside_none(array: xr.DataArray) -> tuple[xr.DataArray, ...]:
    """Without attention, and under every condition, in one shape."""
    return xr.broadcast(array.sel(condition=NONE, drop=True), array)


def cases(array: xr.DataArray, *conditions: str, **at: Any) -> xr.DataArray:
    """An array under those of some conditions that were tried, at the contrast as trained.

    Args:
        array: with the dimensions ``task`` and ``condition``.
        conditions: by name.
        at: places along other dimensions, counted from 0; by default the first contrast and the
            last window.

    Returns:
        The array along ``case``: "array, place, gain".
    """
    here = {"contrast": 0, "read": -1} | at
    array = array.isel({dim: place for dim, place in here.items() if dim in array.dims}, drop=True)
    if not array.size:  # nothing can be stacked of nothing
        return array.isel(task=0, condition=slice(0), drop=True).rename(condition="case")
    every = array.stack(case=("task", "condition"))
    every = every.isel(case=[name in conditions for _, name in every.case.values])
    names = [", ".join(case) for case in every.case.values]
    every = every.drop_vars(("case", "task", "condition")).assign_coords(case=names)
    if every.sizes["case"]:  # dropna fails where nothing is
        every = every.dropna("case")
    return every.transpose("case", ...)


def of(name: str, *conditions: str, **at: Any) -> Any:
    """The value of a claim: a variable under some conditions, as `cases`."""
    return lambda d: cases(d[name], *conditions, **at)


def known(words: str, *names: str, condition: str = "") -> Any:
    """Why a claim about `cases` may not hold, in words with numbers.

    Args:
        words: with a place for each number.
        names: of the estimates that they are, on the same task.
        condition: that they are of; by default that of the case.
    """

    def text(d: xr.Dataset, place: Any) -> str:
        task, _, own = place["case"].partition(", ")
        one = d[list(names)].sel(task=task, condition=condition or own, bound="value")
        for dim, usual in (("contrast", 1.0), ("read", float(d["read"][-1]))):
            one = one.sel({dim: place.get(dim, usual)}) if dim in one.dims else one
        return words.format(*(x for name in names for x in np.atleast_1d(one[name].values)))

    return text
