"""Sums over the few places that narrow Gaussians reach, against dense float64 matrices."""

import functools
import math
from unittest import mock

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.circuit import GaussianCoupling, PeriodicBorder, Projections, ZeroBorder
from cortex.circuit.coupling import gaussian, narrow
from cortex.circuit.coupling.gaussian import SeparableOperator
from cortex.circuit.coupling.narrow import NarrowOperator
from cortex.circuit.coupling.shortcut import GuardedOperator
from tests.circuit.twins import NAMES, check_net, net_of, random_rates, sheet_of

J = {"EE": 1.5, "EI": 1.8, "IE": 3.0, "II": 0.9}
NARROW = {"EE": 0.95, "EI": 1.8, "IE": 0.8, "II": 1.7}
SHAPE = (2, 17, 21)
MIX = np.array([[0.7, 0.3], [0.2, 0.8]])
borders = pytest.mark.parametrize("periodic", [False, True], ids=["zero", "periodic"])
one_border_by_day = pytest.mark.parametrize(
    "periodic", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["zero", "periodic"]
)


@pytest.fixture(autouse=True)
def everywhere():
    """On sheets of any size, one map at a time."""
    with (
        mock.patch.multiple(gaussian, LARGEST_PLANE=0, WORTHWHILE=1e9),
        mock.patch.multiple(narrow, PRICE=0.0, PIECE=1),
    ):
        yield


def narrow_sheet(periodic, sigma=NARROW):
    return sheet_of(SHAPE, J, sigma, MIX, periodic)


@borders
@settings(max_examples=2, deadline=None)
@given(
    height=st.integers(9, 14),
    width=st.integers(9, 14),
    widths=st.tuples(*4 * [st.floats(0.05, 1.5)]),
    seed=st.integers(0, 100),
)
def test_any_sheet(periodic, height, width, widths, seed):
    shape = (2, height, width)
    coupling, dense = sheet_of(shape, J, dict(zip(NAMES, widths, strict=True)), MIX, periodic)
    rates = random_rates(shape, seed)
    operator = coupling.operator()
    assert type(operator) is NarrowOperator
    check_net(operator(rates.map(jnp.asarray)), rates, dense)


@borders
def test_chosen_where_it_pays(periodic):
    border = PeriodicBorder() if periodic else ZeroBorder()

    def kind(size, sigma):
        given = Projections(**J), Projections(**sigma), np.eye(1), (1, size, size), border
        return type(GaussianCoupling(*given).operator())

    with mock.patch.multiple(gaussian, WORTHWHILE=0.7), mock.patch.multiple(narrow, PRICE=2.0):
        assert kind(112, NARROW) is NarrowOperator
        assert kind(28, NARROW) is SeparableOperator
        assert kind(112, {**NARROW, "EI": 12.0}) is SeparableOperator


@one_border_by_day
def test_widths_put_in_later(periodic):
    """Wider ones than the places carry are still exact, and dropping the guard would show."""
    coupling, _ = narrow_sheet(periodic)
    rates = random_rates(SHAPE)
    for width in (1.1, 4.0):
        changed, dense = narrow_sheet(periodic, {**NARROW, "EI": width})
        put_in = eqx.tree_at(lambda c: c.sigma, coupling, changed.sigma)
        assert isinstance(put_in.operator(), NarrowOperator) == (width < 1.8)
        check_net(net_of(put_in, rates), rates, dense)
    sums = put_in.sigma.map(gaussian.gaussian_sum)
    unguarded = coupling.shortcut.operator(
        put_in.J, put_in.sigma, sums, put_in.features, put_in.operator()
    )
    with pytest.raises(AssertionError):
        check_net(unguarded(rates.map(jnp.asarray)), rates, dense)


@pytest.mark.usefixtures("x64")
@one_border_by_day
@pytest.mark.parametrize("order", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_derivatives_are_those_of_the_products(periodic, order):
    """In rates, strengths and widths; those of second order forwards over backwards."""
    coupling, dense = narrow_sheet(periodic)
    rates = random_rates(SHAPE)
    check_net(coupling.operator()(rates.map(jnp.asarray)), rates, dense, share=1e-10)
    weigh = random_rates(SHAPE, seed=1)
    at = coupling.J, coupling.sigma, rates.map(jnp.asarray)

    @functools.partial(jax.jit, static_argnums=0)
    def slopes(exact):
        def total(at):
            strength, sigma, rates = at
            changed = eqx.tree_at(lambda c: (c.J, c.sigma), coupling, (strength, sigma))
            operator = changed.operator()
            assert isinstance(operator, GuardedOperator)
            u = (operator.exact if exact else operator)(rates)
            return jnp.sum(weigh.E * u.E**2) - jnp.sum(weigh.I * u.I)

        if order == 1:
            return jax.grad(total)(at)
        return jax.jvp(jax.grad(total), (at,), (jax.tree.map(jnp.ones_like, at),))[1]

    for found, expected in zip(*map(jax.tree.leaves, map(slopes, (False, True))), strict=True):
        # Values are cut where they fall below 1e-12 of the peak.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        assert np.any(expected != 0)


def test_stimuli_in_a_batch_and_widths_at_once():
    coupling, dense = narrow_sheet(False)
    rates = random_rates((3, *SHAPE))
    for batch in (net_of(coupling, rates), jax.vmap(lambda r: net_of(coupling, r))(rates)):
        for row in range(3):
            pick = lambda u, row=row: u[row]  # noqa: E731
            check_net(batch.map(pick), rates.map(pick), dense)
    one = rates.map(lambda r: r[0])
    widths = np.array([0.6, 0.95, 3.0])

    def net(width):
        changed = eqx.tree_at(lambda c: c.sigma.EE, coupling, width)
        return changed.operator()(one.map(jnp.asarray))

    found = jax.jit(jax.vmap(net))(jnp.asarray(widths))
    for row, width in enumerate(widths):
        _, dense = narrow_sheet(False, {**NARROW, "EE": width})
        check_net(found.map(lambda u, row=row: u[row]), one, dense)


def test_what_is_cut_is_below_rounding():
    places = narrow.Reach.of(Projections(1.0, 1.0, 1.0, 1.0), 1e-6, closed=False).places.EE
    assert math.exp(-((places + 1) ** 2) / 2) < 1e-6 < math.exp(-((places - 1) ** 2) / 2)
