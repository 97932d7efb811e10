"""Scan paths compared: density of fixations, sequences, similarity within tasks, decoding."""

from __future__ import annotations

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from .bootstrap import estimate

GRID = 24  # places along each side of a density map


def fixation_density(
    places: Float[np.ndarray, "*paths shifts 2"], spread: float
) -> Float[np.ndarray, "*paths size size"]:
    """Sum of a Gaussian around every fixation, on a grid over the image.

    Args:
        places: (row, column) from 0 to 1; NaN for none.
        spread: standard deviation, as a share of the image's sides.
    """
    at = (np.arange(GRID) + 0.5) / GRID
    bells = np.exp(-((at - places[..., None]) ** 2) / (2 * spread**2))
    bells = np.nan_to_num(bells)
    return np.einsum("...sy,...sx->...yx", bells[..., 0, :], bells[..., 1, :])


def similarity(
    densities: Float[np.ndarray, "paths height width"],
) -> Float[np.ndarray, "paths paths"]:
    """Correlation coefficients between all pairs of density maps, over places."""
    flat = densities.reshape(len(densities), -1)
    flat = flat - flat.mean(1, keepdims=True)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    flat = flat / np.where(norm > 0, norm, 1.0)
    return np.asarray(flat @ flat.T)


def aligned(
    one: Float[np.ndarray, "*#paths shifts 2"],
    other: Float[np.ndarray, "*#paths others 2"],
    reach: float,
) -> Float[np.ndarray, "*_"]:
    """How alike two scan paths are as sequences: 1 if they are the same, 0 if nothing fits.

    The best alignment of the two in their order, in which two fixations score 1 less their distance
    over `reach` and a fixation left out scores 0 (Needleman & Wunsch), over the longer path: the
    method of ScanMatch on places rather than on the cells of a grid, without durations.

    Args:
        one, other: places (row, column), such that a unit is as long along both axes; leading
            axes are broadcast.
        reach: distance at which two fixations have nothing in common.

    Source: Cristino, Mathôt, Theeuwes & Gilchrist 2010, Behav Res Methods 42:692.
    """
    distance = np.linalg.norm(one[..., :, None, :] - other[..., None, :, :], axis=-1)
    score = 1 - distance / reach
    rows, columns = score.shape[-2:]
    best = np.zeros((*score.shape[:-2], rows + 1, columns + 1))
    for i in range(rows):
        for j in range(columns):
            left_out = np.maximum(best[..., i, j + 1], best[..., i + 1, j])
            best[..., i + 1, j + 1] = np.maximum(left_out, best[..., i, j] + score[..., i, j])
    return np.asarray(best[..., -1, -1] / max(rows, columns))


def within_minus_between(
    similar: Float[np.ndarray, "paths paths"],
    task: Int[np.ndarray, " paths"],
    rows: Int[np.ndarray, " drawn"] | None = None,
) -> tuple[float, float]:
    """Mean similarity of two paths with the same task, and of two with different ones.

    Args:
        similar: of all pairs.
        task: of each path.
        rows: paths that are drawn, of a bootstrap; a path is never compared with itself.
    """
    rows = np.arange(len(task)) if rows is None else rows
    others = rows[:, None] != rows[None, :]
    same = task[rows][:, None] == task[rows][None, :]
    chosen = similar[np.ix_(rows, rows)]
    return float(chosen[others & same].mean()), float(chosen[others & ~same].mean())


def similarity_by_task(
    similar: Float[np.ndarray, "paths paths"], task: Int[np.ndarray, " paths"]
) -> Float[np.ndarray, "tasks tasks"]:
    """Mean similarity for every pair of tasks; a path is compared with others alone."""
    member = (task[:, None] == np.unique(task)).astype(float)
    others = ~np.eye(len(task), dtype=bool)
    return np.asarray(member.T @ (similar * others) @ member / (member.T @ others @ member))


def permutation_p(
    similar: Float[np.ndarray, "paths paths"],
    task: Int[np.ndarray, " paths"],
    permutations: int,
    rng: np.random.Generator,
) -> float:
    """Share of shuffled tasks that tell within from between as well as the true ones do."""

    def difference(labels: np.ndarray) -> float:
        within, between = within_minus_between(similar, labels)
        return within - between

    own = difference(task)
    shuffled = [difference(rng.permutation(task)) for _ in range(permutations)]
    return (1 + sum(value >= own for value in shuffled)) / (1 + permutations)


