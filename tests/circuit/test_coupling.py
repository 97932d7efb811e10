"""Every kind of coupling against dense matrices written out in NumPy."""

from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    GaussianCoupling,
    PeriodicBorder,
    Populations,
    Projections,
    SparseCoupling,
    circular_features,
    learned_features,
    line_coupling,
    no_features,
    orientation_map,
    ring_coupling,
    sparse_sheet,
)
from cortex.circuit.coupling import gaussian
from cortex.circuit.coupling.gaussian import PlaneOperator, SeparableOperator
from cortex.circuit.coupling.sparse import Neighbours
from tests.circuit.twins import NAMES, rates_of, sheet, sheet_of
from tests.reference import published, ssn
from tests.refusals import refusal

# The promise: 1e-5 relative, in float32. All terms of a sum are positive, so that
# it holds entry by entry; weights below 1e-11 of the peak are cut off (1e-12 an axis).
RTOL = 1e-5
CUT = 1e-11

PLAIN = Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0))


@eqx.filter_jit
def compiled(coupling, rates, limit, matrices):
    """`limit` is in force while this is traced; as an argument it keeps compilations apart."""
    assert limit == gaussian.LARGEST_PLANE
    operator = coupling.operator()
    return operator.parts(rates), operator(rates), coupling.matrices() if matrices else None


def products(coupling, rates, matrices=False):
    return compiled(coupling, rates, gaussian.LARGEST_PLANE, matrices)


def check_products(parts, net, rates, dense):
    """Input of each projection, and the net input, against dense products in float64."""
    E, I = (np.asarray(r, dtype=np.float64).ravel() for r in (rates.E, rates.I))  # noqa: E741
    expected = {name: dense[name] @ (E if name[1] == "E" else I) for name in NAMES}
    for name in NAMES:
        found = getattr(parts, name)
        assert found.shape == rates.E.shape
        assert found.dtype == jnp.float32
        np.testing.assert_allclose(np.ravel(found), expected[name], rtol=RTOL)
    for found, plus, minus in ((net.E, "EE", "EI"), (net.I, "IE", "II")):
        # A difference: its error is relative to its terms.
        scale = (expected[plus] + expected[minus]).max()
        difference = expected[plus] - expected[minus]
        np.testing.assert_allclose(np.ravel(found), difference, rtol=0, atol=RTOL * scale)


def check(coupling, dense):
    rates = rates_of(coupling.shape)
    parts, net, matrices = products(coupling, rates, matrices=True)
    check_products(parts, net, rates, dense)
    for name in NAMES:
        found, expected = getattr(matrices, name), dense[name]
        np.testing.assert_allclose(found, expected, rtol=RTOL, atol=CUT * expected.max())


# Rings and lines.


@pytest.mark.parametrize("units", [12, 13])
def test_ring(units):
    J = published.RING
    coupling = ring_coupling(units, 180.0, Projections(**J), 32.0)
    assert coupling.shape == (units,)
    apart = 180 / units
    check(coupling, {name: ssn.ring_weights(units, 180.0, apart * J[name], 32.0) for name in NAMES})


def test_line():
    """The line of science.md 2.2, where inhibition stays at its own site."""
    J = {"EE": 1.0, "EI": 1.0, "IE": 1.25, "II": 0.75}
    sigma = {"EE": 2 / 3, "EI": 0.0, "IE": 4 / 3, "II": 0.0}
    coupling = line_coupling(15, 1 / 3, Projections(**J), Projections(**sigma))
    check(coupling, {name: ssn.line_weights(15, 1 / 3, J[name], sigma[name]) for name in NAMES})


# Gaussian sheets.


@pytest.mark.parametrize("periodic", [False, True], ids=["zero", "periodic"])
@pytest.mark.parametrize("kind", [PlaneOperator, SeparableOperator])
def test_sheet(kind, periodic, monkeypatch):
    shape = (3, 6, 7)
    places = 6 * 7
    # As many places as the limit, or one more.
    monkeypatch.setattr(gaussian, "LARGEST_PLANE", places - (kind is SeparableOperator))
    coupling, dense = sheet(shape, periodic)
    assert type(coupling.operator()) is kind
    check(coupling, dense)


