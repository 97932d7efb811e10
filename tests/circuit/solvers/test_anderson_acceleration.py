"""Extrapolated steps: to the state that the dynamics reach, and never to an unstable one."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cortex.circuit import (
    EI,
    AndersonAcceleration,
    Circuit,
    Modulation,
    PeriodicBorder,
    Populations,
    Projections,
    TimeIntegration,
    ZeroBorder,
    leading_excitatory_eigenvalue,
    single_pair,
    steady_state,
)
from cortex.circuit.coupling import GaussianCoupling
from cortex.circuit.solvers.anderson import anderson, least_squares
from cortex.circuit.solvers.stability import seems_stable
from tests.circuit import twins
from tests.reference import published, ssn


@eqx.filter_jit
def solve(circuit, drive, modulation=None, solver=None, initial=None):
    return steady_state(circuit, drive, modulation, solver=solver, initial=initial)


TIGHT = AndersonAcceleration(
    rtol=1e-5, atol=1e-5
)  # the state is off by this times the amplification
UNITS = 8


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1000), strength=st.floats(0.05, 0.5), contrast=st.floats(0.1, 1.5))
def test_any_circuit(seed, strength, contrast):
    """Every parameter a cell, modulation at every place; one shape, so compiled once."""
    numbers = twins.random_numbers(seed, UNITS)
    numbers["weights"] = {n: strength * w for n, w in numbers["weights"].items()}
    numbers["drive"] = tuple(contrast * h for h in numbers["drive"])
    try:
        with np.errstate(all="ignore"):
            expected = ssn.steady_state(
                twins.reference_network(numbers), twins.reference_input(numbers), duration=2000.0
            )
    except RuntimeError:
        expected = None
    assume(expected is not None)  # some of the draws run away or oscillate
    found = solve(
        twins.cortex_circuit(numbers),
        twins.as_ei(numbers["drive"]),
        twins.cortex_modulation(numbers),
        TIGHT,
    )
    assert found.converged
    rates = twins.flat(found.rates)
    np.testing.assert_allclose(rates, expected, rtol=0, atol=1e-3 * expected.max())


@pytest.mark.slow
def test_inhibition_stabilised_rings():
    """Where iteration of the circuit's own map diverges."""
    circuit, net = twins.ring(30)
    leading = eqx.filter_jit(leading_excitatory_eigenvalue)
    for contrast in (10.0, 50.0):
        h = published.bump(30, 45, contrast)
        drive = twins.as_ei((h, h))
        expected = ssn.steady_state(net, ssn.Input(np.concatenate([h, h])))
        found = solve(circuit, drive, solver=TIGHT)
        assert found.converged
        np.testing.assert_allclose(twins.flat(found.rates), expected, rtol=1e-3, atol=1e-3)
        assert float(leading(circuit, found.rates, drive)) > 1.5


@pytest.mark.slow
@pytest.mark.parametrize("border", [ZeroBorder(), PeriodicBorder()], ids=["zero", "periodic"])
def test_an_inhibition_stabilised_sheet(border):
    """Two stimuli in a batch, one of them far stronger, against plain integration."""
    sigma = Projections(EE=4.0, EI=4.0, IE=5.0, II=4.0)
    coupling = GaussianCoupling(
        Projections(EE=3.5, EI=3.0, IE=6.0, II=1.5), sigma, np.eye(1), (1, 40, 33), border
    )
    circuit = Circuit(Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0)), coupling)
    y, x = np.mgrid[:40, :33]
    patch = np.exp(-((y - 20.0) ** 2 + (x - 12.0) ** 2) / (2 * 8.0**2))
    drives = jnp.asarray(np.stack([4.0 * patch, 40.0 * patch])[:, None])

    def settle(solver):
        each = jax.vmap(lambda h: steady_state(circuit, EI(h, h), solver=solver))
        return jax.jit(each)(drives)

    found, expected = settle(AndersonAcceleration()), settle(TimeIntegration(rtol=1e-6, atol=1e-6))
    assert jnp.all(found.converged)
    top = jnp.max(expected.rates.I, axis=(1, 2, 3))
    for a, b in ((found.rates.E, expected.rates.E), (found.rates.I, expected.rates.I)):
        off = jnp.max(jnp.abs(a - b), axis=(1, 2, 3))
        assert jnp.all(off <= 1e-3 * top)  # residuals of 5e-5, amplified some times


# A pair with a threshold: r = .04 (1 + r)^2 has a stable root and an unstable one above it.
LOW, THRESHOLD = 0.04356076, 22.95643924
BISTABLE = single_pair(Projections(1.0, 0.0, 0.0, 0.0), EI(20.0, 10.0), 0.04, 2.0)
ONE = EI(jnp.full(1, 1.0), jnp.full(1, 1.0))


def at(rate):
    return EI(jnp.full(1, rate), jnp.full(1, 0.04))


