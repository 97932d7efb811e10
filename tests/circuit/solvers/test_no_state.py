"""What is no state gives no number: NaN rates and derivatives, and the reason, for all solvers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    AndersonAcceleration,
    Epoch,
    Fixed,
    FixedPointIteration,
    Projections,
    Result,
    TimeIntegration,
    simulate,
    single_pair,
    steady_state,
    steady_states,
)

SOLVERS = {
    "integration": TimeIntegration(duration=300.0),
    "fixed_point": FixedPointIteration(dt=1.0, duration=1000.0),
    "anderson": AndersonAcceleration(),
}


def by_day(*names):
    """These solvers by day, the others by night."""
    rows = [
        pytest.param(solver, id=name, marks=() if name in names else pytest.mark.slow)
        for name, solver in SOLVERS.items()
    ]
    return pytest.mark.parametrize("solver", rows)


# Excitation of a pair with moderate inhibition and drive, and what becomes of it.
SETTLES, RUNS_AWAY = 0.02, 2.0
NAN, INF = float("nan"), float("inf")


def pair(J_EE):
    return single_pair(Projections(J_EE, 0.1, 1.0, 0.1), EI(20.0, 10.0), 0.04, 2.0)


def swinging(J_EE):
    """Inhibition too slow for its excitation."""
    return single_pair(Projections(J_EE, 1.0, 2.0, 0.0), EI(10.0, 60.0), 0.04, 2.0)


def both(h):
    return EI(jnp.reshape(h, 1), jnp.reshape(h, 1))


def total(rates):
    return jnp.sum(rates.E) + jnp.sum(rates.I)


@by_day("fixed_point")
def test_numbers_that_are_not_finite_are_invalid(solver):
    """Of a batch, without harm to its neighbours; a drive of -inf is not silence."""
    drives, starts = jnp.array([NAN, INF, -INF, 10.0, 10.0]), jnp.array([0.0, 0.0, 0.0, NAN, 0.0])
    bad = np.array([True, True, True, True, False])

    def settle(h, r):
        return steady_state(pair(SETTLES), both(h), initial=both(r), solver=solver)

    found = jax.jit(jax.vmap(settle))(drives, starts)
    np.testing.assert_array_equal(found.invalid, bad)
    np.testing.assert_array_equal(found.converged, ~bad)
    assert not found.diverged.any()
    np.testing.assert_array_equal(found.result == Result.invalid, bad)
    np.testing.assert_array_equal(np.isnan(found.rates.E[:, 0]), bad)
    np.testing.assert_array_equal(np.isnan(found.last.E[:3, 0]), bad[:3])
    assert np.isnan(found.residual[:3]).all()
    assert found.residual[4] < 0.01


@by_day("fixed_point")
def test_what_has_no_rates_has_no_derivatives(solver):
    """A circuit that runs away, a drive that is not finite; their neighbours have both."""

    def response(J_EE, h):
        found = steady_state(pair(J_EE), both(h), solver=solver)
        return total(found.rates), found

    J, h = jnp.array([SETTLES, RUNS_AWAY, SETTLES, SETTLES]), jnp.array([10.0, 10.0, NAN, 10.0])
    gone = np.array([False, True, True, False])
    grad = jax.jit(jax.vmap(jax.grad(response, argnums=(0, 1), has_aux=True)))
    slopes, found = grad(J, h)
    np.testing.assert_array_equal(found.diverged, [False, True, False, False])
    np.testing.assert_array_equal(np.isnan(found.rates.E[:, 0]), gone)
    np.testing.assert_array_equal(np.isnan(found.last.E[:, 0]), gone)
    for slope in slopes:
        np.testing.assert_array_equal(np.isnan(slope), gone)
        assert slope[0] == slope[3] != 0


# What comes after the search is the same for all.
@by_day("fixed_point")
def test_nor_has_it_forward_derivatives(solver):
    def response(J_EE):
        return total(steady_state(pair(J_EE), both(10.0), solver=solver).rates)

    move = jax.jit(jax.vmap(lambda J: jax.jvp(response, (J,), (1.0,))[1]))
    np.testing.assert_array_equal(np.isnan(move(jnp.array([SETTLES, RUNS_AWAY]))), [False, True])


@by_day("fixed_point")
def test_a_circuit_that_swings_keeps_its_last_rates_apart(solver):
    def response(J_EE):
        drive = EI(jnp.full(1, 20.0), jnp.zeros(1))
        found = steady_state(swinging(J_EE), drive, solver=solver)
        return total(found.rates), found

    slope, found = jax.jit(jax.grad(response, has_aux=True))(1.0)
    assert not found.converged
    assert not found.diverged
    assert found.result == Result.unsettled
    assert jnp.isnan(found.rates.E).all()
    assert jnp.isfinite(found.last.E).all()
    assert found.residual > 0.1
    assert jnp.isnan(slope)


@by_day("fixed_point")
def test_a_loss_that_leaves_a_state_out_keeps_its_derivative(solver):
    """`jnp.where` in place of the rates: nothing depends on them then."""

    def loss(gain, J):
        def one(J_EE):
            found = steady_state(pair(gain * J_EE), both(10.0), solver=solver)
            return jnp.where(found.converged, found.rates.E[0], 0.0)

        return jnp.sum(jax.vmap(one)(J))

    slope = jax.jit(jax.grad(loss))
    mixed, twice = slope(1.0, jnp.array([SETTLES, RUNS_AWAY])), slope(1.0, jnp.full(2, SETTLES))
    np.testing.assert_allclose(2 * mixed, twice, rtol=1e-4)


@by_day("fixed_point")
def test_an_error_where_asked(solver):
    def settle(J_EE, h):
        return steady_state(pair(J_EE), both(h), solver=solver, throw=True).rates.E

    assert jnp.isfinite(settle(SETTLES, 10.0)).all()
    with pytest.raises(RuntimeError, match="steady_state: the circuit ran away"):
        settle(RUNS_AWAY, 10.0)
    with pytest.raises(RuntimeError, match=r"steady_state: the drive, .* are not finite"):
        settle(SETTLES, NAN)
    with pytest.raises(RuntimeError, match="ran away"):
        eqx.filter_jit(settle)(RUNS_AWAY, 10.0)
    assert jnp.isfinite(eqx.filter_jit(settle)(SETTLES, 10.0)).all()


def test_an_eager_call_warns_of_a_circuit_that_ran_away():
    with pytest.warns(UserWarning, match="ran away"):
        steady_state(pair(RUNS_AWAY), both(10.0), solver=SOLVERS["fixed_point"])


def test_an_eager_call_warns_of_one_number_for_many_units():
    ring = eqx.tree_at(lambda c: c.coupling, pair(SETTLES), _dense(3))
    with pytest.warns(UserWarning, match=r"one number, which drives all 3 units alike"):
        steady_state(ring, EI(1.0, 1.0), solver=SOLVERS["fixed_point"])


def _dense(units):
    from cortex.circuit import DenseCoupling

    J = Projections(SETTLES, 0.1, 1.0, 0.1)
    return DenseCoupling(J.map(lambda weight: weight * jnp.eye(units)))


def test_of_many_circuits_each_has_its_reason():
    drives = jnp.array([[RUNS_AWAY, 10.0], [SETTLES, 10.0], [SETTLES, NAN], [SETTLES, -INF]])

    def find(arguments, throw=False):
        return steady_states(
            lambda x: pair(x[0]).dynamics(both(x[1])),
            arguments,
            batch_size=2,
            solver=SOLVERS["fixed_point"],
            throw=throw,
        )

    found = jax.jit(find)(drives)
    np.testing.assert_array_equal(found.diverged, [True, False, False, False])
    np.testing.assert_array_equal(found.converged, [False, True, False, False])
    np.testing.assert_array_equal(found.invalid, [False, False, True, True])
    np.testing.assert_array_equal(np.isnan(found.rates.E[:, 0]), [True, False, True, True])
    with pytest.raises(RuntimeError, match="steady_states: "):
        find(drives, throw=True)
    assert find(drives[1:2], throw=True).converged.all()


def course(J_EE, h, **options):
    epochs = [Epoch(20.0, both(h)), Epoch(200.0, both(2 * h))]
    return simulate(pair(J_EE), epochs, jnp.array([10.0, 20.0, 220.0]), **options)


@pytest.mark.parametrize(
    "stepping",
    [pytest.param(None, marks=pytest.mark.slow), Fixed(dt=1.0)],
    ids=["adaptive", "fixed"],
)
def test_a_simulation_that_stops_has_no_values_and_no_derivatives_from_there_on(stepping):
    def last(J_EE, h):
        found = course(J_EE, h, stepping=stepping)
        return found.values.E[-1, 0], found

    J, h = jnp.array([SETTLES, RUNS_AWAY, SETTLES]), jnp.array([10.0, 10.0, NAN])
    grad = jax.jit(jax.vmap(jax.grad(last, argnums=(0, 1), has_aux=True)))
    slopes, found = grad(J, h)
    np.testing.assert_array_equal(found.finished, [True, False, False])
    np.testing.assert_array_equal(found.invalid, [False, False, True])
    np.testing.assert_array_equal(np.isnan(found.values.E[:, -1, 0]), [False, True, True])
    for slope in slopes:
        np.testing.assert_array_equal(np.isnan(slope), [False, True, True])
    # Before it ran away there are numbers.
    assert np.isfinite(found.values.E[1, 0])


def test_a_simulation_that_stops_is_an_error_where_asked_and_else_a_warning():
    with pytest.warns(UserWarning, match="simulate: the simulation stopped early"):
        course(RUNS_AWAY, 10.0)
    with pytest.raises(RuntimeError, match="stopped early"):
        course(RUNS_AWAY, 10.0, throw=True)
    with pytest.raises(RuntimeError, match=r"simulate: the drive, .* are not finite"):
        course(SETTLES, NAN, throw=True)
    assert course(SETTLES, 10.0, throw=True).finished


@pytest.mark.slow
def test_a_simulation_that_stops_is_an_error_under_jit_too():
    with pytest.raises(RuntimeError, match="stopped early"):
        eqx.filter_jit(lambda J: course(J, 10.0, throw=True).times)(RUNS_AWAY)
