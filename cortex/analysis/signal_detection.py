"""Signal detection: rates, criterion, sensitivity, area under the ROC curve, intervals."""

import numpy as np

CLIP = (0.01, 0.99)  # of rates before z-scores, as in Lindsay & Miller 2018


class Rates:
    """True- and false-positive rates, and what follows from them.

    Args:
        true_positive, false_positive: rates in [0, 1], of one shape.
    """

    def __init__(self, true_positive: np.ndarray | float, false_positive: np.ndarray | float):
        self.true_positive = np.asarray(true_positive, float)
        self.false_positive = np.asarray(false_positive, float)

    @property
    def performance(self) -> np.ndarray | float:
        """Mean of true-positive and true-negative rate."""
        return (self.true_positive + 1 - self.false_positive) / 2

    @property
    def criterion(self) -> np.ndarray | float:
        """c = -(z(TP) + z(FP)) / 2; negative says yes too readily."""
        return -(_z(self.true_positive) + _z(self.false_positive)) / 2

    @property
    def sensitivity(self) -> np.ndarray | float:
        """d' = z(TP) - z(FP)."""
        return _z(self.true_positive) - _z(self.false_positive)


def _z(rate: np.ndarray) -> np.ndarray | float:
    from scipy.special import ndtri  # slow to import, seldom needed

    return ndtri(np.clip(rate, *CLIP))


def detection_rates(
    scores: np.ndarray,
    present: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float | np.ndarray = 0.0,
) -> Rates:
    """Rates of saying yes where the score exceeds the threshold.

    Args:
        scores: (..., images).
        present: whether the signal is there, broadcasts to (..., images).
        weights: how often each image counts, such as the counts of a bootstrap resample;
            broadcasts to (..., images).
    """
    yes = scores > threshold
    counts = np.ones(scores.shape[-1:]) if weights is None else weights
    positive, negative = counts * present, counts * ~present
    return Rates(
        (yes * positive).sum(-1) / positive.sum(-1), (yes * negative).sum(-1) / negative.sum(-1)
    )


def area_under_curve(
    scores: np.ndarray, present: np.ndarray, weights: np.ndarray | None = None
) -> np.ndarray:
    """Probability that an image with the signal scores higher than one without; ties half.

    Args:
        scores: (..., images).
        present: (images,) bool.
        weights: (resamples, images) counts; the result then has a leading axis of resamples.
    """
    positive, negative = scores[..., present], scores[..., ~present]
    higher = (positive[..., :, None] > negative[..., None, :]).astype(float)
    higher += 0.5 * (positive[..., :, None] == negative[..., None, :])
    if weights is None:
        return np.asarray(higher.mean(axis=(-2, -1)))
    up, down = weights[:, present], weights[:, ~present]
    total = up.sum(-1) * down.sum(-1)
    value = np.einsum("bp,...pn,bn->b...", up, higher, down, optimize=True)
    return value / total.reshape(-1, *[1] * (value.ndim - 1))


def free_sensitivity(scores: np.ndarray, present: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """d' whatever the criterion, from the area under the curve: (resamples, ...).

    Areas of 0 and 1 are moved in by half of one pair's weight, so that d' is finite.

    Args:
        scores, present: as for `area_under_curve`.
        counts: (resamples, images), how often each image counts.
    """
    from scipy.special import ndtri  # slow to import, seldom needed

    pairs = counts[:, present].sum(1) * counts[:, ~present].sum(1)
    least = 0.5 / pairs.reshape(-1, *[1] * (scores.ndim - 1))
    area = np.clip(area_under_curve(scores, present, counts), least, 1 - least)
    return np.asarray(np.sqrt(2) * ndtri(area))


def bootstrap_counts(rng: np.random.Generator, present: np.ndarray, resamples: int) -> np.ndarray:
    """How often each image is drawn, with and without signal resampled apart.

    Args:
        present: (images,) bool.

    Returns:
        Counts (resamples, images); each row has as many images of each kind as there are.
    """
    counts = np.zeros((resamples, present.size), dtype=np.int64)
    for kind in (present, ~present):
        rows = np.flatnonzero(kind)
        if rows.size:
            counts[:, rows] = rng.multinomial(
                rows.size, np.full(rows.size, 1 / rows.size), size=resamples
            )
    return counts


def interval(samples: np.ndarray, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Percentile interval over the first axis."""
    tail = 50 * (1 - level)
    low, high = np.percentile(samples, (tail, 100 - tail), axis=0)
    return np.asarray(low), np.asarray(high)
