"""Protocols that several experiments share."""

from .activity import activity_change, activity_ratio, activity_slope
from .ceilings import CeilingSection, best_gains, ceilings_of, with_detectors_of
from .conditions import attend, by_place, by_values, together
from .detection import (
    Subject,
    detection_study,
    examples,
    last_layer,
    over_networks,
    single_layers,
)
from .looks import Looked, look
from .probes import KEPT_CLAIM, circuit_claims, in_circuits, kept_classes, layer_axis, probed

__all__ = [
    "KEPT_CLAIM",
    "CeilingSection",
    "Looked",
    "Subject",
    "activity_change",
    "activity_ratio",
    "activity_slope",
    "attend",
    "best_gains",
    "by_place",
    "by_values",
    "ceilings_of",
    "circuit_claims",
    "detection_study",
    "examples",
    "in_circuits",
    "kept_classes",
    "last_layer",
    "layer_axis",
    "look",
    "over_networks",
    "probed",
    "single_layers",
    "together",
    "with_detectors_of",
]
