"""Attention: sources of top-down modulation, and the forms in which it reaches circuits.

One file a family; what is not named here is found there. Saliency has a folder of its own.
"""

from cortex.circuit import Modulation

from .arousal import Arousal
from .encoder_decoder import AlignedGain, EncoderDecoder, Exploiter, Memory, Reader
from .feature_similarity import FeatureSimilarity
from .feedback import FeedbackGain
from .forms import AbstractForm, Additive, Multiplicative, feature_pattern, spatial_pattern
from .gates import AttentionGate, ResidualMask
from .glimpse_policy import GlimpsePolicy
from .glimpses import Glimpser, look_by_glimpses
from .graph import GraphAttention, GraphLateral, Neighbours, within_reach
from .inspection import entropy, on_image, rollout
from .location import Command, ContentWindow, LocationWindow
from .saliency import FeatureSaliency, Saliency, SaliencyWindow, WinnerTakeAll, scan_path
from .scores import AdditiveScores, DotScores, ScaledScores, softmax_weights
from .self_attention import SelfAttention, multi_head
from .soft import SoftAttention
from .source import (
    AbstractSource,
    Attention,
    EnergyMatched,
    NoAttention,
    Query,
    Scaled,
    State,
    Sum,
)
from .values import (
    AbstractImageSet,
    BalancedSet,
    CategorySet,
    gradient_values,
    normalised_by_both,
    normalised_by_layer,
    normalised_by_map,
    shuffled,
    tuning_values,
    uniform,
)
from .window import (
    DividedWindow,
    QuadrantWindow,
    SpatialWindow,
    gaussian_window,
    inside_quadrants,
    quadrant_mask,
)

__all__ = [
    "AbstractForm",
    "AbstractImageSet",
    "AbstractSource",
    "Additive",
    "AdditiveScores",
    "AlignedGain",
    "Arousal",
    "Attention",
    "AttentionGate",
    "BalancedSet",
    "CategorySet",
    "Command",
    "ContentWindow",
    "DividedWindow",
    "DotScores",
    "EncoderDecoder",
    "EnergyMatched",
    "Exploiter",
    "FeatureSaliency",
    "FeatureSimilarity",
    "FeedbackGain",
    "GlimpsePolicy",
    "Glimpser",
    "GraphAttention",
    "GraphLateral",
    "LocationWindow",
    "Memory",
    "Modulation",
    "Multiplicative",
    "Neighbours",
    "NoAttention",
    "QuadrantWindow",
    "Query",
    "Reader",
    "ResidualMask",
    "Saliency",
    "SaliencyWindow",
    "Scaled",
    "ScaledScores",
    "SelfAttention",
    "SoftAttention",
    "SpatialWindow",
    "State",
    "Sum",
    "WinnerTakeAll",
    "entropy",
    "feature_pattern",
    "gaussian_window",
    "gradient_values",
    "inside_quadrants",
    "look_by_glimpses",
    "multi_head",
    "normalised_by_both",
    "normalised_by_layer",
    "normalised_by_map",
    "on_image",
    "quadrant_mask",
    "rollout",
    "scan_path",
    "shuffled",
    "softmax_weights",
    "spatial_pattern",
    "tuning_values",
    "uniform",
    "within_reach",
]
