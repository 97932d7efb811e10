"""What attention learns: each thing trained here on data at hand, with its kept weights."""

from .base import NAMES, Curve, Learned, Report, learned

__all__ = ["NAMES", "Curve", "Learned", "Report", "learned"]
