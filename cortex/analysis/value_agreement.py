"""How good the tuning of a layer's maps is, and whether gradient values agree with it.

Source: Lindsay & Miller 2018, eLife 7:e38105, for tuning quality and the correlation of tuning
with gradient values. How they pooled maps and categories is not known to us: both ways are here.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr


def correlation_over_maps(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation over the maps of a layer, category by category.

    Which maps are for a category? Not changed by dividing a category's values by a number.

    Args:
        a, b: two kinds of values, (categories, maps).

    Returns:
        (categories,); NaN where one of the two does not vary.
    """
    return _pearson(a, b)


def correlation_over_categories(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation over categories, map by map.

    Which categories is a map for? Not changed by dividing a map's values by a number.

    Args:
        a, b: two kinds of values, (categories, maps).

    Returns:
        (maps,); NaN where one of the two does not vary, as in a silent map.
    """
    return _pearson(np.transpose(a), np.transpose(b))


def correlation_interval(
    a: np.ndarray,
    b: np.ndarray,
    *,
    resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[float, float, float]:
    """`correlation_over_maps`, mean over categories, with an interval from resampling the maps.

    Args:
        a, b: two kinds of values, (categories, maps).
        resamples, level, seed: bootstrap samples, coverage of the percentile interval (0 to 1), and
            their seed.

    Returns:
        value, low, high
    """
    maps = a.shape[1]
    draws = np.random.default_rng(seed).integers(maps, size=(resamples, maps))
    found = [_mean(correlation_over_maps(a[:, draw], b[:, draw])) for draw in draws]
    known = [value for value in found if np.isfinite(value)]
    if not known:
        return np.nan, np.nan, np.nan
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return _mean(correlation_over_maps(a, b)), float(low), float(high)


def _mean(values: np.ndarray) -> float:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def _pearson(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Row by row; NaN where the spread of a row is that of rounding."""
    x, y = np.asarray(x, float), np.asarray(y, float)
    largest = [np.abs(v).max(1) for v in (x, y)]
    x, y = (v - v.mean(1, keepdims=True) for v in (x, y))
    spread = [np.sqrt((v**2).mean(1)) for v in (x, y)]
    varies = np.all([s > 1e-6 * m for s, m in zip(spread, largest, strict=True)], axis=0)
    scale = np.where(varies, spread[0] * spread[1], 1.0)
    return np.where(varies, (x * y).mean(1) / scale, np.nan)


def chance_quality(categories: int, images: int) -> float:
    """Tuning quality that a map has by chance, when its responses say nothing of the category.

    The mean of `images` responses drawn from all without replacement has a standard deviation of
    sqrt((1/images) (N - images)/(N - 1)) in units of that over all N = categories * images, and
    quality is the largest of `categories` of these, taken as normal and independent. Closed form
    of what shuffled labels give (ours).

    Args:
        categories: at least 2.
        images: of each category, at least 1.
    """
    from scipy.integrate import quad  # slow to import, seldom needed

    total = categories * images
    spread = np.sqrt((total - images) / (images * (total - 1)))
    largest = quad(lambda t: 1.0 - (2.0 * ndtr(t) - 1.0) ** categories, 0.0, 12.0)[0]
    return float(spread * largest)