@settings(max_examples=6, deadline=None)
@given(
    features=st.integers(1, 3),
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    periodic=st.booleans(),
    separable=st.booleans(),
    strength=st.floats(0.01, 100),
    fractions=st.tuples(*4 * [st.floats(0, 1)]),
    seed=st.integers(0, 100),
)
def test_any_sheet(features, height, width, periodic, separable, strength, fractions, seed):
    shape = (features, height, width)
    widest = 0.5 * min(height, width) if periodic else 20.0
    sigma = {n: 0.2 + f * (widest - 0.2) for n, f in zip(NAMES, fractions, strict=True)}
    J = {"EE": strength, "EI": 0.0, "IE": 1.0, "II": 2 * strength}
    S = np.random.default_rng(seed).uniform(0, 1, (features, features))
    with mock.patch.object(gaussian, "LARGEST_PLANE", 0 if separable else 1000):
        coupling, dense = sheet_of(shape, J, sigma, S, periodic)
        rates = rates_of(shape)
        parts, net, _ = products(coupling, rates)
        check_products(parts, net, rates, dense)


@pytest.mark.usefixtures("x64")
def test_the_sum_of_a_gaussian_over_the_lattice():
    """Exact on both sides of the width at which the formula changes."""
    for sigma in (0.1, 0.5, 0.999, 1.0, 1.001, 2.0, 30.0):
        d = np.arange(-1000.0, 1001.0)
        expected = np.exp(-(d**2) / (2 * sigma**2)).sum()
        found = float(gaussian.gaussian_sum(jnp.asarray(sigma)))
        assert found == pytest.approx(expected, rel=1e-14)


def test_batches_need_no_vmap(monkeypatch):
    rates = rates_of((5, 2, 4, 3))
    for limit in (0, 1000):
        monkeypatch.setattr(gaussian, "LARGEST_PLANE", limit)
        operator = sheet((2, 4, 3), False)[0].operator()
        together, one = operator(rates), jax.vmap(operator)(rates)
        np.testing.assert_allclose(together.E, one.E, rtol=1e-4, atol=1e-4)


def largest_array(function, *args):
    """Elements of the largest value that a traced function makes, at any depth."""

    def subjaxprs(jaxpr):
        yield jaxpr
        for eqn in jaxpr.eqns:
            for value in jax.tree.leaves(eqn.params, is_leaf=lambda v: hasattr(v, "eqns")):
                inner = getattr(value, "jaxpr", value)
                if hasattr(inner, "eqns"):
                    yield from subjaxprs(inner)

    closed = jax.make_jaxpr(function)(*args)
    sizes = [np.size(constant) for constant in closed.consts]
    for jaxpr in subjaxprs(closed.jaxpr):
        sizes += [var.aval.size for eqn in jaxpr.eqns for var in eqn.outvars]
    return max(sizes)


def test_no_matrix_of_all_pairs(monkeypatch):
    shape = (2, 64, 64)
    places = 64 * 64
    rates = rates_of(shape)

    def recurrent(sigma, rates):
        coupling = GaussianCoupling(
            Projections(1.0, 1.0, 1.0, 1.0), sigma, no_features(2), shape, PeriodicBorder()
        )
        return coupling.operator()(rates)

    sigma = Projections(*map(jnp.asarray, (3.0, 2.0, 5.0, 1.0)))
    # The largest is a kernel with its images, 9 x 64 x 64; far from 4096 x 4096.
    assert largest_array(recurrent, sigma, rates) < places**2 / 100
    memory = jax.jit(recurrent).lower(sigma, rates).compile().memory_analysis()
    if memory is not None:  # not every backend tells
        assert memory.temp_size_in_bytes < 4 * places**2 / 10
    # The same look at the operator for small planes does see the matrix. (A function of its
    # own, lest the first trace be reused.)
    monkeypatch.setattr(gaussian, "LARGEST_PLANE", places)
    assert largest_array(lambda s, r: recurrent(s, r), sigma, rates) >= places**2


# Sparse sheets.


