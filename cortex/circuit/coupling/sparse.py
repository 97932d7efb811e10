"""Sparse random connections as padded lists of neighbours."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..populations import EI, Leaf, as_floats
from .base import AbstractCoupling, AbstractOperator, Projections

UNROLL = 4  # neighbours a turn of the loop: a third faster than one, more is not (measured)


class Neighbours(eqx.Module):
    """The inputs of each unit: `index[i, k]` is the k-th presynaptic unit of unit i.

    Rows with fewer connections are padded with index 0 and weight 0.
    """

    index: Int[Array, "units neighbours"]
    weight: Float[Array, "units neighbours"]

    @classmethod
    def from_dense(cls, matrix: np.ndarray) -> "Neighbours":
        """Keep the non-zero weights of an array (units, units), row = postsynaptic."""
        connected = matrix != 0
        most = max(int(connected.sum(axis=1).max()), 1)
        order = np.argsort(~connected, axis=1, kind="stable")[:, :most]
        weight = np.take_along_axis(matrix, order, axis=1)
        return cls(jnp.asarray(np.where(weight != 0, order, 0)), as_floats(jnp.asarray(weight)))

    def padded(self, most: int) -> "Neighbours":
        """The same connections in rows of `most`, so that different draws have one shape.

        Raises:
            ValueError: rows are longer than that.
        """
        more = most - self.index.shape[1]
        if more < 0:
            raise ValueError(f"most: found {most}, allowed: >= {self.index.shape[1]}")
        return Neighbours(
            *(jnp.pad(part, ((0, 0), (0, more))) for part in (self.index, self.weight))
        )


class Slots(eqx.Module):
    """`Neighbours` as they are applied: the k-th inputs of all units stand in one row."""

    index: Int[Array, "neighbours units"]
    weight: Float[Array, "neighbours units"]

    def __call__(self, source: Float[Array, "units copies"]) -> Float[Array, "units copies"]:
        # One neighbour of every unit at a time. Gathering all of them at once and summing is 30
        # times slower: nothing is vectorised, and what is gathered leaves the cache.
        def add(total: Leaf, slot: "Slots") -> tuple[Leaf, None]:
            return total + slot.weight[:, None] * source[slot.index], None

        start = jnp.zeros(source.shape, jnp.result_type(self.weight, source))
        return jax.lax.scan(add, start, self, unroll=UNROLL)[0]


class SparseOperator(AbstractOperator):
    """The four projections of a `SparseCoupling`, ready to be applied."""

    slots: Projections[Slots]
    shape: tuple[int, ...] = eqx.field(static=True)

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        units = self.slots.EE.index.shape[1]
        E, I = (r.reshape(units, -1) for r in (rates.E, rates.I))  # noqa: E741
        s = self.slots
        inputs = Projections(EE=s.EE(E), EI=s.EI(I), IE=s.IE(E), II=s.II(I))
        return inputs.map(lambda u: u.reshape(self.shape))


class SparseCoupling(AbstractCoupling):
    """Lists of neighbours for each projection.

    Many stimuli are fastest `side_by_side`, on last axes of the shape: a gather then reads
    whole rows. `jax.vmap` works as well and takes about six times as long.

    Attributes:
        neighbours: `Projections` of `Neighbours`, weights >= 0.
        shape: shape of a population, such as (height, width), in C order. Axes beyond the
            units of `neighbours` are copies that are not connected to one another.

    Raises:
        ValueError: a shape that does not hold the units.
    """

    neighbours: Projections[Neighbours]
    shape: tuple[int, ...] = eqx.field(static=True)

    def __check_init__(self) -> None:
        units = self.neighbours.EE.index.shape[-2]
        filled = np.cumprod((1, *self.shape))
        if units not in filled:
            raise ValueError(
                f"shape: found {self.shape}, allowed: one that starts with {units} units"
            )

    def side_by_side(self, *copies: int) -> "SparseCoupling":
        """The same network many times over on new last axes, each with its own stimulus."""
        return SparseCoupling(neighbours=self.neighbours, shape=(*self.shape, *copies))

    def operator(self) -> SparseOperator:
        def slots(n: Neighbours) -> Slots:
            return Slots(jnp.transpose(n.index), jnp.transpose(n.weight))

        return SparseOperator(self.neighbours.map(slots), self.shape)

    def check_dale(self) -> None:
        self.neighbours.map(lambda n: n.weight).check_dale("W")


def sparse_sheet(
    seed: int,
    preferred: Any,
    J: Projections[Any],
    sigma: Projections[float],
    kappa: EI[float],
    sigma_orientation: float = 45.0,
    weight_sd: float = 0.25,
    dtype: Any = np.float32,
) -> SparseCoupling:
    """Random connections on a sheet with an orientation map.

    Two units are connected with probability
    `kappa_b exp(-d^2 / 2 sigma_ab^2) exp(-d_ori^2 / 2 sigma_orientation^2)`, b presynaptic.
    Weights are normal, cut at zero, and each row is scaled so that its total is `J_ab`
    times the mean number of connections of the projection. No wrap-around, no autapses.

    Args:
        seed: of the draw.
        preferred: preferred orientation [deg] of every place, array (height, width).
        J: mean weight of one connection; may be traced, the draw does not depend on it.
        sigma: width of each projection [px], > 0.
        kappa: peak connection probability from E and from I, in [0, 1].
        sigma_orientation: width over orientation [deg].
        weight_sd: standard deviation of the weights relative to their mean.

    Source: Rubin, Van Hooser & Miller 2015, Fig. 6, as transcribed by others. That a unit
    has no connection to itself is our choice.
    """
    preferred = np.asarray(preferred, dtype=np.float64)
    shape, units = preferred.shape, preferred.size
    orientation = preferred.ravel()
    rng = np.random.default_rng(seed)
    names, peaks = ("EE", "EI", "IE", "II"), (kappa.E, kappa.I, kappa.E, kappa.I)
    # The Gaussian over space is a product of one over rows and one over columns.
    falloff = {name: [_falloff(size, getattr(sigma, name)) for size in shape] for name in names}
    rows: dict[str, list[np.ndarray]] = {name: [] for name in names}
    draws: dict[str, list[np.ndarray]] = {name: [] for name in names}
    for unit in range(units):  # one row at a time: never the whole matrix
        turn = np.abs(orientation - orientation[unit])
        turn = np.minimum(turn, 180.0 - turn)
        alike = np.exp(-(turn**2) / (2 * sigma_orientation**2)).astype(np.float32)
        alike[unit] = 0.0
        y, x = divmod(unit, shape[1])
        for name, peak in zip(names, peaks, strict=True):
            vertical, horizontal = falloff[name]
            near = np.outer(peak * vertical[y], horizontal[x]).ravel()
            row = np.flatnonzero(rng.random(units, dtype=np.float32) < near * alike)
            rows[name].append(row)
            draws[name].append(np.maximum(rng.normal(1.0, weight_sd, row.size), 0.0))
    drawn = Projections(**{name: _padded(rows[name], draws[name], dtype) for name in names})
    neighbours = drawn.map(lambda n, j: Neighbours(n.index, (n.weight * j).astype(dtype)), J)
    return SparseCoupling(neighbours=neighbours, shape=shape)


def _falloff(size: int, width: float) -> np.ndarray:
    place = np.arange(size, dtype=np.float64)
    gap = place[:, None] - place[None, :]
    return np.exp(-(gap**2) / (2 * width**2)).astype(np.float32)


def _padded(index: list[np.ndarray], weight: list[np.ndarray], dtype: Any) -> Neighbours:
    """Lists as arrays, each row scaled to the mean number of connections."""
    counts = [row.size for row in index]
    total = float(np.mean(counts))
    padded_index = np.zeros((len(index), max(*counts, 1)), dtype=np.int32)
    padded_weight = np.zeros(padded_index.shape, dtype=dtype)
    for unit, (row, draw) in enumerate(zip(index, weight, strict=True)):
        padded_index[unit, : row.size] = row
        if draw.sum() > 0:
            padded_weight[unit, : row.size] = draw * (total / draw.sum())
    return Neighbours(jnp.asarray(padded_index), jnp.asarray(padded_weight))
