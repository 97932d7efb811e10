"""The fit against the truth, a second optimiser in plain NumPy, and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.sims import fit_contrast_response as fit
from scipy.optimize import least_squares

from cortex.circuit import stabilised
from cortex.settings import replaced
from tests.reference import published, ssn

UNITS = 36
NOISE = (0.1, 0.05)
SETTINGS = {}


@pytest.fixture(scope="module")
def true(settings):
    return np.log([getattr(settings.circuit, name) for name in fit.WEIGHTS])


@pytest.fixture(scope="module")
def seen(settings, true):
    """The first data set, and a start of its descent."""
    key = jax.random.key(0)
    data, starts = jax.jit(lambda w: fit.make_data(settings, w, key))(jnp.asarray(true, float))
    return data[0], starts[0, 0]


@pytest.fixture(scope="module")
def descend(settings):
    return jax.jit(lambda start, data: fit.descend(settings, start, data))


def plain_residuals(settings, data):
    """Residuals of a data set in float64: dense matrices and Newton's method."""
    bump = np.tile(published.bump(UNITS, 45.0), 2)
    falloff = ssn.ring_weights(UNITS, 180.0, 180 / UNITS, 32.0)
    places = [round((45 + away) * UNITS / 180) for away in settings.distances]
    floor, share = NOISE
    seen = np.asarray(data, float)

    def settle(net, level, rates):
        given = ssn.Input(level * bump)
        rates, _ = ssn.euler(net, given, rates, 1.0, 300)  # near enough for Newton
        return ssn.newton(net, given, rates)

    def residuals(log_weights):
        J = dict(zip(("EE", "IE", "EI", "II"), np.exp(log_weights), strict=True))
        weights = {name: j * falloff for name, j in J.items()}
        net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
        rates, found = np.zeros(2 * UNITS), []
        for level in settings.fitted.values:
            rates = settle(net, level, rates)
            found.append([[rates[i], rates[UNITS + i]] for i in places])
        scaled = np.arcsinh(share * np.array(found) / floor) - np.arcsinh(share * seen / floor)
        return (scaled / share).ravel()

    return residuals


def test_against_a_second_optimiser(settings, true, seen, descend):
    """SciPy's least squares with differences of dense float64 steady states, from the truth."""
    data, start = seen
    ours = descend(start, data)
    found = least_squares(plain_residuals(settings, data), true, method="lm", diff_step=1e-6)
    error = np.sqrt(np.diag(ours.covariance()))
    # The descent stops within a tenth of a standard error; single precision adds less.
    assert np.abs((np.asarray(ours.parameters) - found.x) / error).max() < 0.1
    assert float(ours.cost[-1]) == pytest.approx(found.cost, rel=1e-3)
    # The information is the curvature there: differences of 1e-6 against implicit derivatives.
    expected = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    np.testing.assert_allclose(error, expected, rtol=0.02)


def test_the_gradient_through_the_steady_state(settings, seen):
    """Reverse mode against central differences of the plain float64 program."""
    data, start = seen
    point = np.asarray(start, float) + np.log([0.8, 1.0, 1.0, 1.0])

    def cost(log_weights):
        residuals, _ = fit.misfit(settings, log_weights, data)
        return jnp.sum(residuals**2) / 2

    gradient = np.asarray(jax.jit(jax.grad(cost))(jnp.asarray(point, jnp.float32)))
    plain = plain_residuals(settings, data)
    difference = [
        (np.sum(plain(point + h) ** 2) - np.sum(plain(point - h) ** 2)) / 4e-5
        for h in 1e-5 * np.eye(4)
    ]
    # Relative to the whole gradient: float32 rates settled to 1e-5, in residuals times 20.
    assert np.abs(gradient - difference).max() < 0.01 * np.abs(difference).max()


def test_a_start_that_runs_away_is_walked_back_and_guarded(settings, true, seen, descend):
    """From a J_EE at which nothing settles, the descent still arrives at the same weights."""
    data, start = seen
    wild = jnp.asarray(true + np.log([1.6, 1.0, 0.9, 1.0]), jnp.float32)
    assert not bool(fit.misfit(settings, wild, data)[1])
    found = descend(wild, data)
    walked = np.asarray(found.start - wild)
    assert walked[0] < -0.15
    assert np.abs(walked[1:]).max() < 1e-6
    assert np.isfinite(found.cost).all()
    assert (np.diff(found.cost) <= 0).all()
    expected = np.exp(descend(start, data).parameters)
    np.testing.assert_allclose(np.exp(found.parameters), expected, rtol=0.01)


def test_noise_is_made_of_one_size():
    """Draws of the noise, on the stabilised scale, have an SD of 1 at every rate."""
    rng = np.random.default_rng(0)
    for rate in (1.0, 10.0, 100.0):
        drawn = rate * (1 + 0.05 * rng.normal(size=20_000)) + 0.1 * rng.normal(size=20_000)
        # The scale is curved: 5 % noise leaves third-order terms below a per cent; the SD of
        # the SD is 0.5 %.
        assert np.std(stabilised(jnp.asarray(drawn), *NOISE)) == pytest.approx(1.0, abs=0.02)


def test_data_follow_the_noise(settings, true):
    quiet = {"data_sets": 2, "relative_noise": 1e-6, "additive_noise": 1e-6}
    quiet, weights = replaced(settings, quiet), jnp.asarray(true, float)
    noisy, _ = fit.make_data(quiet, weights, jax.random.key(0))
    clean, _ = fit.record(quiet, weights)
    np.testing.assert_allclose(noisy[1], clean, rtol=1e-4, atol=1e-4)
