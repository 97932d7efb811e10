"""Steady states against the published ring, a plain NumPy program, and finite differences."""

from functools import partial

import diffrax
import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Circuit,
    FixedPointIteration,
    GaussianCoupling,
    Modulation,
    Populations,
    Projections,
    TimeIntegration,
    circular_features,
    steady_state,
)
from tests.circuit import twins
from tests.reference import published, ssn

# Tight searches, in float64, for derivatives.
TIGHT = {
    "integration": TimeIntegration(diffrax.Dopri5(), rtol=1e-10, atol=1e-10),
    "fixed_point": FixedPointIteration(dt=1.0, duration=4000.0, rtol=1e-11, atol=1e-11),
}

# Two settings for plain use; each promises a residual, and the state is off by the residual
# times the circuit's amplification, here below 10.
PLAIN = {
    "integration": TimeIntegration(),
    "fixed_point": FixedPointIteration(dt=1.0, duration=2000.0, rtol=1e-5, atol=1e-5),
}


@eqx.filter_jit
def solve(circuit, drive, modulation=None, solver=None, initial=None):
    return steady_state(circuit, drive, modulation, solver=solver, initial=initial)


# The ring of science.md 2.1.

TABLE = {  # contrast: r_E, r_I at 45 degrees, w_E, w_I
    2: (0.189, 0.193, 1.211, 1.225),
    10: (11.737, 15.666, 0.868, 0.973),
    50: (38.612, 87.177, 0.689, 0.761),
}


def sum_weight(rates):
    first, second, both = rates
    total = first + second
    return total @ both / (total @ total)


@pytest.fixture(scope="module")
def published_ring():
    """Steady rates [contrast, stimulus, cell] for 45, 135 and both; then the pair 60/20."""
    circuit, _ = twins.ring(180)
    first, second = (published.bump(180, centre, 1.0) for centre in (45, 135))
    drives = [c * s for c in TABLE for s in (first, second, first + second)]
    drives += [60 * first, 20 * second, 60 * first + 20 * second]
    drives = jnp.asarray(np.stack(drives))
    found = eqx.filter_jit(jax.vmap(lambda h: steady_state(circuit, EI(h, h))))(drives)
    assert jnp.all(found.converged)
    assert not jnp.any(found.diverged)
    return found.rates.map(lambda r: np.asarray(r, dtype=np.float64).reshape(4, 3, 180))


@pytest.mark.parametrize("row", range(3))
def test_the_rings_table(published_ring, row):
    found_E, found_I = published_ring.E[row], published_ring.I[row]
    found = (found_E[0, 45], found_I[0, 45], sum_weight(found_E), sum_weight(found_I))
    expected = list(TABLE.values())[row]
    np.testing.assert_allclose(found, expected, rtol=5e-3)  # the promise


def test_unequal_contrasts_on_the_ring(published_ring):
    first, second, both = published_ring.E[3]
    weights = np.linalg.lstsq(np.stack([first, second], axis=1), both, rcond=None)[0]
    np.testing.assert_allclose(weights, (0.898, 0.270), rtol=5e-3)


# Against the reference.


@pytest.mark.parametrize("name", PLAIN)
def test_random_circuits(name):
    """With every parameter a cell and modulation at every place."""
    for seed in range(3):
        numbers = twins.random_numbers(seed, 8)
        given = twins.reference_input(numbers)
        expected = ssn.steady_state(twins.reference_network(numbers), given)
        modulation = twins.cortex_modulation(numbers)
        found = solve(
            twins.cortex_circuit(numbers), twins.as_ei(numbers["drive"]), modulation, PLAIN[name]
        )
        assert found.converged
        assert not found.diverged
        np.testing.assert_allclose(twins.flat(found.rates), expected, rtol=1e-3, atol=1e-4)
        seen = modulation.output_gain * found.rates.E  # what the next layer reads
        np.testing.assert_allclose(seen, ssn.output(given, expected), rtol=1e-3, atol=1e-4)