def decoded(
    features: Float[np.ndarray, "paths features"],
    task: Int[np.ndarray, " paths"],
    fold: Int[np.ndarray, " paths"],
) -> Int[np.ndarray, " paths"]:
    """The task of every path by the nearest mean of the tasks' paths in all other folds.

    Nearest is the largest correlation over features.
    """
    answers = np.zeros_like(task)
    tasks = np.unique(task)
    for one in np.unique(fold):
        test, train = fold == one, fold != one
        means = np.stack([features[train & (task == t)].mean(0) for t in tasks])
        centred = means - means.mean(1, keepdims=True)
        centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-12)
        own = features[test] - features[test].mean(1, keepdims=True)
        answers[test] = tasks[np.argmax(own @ centred.T, axis=1)]
    return answers


def compare_tasks(
    places: xr.DataArray,
    spread: float,
    *,
    permutations: int,
    resamples: int,
    level: float,
    rng: np.random.Generator,
) -> xr.Dataset:
    """How alike scan paths on one image are within a task and between tasks.

    Args:
        places: fixations (image, task, observer, fixation, axis): row and column from 0 to 1 along
            the last, NaN for none.
        spread: of the Gaussian around every fixation, as a share of the image's sides.
        permutations: of the tasks, for each image.
        resamples: over observers, the same for all images and tasks.
        level: probability of the intervals.
        rng: generator of resamples and permutations.

    Returns:
        ``alike`` (image, pair: same task, different tasks), mean similarity of two paths;
        ``similarity`` (task, other_task), its mean over images; ``difference`` (image, bound),
        within less between tasks, and ``mean_difference`` (bound) over images; ``p`` (image), see
        `permutation_p`; ``right`` (image, task, observer), whether the task was decoded from the
        paths of the other observers on the image; ``accuracy`` (bound), how often.
    """
    by = ("image", "task", "observer")
    images, tasks, observers = (places.sizes[dim] for dim in by)
    densities = fixation_density(places.transpose(*by, ...).values, spread)
    densities = densities.reshape(images, tasks * observers, GRID, GRID)
    task, fold = np.repeat(np.arange(tasks), observers), np.tile(np.arange(observers), tasks)
    drawn = rng.integers(observers, size=(resamples, observers))
    rows = (np.arange(tasks)[:, None] * observers + drawn[:, None]).reshape(resamples, -1)

    alike, again, by_task, p, told = [], [], [], [], []
    for density in densities:
        similar = similarity(density)
        alike.append(within_minus_between(similar, task))
        again.append([np.subtract(*within_minus_between(similar, task, row)) for row in rows])
        by_task.append(similarity_by_task(similar, task))
        p.append(permutation_p(similar, task, permutations, rng))
        told.append(decoded(density.reshape(len(task), -1), task, fold))
    right = (np.reshape(told, (images, tasks, observers)) == np.arange(tasks)[:, None]).astype(
        float
    )
    found = xr.Dataset(
        {
            "alike": (("image", "pair"), alike),
            "similarity": (("task", "other_task"), np.mean(by_task, axis=0)),
            "p": ("image", p),
            "right": (by, right),
        },
        {"image": places.image, "task": places.task, "other_task": places.task.values}
        | {"pair": ["same task", "different tasks"]},
    )
    difference = found.alike.sel(pair="same task", drop=True) - found.alike.sel(
        pair="different tasks", drop=True
    )
    resampled = xr.DataArray(again, {"image": places.image}, ("image", "resample"))
    found["difference"] = estimate(difference, resampled, level)
    found["mean_difference"] = estimate(difference.mean(), resampled.mean("image"), level)
    same = found.right.isel(observer=xr.DataArray(drawn, dims=("resample", "observer")))
    found["accuracy"] = estimate(found.right.mean(), same.mean(by), level)
    for name, text in _WORDS.items():
        found[name].attrs = {"units": "1", "long_name": text}
    return found


_WORDS = {
    "alike": "similarity of two scan paths",
    "similarity": "similarity of scan paths",
    "difference": "similarity within less that between tasks",
    "mean_difference": "similarity within less that between tasks, mean over images",
    "p": "share of shuffled tasks that do as well",
    "right": "whether the task was decoded from other paths on the image",
    "accuracy": "share of tasks decoded",
}
