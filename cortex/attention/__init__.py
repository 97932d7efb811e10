"""Attention: sources of top-down modulation, and the forms in which it reaches circuits."""

from cortex.circuit import Modulation

from .arousal import Arousal
from .feature_similarity import FeatureSimilarity
from .forms import AbstractForm, Additive, Multiplicative, feature_pattern, spatial_pattern
from .source import AbstractSource, Matched, NoAttention, Query, State
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
from .window import SpatialWindow, gaussian_window

__all__ = [
    "AbstractForm",
    "AbstractImageSet",
    "AbstractSource",
    "Additive",
    "Arousal",
    "BalancedSet",
    "CategorySet",
    "FeatureSimilarity",
    "Matched",
    "Modulation",
    "Multiplicative",
    "NoAttention",
    "Query",
    "SpatialWindow",
    "State",
    "feature_pattern",
    "gaussian_window",
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
