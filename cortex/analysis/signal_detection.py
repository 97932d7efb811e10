"""Signal detection: rates, criterion, sensitivity, area under the ROC curve."""

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


def detection_rates(scores: np.ndarray, present: np.ndarray, threshold: float = 0.0) -> Rates:
    """Rates of saying yes where the score exceeds the threshold.

    Args:
        scores: (..., images).
        present: whether the signal is there, broadcasts to (..., images).
        threshold: of the detector, in the unit of the scores.
    """
    yes = scores > threshold
    return Rates(
        (yes * present).sum(-1) / present.sum(-1), (yes * ~present).sum(-1) / (~present).sum(-1)
    )


def area_under_curve(scores: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Probability that an image with the signal scores higher than one without; ties half.

    Args:
        scores: (..., images).
        present: (images,) bool.
    """
    positive, negative = scores[..., present, None], scores[..., None, ~present]
    higher = (positive > negative) + 0.5 * (positive == negative)
    return np.asarray(higher.mean(axis=(-2, -1)))


def quantities(scores: np.ndarray, present: np.ndarray) -> dict[str, np.ndarray]:
    """Every measure of `cortex.analysis.yes_no`, which is for labelled arrays, from plain ones.

    Args:
        scores: (..., category, image); NaN scores give NaN.
        present: (category, image).

    Returns:
        By name, (...): means over categories, and criterion and sensitivity from those means.
    """
    by_category = [(scores[..., n, :], here) for n, here in enumerate(present)]
    found = [detection_rates(score, here) for score, here in by_category]
    rates = Rates(
        np.mean([one.true_positive for one in found], axis=0),
        np.mean([one.false_positive for one in found], axis=0),
    )
    table = {
        "performance": rates.performance,
        "true_positive": rates.true_positive,
        "false_positive": rates.false_positive,
        "auc": np.mean([area_under_curve(score, here) for score, here in by_category], axis=0),
        "criterion": rates.criterion,
        "sensitivity": rates.sensitivity,
    }
    missing = np.isnan(scores).any(axis=(-2, -1))
    return {name: np.where(missing, np.nan, value) for name, value in table.items()}
