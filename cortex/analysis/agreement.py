"""Tuning quality, and the agreement of tuning with gradient values, layer by layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .similarity_gain import over_maps
from .value_agreement import correlation_interval, correlation_over_categories

ENDS = ("", "_low", "_high")
POOLED = ("maps", "categories")


def agreement(
    tuning: Sequence[np.ndarray],
    gradients: Mapping[str, Sequence[np.ndarray]],
    normalised: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    *,
    resamples: int = 500,
    level: float = 0.95,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Mean quality and the correlations of every layer, with intervals over its maps.

    Parameters
    ----------
    tuning
        Tuning values by layer, (categories, maps).
    gradients
        Gradient values by layer, for every set of images that they are averaged over.
    normalised
        What divides gradient values, by name; a function of an array (categories, maps).
    resamples, level, seed
        Bootstrap over the maps of a layer.

    Returns
    -------
    dict of arrays
        ``quality_mean`` (layer) and ``correlation`` (set, normalisation, pooled, layer), each
        also with ``_low`` and ``_high``. `POOLED`: over the maps of a layer, mean over categories;
        or over categories, mean over maps.
    """
    how: dict[str, Any] = {"resamples": resamples, "level": level, "seed": seed}
    shape = (len(gradients), len(normalised), len(POOLED), len(tuning))
    correlation, quality = np.full((3, *shape), np.nan), np.full((3, len(tuning)), np.nan)
    for layer, values in enumerate(tuning):
        quality[:, layer] = over_maps(np.abs(values).max(axis=0), **how)[:3]
        for i, by_layer in enumerate(gradients.values()):
            for j, divided in enumerate(normalised.values()):
                other = np.asarray(divided(by_layer[layer]), float)
                at = (slice(None), i, j)
                correlation[(*at, 0, layer)] = correlation_interval(values, other, **how)
                over_categories = correlation_over_categories(values, other)
                correlation[(*at, 1, layer)] = over_maps(over_categories, **how)[:3]
    return {
        f"{name}{end}": array[n]
        for name, array in (("quality_mean", quality), ("correlation", correlation))
        for n, end in enumerate(ENDS)
    }
