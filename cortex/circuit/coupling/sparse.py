"""Sparse random connections as padded lists of neighbours."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from ..populations import EI, Leaf, as_floats
from .base import AbstractCoupling, AbstractOperator, Projections


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

    def __call__(self, source: Leaf) -> Leaf:
        return jnp.sum(self.weight * source[self.index], axis=-1)


class SparseCoupling(AbstractCoupling, AbstractOperator):
    """Lists of neighbours for each projection; gathered, since sparse products are slower.

    Attributes:
        neighbours: `Projections` of `Neighbours`, weights >= 0.
        shape: shape of a population, such as (height, width), in C order.
    """

    neighbours: Projections[Neighbours]
    shape: tuple[int, ...] = eqx.field(static=True)

    def operator(self) -> "SparseCoupling":
        return self

    def check_dale(self) -> None:
        self.neighbours.map(lambda n: n.weight).check_dale("W")

    def parts(self, rates: EI[Leaf]) -> Projections[Leaf]:
        E, I = rates.E.ravel(), rates.I.ravel()  # noqa: E741
        n = self.neighbours
        inputs = Projections(EE=n.EE(E), EI=n.EI(I), IE=n.IE(E), II=n.II(I))
        return inputs.map(lambda u: u.reshape(self.shape))


def sparse_sheet(
    seed: int,
    preferred: Any,
    J: Projections[float],
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
        J: mean weight of one connection.
        sigma: width of each projection [px].
        kappa: peak connection probability from E and from I, in [0, 1].
        sigma_orientation: width over orientation [deg].
        weight_sd: standard deviation of the weights relative to their mean.

    Source: Rubin, Van Hooser & Miller 2015, Fig. 6, as transcribed by others. That a unit
    has no connection to itself is our choice.
    """
    preferred = np.asarray(preferred, dtype=np.float64)
    shape = preferred.shape
    y, x = (axis.ravel() for axis in np.indices(shape, dtype=np.float64))
    orientation = preferred.ravel()
    rng = np.random.default_rng(seed)

    def projection(strength: float, width: float, peak: float) -> Neighbours:
        index, weight = [], []
        for unit in range(orientation.size):  # one row at a time: never the whole matrix
            squared = (y - y[unit]) ** 2 + (x - x[unit]) ** 2
            turn = np.abs(orientation - orientation[unit]) % 180.0
            turn = np.minimum(turn, 180.0 - turn)
            chance = peak * np.exp(-squared / (2 * width**2) - turn**2 / (2 * sigma_orientation**2))
            chance[unit] = 0.0
            row = np.flatnonzero(rng.random(orientation.size) < chance)
            draw = rng.normal(strength, weight_sd * strength, row.size)
            index.append(row)
            weight.append(np.maximum(draw, 0.0))
        return _padded(index, weight, strength, dtype)

    neighbours = Projections(
        EE=projection(J.EE, sigma.EE, kappa.E),
        EI=projection(J.EI, sigma.EI, kappa.I),
        IE=projection(J.IE, sigma.IE, kappa.E),
        II=projection(J.II, sigma.II, kappa.I),
    )
    return SparseCoupling(neighbours=neighbours, shape=shape)


def _padded(
    index: list[np.ndarray], weight: list[np.ndarray], strength: float, dtype: Any
) -> Neighbours:
    counts = [row.size for row in index]
    total = strength * float(np.mean(counts))
    padded_index = np.zeros((len(index), max(*counts, 1)), dtype=np.int32)
    padded_weight = np.zeros(padded_index.shape, dtype=dtype)
    for unit, (row, draw) in enumerate(zip(index, weight, strict=True)):
        padded_index[unit, : row.size] = row
        if draw.sum() > 0:
            padded_weight[unit, : row.size] = draw * (total / draw.sum())
    return Neighbours(jnp.asarray(padded_index), jnp.asarray(padded_weight))
