"""Published circuits, ready to build and to bend: configuration sections with builders."""

from .axes import between, stacked
from .hierarchy import (
    AREAS,
    ENTRIES,
    HierarchySection,
    area_circuits,
    hierarchy_circuit,
    hierarchy_positions,
)
from .line import LineSection, line_circuit, line_positions
from .normalization_model import (
    NormalizationSection,
    attention_field,
    normalized_response,
    stimulus_drive,
)
from .ring import Ring, RingSection, ring_circuit
from .settling import Settle, SettlingSection
from .sheet import (
    RelaxEach,
    SheetNetwork,
    SheetSection,
    SheetSolverSection,
    sheet_circuit,
    sheet_distance,
    sheet_interior,
    sheet_map,
    sheet_networks,
    side_by_side,
)
from .sheet_gratings import SheetGratings, length_tuning, pair_responses
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
    "ENTRIES",
    "FORMS",
    "UNATTENDED_AND_FORMS",
    "AttentionSection",
    "HierarchySection",
    "LineSection",
    "NormalizationSection",
    "OrientedTopDown",
    "RelaxEach",
    "Ring",
    "RingSection",
    "Settle",
    "SettlingSection",
    "SheetGratings",
    "SheetNetwork",
    "SheetSection",
    "SheetSolverSection",
    "TopDown",
    "TopDownForm",
    "area_circuits",
    "attention_field",
    "between",
    "hierarchy_circuit",
    "hierarchy_positions",
    "length_tuning",
    "line_circuit",
    "line_positions",
    "normalized_response",
    "pair_responses",
    "ring_circuit",
    "sheet_circuit",
    "sheet_distance",
    "sheet_interior",
    "sheet_map",
    "sheet_networks",
    "side_by_side",
    "stacked",
    "stimulus_drive",
    "unattended_and_forms",
]
