"""Several areas as one circuit: recurrence within each, long-range excitation between them."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from ..populations import EI, Leaf, as_floats, require
from .base import AbstractCoupling, AbstractOperator, Projections, _size


class LongRange(eqx.Module):
    """A projection from the E units of one area to the E and the I units of another.

    Unit i of the target receives `onto * sum_j weights[i, j] r_E[j]`. Long-range connections
    are excitatory (Dale's law), so both factors are magnitudes.

    Attributes:
        source, target: numbers of the two areas, from 0.
        weights: array (units of the target, units of the source), >= 0.
        onto: strength onto E and onto I, each >= 0, a scalar or one value a unit of the
            target: a gain on what an area receives from another one is a factor here.
    """

    source: int = eqx.field(static=True)
    target: int = eqx.field(static=True)
    weights: Float[Array, "targets sources"]
    onto: EI[Leaf]

    def __init__(self, source: int, target: int, weights: Any, onto: EI[Any]):
        self.source, self.target = source, target
        self.weights, self.onto = as_floats(weights), onto.map(as_floats)

    def __call__(self, rates: Leaf) -> EI[Leaf]:
        """What E and I of the target receive from the E rates (..., units) of the source."""
        image = jnp.einsum("ij,...j->...i", self.weights, rates, precision="highest")
        return self.onto.map(lambda strength: jnp.broadcast_to(strength, image.shape) * image)

    def check_dale(self) -> None:
        """Raise ValueError if a known weight or strength is negative or not finite."""
        name = f"from area {self.source} to area {self.target}"
        allowed = ">= 0 (long-range connections are excitatory, Dale's law)"
        require(self.weights, f"weights {name}", lambda v: v >= 0, allowed)
        require(self.onto.E, f"onto_E {name}", lambda v: v >= 0, allowed)
        require(self.onto.I, f"onto_I {name}", lambda v: v >= 0, allowed)


def gaussian_pooling(
    targets: Float[Array, " targets"], sources: Float[Array, " sources"], width: Any
) -> Float[Array, "targets sources"]:
    """Weights of unit sum a row: each target takes a Gaussian-weighted mean of the sources.

    Args:
        targets, sources: places of the units [deg].
        width: standard deviation [deg], > 0. Well below the distance between sources a unit
            reads its nearest source alone.
    """
    exponent = -((targets[:, None] - sources[None, :]) ** 2) / (2 * as_floats(width) ** 2)
    # Relative to the nearest source, or a narrow Gaussian would be zero over all of them.
    weights = jnp.exp(exponent - jnp.max(exponent, axis=1, keepdims=True))
    return weights / jnp.sum(weights, axis=1, keepdims=True)


class AreasOperator(AbstractOperator):
    """The operators of the areas, and what goes between them, on flat rates."""

    inside: tuple[AbstractOperator, ...]
    long_range: tuple[LongRange, ...]
    shapes: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        E, I = split(rates.E, self.shapes), split(rates.I, self.shapes)  # noqa: E741
        found = [operator.parts(EI(e, i)) for operator, e, i in zip(self.inside, E, I, strict=True)]
        joined = Projections(
            *(join([getattr(p, n) for p in found], self.shapes) for n in ("EE", "EI", "IE", "II"))
        )
        far = self.incoming(rates)
        return Projections(EE=joined.EE + far.E, EI=joined.EI, IE=joined.IE + far.I, II=joined.II)

    def incoming(self, rates: EI[Leaf]) -> EI[Leaf]:
        """What E and I of each unit receive from other areas, of the circuit's shape."""
        bounds = offsets(self.shapes)
        onto = rates.map(jnp.zeros_like)
        for projection in self.long_range:
            source = slice(*bounds[projection.source : projection.source + 2])
            target = slice(*bounds[projection.target : projection.target + 2])
            image = projection(rates.E[..., source])
            onto = onto.map(lambda sums, u, t=target: sums.at[..., t].add(u), image)
        return onto


class AreasCoupling(AbstractCoupling):
    """Areas that are coupled as one system of equations, feed-forward and feedback alike.

    A hierarchy is a `Circuit` with this coupling: simulations, steady states, linear theory
    and modulation work on it as on any other. Its shape is flat, (units of all areas,), the
    areas one after the other, each in C order; `split` and `join` go between the two.

    Attributes:
        areas: the recurrent connections within each area, of any kind and shape.
        long_range: the projections between areas. Several between the same two areas add.

    Raises:
        ValueError: no area, a projection from or to an area that is not there or to its own
            area, or weights whose shape does not fit.
    """

    areas: tuple[AbstractCoupling, ...]
    long_range: tuple[LongRange, ...]
    shape: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, areas: Sequence[AbstractCoupling], long_range: Sequence[LongRange] = ()):
        self.areas, self.long_range = tuple(areas), tuple(long_range)
        self.shape = (sum(_size(area.shape) for area in self.areas),)

    def __check_init__(self) -> None:
        count = len(self.areas)
        if count == 0:
            raise ValueError("areas: found none, allowed: at least one")
        for number, projection in enumerate(self.long_range):
            ends = (projection.source, projection.target)
            if not all(0 <= end < count for end in ends) or ends[0] == ends[1]:
                raise ValueError(
                    f"long_range[{number}]: found source {ends[0]} and target {ends[1]}, "
                    f"allowed: two different areas of 0 to {count - 1}"
                )
            sources, targets = (_size(self.areas[end].shape) for end in ends)
            found = projection.weights.shape
            if found[-2:] != (targets, sources):
                raise ValueError(
                    f"long_range[{number}].weights: found shape {found}, "
                    f"allowed: ({targets}, {sources})"
                )
            for name in ("E", "I"):
                strength = getattr(projection.onto, name).shape
                if strength not in ((), (targets,)):
                    raise ValueError(
                        f"long_range[{number}].onto_{name}: found shape {strength}, "
                        f"allowed: () or ({targets},)"
                    )

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each area."""
        return tuple(area.shape for area in self.areas)

    def operator(self) -> AreasOperator:
        inside = tuple(area.operator() for area in self.areas)
        return AreasOperator(inside, self.long_range, self.shapes)

    def check_dale(self) -> None:
        for area in self.areas:
            area.check_dale()
        for projection in self.long_range:
            projection.check_dale()

    def incoming(self, rates: EI[Leaf]) -> EI[Leaf]:
        """What E and I of each unit receive from other areas [units of the drive]."""
        return self.operator().incoming(rates)

    def split(self, values: Leaf) -> tuple[Leaf, ...]:
        """A flat array (..., units) as one array (..., *shape) an area."""
        return split(values, self.shapes)

    def join(self, values: Sequence[Leaf]) -> Leaf:
        """One array (..., *shape) an area as a flat array (..., units)."""
        return join(values, self.shapes)


def offsets(shapes: Sequence[tuple[int, ...]]) -> list[int]:
    """Where each area starts in a flat array, and where the last one ends."""
    bounds = [0]
    for shape in shapes:
        bounds.append(bounds[-1] + _size(shape))
    return bounds


def split(values: Leaf, shapes: Sequence[tuple[int, ...]]) -> tuple[Leaf, ...]:
    bounds = offsets(shapes)
    return tuple(
        values[..., start:end].reshape(*values.shape[:-1], *shape)
        for start, end, shape in zip(bounds[:-1], bounds[1:], shapes, strict=True)
    )


def join(values: Sequence[Leaf], shapes: Sequence[tuple[int, ...]]) -> Leaf:
    flat = [
        jnp.reshape(value, (*value.shape[: value.ndim - len(shape)], _size(shape)))
        for value, shape in zip(values, shapes, strict=True)
    ]
    return jnp.concatenate(flat, axis=-1)
