"""The fit against the truth, a second optimiser in plain NumPy, and finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cortex.figures import fit_contrast_response as figure
from cortex.sims import fit_contrast_response as fit
from scipy.optimize import least_squares

from cortex.circuit import stabilised
from cortex.experiment import Progress, load_config, replaced
from cortex.experiment.measures import to_json
from tests.reference import ssn


@pytest.fixture(scope="module")
def config():
    return load_config("fit_contrast_response")


@pytest.fixture(scope="module")
def data(config):
    return fit.run(config, Progress())


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in fit.measure(config, data)}


def plain_residuals(config, data):
    """Residuals of the first data set in float64: dense matrices and Newton's method."""
    units, contrasts = config.circuit.units, config.stimulus.contrasts
    gap = np.abs(np.arange(units) * 180.0 / units - 45.0)
    bump = np.exp(-(np.minimum(gap, 180 - gap) ** 2) / (2 * 30.0**2))
    falloff = ssn.ring_weights(units, 180.0, 180 / units, 32.0)
    places = [round((45 + away) * units / 180) for away in config.recording.distances]
    seen = data["data"].values[0].astype(float)
    a, b = config.recording.additive_noise, config.recording.relative_noise

    def settle(net, level, rates):
        given = ssn.Input(level * np.concatenate([bump, bump]))
        rates, _ = ssn.euler(net, given, rates, 1.0, 300)  # near enough for Newton
        for _ in range(20):
            change = ssn.linear_response(net, given, rates, ssn.target(net, given, rates) - rates)
            rates = rates + change
        assert np.abs(ssn.target(net, given, rates) - rates).max() < 1e-8
        return rates

    def residuals(log_weights):
        J = dict(zip(("EE", "IE", "EI", "II"), np.exp(log_weights), strict=True))
        weights = {name: j * falloff for name, j in J.items()}
        net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
        rates, found = np.zeros(2 * units), []
        for level in contrasts:
            rates = settle(net, level, rates)
            found.append([[rates[i], rates[units + i]] for i in places])
        return ((np.arcsinh(b * np.array(found) / a) - np.arcsinh(b * seen / a)) / b).ravel()

    return residuals


def test_every_row_holds(measures):
    rows = [m for m in measures.values() if m.reference is not None or m.expected]
    assert len(rows) == 10
    assert [m.name for m in rows if m.holds is not True] == []
    # Starts are 20 % away (uniform within 30 %), the weights come back to a few per cent.
    for name in fit.WEIGHTS:
        assert measures[f"relative_error[{name}]"].value < 0.08
    assert measures["relative_error[all at the start]"].value > 0.15
    # The sum weight that Rubin et al. publish for this ring, here predicted from a fit.
    assert measures["w_E[c=50,first data set]"].value == pytest.approx(0.69, abs=0.02)
    to_json(measures.values())


def test_against_a_second_optimiser(config, data):
    """SciPy's least squares with differences of dense float64 steady states, from the truth."""
    true = np.log(data["true"].values)
    found = least_squares(plain_residuals(config, data), true, method="lm", diff_step=1e-6)
    ours = np.log(data["fitted"].values[0])
    error = data["standard_error"].values[0]
    # The descent stops within a tenth of a standard error; single precision adds less.
    assert np.abs((ours - found.x) / error).max() < 0.1
    assert data["cost"].values[0, -1] == pytest.approx(found.cost, rel=1e-3)
    # The information is the curvature there: differences of 1e-6 against implicit derivatives.
    expected = np.sqrt(np.diag(np.linalg.inv(found.jac.T @ found.jac)))
    np.testing.assert_allclose(error, expected, rtol=0.02)


