"""The task in the scan path: similarity, decoding, what is fixated, and rates at what is sought."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from cortex.analysis.scan_paths import (
    GRID,
    decoded,
    fixation_density,
    permutation_p,
    similarity,
    within_minus_between,
)
from cortex.experiment import Measure
from cortex.tasks import interval

YARBUS = "direction: Yarbus 1967; decoding of tasks from human scan paths: Borji & Itti 2014"
HERE = "expected here: the purpose of the weights"
FREE = "free"


def contrast(rates: np.ndarray) -> np.ndarray:
    """(target - others) / (target + others), roles on the last axis; 0 where both are silent."""
    total = rates.sum(-1)
    return np.asarray((rates[..., 0] - rates[..., 1]) / np.where(total > 0, total, 1.0))


def summarise_scans(
    data: xr.Dataset, spread: float, permutations: int, resamples: int, level: float, seed: int
) -> xr.Dataset:
    """Similarity, decoding, shares and contrasts, with bootstrap intervals.

    Args:
        data: `places` (image, task, observer, fixation, axis); of the crowds `bar_places`,
            `bar_colour`, `bar_orientation`, `asked` and the rates.
        spread: of the Gaussian around every fixation.
        permutations: of the tasks, for each image.
        resamples: over observers, the same for all images and tasks; where other crowds are
            decoded over crowds, too; of shares and rates over pairs of crowd and task.
        level: of the intervals.
        seed: of permutations and bootstrap.
    """
    rng = np.random.default_rng(seed)
    out: dict[str, Any] = {}

    def put(name: str, dims: tuple[str, ...], value: Any, words: str) -> None:
        out[name] = (dims, np.asarray(value), {"units": "1", "long_name": words})

    def put_drawn(name: str, dims: tuple[str, ...], value: Any, drawn: Any, words: str) -> None:
        low, high = interval(np.asarray(drawn), level)
        put(name, dims, value, words)
        put(f"{name}_low", dims, low, f"{words}, lower end")
        put(f"{name}_high", dims, high, f"{words}, upper end")

    places = data["places"].values
    images, tasks, observers = places.shape[:3]
    density = fixation_density(places, spread).reshape(images, tasks * observers, -1)
    task = np.repeat(np.arange(tasks), observers)
    fold = np.tile(np.arange(observers), tasks)
    drawn = rng.integers(observers, size=(resamples, observers))
    rows = (np.arange(tasks)[:, None] * observers + drawn[:, None, :]).reshape(resamples, -1)

    pairs, ends, differences, chances, answers = [], [], [], [], []
    for one in density:
        similar = similarity(one.reshape(len(one), GRID, GRID))
        pairs.append(_by_task(similar, task))
        ends.append(within_minus_between(similar, task))
        differences.append([np.subtract(*within_minus_between(similar, task, r)) for r in rows])
        chances.append(permutation_p(similar, task, permutations, rng))
        answers.append(decoded(one, task, fold))
    within, between = np.asarray(ends).T
    boot = np.asarray(differences)  # (image, resample)
    put("similarity", ("task", "other_task"), np.mean(pairs, axis=0), "similarity of scan paths")
    put("within", ("image",), within, "similarity within a task")
    put("between", ("image",), between, "similarity between tasks")
    words = "similarity within less that between tasks"
    put_drawn("difference", ("image",), within - between, boot.T, words)
    put_drawn("mean_difference", (), np.mean(within - between), boot.mean(0), words)
    put("p", ("image",), chances, "share of shuffled tasks that do as well")

    right = (np.asarray(answers) == task).reshape(images, tasks, observers)
    resampled = right[:, :, drawn].mean((1, 3)).T  # (resample, image)
    put_drawn("accuracy", ("image",), right.mean((1, 2)), resampled, "share of tasks decoded")
    put_drawn("mean_accuracy", (), right.mean(), resampled.mean(1), "share of tasks decoded")

    kinds = _kinds_fixated(data)
    crowds = len(kinds)
    elsewhere = decoded(
        kinds.reshape(crowds * tasks * observers, -1),
        np.tile(task, crowds),
        np.repeat(np.arange(crowds), len(task)),
    )
    right = (elsewhere == np.tile(task, crowds)).reshape(crowds, tasks, observers)
    # Which images there are matters more here than which observers.
    other = rng.integers(crowds, size=(resamples, crowds))
    over = right.mean(1)[other[:, :, None], drawn[:, None, :]].mean((1, 2))
    put("elsewhere_by_task", ("task",), right.mean((0, 2)), "share decoded on another crowd")
    put_drawn("elsewhere", (), right.mean(), over, "share of tasks decoded on another crowd")
    _of_what_is_asked(data, rng, resamples, put_drawn)
    out["other_task"] = (
        ("other_task",),
        data["task"].values,
        {"units": "1", "long_name": "task of the other path"},
    )
    return xr.Dataset(out, {name: data[name] for name in ("image", "task")})


def _by_task(similar: np.ndarray, task: np.ndarray) -> np.ndarray:
    """Mean similarity for each pair of tasks, of a path with others alone."""
    count = task.max() + 1
    other = ~np.eye(len(task), dtype=bool)
    found = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            chosen = (task[:, None] == a) & (task[None, :] == b) & other
            found[a, b] = similar[chosen].mean()
    return found


def _nearest(data: xr.Dataset) -> np.ndarray:
    """The bar nearest to every fixation on the crowds (crowd, task, observer, fixation)."""
    bars = data["bar_places"].values
    places = data["places"].values[: len(bars)]
    # One observer's fixation after another, so that memory stays small.
    found = [
        np.linalg.norm(np.nan_to_num(one)[..., None, :] - own, axis=-1).argmin(-1)
        for one, own in zip(places, bars, strict=True)
    ]
    return np.stack(found)


def _kinds_fixated(data: xr.Dataset) -> np.ndarray:
    """How often each colour and each orientation was fixated (crowd, task, observer, kind)."""
    nearest, parts = _nearest(data), []
    for name in ("bar_colour", "bar_orientation"):
        kinds = np.stack([row[near] for row, near in zip(data[name].values, nearest, strict=True)])
        parts += [(kinds == kind).mean(-1) for kind in np.unique(data[name].values)]
    return np.stack(parts, axis=-1)


def _of_what_is_asked(
    data: xr.Dataset, rng: np.random.Generator, resamples: int, put_drawn: Any
) -> None:
    """Fixations on, and rates at, bars that the task asks for; beside free viewing and none."""
    names = [str(name) for name in data["task"].values]
    sought = [n for n, name in enumerate(names) if data["asked"].values[:, n].any()]
    nearest, asked = _nearest(data), data["asked"].values
    rows: dict[str, list[list[float]]] = {"share": [], "gained": [], "rate_E": [], "rate_I": []}
    free = names.index(FREE) if FREE in names else None
    for crowd in range(len(asked)):
        for found in rows.values():
            found.append([])
        for n in sought:
            own = asked[crowd, n]
            share = own[nearest[crowd, n]].mean()
            idle = own.mean() if free is None else own[nearest[crowd, free]].mean()
            rows["share"][-1].append(share)
            rows["gained"][-1].append(share - idle)
            for name in ("rate_E", "rate_I"):
                rates = data[name].values[crowd]
                before, after = (
                    contrast(np.array([rates[k][own].mean(), rates[k][~own].mean()]))
                    for k in (0, n + 1)
                )
                rows[name][-1].append(float(after - before))
    words = {
        "share": "share of fixations on bars that are sought",
        "gained": "that share less the one in free viewing",
        "rate_E": "change of the contrast of E rates, sought against other bars",
        "rate_I": "change of the contrast of I rates, sought against other bars",
    }
    draw = None
    for name, found in rows.items():
        values = np.asarray(found).ravel()
        if draw is None:
            draw = rng.integers(values.size, size=(resamples, values.size))
        mean = "mean_" if name.startswith("rate") else ""
        label = f"{mean}{name}_change" if mean else name
        put_drawn(label, (), values.mean(), values[draw].mean(1), words[name])


def scan_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of `saccades_and_tasks`, from its results with `summarise_scans` of them."""
    return [*_similarity(data), *_decoding(data), *_asked(data)]