def test_two_modulations_at_once():
    one = Modulation(EI(2.0, 3.0), EI(1.0, 0.0), EI(0.5, 1.0), 2.0)
    two = Modulation(EI(0.5, 2.0), EI(1.0, -1.0), EI(3.0, 1.0), jnp.full(3, 1.5))
    expected = Modulation(EI(1.0, 6.0), EI(2.0, -1.0), EI(1.5, 1.0), jnp.full(3, 3.0))
    assert eqx.tree_equal(one.combine(two), expected)
    assert eqx.tree_equal(one.combine(Modulation()), one)


def test_the_residual_is_that_of_the_rates():
    numbers = twins.random_numbers(1, 8)
    net, given = twins.reference_network(numbers), twins.reference_input(numbers, modulated=False)
    circuit, drive = twins.cortex_circuit(numbers), twins.as_ei(numbers["drive"])
    found = solve(circuit, drive, None, PLAIN["fixed_point"])
    rates = twins.flat(found.rates)
    by_hand = np.abs(ssn.target(net, given, rates) - rates).max()
    # float32 rates of about 10 Hz are known to 1e-6 Hz, their targets to a few times that.
    assert float(found.residual) == pytest.approx(by_hand, abs=1e-5)
    assert float(found.residual) <= 1e-5 * (1 + rates.max())
    hasty = solve(circuit, drive, None, FixedPointIteration(dt=1.0, duration=20.0))
    assert not hasty.converged
    assert not hasty.diverged
    rates = twins.flat(hasty.last)
    by_hand = np.abs(ssn.target(net, given, rates) - rates).max()
    assert float(hasty.residual) == pytest.approx(by_hand, rel=1e-3)
    assert by_hand > 0.01


# Derivatives.

SHAPE = (2, 2, 3)


def gaussian_parameters():
    """Every continuous number of a small sheet, some a cell."""
    rng = np.random.default_rng(0)
    cells = lambda level: jnp.asarray(level * rng.uniform(0.8, 1.2, SHAPE))  # noqa: E731
    return {
        "J": Projections(1.0, 0.9, 1.6, 0.6).map(jnp.asarray),
        "sigma": Projections(0.7, 1.1, 0.9, 1.3).map(jnp.asarray),
        "width": jnp.asarray(40.0),
        "tau": EI(jnp.asarray(20.0), jnp.asarray(10.0)),
        "k": EI(cells(0.03), jnp.asarray(0.03)),
        "n": EI(jnp.asarray(2.0), cells(2.1)),
        "drive": EI(cells(12.0), cells(10.0)),
        "modulation": Modulation(
            drive_gain=EI(jnp.asarray(1.2), cells(0.9)),
            input=EI(cells(2.0), jnp.asarray(-1.0)),
            recurrent_gain=EI(cells(1.1), jnp.asarray(0.9)),
            output_gain=cells(1.5),
        ),
    }


READOUT = np.random.default_rng(1).normal(size=(2, *SHAPE))


def read(parameters, solver):
    """A weighted sum of what the circuit shows."""
    circuit = Circuit(
        Populations(parameters["tau"], parameters["k"], parameters["n"]),
        GaussianCoupling(
            parameters["J"],
            parameters["sigma"],
            circular_features(jnp.array([0.0, 50.0]), parameters["width"]),
            SHAPE,
        ),
    )
    modulation = parameters["modulation"]
    found = steady_state(circuit, parameters["drive"], modulation, solver=solver)
    seen = modulation.output_gain * found.rates.E
    return jnp.sum(READOUT[0] * seen) + jnp.sum(READOUT[1] * found.rates.I), found.converged


@pytest.fixture(scope="module")
def differences():
    """Central differences in each parameter, one at a time."""
    with twins.double_precision():
        return gaussian_parameters(), central_differences(gaussian_parameters())


