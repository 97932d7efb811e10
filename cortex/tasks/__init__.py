"""Tasks: observers that learn on ordinary images and look at hard ones; what theory says of it."""

from .detectors import Detectors, balanced_rows
from .learning import (
    LayerValues,
    Pairs,
    Responses,
    all_gradient_values,
    all_tuning_values,
    balanced_pairs,
    collect_slopes,
    in_batches,
    respond_to_all,
    with_controls,
)
from .looking import Condition, Observer, Outcome, even_batch, every_answer, look, own_category
from .signal_detection import (
    Rates,
    area_under_curve,
    bootstrap_counts,
    detection_rates,
    interval,
)

__all__ = [
    "Condition",
    "Detectors",
    "LayerValues",
    "Observer",
    "Outcome",
    "Pairs",
    "Rates",
    "Responses",
    "all_gradient_values",
    "all_tuning_values",
    "area_under_curve",
    "balanced_pairs",
    "balanced_rows",
    "bootstrap_counts",
    "collect_slopes",
    "detection_rates",
    "even_batch",
    "every_answer",
    "in_batches",
    "interval",
    "look",
    "own_category",
    "respond_to_all",
    "with_controls",
]
