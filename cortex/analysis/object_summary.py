"""Sources and forms of attention against each other, on the same images."""

import numpy as np
import xarray as xr

from cortex.analysis.signal_detection import bootstrap_counts, interval

COMPARED = (("tuning", "shuffled"), ("gradient", "shuffled"), ("gradient", "tuning"))
PARTS = ("early", "middle", "late")


def performance(
    scores: np.ndarray, present: np.ndarray, counts: np.ndarray | None = None
) -> np.ndarray:
    """Mean of true-positive and true-negative rate, over categories; NaN scores give NaN.

    Args:
        scores: logits (..., categories, images).
        present: (categories, images).
        counts: (categories, resamples, images) counts of a bootstrap; the result then has a
            leading axis of resamples.
    """
    right = np.where(np.isnan(scores), np.nan, (scores > 0) == present)
    if counts is None:
        weights = np.ones((present.shape[0], 1, present.shape[1]))
    else:
        weights = counts.astype(float)
    share = np.zeros_like(weights)
    for kind in (present, ~present):
        here = weights * kind[:, None, :]
        share += 0.5 * here / here.sum(axis=-1, keepdims=True)
    found = np.einsum("...ci,cbi->b...", right, share, optimize=True) / len(present)
    return found if counts is not None else found[0]


def halves(images: int) -> tuple[slice, slice]:
    """On which strengths are chosen, and on which results are reported."""
    half = images // 2 // 2 * 2
    return slice(0, half), slice(half, None)


def parts(sites: np.ndarray) -> dict[str, np.ndarray]:
    """The early, middle and late third of the single layers among the sites, by index."""
    single = np.flatnonzero([str(site) != "all" for site in sites])
    return dict(zip(PARTS, np.array_split(single, len(PARTS)), strict=True))


def last_layer(data: xr.Dataset) -> str:
    """The highest layer that is attended by itself; all, if there is none."""
    single = [str(site) for site in data["site"].values if site != "all"]
    return single[-1] if single else "all"


def by_strength(here: xr.Dataset, name: str, source: str, site: str) -> np.ndarray:
    """A quantity without attention and at every strength, ascending."""
    at = here[name].sel(source=source, site=site).sortby("strength")
    rest = at.where(at["strength"] > 0, drop=True).values
    return np.append(float(here[f"{name}_unattended"]), rest)


def at_best_strength(data: xr.Dataset, task: str) -> np.ndarray:
    """Scores (variant, source, site, category, image) at the strength that was chosen."""
    lead = ("variant", "source", "site")
    score = data["score"].sel(task=task).transpose(*lead, "strength", "category", "image").values
    best = data["best_strength"].sel(task=task, compared=data["source"].values)
    chosen = best.transpose("variant", "compared", "site").values
    strengths = data["strength"].values.astype(float)
    index = np.abs(strengths[None, None, None, :] - np.nan_to_num(chosen)[..., None]).argmin(-1)
    found = np.take_along_axis(score, index[..., None, None, None], axis=3)[:, :, :, 0]
    return np.where(np.isnan(chosen)[..., None, None], np.nan, found)


