"""Areas: a stage of the front end, a circuit, and a map to the next area; stacks of them."""

from .area import AbstractArea, CircuitArea, PlainArea, Response
from .insert import CircuitParameters, insert_circuits, layer_circuit
from .output import AbstractOutputMap, IsotonicMap, PowerMap
from .system import VisualSystem

__all__ = [
    "AbstractArea",
    "AbstractOutputMap",
    "CircuitArea",
    "CircuitParameters",
    "IsotonicMap",
    "PlainArea",
    "PowerMap",
    "Response",
    "VisualSystem",
    "insert_circuits",
    "layer_circuit",
]
