"""Noise and its simulation against closed forms and an Euler program in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    MapNoise,
    OrnsteinUhlenbeck,
    fluctuations,
    pool,
    ring_correlation_parts,
    simulate_noise,
)
from tests.circuit import twins
from tests.reference import fluctuations as reference
from tests.reference import published, ssn

UNITS = 12


def test_the_ring_correlation_is_the_nearest_possible_one():
    """By Fourier transform as by eigenvalues of the whole matrix in float64."""
    stated = ssn.ring_weights(UNITS, 180.0, 1.0, 60.0)
    expected = reference.ring_covariance(UNITS, 180.0, 60.0)
    assert np.linalg.eigvalsh(stated).min() < -0.05  # what makes it impossible
    by_transform = OrnsteinUhlenbeck.on_ring(50.0, 2.0, UNITS, 60.0)
    by_values = OrnsteinUhlenbeck.correlated(50.0, 2.0, jnp.asarray(stated, jnp.float32))
    for noise in (by_transform, by_values):
        np.testing.assert_allclose(noise.covariance(), 4 * expected, atol=2e-5)
    above, below = ring_correlation_parts(UNITS, 60.0)
    np.testing.assert_allclose(above @ above.T - below @ below.T, stated, atol=1e-5)
    assert float(jnp.abs(below).max()) > 0.01


def test_a_narrow_correlation_is_left_as_it_is():
    noise = OrnsteinUhlenbeck.on_ring(50.0, 1.0, 36, 20.0)
    stated = ssn.ring_weights(36, 180.0, 1.0, 20.0)
    np.testing.assert_allclose(noise.correlation(), stated, atol=2e-4)
    assert float(jnp.abs(ring_correlation_parts(36, 20.0)[1]).max()) < 1e-2


SHEET = (3, 5, 4)  # maps, height, width


@pytest.mark.parametrize("common", [0.0, 0.3, 1.0])
def test_on_maps_the_correlation_is_gaussian_over_places_and_shared_among_maps(common):
    noise = OrnsteinUhlenbeck.on_maps(50.0, 2.0, SHEET, 1.5, common)
    found = np.asarray(noise.correlation()).reshape(*SHEET, *SHEET)
    place = np.stack(np.meshgrid(*map(np.arange, SHEET[1:]), indexing="ij"), axis=-1)
    apart = ((place[:, :, None, None] - place[None, None]) ** 2).sum(axis=-1)
    expected = np.exp(-apart / (2 * 1.5**2))
    for a in range(3):
        for b in range(3):
            share = 1.0 if a == b else common
            # A hundredth of the variance over space is left out, more of it at the corners.
            np.testing.assert_allclose(found[a, :, :, b], share * expected, atol=0.04)
    np.testing.assert_allclose(np.diag(noise.covariance()), 4.0, rtol=1e-5)


def test_noise_of_maps_is_the_same_without_the_matrix_of_all_units():
    whole = OrnsteinUhlenbeck.on_maps(50.0, 2.0, SHEET, 1.5, 0.3)
    maps = MapNoise(50.0, 2.0, SHEET, 1.5, 0.3)
    key, later = jax.random.split(jax.random.key(0))
    states = [noise.advance(noise.start(key), later, 20.0) for noise in (whole, maps)]
    np.testing.assert_array_equal(*states)
    np.testing.assert_allclose(whole.input(states[0]), maps.input(states[1]), rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="common: found 2, allowed: 0 to 1"):
        MapNoise(50.0, 2.0, SHEET, 1.5, 2.0)


@pytest.mark.parametrize("dt", [0.5, 40.0, 400.0])
def test_moments_are_those_stated_for_any_step(dt):
    """Variance, correlation over units and over time after five steps from a stationary start."""
    noise = OrnsteinUhlenbeck.on_ring(50.0, 3.0, UNITS, 30.0)

    def course(key):
        keys = jax.random.split(key, 6)
        start = noise.start(keys[0])
        states = [start]
        for key in keys[1:]:
            states.append(noise.advance(states[-1], key, dt))
        return noise.input(states[-2]), noise.input(states[-1])

    trials = 40_000
    before, after = jax.jit(jax.vmap(course))(jax.random.split(jax.random.key(0), trials))
    before, after = np.asarray(before, np.float64), np.asarray(after, np.float64)
    covariance, lagged = after.T @ after / trials, before.T @ after / trials
    # The standard error of an entry is at most sqrt(2/trials) x 9 = .064; 144 entries.
    np.testing.assert_allclose(covariance, noise.covariance(), atol=4.5 * 0.064)
    np.testing.assert_allclose(lagged, noise.covariance() * np.exp(-dt / 50), atol=4.5 * 0.064)


def test_power_integrates_to_one():
    noise = OrnsteinUhlenbeck.independent(5.0, 1.0, 3)
    frequencies = np.concatenate([[0.0], np.geomspace(1e-3, 1e6, 4000)])
    total = np.trapezoid(noise.power(jnp.asarray(frequencies)), frequencies)
    assert total == pytest.approx(1, rel=1e-3)


def passive(units=1):
    """Units without connections, and far enough from threshold to be linear (n = 1)."""
    circuit, _ = twins.ring(units, k=(1.0, 1.0), n=(1.0, 1.0))
    nothing = circuit.coupling.weights.map(jnp.zeros_like)
    circuit = type(circuit)(circuit.populations, type(circuit.coupling)(nothing))
    return circuit, jnp.full(units, 50.0)


def test_a_filtered_unit_against_its_closed_form():
    """Variance sd^2 tau_n/(tau_n + tau) of low-pass filtered noise; mean, times and record."""
    circuit, drive = passive(2)
    noise = OrnsteinUhlenbeck.independent(30.0, 2.0, 2)

    def trial(key):
        return simulate_noise(
            circuit,
            EI(drive, drive),
            noise,
            key,
            duration=2000.0,
            burn_in=200.0,
            sample_every=10.0,
            initial=EI(drive, drive),
            observe=lambda rates: jnp.stack([rates.E[0], rates.I[0], rates.E[1]]),
            record=lambda rates: rates.E[0],
        )

    runs = jax.jit(jax.vmap(trial))(jax.random.split(jax.random.key(1), 400))
    mean, covariance = runs.pooled()
    np.testing.assert_allclose(mean, 50, atol=0.05)
    # 400 trials x 2000 ms over a correlation time of about 50 ms: 16,000 samples, 1.1 %.
    E, I = 4 * 30 / (30 + 20), 4 * 30 / (30 + 10)  # noqa: E741
    # <x_E x_I> of two filters of one noise: by partial fractions of the product of spectra.
    both = 4 * (20 * 30 / (20 + 30) + 10 * 30 / (10 + 30)) / (20 + 10)
    np.testing.assert_allclose(np.diag(covariance), [E, I, E], rtol=0.045)
    assert float(covariance[0, 1]) == pytest.approx(both, rel=0.045)
    assert abs(float(covariance[0, 2])) < 0.1  # independent pairs
    # The streamed moments are those of what was recorded.
    assert runs.series.shape == (400, 200)
    np.testing.assert_allclose(runs.times[0, [0, -1]], [10, 2000])
    course = np.asarray(runs.series, np.float64)
    np.testing.assert_allclose(runs.mean[:, 0], course.mean(axis=1), rtol=1e-5)
    np.testing.assert_allclose(runs.covariance[:, 0, 0], course.var(axis=1), rtol=1e-3)
    assert float(covariance[0, 0]) == pytest.approx(course.var(), rel=1e-3)


@pytest.mark.slow
def test_a_ring_under_strong_noise_against_euler_steps_in_numpy():
    """Noise so strong that linear theory fails; both programs agree with each other."""
    circuit, net = twins.ring(UNITS)
    h = published.bump(UNITS, 45, 5.0)
    given = ssn.Input(np.concatenate([h, h]))
    rates = ssn.steady_state(net, given)
    noise = OrnsteinUhlenbeck.on_ring(20.0, 3.0, UNITS, 60.0)
    ours = (circuit, twins.as_ei((h, h)), noise)
    start = twins.as_ei(rates)

    def trial(key):
        return simulate_noise(*ours, key, duration=4000.0, sample_every=4.0, initial=start)

    mean, covariance = jax.jit(jax.vmap(trial))(jax.random.split(jax.random.key(2), 100)).pooled()
    possible = reference.ring_covariance(UNITS, 180.0, 60.0)
    factor = 3 * np.linalg.cholesky(possible + 1e-9 * np.eye(UNITS))
    rng = np.random.default_rng(3)
    course = reference.trial(
        net, given, rates, 20.0, factor, rng, dt=1.0, steps=60_000, burn_in=500
    )
    at = 3  # 45 deg
    linear = float(fluctuations(circuit, start, ours[1], noise).EE[at, at])
    variance, expected = float(covariance[at, at]), course[:, at].var()
    # 60,000 ms over a correlation time of 60 ms: 1,000 samples of a skewed rate, about 6 %.
    assert variance == pytest.approx(expected, rel=0.2)
    assert float(mean[at]) == pytest.approx(course[:, at].mean(), rel=0.07)
    assert mean[at] > 1.2 * rates[at]
    assert variance > 1.3 * linear


def test_pool_is_the_covariance_of_all_samples():
    rng = np.random.default_rng(4)
    samples = rng.normal(size=(5, 7, 3)) + rng.normal(size=(5, 1, 3))
    means = samples.mean(axis=1)
    covariances = np.stack([np.cov(s.T, bias=True) for s in samples])
    mean, covariance = pool(jnp.asarray(means), jnp.asarray(covariances))
    flat = samples.reshape(-1, 3)
    np.testing.assert_allclose(mean, flat.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(covariance, np.cov(flat.T, bias=True), atol=1e-6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"duration": 0.0}, "duration: found 0 ms, allowed: > 0 ms"),
        ({"dt": -1.0}, "dt: found -1 ms"),
        ({"burn_in": -5.0}, "burn_in: found -5 ms"),
        ({"duration": 2.0}, "duration: found 2 ms, allowed: >= sample_every"),
    ],
)
def test_bad_times_are_refused(change, words):
    circuit, drive = passive()
    noise = OrnsteinUhlenbeck.independent(30.0, 1.0, 1)
    with pytest.raises(ValueError, match=words):
        simulate_noise(
            circuit, EI(drive, drive), noise, jax.random.key(0), **{"duration": 100.0, **change}
        )


def test_bad_noise_is_refused():
    circuit, drive = passive()
    with pytest.raises(ValueError, match="tau: found 0, allowed: > 0 ms"):
        OrnsteinUhlenbeck.independent(0.0, 1.0, 1)
    with pytest.raises(ValueError, match="sd: found -1"):
        OrnsteinUhlenbeck.independent(10.0, -1.0, 1)
    noise = OrnsteinUhlenbeck.independent(10.0, 1.0, 2)
    with pytest.raises(ValueError, match="noise: found 2 units, allowed: 1"):
        simulate_noise(circuit, EI(drive, drive), noise, jax.random.key(0), duration=10.0)
