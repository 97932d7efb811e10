"""Stabilized supralinear circuits: populations, coupling, time courses, steady states."""

from .acceleration import Accelerate
from .circuit import Circuit, Dynamics
from .coupling import (
    AbstractCoupling,
    AreasCoupling,
    DenseCoupling,
    DenseFeatures,
    FactoredFeatures,
    GaussianCoupling,
    LongRange,
    PeriodicBorder,
    Projections,
    RingCoupling,
    SparseCoupling,
    ZeroBorder,
    circular_features,
    gaussian_pooling,
    learned_features,
    line_coupling,
    no_features,
    ring_coupling,
    ring_distance,
    sparse_sheet,
)
from .fitting import Fit, fit_residuals, stabilised
from .fluctuations import Fluctuations, fluctuations, power_spectrum
from .many import steady_states
from .maps import orientation_map
from .modulation import Modulation
from .noise import OrnsteinUhlenbeck, ring_correlation_parts
from .populations import EI, Populations
from .regime import (
    ParadoxicalEffect,
    jacobian_eigenvalues,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
    periodogram,
    single_pair,
)
from .simulate import Epoch, TimeCourse, simulate
from .steady_state import AbstractSettling, Integrate, Relax, SteadyState, steady_state
from .stepping import AbstractStepping, Adaptive, Fixed
from .stochastic import NoisyRun, pool, simulate_noise
from .through_time import DiscreteAdjoint

__all__ = [
    "EI",
    "AbstractCoupling",
    "AbstractSettling",
    "AbstractStepping",
    "Accelerate",
    "Adaptive",
    "AreasCoupling",
    "Circuit",
    "DenseCoupling",
    "DenseFeatures",
    "DiscreteAdjoint",
    "Dynamics",
    "Epoch",
    "FactoredFeatures",
    "Fit",
    "Fixed",
    "Fluctuations",
    "GaussianCoupling",
    "Integrate",
    "LongRange",
    "Modulation",
    "NoisyRun",
    "OrnsteinUhlenbeck",
    "ParadoxicalEffect",
    "PeriodicBorder",
    "Populations",
    "Projections",
    "Relax",
    "RingCoupling",
    "SparseCoupling",
    "SteadyState",
    "TimeCourse",
    "ZeroBorder",
    "circular_features",
    "fit_residuals",
    "fluctuations",
    "gaussian_pooling",
    "jacobian_eigenvalues",
    "leading_excitatory_eigenvalue",
    "learned_features",
    "line_coupling",
    "no_features",
    "orientation_map",
    "paradoxical_effect",
    "periodogram",
    "pool",
    "power_spectrum",
    "ring_correlation_parts",
    "ring_coupling",
    "ring_distance",
    "simulate",
    "simulate_noise",
    "single_pair",
    "sparse_sheet",
    "stabilised",
    "steady_state",
    "steady_states",
]