def test_sparse_against_dense():
    rng = np.random.default_rng(0)
    shape = (4, 5)
    dense = {}
    for name, share in zip(NAMES, (0.1, 0.5, 1.0, 0.0), strict=True):  # none and all as well
        weights = rng.uniform(0.1, 1, (20, 20)) * (rng.random((20, 20)) < share)
        weights[3] = 0.0  # a unit without any input
        dense[name] = weights
    check(
        SparseCoupling(Projections(**{n: Neighbours.from_dense(dense[n]) for n in NAMES}), shape),
        dense,
    )


@pytest.fixture(scope="module")
def cortical_sheet():
    """The sheet of science.md 2.3: (coupling, preferred orientation, J)."""
    preferred = np.asarray(orientation_map(jax.random.key(0), (75, 75), 15.0))
    J = Projections(EE=0.10, EI=0.089, IE=0.38, II=0.096)
    return random_sheet(preferred, J, seed=1), preferred, J


def random_sheet(preferred, J, seed):
    sigma = Projections(EE=8.0, EI=4.0, IE=12.0, II=4.0)
    return sparse_sheet(seed, preferred, J, sigma, EI(0.1, 0.5))


def test_connections_a_cell(cortical_sheet):
    coupling, _, _ = cortical_sheet
    for name, expected in (("EE", 20), ("IE", 41), ("EI", 28), ("II", 28)):
        counts = np.sum(np.asarray(getattr(coupling.neighbours, name).weight) > 0, axis=1)
        assert counts.mean() == pytest.approx(expected, rel=0.15), name


def test_rows_have_the_same_total(cortical_sheet):
    coupling, _, J = cortical_sheet
    for name in NAMES:
        weight = np.asarray(getattr(coupling.neighbours, name).weight, dtype=np.float64)
        # Weights cut at zero (normal, four SD away) are not told from no connection.
        expected = getattr(J, name) * np.mean(np.sum(weight > 0, axis=1))
        np.testing.assert_allclose(weight.sum(axis=1), expected, rtol=1e-4)
        spread = weight[weight > 0].std() / weight[weight > 0].mean()
        assert spread > 0.2


