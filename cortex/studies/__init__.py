"""Protocols that several experiments share."""

from .detection import (
    Looked,
    Subject,
    activity_at,
    activity_ratio,
    activity_slope,
    activity_slopes,
    attend,
    by_map,
    by_place,
    by_values,
    detection_study,
    in_circuits,
    look,
    probed,
    together,
)

__all__ = [
    "Looked",
    "Subject",
    "activity_at",
    "activity_ratio",
    "activity_slope",
    "activity_slopes",
    "attend",
    "by_map",
    "by_place",
    "by_values",
    "detection_study",
    "in_circuits",
    "look",
    "probed",
    "together",
]
