"""Tasks: detectors, and the theory of signal detection that judges them."""

from .detectors import Detectors
from .signal_detection import (
    Rates,
    area_under_curve,
    bootstrap_counts,
    detection_rates,
    interval,
)

__all__ = [
    "Detectors",
    "Rates",
    "area_under_curve",
    "bootstrap_counts",
    "detection_rates",
    "interval",
]