def test_connections_follow_distance_and_orientation(cortical_sheet):
    coupling, preferred, _ = cortical_sheet
    index = np.asarray(coupling.neighbours.IE.index)
    real = np.asarray(coupling.neighbours.IE.weight) > 0
    unit = np.broadcast_to(np.arange(75 * 75)[:, None], index.shape)
    post, pre = unit[real], index[real]
    assert not np.any(post == pre)
    for name in ("EE", "EI", "II"):
        neighbours = getattr(coupling.neighbours, name)
        own = np.asarray(neighbours.index) == np.arange(75 * 75)[:, None]
        assert not np.any(own & (np.asarray(neighbours.weight) > 0))
    # Inner units only, whose surround is whole: the variance of one axis is sigma^2.
    y, x = post // 75, post % 75
    inner = (np.abs(y - 37) < 3) & (np.abs(x - 37) < 3)
    dy = (pre // 75 - y)[inner]
    assert dy.std() == pytest.approx(12.0, rel=0.1)
    turn = np.abs(preferred.ravel()[post] - preferred.ravel()[pre])
    turn = np.minimum(turn, 180 - turn)
    assert turn.mean() < 36  # 45 without a preference, 29.6 with a width of 45


def test_the_seed_is_the_draw():
    preferred = np.random.default_rng(0).uniform(0, 180, (9, 9))
    J = Projections(EE=0.10, EI=0.089, IE=0.38, II=0.096)
    first, again, other = (random_sheet(preferred, J, seed) for seed in (3, 3, 4))
    assert eqx.tree_equal(first, again)
    one, two = (np.asarray(c.neighbours.EE.index) for c in (first, other))
    assert one.shape != two.shape or not np.array_equal(one, two)


# Feature couplings.


def test_circular_features():
    preferred = np.array([0.0, 22.5, 90.0, 157.5, 200.0, -10.0])
    S = circular_features(preferred, 32.0)
    np.testing.assert_allclose(S, ssn.circular_features(preferred, 32.0), rtol=1e-5)
    np.testing.assert_allclose(jnp.sum(S, axis=1), 1.0, rtol=1e-6)
    directions = circular_features(preferred, 32.0, period=360.0)
    expected = ssn.circular_features(preferred, 32.0, period=360.0)
    np.testing.assert_allclose(directions, expected, rtol=1e-5, atol=1e-7)


def test_learned_features():
    responses = np.abs(np.random.default_rng(0).normal(size=(40, 5)))
    responses[:, 2] = 0.0  # a silent map
    responses[:, 4] = 3 * responses[:, 0]  # the same map, louder
    S = np.asarray(learned_features(jnp.asarray(responses), 32.0))
    expected = ssn.angular_features(responses, 32.0)
    # float32 near a cosine of 1 knows angles to .03 degrees.
    np.testing.assert_allclose(S, expected, rtol=1e-4)
    np.testing.assert_allclose(S.sum(axis=1), 1.0, rtol=1e-6)
    assert S[0, 4] == pytest.approx(S[0, 0], rel=1e-4)


def test_no_features():
    np.testing.assert_array_equal(no_features(3), np.eye(3))


# What is refused.


def refused(build, *words):
    message = refusal(build, error=ValueError)
    for word in ("found", "allowed", *words):
        assert word in message, message


def a_sheet(**changes):
    given = {
        "J": Projections(1.0, 1.0, 1.0, 1.0),
        "sigma": Projections(1.0, 1.0, 1.0, 1.0),
        "features": np.eye(2),
        "shape": (2, 4, 5),
        **changes,
    }
    return Circuit(PLAIN, GaussianCoupling(**given))


def test_dales_law():
    positive = np.ones((3, 3))
    negative = positive.copy()
    negative[1, 2] = -0.5
    for name in NAMES:
        weights = {**dict.fromkeys(NAMES, positive), name: negative}
        refused(
            lambda w=weights: Circuit(PLAIN, DenseCoupling(Projections(**w))), f"W_{name}", "-0.5"
        )
        J = Projections(**{**dict.fromkeys(NAMES, 1.0), name: -2.0})
        refused(lambda J=J: a_sheet(J=J), f"J_{name}", "-2", "Dale")
        lists = {n: Neighbours.from_dense(weights[n]) for n in NAMES}
        refused(lambda x=lists: Circuit(PLAIN, SparseCoupling(Projections(**x), (3,))), f"W_{name}")
    refused(lambda: a_sheet(features=np.array([[1.0, -0.1], [0.0, 1.0]])), "features", "-0.1")
    refused(lambda: a_sheet(J=Projections(np.nan, 1.0, 1.0, 1.0)), "J_EE", "nan")


def test_wrong_shapes_and_widths():
    square, other = np.ones((3, 3)), np.ones((4, 4))
    refused(lambda: DenseCoupling(Projections(square, square, other, square)), "weights.IE")
    refused(lambda: DenseCoupling(Projections(*4 * [np.ones((3, 4))])), "weights.EE")
    refused(lambda: a_sheet(features=np.eye(3)), "features", "(2, 2)")
    refused(lambda: a_sheet(sigma=Projections(1.0, 0.0, 1.0, 1.0)), "sigma_EI", "> 0")
    wide = Projections(1.0, 1.0, 1.0, 3.0)
    a_sheet(sigma=wide)
    refused(lambda: a_sheet(sigma=wide, border=PeriodicBorder()), "sigma_II", "<= 2 px")
    tau = EI(np.full(4, 20.0), 10.0)
    populations = Populations(tau, EI(0.04, 0.04), EI(2.0, 2.0))
    refused(lambda: Circuit(populations, DenseCoupling(Projections(*4 * [square]))), "tau_E")


def test_traced_values_pass_unchecked():
    """Nothing is known of them while tracing; a sweep may build circuits under jit."""
    rates = rates_of((2, 4, 5))

    @jax.jit
    def recurrent(J, sigma):
        circuit = a_sheet(J=Projections(J, 1.0, 1.0, 1.0), sigma=Projections(*4 * [sigma]))
        return circuit.coupling.parts(rates).EE

    good, bad = recurrent(1.0, 1.0), recurrent(-1.0, 1.0)
    np.testing.assert_allclose(bad, -good, rtol=1e-6)

    @jax.jit
    def dense(weights):
        circuit = Circuit(PLAIN, DenseCoupling(Projections(*4 * [weights])))
        return circuit.coupling(rates_of((3,))).E

    assert dense(-np.ones((3, 3))).shape == (3,)
