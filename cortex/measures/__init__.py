"""Claims of experiments that are still modules of functions."""

from .common import COMPUTED, converged_share
from .detection_rows import activity_ratio, detection_measures

__all__ = ["COMPUTED", "activity_ratio", "converged_share", "detection_measures"]
