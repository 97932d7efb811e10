"""Scan paths compared: density of fixations, similarity within and between tasks, decoding."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

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
