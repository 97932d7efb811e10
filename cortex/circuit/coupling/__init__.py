"""Recurrent connections: one interface, one file a kind."""

from .areas import AreasCoupling, LongRange, gaussian_pooling
from .base import AbstractCoupling, AbstractOperator, Projections
from .dense import DenseCoupling, line_coupling, ring_coupling, ring_distance
from .features import (
    AbstractFeatures,
    DenseFeatures,
    FactoredFeatures,
    circular_features,
    learned_features,
    no_features,
)
from .gaussian import GaussianCoupling, PeriodicBorder, SeparableOperator, ZeroBorder
from .ring import RingCoupling
from .sparse import SparseCoupling, sparse_sheet

__all__ = [
    "AbstractCoupling",
    "AbstractFeatures",
    "AbstractOperator",
    "AreasCoupling",
    "DenseCoupling",
    "DenseFeatures",
    "FactoredFeatures",
    "GaussianCoupling",
    "LongRange",
    "PeriodicBorder",
    "Projections",
    "RingCoupling",
    "SeparableOperator",
    "SparseCoupling",
    "ZeroBorder",
    "circular_features",
    "gaussian_pooling",
    "learned_features",
    "line_coupling",
    "no_features",
    "ring_coupling",
    "ring_distance",
    "sparse_sheet",
]
