"""Searches among few sums in place of all rates, against a dense float64 program; batches."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Circuit,
    FactoredFeatures,
    FixedPointIteration,
    GaussianCoupling,
    Modulation,
    Populations,
    Projections,
    leading_excitatory_eigenvalue,
    steady_state,
    steady_states,
)
from cortex.circuit.coupling import gaussian
from cortex.circuit.solvers import one_by_one
from tests.circuit import twins
from tests.reference import ssn

FEATURES, RANK = 9, 3
POPULATIONS = {"tau": (20.0, 10.0), "k": (0.04, 0.04), "n": (2.0, 2.0)}


def factors(seed, own=None):
    """Features of wide falloff, of rank 3, rows of unit sum."""
    rng = np.random.default_rng(seed)
    onto, of = rng.uniform(0.2, 1, (FEATURES, RANK)), rng.uniform(0.2, 1, (RANK, FEATURES))
    onto /= (onto @ of).sum(axis=1, keepdims=True)
    return FactoredFeatures(own, jnp.asarray(onto), jnp.asarray(of), 0.0)


def random_sheet(seed, shape=(FEATURES, 4, 5), tau=POPULATIONS["tau"]):
    """A circuit whose excitation needs its inhibition, and the same as dense matrices."""
    rng = np.random.default_rng(seed)
    strengths = dict(zip(twins.NAMES, rng.uniform(0.9, 1.1, 4) * (2.8, 2.3, 4.7, 1.2), strict=True))
    widths = dict(zip(twins.NAMES, rng.uniform(0.8, 1.8, 4), strict=True))
    features = factors(seed)
    J, sigma = Projections(**strengths), Projections(**widths)
    populations = Populations(EI(*tau), EI(*POPULATIONS["k"]), EI(*POPULATIONS["n"]))
    circuit = Circuit(populations, GaussianCoupling(J, sigma, features, shape))
    S = np.asarray(features.onto, float) @ np.asarray(features.of, float)
    weights = {
        name: ssn.sheet_weights(shape, strengths[name], widths[name], S, False)
        for name in twins.NAMES
    }
    drive = rng.gamma(1.0, 15.0, shape)
    return circuit, ssn.network(**weights, **POPULATIONS), drive


by_night = [
    pytest.param(places, marks=pytest.mark.slow) for places in ("rows and columns", "waves")
]


@pytest.mark.parametrize("places", ["plane", *by_night])
def test_states_are_those_of_the_dense_program(places, monkeypatch, x64):
    """At tolerances of 1e-3 and 1e-6 of the largest rate, excitation alone being unstable."""
    shape = (FEATURES, 4, 5) if places == "plane" else (FEATURES, 5, 18)
    if places != "plane":
        monkeypatch.setattr(gaussian, "LARGEST_PLANE", 0)
    monkeypatch.setattr(gaussian, "WORTHWHILE", 9.0 * (places == "waves"))
    for seed in range(3):
        circuit, dense, drive = random_sheet(seed, shape)
        rng = np.random.default_rng(seed)
        gains = [EI(*rng.uniform(*ends, (2, *shape))) for ends in ((0.95, 1.05), (0.95, 1.05))]
        steady = Modulation(gains[0], EI(13.0, 0.0), gains[1])
        dynamics = circuit.dynamics(EI(drive, drive), steady)
        assert dynamics.condensed
        assert dynamics.operator.places.condenses == (places == "waves")
        baseline = np.repeat([13.0, 0.0], drive.size)
        given = ssn.Input(np.tile(drive.ravel(), 2), *map(twins.flat, gains), extra=baseline)
        expected = ssn.steady_state(dense, given, dt=1.0)
        for tolerance, momentum in ((1e-3, 0.0), (1e-6, 0.0), (1e-3, 0.3), (1e-6, 0.3)):
            how = {"rtol": tolerance, "atol": tolerance, "momentum": momentum}
            solver = FixedPointIteration(dt=1.0, duration=4e3, **how)
            found = steady_state(circuit, EI(drive, drive), steady, solver=solver)
            assert found.converged
            error = np.abs(twins.flat(found.rates) - expected).max() / expected.max()
            assert error < tolerance  # the residual is amplified by less than the margin of 2
        leading = leading_excitatory_eigenvalue(circuit, found.rates, EI(drive, drive), steady)
        assert float(leading) > 1


@pytest.mark.parametrize("momentum", [0.0, 0.5])
def test_what_swings_is_not_called_settled(momentum):
    """Slow inhibition: the dense program goes on swinging, and the search does not settle."""
    circuit, dense, drive = random_sheet(2, tau=(10.0, 40.0))
    weak, cells = 0.3 * drive, drive.size
    given = ssn.Input(np.tile(weak.ravel(), 2), extra=np.repeat([13.0, 0.0], cells))
    dense.tau = np.repeat([10.0, 40.0], cells)
    late = ssn.euler(dense, given, np.zeros(2 * cells), 1.0, 2000)[1][-500:, :cells].mean(axis=1)
    assert np.ptp(late) > 0.5 * late.max()
    how = {"rtol": 1e-3, "atol": 1e-3, "momentum": momentum}
    solver = FixedPointIteration(dt=1.0, duration=2000.0, **how)
    steady = Modulation(input=EI(13.0, 0.0))
    found = steady_state(circuit, EI(weak, weak), steady, solver=solver)
    assert not found.converged
    assert not found.diverged
    assert np.isnan(found.rates.E).all()


def test_cells_of_unequal_speed_are_not_condensed():
    circuit, _, drive = random_sheet(0)
    tau = EI(jnp.full(circuit.shape, 20.0), jnp.asarray(10.0))
    varied = Circuit(
        Populations(tau, circuit.populations.k, circuit.populations.n), circuit.coupling
    )
    assert not varied.dynamics(EI(drive, drive)).condensed
    states = [steady_state(c, EI(drive, drive)).rates.E for c in (circuit, varied)]
    np.testing.assert_allclose(*states, rtol=1e-3)


def test_weights_onto_itself_keep_features_apart():
    features = factors(0, own=jnp.full(FEATURES, 0.5))
    coupling = GaussianCoupling(
        Projections(1.0, 1.0, 1.0, 1.0), Projections(1.0, 1.0, 1.0, 1.0), features, (FEATURES, 4, 5)
    )
    assert not coupling.operator().condenses


def test_a_batch_is_what_its_circuits_are_alone(monkeypatch):
    """One after the other, in a batch, and many at a time; with derivatives."""
    circuit, _, drive = random_sheet(2)
    drives = jnp.stack([jnp.asarray(drive * s, jnp.float32) for s in (0.3, 1.0, 1.7)])
    solver = FixedPointIteration(dt=2.0, rtol=1e-5, atol=1e-5)

    def total(h):
        state = steady_state(circuit, EI(h, h), solver=solver)
        return jnp.sum(state.rates.E**2), state

    batch = jax.jit(jax.vmap(jax.value_and_grad(total, has_aux=True)))
    (_, together), slopes = batch(drives)
    monkeypatch.setattr(one_by_one, "LARGE", 1)
    jax.clear_caches()
    (_, apart), own_slopes = batch(drives)
    assert together.converged.all()
    assert apart.converged.all()
    np.testing.assert_allclose(apart.rates.E, together.rates.E, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(own_slopes, slopes, rtol=1e-3, atol=1e-3)
    many = steady_states(lambda h: circuit.dynamics(EI(h, h)), drives, batch_size=2, solver=solver)
    np.testing.assert_allclose(many.rates.E, together.rates.E, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("units", [one_by_one.LARGE - 1, one_by_one.LARGE])
def test_large_circuits_of_a_batch_go_one_by_one(units):
    search = jax.vmap(one_by_one.one_by_one(lambda rates: rates + 1.0, units))
    np.testing.assert_array_equal(search(jnp.arange(3.0)), [1.0, 2.0, 3.0])
    assert ("scan" in str(jax.make_jaxpr(search)(jnp.arange(3.0)))) == (units == one_by_one.LARGE)


def test_a_search_among_sums_ends_when_it_has_settled():
    circuit, _, drive = random_sheet(2)
    solver = FixedPointIteration(dt=2.0, check_every=5, rtol=1e-3, atol=1e-3)
    dynamics = circuit.dynamics(EI(drive, drive), Modulation(input=EI(13.0, 0.0)))
    advance = eqx.filter_jit(solver.advance)
    state, looks = solver.begin(dynamics, circuit.silence()), 0
    done = False
    while not done and looks < 100:
        state, done = advance(dynamics, state)
        looks += 1
    assert 3 < looks < 40
    assert solver.settled(
        dynamics.residual(solver.end(dynamics, state)), solver.end(dynamics, state)
    )


def test_momentum_saves_steps_and_finds_the_same_state():
    """On the published ring, which settles without ringing: fewer steps to the same rates."""
    circuit, _ = twins.ring(60)
    apart = jnp.abs(3.0 * jnp.arange(60) - 90.0)
    drive = 50.0 * jnp.exp(-(apart**2) / (2 * 30.0**2))
    steps, states = [], []
    for momentum in (0.0, 0.4):
        solver = FixedPointIteration(dt=4.0, check_every=1, momentum=momentum)
        dynamics = circuit.dynamics(EI(drive, drive))
        advance = eqx.filter_jit(solver.advance)
        state, done, count = solver.begin(dynamics, circuit.silence()), False, 0
        while not done:
            state, done = advance(dynamics, state)
            count += 1
        steps.append(count)
        states.append(steady_state(circuit, EI(drive, drive), solver=solver).rates.E)
    assert steps[1] < 0.8 * steps[0]
    np.testing.assert_allclose(*states, rtol=2e-3, atol=1e-2)


def test_momentum_is_a_share():
    with pytest.raises(ValueError, match=r"momentum: found 1, allowed: 0 to below 1"):
        FixedPointIteration(momentum=1.0)
