"""Attention: sources of top-down modulation, and the forms in which it reaches circuits."""

from cortex.circuit import Modulation

from .forms import AbstractForm, Additive, Multiplicative, feature_pattern, spatial_pattern
from .values import (
    AbstractImageSet,
    BalancedSet,
    CategorySet,
    gradient_values,
    normalised_by_both,
    normalised_by_layer,
    normalised_by_map,
    shuffled,
    tuning_quality,
    tuning_values,
    uniform,
)

__all__ = [
    "AbstractForm",
    "AbstractImageSet",
    "Additive",
    "BalancedSet",
    "CategorySet",
    "Modulation",
    "Multiplicative",
    "feature_pattern",
    "gradient_values",
    "normalised_by_both",
    "normalised_by_layer",
    "normalised_by_map",
    "shuffled",
    "spatial_pattern",
    "tuning_quality",
    "tuning_values",
    "uniform",
]
