"""Numerics of what is measured: tuning, summation, suppression, attention, detection, intervals."""

from .attention import attention_ratio, modulation_index
from .bootstrap import bootstrap, chosen_on_half, estimate
from .curves import crossing, cycle_frequency, half_rise, thirds
from .normalisation import pair_weights, sum_weight
from .suppression import summation_field, suppression_index
from .tuning import interaction_slope, linear_fit, tuning_width

__all__ = [
    "attention_ratio",
    "bootstrap",
    "chosen_on_half",
    "crossing",
    "cycle_frequency",
    "estimate",
    "half_rise",
    "interaction_slope",
    "linear_fit",
    "modulation_index",
    "pair_weights",
    "sum_weight",
    "summation_field",
    "suppression_index",
    "thirds",
    "tuning_width",
]
