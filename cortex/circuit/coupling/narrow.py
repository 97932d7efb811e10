"""Gaussian falloff that is narrow beside the sheet: the sum over the few places it reaches."""

import dataclasses
import functools
import math
import operator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import EI, Leaf
from .base import AbstractOperator, Projections
from .features import AbstractFeatures
from .shortcut import AbstractShortcut

# What a place that is reached costs, in multiplications of a matrix product. Measured beside
# products projection by projection, two cores busy elsewhere too: 1.9 to 2.0 on sheets of 28 to
# 224 px. Those of `SeparableOperator` are up to a third faster on 28 and 56 px.
PRICE = 2.0
# Numbers that are computed at a time on a CPU, so that the sums along the columns are still in the
# cache for those along the rows. Measured: 64 maps of 224 px take 87 ms at once, 30 so.
PIECE = 2**17


@dataclasses.dataclass(frozen=True)
class Reach(AbstractShortcut):
    """How far the Gaussian of each projection reaches.

    Attributes:
        places: on each side [px].
        closed: whether the sheet closes on itself.
    """

    places: Projections[int]
    closed: bool

    @classmethod
    def of(cls, sigma: Projections[float], tolerance: float, closed: bool) -> "Reach":
        """Of Gaussians of these widths [px], cut where they fall below `tolerance` of the peak."""
        far = math.sqrt(2 * math.log(1 / tolerance))
        return cls(sigma.map(lambda s: math.ceil(far * s)), closed)

    def share(self, height: int, width: int) -> float:
        if max(jax.tree.leaves(self.places)) >= min(height, width):
            return math.inf
        reached = sum(2 * places + 1 for places in jax.tree.leaves(self.places))
        return PRICE * 2 * reached / (4 * (height + width))

    def carries(
        self, narrowest: Projections[Any], widest: Projections[Any], tolerance: float
    ) -> Any:
        most = (1 + 1e-5) / math.sqrt(2 * math.log(1 / tolerance))  # rounding must not decide
        carried = widest.map(lambda w, r: w <= most * r, self.places)
        return functools.reduce(operator.and_, jax.tree.leaves(carried))

    def operator(
        self,
        J: Projections[Leaf],
        sigma: Projections[Leaf],
        sums: Projections[Leaf],
        features: AbstractFeatures,
        exact: AbstractOperator,
    ) -> "NarrowOperator":
        def bell(s: Leaf, total: Leaf, places: int) -> Leaf:
            return jnp.exp(-(jnp.arange(places + 1.0, dtype=s.dtype) ** 2) / (2 * s**2)) / total

        columns = sigma.map(bell, sums, self.places)
        rows = columns.map(lambda g, j: j * g, J)
        return NarrowOperator(rows, columns, features, exact, self.closed)


class NarrowOperator(AbstractOperator):
    """Shifted rates times the Gaussian's values, added up along columns and along rows.

    Equal to `SeparableOperator` to 1e-5 of the largest input. Derivatives are those of its
    products: what these sums become when they are transposed is slow.

    Attributes:
        rows: values of the Gaussian at distances 0, 1, ..., times the strength J.
        columns: likewise without the strength.
        features: S.
        exact: the same connections as products on places.
        closed: whether the sheet closes on itself.
    """

    rows: Projections[Float[Array, " reach"]]
    columns: Projections[Float[Array, " reach"]]
    features: AbstractFeatures
    exact: AbstractOperator
    closed: bool = eqx.field(static=True)

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        return self.exact.parts(rates)

    def __call__(self, rates: EI[Leaf]) -> EI[Leaf]:
        return _net(self, rates)

    def sums(self, rates: EI[Leaf]) -> EI[Leaf]:
        """The net input before it is mixed over features."""
        shape = rates.E.shape
        planes = rates.map(lambda r: r.reshape(-1, *shape[-2:]))
        at_a_time = max(PIECE // math.prod(shape[-2:]), 1)
        if jax.default_backend() != "cpu" or at_a_time >= len(planes.E):
            net = self._plane(planes)
        else:
            net = jax.lax.map(self._plane, planes, batch_size=at_a_time)
        return net.map(lambda u: u.reshape(shape))

    def _plane(self, rates: EI[Leaf]) -> EI[Leaf]:
        sources = Projections(EE=rates.E, EI=rates.I, IE=rates.E, II=rates.I)
        along_rows = self.columns.map(lambda g, r: self._along(r, g, -1), sources)
        return self.rows.map(lambda g, r: self._along(r, g, -2), along_rows).net()

    def _along(self, values: Leaf, bell: Leaf, axis: int) -> Leaf:
        reach, size = len(bell) - 1, values.shape[axis]
        padding = [(0, 0)] * values.ndim
        padding[axis] = (reach, reach)
        padded = jnp.pad(values, padding, mode="wrap" if self.closed else "constant")

        def shifted(by: int) -> Leaf:
            return jax.lax.slice_in_dim(
                padded, reach + by, reach + by + size, axis=axis % values.ndim
            )

        total = bell[0] * shifted(0)
        for by in range(1, reach + 1):
            total += bell[by] * (shifted(by) + shifted(-by))
        return total


@eqx.filter_custom_jvp
def _net(operator: NarrowOperator, rates: EI[Leaf]) -> EI[Leaf]:
    net = operator.sums(rates)
    flat = net.map(lambda u: u.reshape(*u.shape[:-2], -1))
    return flat.map(lambda u, r: operator.features(u).reshape(r.shape), rates)


@_net.def_jvp
def _net_jvp(primals: Any, tangents: Any) -> Any:
    operator, rates = primals
    changed, moved = tangents
    _, tangent = eqx.filter_jvp(
        lambda exact, r: exact(r), (operator.exact, rates), (changed.exact, moved)
    )
    return _net(operator, rates), tangent
