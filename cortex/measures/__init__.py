"""What is measured: normalisation, suppression, attention, detection."""

from .attention import attention_ratio, modulation_index
from .common import COMPUTED, converged_share
from .competition import competition
from .correlation import Correlation, bootstrap_correlation
from .detection import summarise_detection
from .detection_rows import activity_ratio, detection_measures
from .normalisation import pair_weights, sum_weight
from .suppression import summation_field, suppression_index
from .tuning import interaction_slope, linear_fit, tuning_width

__all__ = [
    "COMPUTED",
    "Correlation",
    "activity_ratio",
    "attention_ratio",
    "bootstrap_correlation",
    "competition",
    "converged_share",
    "detection_measures",
    "interaction_slope",
    "linear_fit",
    "modulation_index",
    "pair_weights",
    "sum_weight",
    "summarise_detection",
    "summation_field",
    "suppression_index",
    "tuning_width",
]
