"""Published circuits, ready to build and to bend: configuration sections with builders."""

from .axes import between, stacked
from .hierarchy import AREAS, Hierarchy
from .line import LineSection, line_circuit, line_positions
from .normalization_model import (
    NormalizationSection,
    attention_field,
    normalized_response,
    stimulus_drive,
)
from .ring import Ring, RingSection, ring_circuit
from .settling import Settle, SettlingSection
from .sheet import FixedPointOfEach, Sheet, SheetNetwork, SheetSettle, side_by_side
from .top_down import (
    FORMS,
    UNATTENDED_AND_FORMS,
    AttentionSection,
    OrientedTopDown,
    TopDown,
    TopDownForm,
    unattended_and_forms,
)

__all__ = [
    "AREAS",
    "FORMS",
    "UNATTENDED_AND_FORMS",
    "AttentionSection",
    "FixedPointOfEach",
    "Hierarchy",
    "LineSection",
    "NormalizationSection",
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
    "attention_field",
    "between",
    "line_circuit",
    "line_positions",
    "normalized_response",
    "ring_circuit",
    "side_by_side",
    "stacked",
    "stimulus_drive",
    "unattended_and_forms",
]
