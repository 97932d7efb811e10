"""Looks at hard images with and without attention, all that lies below it computed once.

Sources of attention are data to one compiled look, see `cortex.tasks.Observer`: of every batch of
hard images, what lies below the attended layer is computed once, and each source at each strength
goes through the same programs.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from cortex.attention import Attention
from cortex.circuit import EI
from cortex.memory import is_limited
from cortex.stimuli.trials import AbstractTrials
from cortex.tasks import Observer, batch_within, even_batch
from cortex.tasks.observer import Pass

Advance = Callable[[int], object]


class Looked(NamedTuple):
    """What an observer makes of the hard images of every category under one condition.

    Attributes:
        answers: the logit of the category sought, (categories, images), or all logits,
            (categories, images, logits).
        rates: by layer, mean rate of each map over places and images, (categories, maps) [Hz, or
            the activity of a layer without a circuit]; NaN below the attended layer, where
            nothing changes.
        sent: by layer, mean of what leaves each map, as `rates`, in the unit of the network.
        settled: whether all circuits settled.
    """

    answers: Float[np.ndarray, "categories images *logits"]
    rates: tuple[EI[Float[np.ndarray, "categories maps"]], ...]
    sent: tuple[Float[np.ndarray, "categories maps"], ...]
    settled: Bool[np.ndarray, "categories images"]


def look(
    observer: Observer,
    trials: AbstractTrials,
    attentions: Sequence[Attention],
    *,
    batch: int = 50,
    answer: Literal["sought", "all"] = "sought",
    advance: Advance | None = None,
) -> tuple[Looked, list[Looked]]:
    """Hard images of every category without attention, and with every attention to the category.

    On a CPU some categories are computed side by side, one a core, up to four: small circuits
    leave all but one core idle. Where memory is limited, they come one after the other.

    Args:
        observer: who looks.
        trials: the hard images; each batch is made once for all attentions.
        attentions: asked, image by image, for the category sought and the place of its quadrant.
        batch: images at a time, at most; the last ones are filled up.
        answer: which logits are kept: that of the category "sought", or "all".
        advance: told how many looks are done, one image seen once being a look.

    Returns:
        What is seen without attention, and with each.
    """
    batch = batch_within(observer.system, lambda: trials.images(0, 0, 1), batch, passes=2)
    size = even_batch(trials.present.shape[1], batch)
    on_cores = jax.default_backend() == "cpu" and not is_limited()
    side_by_side = min(os.cpu_count() or 1, 4) if on_cores else 1
    of_category = functools.partial(_look_for, observer, trials, attentions, size, answer, advance)
    with ThreadPoolExecutor(side_by_side) as pool:
        seen = list(pool.map(of_category, range(len(trials.present))))
    first, *others = (_stacked(found) for found in zip(*seen, strict=True))
    return first, others


def _look_for(
    observer: Observer,
    trials: AbstractTrials,
    attentions: Sequence[Attention],
    size: int,
    answer: str,
    advance: Advance | None,
    category: int,
) -> list[Looked]:
    """As `look`, for one category; without the axis of categories."""
    count = trials.present.shape[1]
    lowest = [0, *(min(map(observer.system.index, one.layers)) for one in attentions)]
    parts: list[list[Looked]] = [[] for _ in lowest]

    def keep(number: int, found: Pass, rows: int) -> None:
        logits = np.asarray(found.logits)[:rows]
        own = logits[:, category] if answer == "sought" else logits
        rates = [
            layer.means.map(lambda r, n=n: _summed(r, rows, n < lowest[number]))
            for n, layer in enumerate(found.layers)
        ]
        sent = [
            _summed(layer.sent, rows, n < lowest[number]) for n, layer in enumerate(found.layers)
        ]
        settled = np.asarray(found.settled)[:rows]
        parts[number].append(Looked(own, tuple(rates), tuple(sent), settled))
        if advance is not None:
            advance(rows)

    for start in range(0, count, size):
        stop = min(start + size, count)
        rows = np.minimum(np.arange(start, start + size), stop - 1)
        images = trials.images(category, start, stop)[rows - start]
        places = quadrant_places(trials.quadrant[category, rows])
        seen = observer.first_pass(images)
        keep(0, seen, stop - start)
        for number, one in enumerate(attentions, 1):
            attention = one(category=category, place=places)
            keep(number, observer.next_pass(seen, attention), stop - start)
    return [_joined(found, count) for found in parts]


def _summed(rates: Array, rows: int, below: bool) -> np.ndarray:
    total = np.asarray(rates, float)[:rows].sum(axis=0)
    return np.full_like(total, np.nan) if below else total


def _joined(parts: list[Looked], count: int) -> Looked:
    """Batches of images as one, sums of rates and of what is sent as means."""
    answers, rates, sent, settled = zip(*parts, strict=True)
    means, left = (jax.tree.map(lambda *sums: sum(sums) / count, *one) for one in (rates, sent))
    return Looked(np.concatenate(answers), means, left, np.concatenate(settled))


def _stacked(categories: Sequence[Looked]) -> Looked:
    return jax.tree.map(lambda *arrays: np.stack(arrays), *categories)


def quadrant_places(quadrant: np.ndarray) -> Float[np.ndarray, "images 2"]:
    """The middle of each image's quadrant, (row, column) from 0 to 1; that of the image for none.

    Args:
        quadrant: 0 to 3 as a page is read, -1 for none, (images,).
    """
    middles = np.stack([0.25 + 0.5 * (quadrant // 2), 0.25 + 0.5 * (quadrant % 2)], axis=-1)
    return np.where((quadrant < 0)[:, None], 0.5, middles)
