"""Correlations over cells, with intervals by resampling the cells."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Correlation(NamedTuple):
    """A correlation coefficient with a bootstrap interval; NaN if a variable does not vary."""

    value: float
    low: float
    high: float
    cells: int


def bootstrap_correlation(
    x: np.ndarray,
    y: np.ndarray,
    *,
    ranks: bool = False,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Correlation:
    """Pearson's correlation of two variables over cells, or Spearman's.

    Parameters
    ----------
    x, y
        One number a cell; cells without a finite pair are left out.
    ranks
        Spearman's: the correlation of the ranks, ties with their mean rank.
    resamples
        Bootstrap samples, cells drawn with replacement.
    level
        Coverage of the percentile interval, between 0 and 1.
    seed
        Of the resampling.

    Returns
    -------
    Correlation
        NaN with fewer than 3 cells, or if the standard deviation of x or y is below 1e-5 of the
        unit (indices of circuits that are all alike differ by rounding only).
    """
    good = np.isfinite(x) & np.isfinite(y)
    x, y = np.asarray(x, float)[good], np.asarray(y, float)[good]
    cells = len(x)
    if cells < 3 or min(x.std(), y.std()) < 1e-5:
        return Correlation(np.nan, np.nan, np.nan, cells)
    draws = np.random.default_rng(seed).integers(cells, size=(resamples, cells))
    samples_x, samples_y = (np.concatenate([v[None], v[draws]]) for v in (x, y))
    if ranks:
        from scipy.stats import rankdata  # slow to import, seldom needed

        samples_x, samples_y = rankdata(samples_x, axis=1), rankdata(samples_y, axis=1)
    value, *rest = _pearson(samples_x, samples_y)
    low, high = np.nanquantile(rest, [(1 - level) / 2, (1 + level) / 2])
    return Correlation(float(value), float(low), float(high), cells)


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row by row; NaN where a row does not vary."""
    x, y = (v - v.mean(axis=1, keepdims=True) for v in (x, y))
    scale = np.sqrt((x**2).sum(1) * (y**2).sum(1))
    return np.where(scale > 0, (x * y).sum(1) / np.where(scale > 0, scale, 1.0), np.nan)