def test_the_gradient_through_the_steady_state(config, data):
    """Reverse mode against central differences of the plain float64 program."""
    seen = jnp.asarray(data["data"].values[0])
    point = np.log(data["start"].values[0] * np.array([0.8, 1.0, 1.0, 1.0]))

    def cost(log_weights):
        residuals, _ = fit.misfit(config, log_weights, seen)
        return jnp.sum(residuals**2) / 2

    gradient = np.asarray(jax.jit(jax.grad(cost))(jnp.asarray(point, jnp.float32)))
    plain = plain_residuals(config, data)
    difference = [
        (np.sum(plain(point + h) ** 2) - np.sum(plain(point - h) ** 2)) / 4e-5
        for h in 1e-5 * np.eye(4)
    ]
    # Relative to the whole gradient: float32 rates settled to 1e-5, in residuals times 20.
    assert np.abs(gradient - difference).max() < 0.01 * np.abs(difference).max()


def test_noise_is_made_of_one_size():
    """Draws of the noise, on the stabilised scale, have an SD of 1 at every rate."""
    rng = np.random.default_rng(0)
    for rate in (1.0, 10.0, 100.0):
        drawn = rate * (1 + 0.05 * rng.normal(size=20_000)) + 0.1 * rng.normal(size=20_000)
        # The scale is curved: 5 % noise leaves third-order terms below a per cent; the SD of
        # the SD is 0.5 %.
        assert np.std(stabilised(jnp.asarray(drawn), 0.1, 0.05)) == pytest.approx(1.0, abs=0.02)


def test_a_start_that_runs_away_is_walked_back_and_guarded(config, data):
    """From a J_EE at which nothing settles, the descent still arrives at the same weights."""
    wild = np.log(data["true"].values * np.array([1.6, 1.0, 0.9, 1.0]))
    seen = jnp.asarray(data["data"].values[0])
    start = jnp.asarray(wild, jnp.float32)
    assert not bool(fit.misfit(config, start, seen)[1])
    found = jax.jit(lambda s: fit.descend(config, s, seen))(start)
    walked = np.asarray(found.start) - wild
    assert walked[0] < -0.15
    assert np.abs(walked[1:]).max() < 1e-6
    assert np.isfinite(found.cost).all()
    assert (np.diff(found.cost) <= 0).all()
    np.testing.assert_allclose(np.exp(found.parameters), data["fitted"].values[0], rtol=0.01)


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.slow
def test_other_settings_are_followed():
    asked = load_config(
        "fit_contrast_response",
        [
            "circuit.units=18",
            "circuit.J_IE=0.043",
            "stimulus.contrasts=[2.5, 10, 40, 80]",
            "stimulus.held_out=[20]",
            "stimulus.pair_contrast=20",
            "stimulus.axis_points=3",
            "recording.distances=[0, 30]",
            "recording.data_sets=3",
            "fit.steps=16",
            "fit.starts=2",
            "fit.start_spread=0.1",
            "seed=4",
        ],
    )
    found = fit.run(asked, Progress())
    assert found["data"].shape == (3, 4, 2, 2)
    named = {m.name: m for m in fit.measure(asked, found)}
    assert named["J_IE[first data set]"].reference == 0.043
    assert named["w_E[c=20,first data set]"].reference == float(found["pair_w"][0])
    assert named["arrived_share"].holds
    figure.draw(asked, found, list(named.values()))


def test_data_follow_the_seed_and_the_noise(config):
    quiet = replaced(config, {"recording.data_sets": 2, "recording.relative_noise": 1e-6})
    quiet = replaced(quiet, {"recording.additive_noise": 1e-6})
    clean, noisy, _ = fit.make_data(quiet, jax.random.key(0))
    np.testing.assert_allclose(noisy[1], clean, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stimulus.contrasts=[5, 5, 10]", "each one once"),
        ("stimulus.held_out=[10]", "none of contrasts"),
        ("circuit.J_EI=0", "its log is fitted"),
    ],
)
def test_what_makes_no_sense_is_refused(setting, words):
    with pytest.raises(Exception, match=words):
        load_config("fit_contrast_response", [setting])
