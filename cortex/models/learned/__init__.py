"""What attention learns: each thing trained here on data at hand, with its kept weights."""

from .base import NAMES, TrainedSource, trained_source

__all__ = ["NAMES", "TrainedSource", "trained_source"]
