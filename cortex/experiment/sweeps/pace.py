"""How many points to compute before the next look at the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np

from cortex.experiment.sweeps.evaluate import Evaluator, Rows

# What a sudden death may cost. Longer chunks gain nothing: a call costs a millisecond.
SECONDS = 10.0
GROWTH = 4


# Computes points somewhere; gives rows as they are done, in any order.
Engine = Callable[[Evaluator, np.ndarray], Iterator[Rows]]


class Pace:
    """Sizes of chunks: as asked for, or about `SECONDS` of work each.

    Attributes:
        size: of the next chunk.
    """

    def __init__(self, chunk: int | None, first: int = 1) -> None:
        self._fixed = chunk is not None
        self.size = chunk or first

    def took(self, points: int, seconds: float) -> None:
        """Learn from a chunk; the first one, which compiles, makes the next ones too small."""
        if not self._fixed:
            wanted = int(points * SECONDS / max(seconds, 1e-6))
            self.size = max(1, min(wanted, GROWTH * self.size))


class Local:
    """Computes in this process, on all its devices."""

    def __init__(self, chunk: int | None = None) -> None:
        self._chunk = chunk

    def __call__(self, evaluator: Evaluator, missing: np.ndarray) -> Iterator[Rows]:
        for number, group in enumerate(evaluator.groups):
            todo = np.intersect1d(group.points, missing, assume_unique=True)
            pace = Pace(self._chunk)
            while len(todo):
                points, todo = np.split(todo, [min(pace.size, evaluator.capacity(number))])
                started = time.perf_counter()
                rows = evaluator(number, points)
                pace.took(len(points), time.perf_counter() - started)
                yield rows
