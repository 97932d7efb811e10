"""Published circuits and models, ready to build and to bend: settings with `.circuit()`."""

from .axes import between, stacked
from .hierarchy import AREAS, Hierarchy
from .line import Line
from .normalization_model import NormalizationModel
from .ring import Ring, RingSection, ring_circuit
from .settling import Settle, SettlingSection
from .sheet import FixedPointOfEach, Sheet, SheetNetwork, SheetSettle, side_by_side
from .top_down import (
    FORMS,
    UNATTENDED_AND_FORMS,
    OrientedTopDown,
    TopDown,
    TopDownForm,
)

__all__ = [
    "AREAS",
    "FORMS",
    "UNATTENDED_AND_FORMS",
    "FixedPointOfEach",
    "Hierarchy",
    "Line",
    "NormalizationModel",
    "OrientedTopDown",
    "Ring",
    "RingSection",
    "Settle",
    "SettlingSection",
    "Sheet",
    "SheetNetwork",
    "SheetSettle",
    "TopDown",
    "TopDownForm",
    "between",
    "ring_circuit",
    "side_by_side",
    "stacked",
]
