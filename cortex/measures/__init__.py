"""Claims of experiments that are still modules of functions."""

from .common import COMPUTED, converged_share

__all__ = ["COMPUTED", "converged_share"]
