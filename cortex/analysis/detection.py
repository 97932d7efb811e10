"""Quantities of detection from arrays of scores; of labelled ones see `yes_no`."""

import numpy as np

from cortex.analysis.signal_detection import (
    Rates,
    area_under_curve,
    detection_rates,
)

Table = dict[str, np.ndarray]


def quantities(scores: np.ndarray, present: np.ndarray, counts: np.ndarray | None = None) -> Table:
    """The quantities of detection from scores (..., category, image); NaN scores give NaN.

    Args:
        present: (category, image).
        counts: (category, resamples, image) bootstrap counts; results then have a leading
            axis of resamples.
    """
    hits, false_alarms, areas = [], [], []
    for category, here in enumerate(present):
        score = scores[..., category, :]
        if counts is None:
            rates = detection_rates(score, here)
            areas.append(area_under_curve(score, here))
            hits.append(rates.true_positive)
            false_alarms.append(rates.false_positive)
        else:
            yes, weights = (score > 0).astype(float), counts[category]
            for kind, into in ((here, hits), (~here, false_alarms)):
                share = weights[:, kind] / weights[:, kind].sum(1, keepdims=True)
                into.append(np.moveaxis(yes[..., kind] @ share.T, -1, 0))
            areas.append(area_under_curve(score, here, weights))
    rates = Rates(np.mean(hits, axis=0), np.mean(false_alarms, axis=0))
    table = {
        "performance": rates.performance,
        "true_positive": rates.true_positive,
        "false_positive": rates.false_positive,
        "auc": np.mean(areas, axis=0),
        "criterion": rates.criterion,
        "sensitivity": rates.sensitivity,
    }
    missing = np.isnan(scores).any(axis=(-2, -1))
    return {name: np.where(missing, np.nan, value) for name, value in table.items()}
