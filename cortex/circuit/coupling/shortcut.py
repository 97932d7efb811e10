"""What quick ways to compute a Gaussian coupling share, and when they hold."""

import abc
from collections.abc import Callable
from typing import Any

import jax
from jaxtyping import Array, Bool

from ..populations import EI, Leaf
from .base import AbstractOperator, Projections
from .features import AbstractFeatures


class AbstractShortcut(abc.ABC):
    """A way that is quick for some widths, fixed before a program is compiled."""

    @abc.abstractmethod
    def share(self, height: int, width: int) -> float:
        """What it costs on a sheet of this size, products on all places being 1."""

    @abc.abstractmethod
    def carries(
        self, narrowest: Projections[Any], widest: Projections[Any], tolerance: float
    ) -> Any:
        """Whether Gaussians of widths between these [px] are right within `tolerance`."""

    @abc.abstractmethod
    def operator(
        self,
        J: Projections[Leaf],
        sigma: Projections[Leaf],
        sums: Projections[Leaf],
        features: AbstractFeatures,
        exact: AbstractOperator,
    ) -> AbstractOperator:
        """For connections of strength J, widths `sigma`, and Gaussians of these sums.

        `exact` are the same connections as products on all places.
        """


class GuardedOperator(AbstractOperator):
    """The quick operator where it carries the widths, else the exact one.

    Under `jax.vmap` over widths both are computed.

    Attributes:
        carried: whether the quick one carries the widths.
        quick: on the modes of the sheet, or on the places that are reached.
        exact: the same connections on all places.
    """

    carried: Bool[Array, ""]
    quick: AbstractOperator
    exact: AbstractOperator

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        return self.exact.parts(rates)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        def on(operator: AbstractOperator) -> Callable[[EI[Leaf]], EI[Leaf]]:
            return lambda r: operator(r)  # JAX wants a function that it can hash

        return jax.lax.cond(self.carried, on(self.quick), on(self.exact), rates)
