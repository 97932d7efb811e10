"""Measures: what is read off simulated responses and decisions."""

from .detection import summarise_detection
from .detection_rows import activity_ratio, detection_measures

__all__ = ["activity_ratio", "detection_measures", "summarise_detection"]
