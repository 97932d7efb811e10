"""Bottom-up saliency, the shifts of attention it leads to, and its weighting by a task."""

from .features import CHANNELS, FEATURES, MEMBERS
from .model import Saliency, SaliencyMaps
from .normalisation import (
    AbstractNormalisation,
    GlobalMaximum,
    IterativeCompetition,
    NoCompetition,
)
from .scan import ScanPath, ScanState, WinnerTakeAll, scan_path
from .sources import FeatureSaliency, SaliencyWindow, centred
from .weights import STILL_TASKS, Weights

__all__ = [
    "CHANNELS",
    "FEATURES",
    "MEMBERS",
    "STILL_TASKS",
    "AbstractNormalisation",
    "FeatureSaliency",
    "GlobalMaximum",
    "IterativeCompetition",
    "NoCompetition",
    "Saliency",
    "SaliencyMaps",
    "SaliencyWindow",
    "ScanPath",
    "ScanState",
    "Weights",
    "WinnerTakeAll",
    "centred",
    "scan_path",
]