def _ends(data: xr.Dataset, name: str) -> tuple[float, float, float]:
    value, low, high = (float(data[f"{name}{end}"]) for end in ("", "_low", "_high"))
    return value, low, high


def _similarity(data: xr.Dataset) -> Iterator[Measure]:
    for image in data["image"].values:
        one = data.sel(image=image)
        value, low, high = _ends(one, "difference")
        yield Measure.reported(
            f"within_minus_between[{image}]",
            value,
            "1",
            note=f"Correlation of fixation densities, {float(one['within']):.2f} within a task and "
            f"{float(one['between']):.2f} between; interval {low:.2f} to {high:.2f}, p = "
            f"{float(one['p']):.3f} by permutation of the tasks.",
        )
    value, low, high = _ends(data, "mean_difference")
    yield Measure.expecting(
        "within_minus_between_low",
        low,
        "1",
        expected="> 0",
        provenance=YARBUS,
        effect="on one image, scan paths with one task are more alike than with different tasks",
        headline=True,
        note=f"Lower end; mean over images {value:.3f}, interval {low:.3f} to {high:.3f}.",
    )
    yield Measure.expecting(
        "largest_p",
        float(data["p"].max()),
        "1",
        expected="<= 0.05",
        provenance=YARBUS,
        effect="so on each of the images, by permutation of the tasks",
        headline=True,
    )


