"""Attention as a condition of an experiment: a source of it at a layer, at a strength."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from cortex.attention import (
    AbstractForm,
    AbstractSource,
    Attention,
    FeatureSimilarity,
    QuadrantWindow,
    Scaled,
    Sum,
)
from cortex.tasks import LayerValues

Source = Callable[[int, Any], AbstractSource]  # from a layer (1 the lowest) and a strength [1]
Shares = Sequence[float | int] | np.ndarray  # of the strength, at each layer from the lowest


def by_values(values: LayerValues, forms: Sequence[AbstractForm]) -> Source:
    """Feature attention by the values of each layer's maps, in the form of each layer.

    Args:
        values: by layer, (categories, maps).
        forms: by layer.
    """
    return lambda layer, strength: FeatureSimilarity(values[layer - 1], strength, forms[layer - 1])


def by_place(forms: Sequence[AbstractForm], fixed: float | None = None) -> Source:
    """Attention to the cued quadrant, in the form of each layer.

    Args:
        forms: by layer.
        fixed: beta_s, whatever strength is asked for; by default the strength asked for.
    """

    def source(layer: int, strength: Any) -> AbstractSource:
        return QuadrantWindow(strength if fixed is None else jnp.asarray(fixed), forms[layer - 1])

    return source


def together(*sources: Source) -> Source:
    """Sources whose patterns add up, in the form of the first."""

    def source(layer: int, strength: Any) -> AbstractSource:
        parts = tuple(one(layer, strength) for one in sources)
        return Sum(parts, parts[0].form)

    return source


def attend(source: Source, shares: Shares, strength: float) -> Attention:
    """Attention at one or more layers at once.

    Args:
        source: gives the source of a layer (1 the lowest) at a strength.
        shares: of each layer, from the lowest: what the pattern there is multiplied by; a layer
            without a share is left alone.
        strength: beta [1].
    """
    parts = [
        Scaled(source(layer, strength), share).at(layer)
        for layer, share in enumerate(shares, 1)
        if share
    ]
    return functools.reduce(operator.add, parts)
