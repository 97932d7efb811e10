"""Stabilized supralinear circuits: populations, coupling, time courses, steady states."""

from .circuit import Circuit, Dynamics
from .coupling import (
    AbstractCoupling,
    DenseCoupling,
    GaussianCoupling,
    PeriodicBorder,
    Projections,
    SparseCoupling,
    ZeroBorder,
    circular_features,
    learned_features,
    line_coupling,
    no_features,
    ring_coupling,
    ring_distance,
    sparse_sheet,
)
from .maps import orientation_map
from .modulation import Modulation
from .populations import EI, Populations
from .regime import (
    ParadoxicalEffect,
    jacobian_eigenvalues,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
)
from .simulate import Epoch, TimeCourse, simulate
from .steady_state import AbstractSettling, Integrate, Relax, SteadyState, steady_state
from .stepping import AbstractStepping, Adaptive, Fixed

__all__ = [
    "EI",
    "AbstractCoupling",
    "AbstractSettling",
    "AbstractStepping",
    "Adaptive",
    "Circuit",
    "DenseCoupling",
    "Dynamics",
    "Epoch",
    "Fixed",
    "GaussianCoupling",
    "Integrate",
    "Modulation",
    "ParadoxicalEffect",
    "PeriodicBorder",
    "Populations",
    "Projections",
    "Relax",
    "SparseCoupling",
    "SteadyState",
    "TimeCourse",
    "ZeroBorder",
    "circular_features",
    "jacobian_eigenvalues",
    "leading_excitatory_eigenvalue",
    "learned_features",
    "line_coupling",
    "no_features",
    "orientation_map",
    "paradoxical_effect",
    "ring_coupling",
    "ring_distance",
    "simulate",
    "sparse_sheet",
    "steady_state",
]
