"""Sparse coupling: many stimuli at once, traced weights and padding, against dense matrices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import EI, Projections, SparseCoupling, sparse_sheet
from cortex.circuit.coupling.sparse import Neighbours
from tests.circuit.twins import NAMES

SHAPE = (6, 7)
UNITS = 42
PREFERRED = np.random.default_rng(0).uniform(0, 180, SHAPE)
J = {"EE": 0.10, "EI": 0.089, "IE": 0.38, "II": 0.096}
SIGMA = {"EE": 8.0, "EI": 2.0, "IE": 12.0, "II": 3.0}


def sheet(seed=0, **J_more):
    return sparse_sheet(
        seed, PREFERRED, Projections(**{**J, **J_more}), Projections(**SIGMA), EI(0.3, 0.9)
    )


def dense(neighbours):
    """Float64 matrix of lists of neighbours, one connection at a time."""
    matrix = np.zeros((UNITS, UNITS))
    index, weight = np.asarray(neighbours.index), np.asarray(neighbours.weight, np.float64)
    for unit in range(UNITS):
        for k in range(index.shape[1]):
            matrix[unit, index[unit, k]] += weight[unit, k]
    return matrix


def rates(*copies):
    E, I = np.random.default_rng(1).uniform(0, 50, (2, *SHAPE, *copies))  # noqa: E741
    return EI(jnp.asarray(E, jnp.float32), jnp.asarray(I, jnp.float32))


def check(parts, given, coupling, copies):
    """Every projection within 1e-5, the promise of every coupling in float32."""
    for name in NAMES:
        source = np.asarray(given.E if name[1] == "E" else given.I, np.float64)
        expected = dense(getattr(coupling.neighbours, name)) @ source.reshape(UNITS, -1)
        found = np.asarray(getattr(parts, name))
        assert found.shape == (*SHAPE, *copies)
        np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("copies", [(), (1,), (5,), (2, 3)])
def test_side_by_side_against_dense(copies):
    coupling = sheet()
    wide = coupling.side_by_side(*copies)
    assert wide.shape == (*SHAPE, *copies)
    given = rates(*copies)
    check(jax.jit(lambda c, r: c.parts(r))(wide, given), given, coupling, copies)


def test_vmap_is_the_same_as_side_by_side():
    coupling, given = sheet(), rates(5)
    moved = given.map(lambda r: jnp.moveaxis(r, -1, 0))
    mapped = jax.vmap(coupling.operator())(moved)
    wide = coupling.side_by_side(5).operator()(given)
    for found, expected in ((mapped.E, wide.E), (mapped.I, wide.I)):
        np.testing.assert_allclose(np.moveaxis(found, 0, -1), expected, rtol=1e-5, atol=1e-4)


def test_padding_changes_nothing():
    coupling = sheet()
    longer = coupling.neighbours.map(lambda n: n.padded(n.index.shape[1] + 3))
    padded = SparseCoupling(neighbours=longer, shape=SHAPE)
    given = rates()
    check(padded.parts(given), given, coupling, ())
    with pytest.raises(ValueError, match=r"most: found 1, allowed: >= "):
        coupling.neighbours.EI.padded(1)


def test_shape_must_hold_the_units():
    n = Neighbours.from_dense(np.eye(6))
    lists = Projections(n, n, n, n)
    assert SparseCoupling(neighbours=lists, shape=(2, 3, 5)).shape == (2, 3, 5)
    with pytest.raises(ValueError, match=r"shape: found \(4, 2\), allowed: .* 6 units"):
        SparseCoupling(neighbours=lists, shape=(4, 2))


def test_weights_follow_a_traced_strength():
    """The draw does not depend on J: weights are proportional to it, and so are derivatives."""
    given = rates()

    @jax.jit
    def total(strength):
        return jnp.sum(sheet(IE=strength).parts(given).IE)

    once, twice = float(total(0.38)), float(total(0.76))
    assert twice == pytest.approx(2 * once, rel=1e-5)
    matrix = dense(sheet().neighbours.IE)
    assert once == pytest.approx((matrix @ np.asarray(given.E, np.float64).ravel()).sum(), rel=1e-5)
    assert float(jax.grad(total)(0.38)) == pytest.approx(once / 0.38, rel=1e-4)


def test_chance_of_a_connection():
    """Share of seeds that draw a connection, against the stated probability."""
    seeds, unit = 100, 20
    drawn = {name: np.zeros(UNITS) for name in NAMES}
    for seed in range(seeds):
        lists = sheet(seed).neighbours
        for name in NAMES:
            neighbours = getattr(lists, name)
            index, weight = (
                np.asarray(part)[unit] for part in (neighbours.index, neighbours.weight)
            )
            drawn[name][index[weight > 0]] += 1
    turn = np.abs(PREFERRED.ravel()[unit] - PREFERRED.ravel())
    turn = np.minimum(turn, 180 - turn)
    y, x = np.divmod(np.arange(UNITS), SHAPE[1])
    squared = (y - y[unit]) ** 2 + (x - x[unit]) ** 2
    for name, peak in (("EE", 0.3), ("EI", 0.9), ("IE", 0.3), ("II", 0.9)):
        chance = peak * np.exp(-squared / (2 * SIGMA[name] ** 2) - turn**2 / (2 * 45.0**2))
        chance[unit] = 0.0  # no connection to itself
        # Five standard deviations, and one draw more where the chance is tiny.
        slack = 5 * np.sqrt(chance * (1 - chance) / seeds) + 1 / seeds
        slack[unit] = 0.0
        assert np.all(np.abs(drawn[name] / seeds - chance) <= slack), name