def compare_sources(data: xr.Dataset, resamples: int, level: float, seed: int = 0) -> xr.Dataset:
    """Differences in performance between sources, and between all layers and the best one.

    Every condition is at its own best strength, chosen on the first half of each category's
    images; the differences are those of the other half, resampled together.

    Args:
        data: the results of `object_detection` with `summarise_detection` of them.
        resamples: of the bootstrap over images, within category and kind of image.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        `advantage` (variant, task, comparison, site) and `advantage_part` (..., part), means over
        the early, middle and late third of the layers, each with `_low` and `_high`;
        `all_minus_best` and `best_layer` (variant, task, source), the best layer chosen on the
        first half.
    """
    sources, sites = list(data["source"].values), data["site"].values
    pairs = [pair for pair in COMPARED if set(pair) <= set(sources)]
    thirds = parts(sites)
    rows = []
    for task in data["task"].values:
        present = data["present"].sel(task=task).values.astype(bool)
        choose, report = halves(present.shape[1])
        rng = np.random.default_rng(seed)
        counts = np.stack([bootstrap_counts(rng, row, resamples) for row in present[:, report]])
        scores = at_best_strength(data, task)
        value = performance(scores[..., report], present[:, report])
        drawn = performance(scores[..., report], present[:, report], counts)
        out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
        index = [(sources.index(one), sources.index(other)) for one, other in pairs]
        shape = (len(data["variant"]), len(pairs), len(sites))
        gap, drawn_gap = np.zeros(shape), np.zeros((resamples, *shape))
        for n, (one, other) in enumerate(index):
            gap[:, n] = value[:, one] - value[:, other]
            drawn_gap[:, :, n] = drawn[:, :, one] - drawn[:, :, other]
        _put(out, "advantage", ("variant", "comparison", "site"), gap, drawn_gap, level)
        grouped, drawn_grouped = (
            np.stack([_mean(x, third) for third in thirds.values()], axis=-1)
            for x in (gap, drawn_gap)
        )
        dims = ("variant", "comparison", "part")
        _put(out, "advantage_part", dims, grouped, drawn_grouped, level)
        single = np.concatenate(list(thirds.values()))
        first = performance(scores[..., choose], present[:, choose])[..., single]
        known = np.isfinite(first).any(axis=-1)
        best = single[np.where(known, np.nan_to_num(first, nan=-1.0).argmax(axis=-1), 0)]
        names = np.array([_layer(site) for site in sites])
        out["best_layer"] = (("variant", "source"), np.where(known, names[best], np.nan))
        if "all" in sites:
            every = list(sites).index("all")
            of_best = np.take_along_axis(value, best[..., None], axis=-1)[..., 0]
            drawn_best = np.take_along_axis(drawn, best[None, ..., None], axis=-1)[..., 0]
            gap, drawn_gap = value[..., every] - of_best, drawn[..., every] - drawn_best
            _put(out, "all_minus_best", ("variant", "source"), gap, drawn_gap, level)
        rows.append(xr.Dataset(out))
    found = xr.concat(rows, dim=xr.Variable("task", data["task"].values))
    found = found.assign_coords(
        {name: data[name] for name in ("variant", "task", "source", "site")}
        | {"comparison": [f"{a} - {b}" for a, b in pairs], "part": list(PARTS)}
    )
    return _labelled(found)


def compare_forms(data: xr.Dataset, resamples: int, level: float, seed: int = 0) -> xr.Dataset:
    """Gain in performance of each form of attention, at its best strength, as above.

    Returns:
        `form_gain` (variant, form) with `_low` and `_high`; `form_strength`. For the first task.
    """
    present = data["present"].isel(task=0).values.astype(bool)
    choose, report = halves(present.shape[1])
    counts = np.stack(
        [
            bootstrap_counts(rng, row, resamples)
            for rng in [np.random.default_rng(seed)]
            for row in present[:, report]
        ]
    )
    order = ("variant", "form", "strength", "category", "image")
    scores = data["score_form"].transpose(*order).values
    plain = data["score_unattended"].isel(task=0).transpose("variant", ...).values
    first = performance(scores[..., choose], present[:, choose])
    first = np.where(np.isnan(scores).any(axis=(-2, -1)), np.nan, first)
    known = np.isfinite(first).any(axis=-1)
    best = np.where(known, np.nan_to_num(first, nan=-1.0).argmax(axis=-1), 0)
    chosen = np.take_along_axis(scores, best[..., None, None, None], axis=2)[:, :, 0]
    chosen = np.where(known[..., None, None], chosen, np.nan)
    late = present[:, report]
    gap = performance(chosen[..., report], late) - performance(plain[..., report], late)[:, None]
    drawn = performance(chosen[..., report], late, counts)
    drawn = drawn - performance(plain[..., report], late, counts)[:, :, None]
    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    _put(out, "form_gain", ("variant", "form"), gap, drawn, level)
    strengths = data["strength"].values.astype(float)
    out["form_strength"] = (("variant", "form"), np.where(known, strengths[best], np.nan))
    coordinates = {name: data[name] for name in ("variant", "form")}
    return _labelled(xr.Dataset(out, coordinates))


def _put(
    out: dict[str, tuple[tuple[str, ...], np.ndarray]],
    name: str,
    dims: tuple[str, ...],
    value: np.ndarray,
    drawn: np.ndarray,
    level: float,
) -> None:
    low, high = interval(drawn, level)
    for suffix, array in (("", value), ("_low", low), ("_high", high)):
        # Shares of images: what is left of their rounding is to be no advantage.
        out[name + suffix] = (dims, np.round(array, 12))


def _mean(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Mean over some sites; NaN over none."""
    if index.size == 0:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(values[..., index].mean(axis=-1))


def _layer(site: object) -> float:
    number = str(site).removeprefix("layer ")
    return float(number) if number.isdigit() else np.nan


def _labelled(found: xr.Dataset) -> xr.Dataset:
    for name, variable in found.variables.items():
        variable.attrs.setdefault("units", "1")
        variable.attrs.setdefault("long_name", str(name).replace("_", " "))
    return found