def _decoding(data: xr.Dataset) -> Iterator[Measure]:
    chance = 1.0 / data.sizes["task"]
    rows = (
        ("mean_accuracy", "task_decoded", "the task is read from the scan path, on the same image"),
        ("elsewhere", "task_decoded_elsewhere", "and by what was fixated, on an image not seen"),
    )
    by_task = data["elsewhere_by_task"]
    least = str(by_task["task"].values[np.argmin(by_task.values)])
    worst = f" Worst for {least}: {float(by_task.min()):.0%}."
    for name, key, effect in rows:
        value, low, high = _ends(data, name)
        yield Measure.expecting(
            f"{key}_beyond_chance_low",
            low - chance,
            "1",
            expected="> 0",
            provenance=YARBUS,
            effect=effect,
            headline=True,
            note=f"Lower end; {value:.1%} right, interval {low:.1%} to {high:.1%}, chance "
            f"{chance:.1%}.{worst if name == 'elsewhere' else ''}",
        )


def _asked(data: xr.Dataset) -> Iterator[Measure]:
    share = _ends(data, "share")
    value, low, high = _ends(data, "gained")
    yield Measure.expecting(
        "sought_bars_fixated_low",
        low,
        "1",
        expected="> 0",
        provenance=HERE,
        effect="what the task asks for is fixated more than in free viewing",
        headline=True,
        note=f"Lower end; {share[0]:.1%} of fixations on bars that are sought, {value:.1%} more "
        f"than in free viewing, interval {low:.1%} to {high:.1%}.",
    )
    for name in ("rate_E", "rate_I"):
        value, low, high = _ends(data, f"mean_{name}_change")
        yield Measure.expecting(
            f"sought_bars_stand_out_low[{name[-1]}]",
            low,
            "1",
            expected="> 0",
            provenance=HERE,
            effect=f"the task's saliency as gain raises {name[-1]} rates at what is sought",
            headline=name == "rate_E",
            note=f"Lower end; change of (sought - others) / (sought + others) {value:.3f}, "
            f"interval {low:.3f} to {high:.3f}, over crowds and tasks.",
        )
    yield Measure.compared(
        "settled",
        float(data["settled"].mean()),
        "1",
        reference=1.0,
        absolute=0.0,
        provenance="required here: every state is a steady one",
        effect="every steady state was reached",
    )
