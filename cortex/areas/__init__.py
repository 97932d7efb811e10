"""Areas: a stage of the front end, a circuit, and a map to the next area; stacks of them."""

from .area import AbstractArea, CircuitArea, PlainArea, Response
from .fidelity import Fidelity, FidelityWarning, measure_fidelity
from .gradients import map_gradients, map_shapes
from .insert import insert_circuits
from .loading import load_network
from .noisy import NoisySystem, Reaching, Viewing, circuit_areas
from .output import AbstractOutputMap, IsotonicMap, LinearMap, PowerMap
from .probe import CircuitProbe, probe, probe_areas
from .recurrence import without_recurrence
from .refit import refit_readout
from .ssn import SSN
from .system import VisualSystem, as_network, as_system
from .training import TrainingSettings, accuracy, train

__all__ = [
    "SSN",
    "AbstractArea",
    "AbstractOutputMap",
    "CircuitArea",
    "CircuitProbe",
    "Fidelity",
    "FidelityWarning",
    "IsotonicMap",
    "LinearMap",
    "NoisySystem",
    "PlainArea",
    "PowerMap",
    "Reaching",
    "Response",
    "TrainingSettings",
    "Viewing",
    "VisualSystem",
    "accuracy",
    "as_network",
    "as_system",
    "circuit_areas",
    "insert_circuits",
    "load_network",
    "map_gradients",
    "map_shapes",
    "measure_fidelity",
    "probe",
    "probe_areas",
    "refit_readout",
    "train",
    "without_recurrence",
]
