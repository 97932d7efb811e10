"""Published circuits, ready to build and to bend: configuration sections with builders."""

from .line import LineSection, line_circuit, line_positions
from .ring import RingSection, ring_circuit
from .settling import SettlingSection
from .top_down import FORMS, UNATTENDED_AND_FORMS, AttentionSection, unattended_and_forms

__all__ = [
    "FORMS",
    "UNATTENDED_AND_FORMS",
    "AttentionSection",
    "LineSection",
    "RingSection",
    "SettlingSection",
    "line_circuit",
    "line_positions",
    "ring_circuit",
    "unattended_and_forms",
]
