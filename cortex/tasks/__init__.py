"""Tasks: observers that learn on ordinary images and look at hard ones; what theory says of it."""

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
from .passes import LayerPass, batch_within, even_batch

__all__ = [
    "Detectors",
    "LayerPass",
    "LayerValues",
    "LogitGradients",
    "Observer",
    "Pass",
    "Responses",
    "all_gradient_values",
    "all_tuning_values",
    "balanced_pairs",
    "balanced_rows",
    "batch_within",
    "even_batch",
    "in_batches",
    "logit_gradients",
    "respond_to_all",
    "with_controls",
]
