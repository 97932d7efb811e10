"""Published circuits and models, ready to build and to bend: settings with `.circuit()`."""

from .hierarchy import AREAS, Hierarchy
from .line import Line
from .normalization_model import NormalizationModel
from .ring import Ring
from .settling import Settle
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
    "Settle",
    "Sheet",
    "SheetNetwork",
    "SheetSettle",
    "TopDown",
    "TopDownForm",
    "side_by_side",
]