def central_differences(parameters):
    flat, unravel = jax.flatten_util.ravel_pytree(parameters)
    steps = 1e-4 * jnp.maximum(jnp.abs(flat), 0.1)
    # By plain Euler steps without stopping rule: nothing but the states is in common.
    solver = FixedPointIteration(dt=2.0, duration=3000.0, rtol=0.0, atol=1e-12)
    sides = [
        jax.lax.map(lambda v: read(unravel(v), solver), flat[None] + side * jnp.diag(steps))
        for side in (1, -1)
    ]
    assert all(bool(jnp.all(converged)) for _, converged in sides)
    found = (sides[0][0] - sides[1][0]) / (2 * steps)
    return unravel(found)


# Central differences with steps of 1e-4 are good to 1e-8 of the third derivative and
# 1e-12 / 1e-4 of rounding.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "name", ["fixed_point", pytest.param("integration", marks=pytest.mark.slow)]
)
def test_gradient_in_every_parameter(differences, name):
    parameters, expected = differences
    loss = jax.jit(jax.grad(partial(read, solver=TIGHT[name]), has_aux=True))
    gradient, converged = loss(parameters)
    assert converged
    for group in parameters:
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, **CLOSE),
            *((gradient[group], expected[group])),
        )
        largest = max(float(jnp.max(jnp.abs(x))) for x in jax.tree.leaves(gradient[group]))
        # Time constants say how fast, not where to; all else matters.
        assert (largest == 0) == (group == "tau")


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", TIGHT)
def test_forward_derivative(differences, name):
    parameters, expected = differences
    flat, unravel = jax.flatten_util.ravel_pytree(parameters)
    direction = np.random.default_rng(2).normal(size=flat.shape) * np.abs(flat)
    by_difference = float(direction @ jax.flatten_util.ravel_pytree(expected)[0])
    move = partial(read, solver=TIGHT[name])
    slope = jax.jit(lambda p, t: jax.jvp(lambda q: move(q)[0], (p,), (t,))[1])
    found = float(slope(parameters, unravel(jnp.asarray(direction))))
    assert found == pytest.approx(by_difference, rel=1e-5)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("path", ["k.I", pytest.param("J.EE", marks=pytest.mark.slow)])
def test_a_parameter_of_one_population(differences, path):
    """No tangent at all reaches the other population, and none is made up."""
    parameters, expected = differences
    group, name = path.split(".")
    look = lambda p: getattr(p[group], name)  # noqa: E731

    @jax.jit
    def slopes(value):
        def loss(value):
            changed = eqx.tree_at(look, parameters, value)
            return read(changed, TIGHT["fixed_point"])[0]

        return jax.grad(loss)(value), jax.jvp(loss, (value,), (jnp.ones_like(value),))[1]

    value = look(parameters)
    backward, forward = slopes(value)
    np.testing.assert_allclose(backward, look(expected), **CLOSE)
    np.testing.assert_allclose(forward, np.sum(look(expected)), **CLOSE)


@pytest.mark.parametrize(
    "solver",
    [
        FixedPointIteration(dt=1.0, duration=1000.0),
        pytest.param(TimeIntegration(), marks=pytest.mark.slow),
    ],
    ids=["fixed_point", "integration"],
)
def test_gradient_in_single_precision(solver):
    """As it is used for training: float32, default settings."""
    circuit, net = twins.ring(12)
    h = published.bump(12, 45, 20.0)
    expected = ssn.Input(np.concatenate([h, h]))
    rates = ssn.steady_state(net, expected)
    change = np.concatenate([np.ones(12), np.zeros(12)])
    by_solve = ssn.input_response(net, expected, rates, change)[:12].sum()

    def total(x):
        modulation = Modulation(input=EI(x, 0.0))
        drive = twins.as_ei((h, h))
        return jnp.sum(steady_state(circuit, drive, modulation, solver=solver).rates.E)

    assert float(jax.jit(jax.grad(total))(0.0)) == pytest.approx(by_solve, rel=1e-2)
