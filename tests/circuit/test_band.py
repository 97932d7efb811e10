"""Couplings on waves against dense float64 matrices: sheets of both borders, and rings."""

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
    GaussianCoupling,
    PeriodicBorder,
    Populations,
    Projections,
    RingCoupling,
    ZeroBorder,
    ring_coupling,
)
from cortex.circuit.coupling import gaussian, narrow
from cortex.circuit.coupling.band import BandOperator
from cortex.circuit.coupling.gaussian import SeparableOperator
from cortex.circuit.coupling.ring import FalloffOperator, RingOperator
from cortex.circuit.coupling.shortcut import GuardedOperator
from tests.circuit.twins import NAMES, check_net, net_of, random_rates, sheet_of
from tests.reference import ssn

one_border_by_day = pytest.mark.parametrize(
    "periodic", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["zero", "periodic"]
)


def everywhere():
    """Waves on sheets of any size and width, whether they pay or not."""
    return (
        mock.patch.multiple(gaussian, LARGEST_PLANE=0, WORTHWHILE=1e9),
        mock.patch.object(narrow, "PRICE", np.inf),
    )


@one_border_by_day
@settings(max_examples=2, deadline=None)
@given(
    features=st.integers(1, 2),
    height=st.integers(1, 11),
    width=st.integers(1, 11),
    strength=st.floats(0.01, 100),
    fractions=st.tuples(*4 * [st.floats(0, 1)]),
    seed=st.integers(0, 100),
)
def test_any_sheet(periodic, features, height, width, strength, fractions, seed):
    shape = (features, height, width)
    widest = 0.5 * min(height, width) if periodic else 20.0
    sigma = {n: 0.3 + f * max(widest - 0.3, 0.0) for n, f in zip(NAMES, fractions, strict=True)}
    J = {"EE": strength, "EI": 0.0, "IE": 1.0, "II": 2 * strength}
    S = np.random.default_rng(seed).uniform(0, 1, (features, features))
    plane, worth = everywhere()
    with plane, worth:
        coupling, dense = sheet_of(shape, J, sigma, S, periodic)
        assert coupling.shortcut is not None
        rates = random_rates(shape, seed)
        operator = coupling.operator()
        assert type(operator) is BandOperator
        check_net(operator(rates.map(jnp.asarray)), rates, dense)


J = {"EE": 1.5, "EI": 1.8, "IE": 3.0, "II": 0.9}
WIDE = {"EE": 3.0, "EI": 4.0, "IE": 5.0, "II": 4.0}
SHAPE = (1, 33, 20)  # odd and even, not square


def wide_sheet(periodic, sigma=None):
    return sheet_of(SHAPE, J, WIDE if sigma is None else sigma, np.ones((1, 1)), periodic)


def wide_coupling(periodic, sigma=WIDE, size=128):
    border = PeriodicBorder() if periodic else ZeroBorder()
    given = Projections(**J), Projections(**sigma), np.eye(1), (1, size, size), border
    return GaussianCoupling(*given)


@one_border_by_day
def test_chosen_where_it_pays(periodic):
    wide = wide_coupling(periodic)
    assert isinstance(wide.operator(), BandOperator)
    mixed = wide_coupling(periodic, {**WIDE, "EI": 1.0}, size=64)
    assert mixed.shortcut is None
    assert isinstance(mixed.operator(), SeparableOperator)
    # Widths that come as the program runs: the waves are guarded, or there are none.
    kinds = []

    @eqx.filter_jit
    def trace(coupling, sigma):
        kinds.append(type(coupling.operator()))
        changed = GaussianCoupling(coupling.J, sigma, np.eye(1), (1, 128, 128), coupling.border)
        kinds.append(type(changed.operator()))

    trace(wide, wide.sigma)
    assert kinds == [GuardedOperator, SeparableOperator]


@one_border_by_day
def test_widths_put_in_later(periodic):
    """Narrower ones than the waves carry, or wider than the period allows, are still exact."""
    plane, worth = everywhere()
    with plane, worth:
        coupling, dense = wide_sheet(periodic)
        rates = random_rates(SHAPE)
        check_net(net_of(coupling, rates), rates, dense)
        for name, width in (("EI", 0.7), ("IE", 9.0)):
            changed, other = wide_sheet(periodic, {**WIDE, name: width})
            assert changed.shortcut != coupling.shortcut or periodic
            put_in = eqx.tree_at(lambda c: c.sigma, coupling, changed.sigma)
            assert put_in.shortcut == coupling.shortcut
            check_net(net_of(put_in, rates), rates, other)
            # Dropping the guard would show.
            if not (periodic and name == "IE"):
                operator = coupling.shortcut.operator(
                    put_in.J,
                    put_in.sigma,
                    put_in.sigma.map(gaussian.gaussian_sum),
                    put_in.features,
                    put_in.operator(),
                )
                with pytest.raises(AssertionError):
                    check_net(operator(rates.map(jnp.asarray)), rates, other)


