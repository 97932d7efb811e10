"""Tasks: observers that learn on ordinary images and look at hard ones; what theory says of it."""

from cortex.analysis.signal_detection import (
    Rates,
    area_under_curve,
    bootstrap_counts,
    detection_rates,
    interval,
)

from .detectors import Detectors, balanced_rows
from .learning import (
    LayerValues,
    LogitGradients,
    Responses,
    all_gradient_values,
    all_tuning_values,
    balanced_pairs,
    in_batches,
    logit_gradients,
    respond_to_all,
    with_controls,
)
from .observer import Observer, Pass
from .passes import LayerPass, even_batch

__all__ = [
    "Detectors",
    "LayerPass",
    "LayerValues",
    "LogitGradients",
    "Observer",
    "Pass",
    "Rates",
    "Responses",
    "all_gradient_values",
    "all_tuning_values",
    "area_under_curve",
    "balanced_pairs",
    "balanced_rows",
    "bootstrap_counts",
    "detection_rates",
    "even_batch",
    "in_batches",
    "interval",
    "logit_gradients",
    "respond_to_all",
    "with_controls",
]
