"""The sheet of the benchmarks: its numbers in plain NumPy, and the circuit made of them.

Total weights and single units are those of the published ring (Rubin et al. 2015, Fig. 1: a
weight of .044 times the sum over the ring of its Gaussian of 32 deg), which is inhibition
stabilised at these contrasts. The width of 4 px, the coupling between features and the stimuli
are chosen here. Borders are periodic.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

TAU = {"E": 20.0, "I": 10.0}  # ms
K, N = 0.04, 2.0
TOTAL = math.sqrt(2 * math.pi) * 32.0  # sum of a Gaussian of 32 deg at one unit a degree
WEIGHTS = {"EE": 0.044 * TOTAL, "EI": 0.023 * TOTAL, "IE": 0.042 * TOTAL, "II": 0.018 * TOTAL}
WIDTH = 4.0  # px
ACCURACY = 1e-3  # of the largest rate
TIMES = (10.0, 20.0, 30.0, 50.0, 80.0, 120.0, 200.0, 300.0)  # ms, at which accuracy is judged


class Sheet(NamedTuple):
    """A workload's size."""

    side: int
    features: int
    batch: int

    @property
    def units(self) -> int:
        """E and I units of all copies."""
        return 2 * self.batch * self.features * self.side**2

    @property
    def state(self) -> int:
        """Bytes of rates and drives, float32: what a step goes through."""
        return self.units * 4 * 2


def gaussian(side: int, width: float = WIDTH) -> np.ndarray:
    """Periodic Gaussian of unit sum around place 0, (side,), float64."""
    reach = math.ceil(10 * width / side) + 1
    place = np.arange(side)[None, :] + side * np.arange(-reach, reach + 1)[:, None]
    bell = np.exp(-(place**2) / (2 * width**2)).sum(0)
    return bell / bell.sum()


def circulant(side: int) -> np.ndarray:
    """The Gaussian as a matrix (side, side), row = target place."""
    place = np.arange(side)
    return gaussian(side)[(place[:, None] - place[None, :]) % side]


def _apart(a: Any, b: Any, period: float) -> np.ndarray:
    distance = np.abs(a - b) % period
    return np.minimum(distance, period - distance)


def preferred(features: int) -> np.ndarray:
    """Preferred orientation of each feature [deg]."""
    return np.arange(features) * 180.0 / features


def feature_matrix(features: int) -> np.ndarray:
    """Gaussian falloff of 32 deg over preferred orientation, rows of sum one."""
    angle = preferred(features)
    falloff = np.exp(-(_apart(angle[:, None], angle[None, :], 180.0) ** 2) / (2 * 32.0**2))
    return falloff / falloff.sum(1, keepdims=True)


def drives(sheet: Sheet) -> np.ndarray:
    """Grating patches of contrasts up to 100 at random places, (batch, features, side, side)."""
    rng = np.random.default_rng(0)
    place, angle = np.arange(sheet.side), preferred(sheet.features)
    found = []
    for number in range(sheet.batch):
        contrast = 100.0 * (number + 1) / sheet.batch
        (y, x), orientation = rng.integers(sheet.side, size=2), rng.uniform(0, 180)
        rows, columns = (
            np.exp(-(_apart(place, c, sheet.side) ** 2) / (2 * 10.0**2)) for c in (y, x)
        )
        tuning = np.exp(-(_apart(angle, orientation, 180.0) ** 2) / (2 * 32.0**2))
        found.append(contrast * tuning[:, None, None] * rows[:, None] * columns[None, :])
    return np.stack(found)


def circuit(sheet: Sheet, features: Any = None) -> Any:
    """The same as a `cortex.circuit.Circuit` for one of the copies."""
    from cortex.circuit import EI, Circuit, GaussianCoupling, PeriodicBorder, Populations
    from cortex.circuit import Projections as Four

    coupling = GaussianCoupling(
        Four(**WEIGHTS),
        Four(**dict.fromkeys(WEIGHTS, WIDTH)),
        feature_matrix(sheet.features).astype(np.float32) if features is None else features,
        (sheet.features, sheet.side, sheet.side),
        PeriodicBorder(),
    )
    return Circuit(Populations(EI(**TAU), EI(K, K), EI(N, N)), coupling)


def error(found: Any, truth: np.ndarray) -> float:
    """Largest difference from the truth as a share of the largest rate, the worst of the batch.

    Args:
        found, truth: (times, populations, batch, ...); the largest rate is over times,
            populations and units of one element of the batch.
    """
    worst = 0.0
    for number in range(truth.shape[2]):
        right = truth[:, :, number]
        gap = np.abs(np.asarray(found[:, :, number], np.float64) - right).max()
        # NaN is no small error.
        worst = max(worst, float(gap / np.abs(right).max())) if np.isfinite(gap) else math.inf
    return worst