def test_many_widths_at_once():
    plane, worth = everywhere()
    with plane, worth:
        coupling, _ = wide_sheet(True)
        rates = random_rates(SHAPE)
        widths = np.array([0.7, 3.0, 4.5])

        @jax.jit
        def several(width):
            sigma = eqx.tree_at(lambda s: s.EE, coupling.sigma, width)
            changed = eqx.tree_at(lambda c: c.sigma, coupling, sigma)
            return changed.operator()(rates.map(jnp.asarray))

        found = jax.vmap(several)(jnp.asarray(widths))
        for row, width in enumerate(widths):
            _, dense = wide_sheet(True, {**WIDE, "EE": width})
            check_net(found.map(lambda u, row=row: u[row]), rates, dense)


@pytest.mark.usefixtures("x64")
@one_border_by_day
def test_double_precision_and_derivatives(periodic):
    """Waves down to 1e-12 there; derivatives in widths and strengths are those on places."""
    plane, worth = everywhere()
    with plane, worth:
        coupling, dense = wide_sheet(periodic)
        rates = random_rates(SHAPE)
        assert isinstance(coupling.operator(), BandOperator)
        check_net(coupling.operator()(rates.map(jnp.asarray)), rates, dense, share=1e-10)
        weigh = random_rates(SHAPE, seed=1)

        def total(sizes, exact):
            J, sigma = sizes
            changed = eqx.tree_at(lambda c: (c.J, c.sigma), coupling, (J, sigma))
            operator = changed.operator()
            assert isinstance(operator, GuardedOperator)
            if exact:
                operator = operator.exact
            u = operator(rates.map(jnp.asarray))
            return jnp.sum(weigh.E * u.E) - jnp.sum(weigh.I * u.I)

        at = (coupling.J, coupling.sigma)
        slopes = [jax.jit(jax.grad(lambda s, e=e: total(s, e)))(at) for e in (False, True)]
        found, expected = (np.array(jax.tree.leaves(slope)) for slope in slopes)
        # On a closed sheet a width changes little: what cancels is some thousand times as large.
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9 * np.abs(expected).max())
        assert np.all(expected != 0)


def test_stimuli_in_a_batch():
    plane, worth = everywhere()
    with plane, worth:
        coupling, dense = wide_sheet(False)
        rates = random_rates((3, *SHAPE))
        found = [net_of(coupling, rates), jax.vmap(lambda r: net_of(coupling, r))(rates)]
        for batch in found:
            for row in range(3):
                pick = lambda u, row=row: u[row]  # noqa: E731
                check_net(batch.map(pick), rates.map(pick), dense)


# Rings.


@settings(max_examples=3, deadline=None)
@given(
    units=st.integers(1, 24),
    sigma=st.floats(2.0, 200.0),
    strengths=st.tuples(*4 * [st.just(0.0) | st.floats(0.01, 3.0)]),
)
def test_any_ring(units, sigma, strengths):
    strength = dict(zip(NAMES, strengths, strict=True))
    J = Projections(**strength)
    dense = {
        name: ssn.ring_weights(units, 180.0, strength[name] * 180 / units, sigma) for name in NAMES
    }
    rates = random_rates((units,))
    kinds = []

    def inputs(width):
        operator = RingCoupling(units, 180.0, J, width).operator()
        kinds.append(type(operator))
        given = rates.map(jnp.asarray)
        return operator.parts(given), operator(given)

    for parts, net_input in (inputs(sigma), jax.jit(inputs)(sigma)):
        check_net(net_input, rates, dense)
        for name in NAMES:
            source = rates.E if name[1] == "E" else rates.I
            np.testing.assert_allclose(getattr(parts, name), dense[name] @ source, rtol=1e-5)
    assert kinds == [FalloffOperator, RingOperator]


def test_a_ring_is_the_ring_with_matrices():
    """Weights, batches of rings each with its own strengths and width, and what is refused."""
    J = Projections(EE=0.3, EI=0.2, IE=0.25, II=0.1)
    one = ring_coupling(13, 180.0, J, 32.0)
    for name in NAMES:
        found = getattr(RingCoupling(13, 180.0, J, 32.0).weights, name)
        np.testing.assert_allclose(found, getattr(one.weights, name), rtol=1e-5)
    rates = random_rates((2, 13)).map(jnp.asarray)
    gains, widths = jnp.array([1.0, 2.0]), jnp.array([20.0, 40.0])

    def inputs(gain, width, rates, make):
        return make(13, 180.0, J.map(lambda j: gain * j), width).operator()(rates)

    by_waves, by_matrix = (
        jax.vmap(lambda g, w, r, make=make: inputs(g, w, r, make))(gains, widths, rates)
        for make in (RingCoupling, ring_coupling)
    )
    np.testing.assert_allclose(by_waves.E, by_matrix.E, rtol=0, atol=1e-3)  # of up to 200
    np.testing.assert_allclose(by_waves.I, by_matrix.I, rtol=0, atol=1e-3)
    populations = Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0))
    with pytest.raises(ValueError, match=r"J_EE: found -1, allowed: .*Dale"):
        Circuit(populations, RingCoupling(4, 180.0, Projections(-1.0, 1.0, 1.0, 1.0), 30.0))
    with pytest.raises(ValueError, match="sigma: found 0, allowed: > 0"):
        RingCoupling(4, 180.0, Projections(1.0, 1.0, 1.0, 1.0), 0.0)