def test_not_even_from_beside_a_threshold():
    """The bare search takes the unstable state next to it; what is found is where rates go."""
    dynamics = BISTABLE.dynamics(ONE)

    @jax.jit
    def bare(start):
        return anderson(
            dynamics.residual,
            EI(jnp.asarray(0.1), jnp.asarray(0.2)),
            start,
            lambda residual, _: jnp.max(jnp.abs(residual.E)) < 1e-4,
            history=3,
            most_steps=50,
        )

    start = at(22.9)
    assert float(bare(start).E[0]) == pytest.approx(THRESHOLD, rel=1e-3)
    found = solve(BISTABLE, ONE, solver=AndersonAcceleration(), initial=start)
    assert found.converged
    assert float(found.rates.E[0]) == pytest.approx(LOW, abs=1e-3)  # atol 1e-4, amplified
    stable = jax.jit(lambda rates: seems_stable(dynamics, rates, at(1.0)))
    assert not stable(at(THRESHOLD))
    assert stable(at(LOW))


@pytest.mark.slow
def test_divergence_and_oscillations_are_reported():
    def settle(J_EE, tau_I):
        circuit = single_pair(Projections(J_EE, 1.0, 2.0, 0.0), EI(10.0, tau_I), 0.04, 2.0)
        drive = EI(jnp.full(1, 20.0), jnp.zeros(1))
        return steady_state(circuit, drive, solver=AndersonAcceleration())

    # Calm, slow inhibition (it circles for ever), and too much excitation.
    found = jax.jit(jax.vmap(settle))(jnp.array([1.0, 1.0, 9.0]), jnp.array([1.0, 60.0, 10.0]))
    np.testing.assert_array_equal(found.converged, [True, False, False])
    np.testing.assert_array_equal(found.diverged, [False, False, True])
    # The state that the slow one circles around is the calm one's.
    rest = EI(found.rates.E[0], found.rates.I[0])

    @jax.jit
    def stable(tau_I):
        circuit = single_pair(Projections(1.0, 1.0, 2.0, 0.0), EI(10.0, tau_I), 0.04, 2.0)
        dynamics = circuit.dynamics(EI(jnp.full(1, 20.0), jnp.zeros(1)))
        return seems_stable(dynamics, rest, at(1.0))

    assert stable(1.0)
    assert not stable(60.0)


@pytest.mark.usefixtures("x64")
def test_stability_is_that_of_the_eigenvalues():
    """At random rates, of random strengths, with as many vectors as dimensions."""
    stable = jax.jit(
        lambda circuit, rates, drive, modulation: seems_stable(
            circuit.dynamics(drive, modulation), rates, rates, 2 * UNITS
        )
    )
    told = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        numbers = twins.random_numbers(seed, UNITS)
        strength = rng.uniform(0.1, 4.0)
        numbers["weights"] = {n: strength * w for n, w in numbers["weights"].items()}
        rates = rng.uniform(0.0, 10.0, 2 * UNITS)
        net, given = twins.reference_network(numbers), twins.reference_input(numbers)
        rightmost = np.linalg.eigvals(ssn.jacobian(net, given, rates)).real.max()
        if abs(rightmost) < 1e-3:  # 1/ms; nearly neutral
            continue
        circuit, drive = twins.cortex_circuit(numbers), twins.as_ei(numbers["drive"])
        modulation = twins.cortex_modulation(numbers)
        told.append(bool(stable(circuit, twins.as_ei(rates), drive, modulation)))
        assert told[-1] == (rightmost < 0), (seed, rightmost)
    assert 5 < sum(told) < len(told) - 5


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("way", ["backwards", pytest.param("forwards", marks=pytest.mark.slow)])
def test_derivatives(way):
    """Through the accelerated linear solve, against a dense one."""
    circuit, net = twins.ring(12)
    h = published.bump(12, 45, 20.0)
    given = ssn.Input(np.concatenate([h, h]))
    rates = ssn.steady_state(net, given)
    weigh = np.random.default_rng(0).normal(size=24)
    slopes = [
        weigh @ ssn.input_response(net, given, rates, change)
        for change in (np.repeat([1.0, 0.0], 12), np.repeat([0.0, 1.0], 12))
    ]
    solver = AndersonAcceleration(rtol=1e-11, atol=1e-11, most_steps=300)

    def read(x):
        modulation = Modulation(input=EI(x[0], x[1]))
        found = steady_state(circuit, twins.as_ei((h, h)), modulation, solver=solver).rates
        return weigh[:12] @ found.E + weigh[12:] @ found.I

    derivative = jax.grad(read) if way == "backwards" else jax.jacfwd(read)
    np.testing.assert_allclose(jax.jit(derivative)(jnp.zeros(2)), slopes, rtol=1e-7)


def test_least_squares():
    rng = np.random.default_rng(0)
    vectors, aim = rng.normal(size=(4, 20)), rng.normal(size=20)
    used = np.array([True, False, True, True])
    expected = np.zeros(4)
    expected[used] = np.linalg.lstsq(vectors[used].T, aim, rcond=None)[0]
    gram, right = (jnp.asarray(v, jnp.float32) for v in (vectors @ vectors.T, vectors @ aim))
    found = jax.jit(least_squares)(gram, right, jnp.asarray(used))
    np.testing.assert_allclose(found, expected, atol=1e-4)  # float32, and the ridge
    # Vectors twice over, and a vector of zeros, do no harm.
    twice = jnp.ones((2, 2)).at[1, 1].set(1.0)
    shares = least_squares(twice, jnp.ones(2), jnp.array([True, True]))
    assert float(shares.sum()) == pytest.approx(1.0, rel=1e-3)
    assert not np.any(least_squares(jnp.zeros((2, 2)), jnp.zeros(2), jnp.array([True, True])))
