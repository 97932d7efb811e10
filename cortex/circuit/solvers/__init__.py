"""Numerical methods: steady states, steps through time, and the adjoint of these steps."""

from .abstract import AbstractSteadyStateSolver
from .adjoint import DiscreteAdjoint
from .anderson_acceleration import AndersonAcceleration
from .fixed_point_iteration import FixedPointIteration
from .steady_state import Result, SteadyState, steady_state
from .steady_states import steady_states
from .stepping import AbstractStepping, Adaptive, Fixed
from .time_integration import TimeIntegration

__all__ = [
    "AbstractSteadyStateSolver",
    "AbstractStepping",
    "Adaptive",
    "AndersonAcceleration",
    "DiscreteAdjoint",
    "Fixed",
    "FixedPointIteration",
    "Result",
    "SteadyState",
    "TimeIntegration",
    "steady_state",
    "steady_states",
]
