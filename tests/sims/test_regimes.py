"""Regimes against plain NumPy: eigenvalues, differences of steady states, closed forms."""

import jax
import numpy as np
import pytest
from cortex.figures import regimes as figure
from cortex.sims import regimes

from cortex.experiment import Progress, load_config
from cortex.experiment.measures import to_json
from cortex.measures.regime_rows import crossing, crossings
from tests.reference import ssn


@pytest.fixture(scope="module")
def config():
    return load_config("regimes")


@pytest.fixture(scope="module")
def data(config):
    return regimes.run(config, Progress())


@pytest.fixture(scope="module")
def measures(config, data):
    return {m.name: m for m in regimes.measure(config, data)}


def plain_ring(contrast, units=36, tau=(20.0, 10.0)):
    """The ring in float64, its input, and its steady state by Newton's method."""
    J = {"EE": 0.044, "EI": 0.023, "IE": 0.042, "II": 0.018}
    weights = {n: ssn.ring_weights(units, 180.0, j * 180 / units, 32.0) for n, j in J.items()}
    net = ssn.network(**weights, tau=(20.0, 10.0), k=(0.04, 0.04), n=(2.0, 2.0))
    gap = np.abs(np.arange(units) * 180.0 / units - 45.0)
    bump = np.exp(-(np.minimum(gap, 180 - gap) ** 2) / (2 * 30.0**2))
    given = ssn.Input(contrast * np.concatenate([bump, bump]))
    rates, _ = ssn.euler(net, given, np.zeros(2 * units), 0.5, 2000)
    rates = newton(net, given, rates)
    net.tau = np.repeat(tau, units)  # moves no steady state
    return net, given, rates


def newton(net, given, rates):
    for _ in range(6):
        change = ssn.linear_response(net, given, rates, ssn.target(net, given, rates) - rates)
        rates = rates + change
    assert np.abs(ssn.target(net, given, rates) - rates).max() < 1e-9
    return rates


def test_which_rows_hold(measures):
    rows = [m for m in measures.values() if m.reference is not None or m.expected]
    assert len(rows) == 17
    # With the published time constants the oscillation lies below the gamma band. It stays.
    assert [m.name for m in rows if m.holds is not True] == ["onset_frequency[tau_E=20]"]
    assert 8 < measures["onset_frequency[tau_E=20]"].value < 20
    assert "1/tau" in measures["onset_frequency[tau_E=20]"].note
    # Science: the network passes its transition near a contrast of 9; it is inhibition-
    # stabilised before, and paradoxical together with that.
    stabilised = measures["inhibition_stabilised_above"].value
    assert 3 < stabilised < 9
    assert measures["paradoxical_above"].value == pytest.approx(stabilised, rel=0.1)
    to_json(measures.values())


@pytest.mark.parametrize("contrast", [2.0, 10.0, 50.0])
def test_the_spectrum_in_float64(data, contrast):
    net, given, rates = plain_ring(contrast)
    expected = 1000 * np.linalg.eigvals(ssn.jacobian(net, given, rates))
    found = data["spectrum"].sel(contrast=contrast).values
    found = found[:, 0] + 1j * found[:, 1]
    distance = np.abs(found[:, None] - expected[None, :])
    # Single precision, and pairs that nearly coincide: its square root, of 100 /s.
    assert max(distance.min(0).max(), distance.min(1).max()) < 0.5
    assert found.real.max() == pytest.approx(expected.real.max(), abs=0.1)


@pytest.mark.parametrize("place", [4, 12, 20])
def test_the_index_and_the_paradox_from_steady_states(data, place):
    """The eigenvalue in float64, and the paradox from two re-settled float64 states."""
    net, given, rates = plain_ring(float(data["axis_contrast"][place]))
    units = len(rates) // 2
    own = ssn.effective_weights(net, given, rates)[:units, :units]
    assert float(data["index"][place]) == pytest.approx(np.linalg.eigvals(own).real.max(), rel=1e-3)
    onto_I = np.repeat([0.0, 1.0], units)
    moved = [newton(net, ssn.with_extra(given, h * onto_I), rates) for h in (1e-3, -1e-3)]
    change = (moved[0] - moved[1]) / 2e-3
    weight = rates[:units] / rates[:units].sum()
    expected = [weight @ change[:units], weight @ change[units:]]
    # GMRES to 1e-5, times the condition of the linear response near the transition, about 100.
    np.testing.assert_allclose(data["paradox"][place], expected, rtol=5e-3, atol=1e-4)


def test_a_step_ends_where_linear_theory_says(data):
    """The simulated step is small: it ends near the paradox times the step."""
    course = data["step_response"].sel(contrast=50.0).values
    net, given, rates = plain_ring(50.0)
    units = len(rates) // 2
    stepped = newton(net, ssn.with_extra(given, 0.5 * np.repeat([0.0, 1.0], units)), rates)
    weight = rates[:units] / rates[:units].sum()
    assert course[-1] == pytest.approx(weight @ (stepped - rates)[units:], rel=0.01)
    assert course.max() > 0.05  # first up, as the input says, and then down
    assert course[-1] < -1


def fixed_point_of_pair(J_EE, J_EI, J_IE, J_II, drive):
    """The first fixed point from E = 0 on, by bisection: r_I for each r_E, in closed form."""

    def I_rate(E):  # sqrt(r_I/k) solves a quadratic: s = u_I - J_II k s^2
        u, a = drive + J_IE * E, J_II * 0.04
        s = u if a == 0 else (np.sqrt(1 + 4 * a * u) - 1) / (2 * a)
        return 0.04 * s**2

    def excess(E):
        return 0.04 * max(drive + J_EE * E - J_EI * I_rate(E), 0.0) ** 2 - E

    grid = np.concatenate([[0.0], np.geomspace(1e-6, 1e4, 4000)])
    values = np.array([excess(E) for E in grid])
    below = np.flatnonzero(values <= 0)
    if below.size == 0:
        return None
    if below[0] == 0:
        return 0.0, I_rate(0.0)
    low, high = grid[below[0] - 1], grid[below[0]]
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if excess(middle) > 0 else (low, middle)
    return low, I_rate(low)


def test_the_map_in_closed_form(config, data):
    """What simulations do, from trace and determinant at the fixed point above silence."""
    pair, seen = config.pair, {0: 0, 1: 0, 2: 0}
    for row, tau_I in enumerate((pair.tau_fast, pair.tau_slow)):
        for i in range(1, pair.points, 3):
            for j in range(1, pair.points, 3):
                J_EE, J_EI = float(data["J_EE"][j]), float(data["J_EI"][i])
                outcome = int(data["outcome"][row, i, j])
                fixed = fixed_point_of_pair(J_EE, J_EI, pair.J_IE, pair.J_II, pair.contrast)
                seen[outcome] += 1
                if fixed is None:
                    assert outcome == regimes.RUNS_AWAY
                    continue
                g_E, g_I = (2 * 0.04 * (r / 0.04) ** 0.5 for r in fixed)
                trace = (g_E * J_EE - 1) / 20 - (1 + g_I * pair.J_II) / tau_I
                own, other = 1 - g_E * J_EE, 1 + g_I * pair.J_II
                determinant = own * other + g_E * J_EI * g_I * pair.J_IE
                if outcome == regimes.SETTLES:
                    assert trace < 1e-3  # 1/ms; marginal ones settle slowly or not at all
                    assert determinant > 0
                    index = float(data["map_index"][row, i, j])
                    # Settled to 1e-5 of the rates, and of 1e-4 Hz where E hardly fires.
                    if fixed[0] > 1e-2:
                        assert index == pytest.approx(g_E * J_EE, rel=0.01, abs=0.01)
                        paradox = own * g_I / determinant
                        found = float(data["map_paradox"][row, i, j])
                        assert found == pytest.approx(paradox, rel=0.05, abs=0.05)
                elif outcome == regimes.OSCILLATES and fixed[1] < 300:
                    # Faster rates make I stiff; these are none of the ones above.
                    assert trace > -5e-3
                    assert determinant > 0
    assert min(seen.values()) > 0


def test_supersaturation_ends_in_silence(config):
    """With balance in closed form: E is silenced at strong input where J_II < J_EI."""
    pair = config.pair
    for J_II in (pair.J_II, pair.J_II_strong):
        E, _ = fixed_point_of_pair(pair.J_EE, pair.J_EI, pair.J_IE, J_II, 1000.0)
        assert (E == 0) == (J_II < pair.J_EI)


def test_pair_rates_in_closed_form(config, data):
    pair = config.pair
    for i, J_II in enumerate((pair.J_II, pair.J_II_strong)):
        for j in (0, 12, 24):
            level = float(data["axis_contrast"][j])
            fixed = fixed_point_of_pair(pair.J_EE, pair.J_EI, pair.J_IE, J_II, level)
            # Settled to 1e-5 of the largest rate.
            found = data["pair_rates"].values[i, j]
            np.testing.assert_allclose(found, fixed, rtol=2e-3, atol=1e-3)


def test_the_power_spectrum_in_float64(config, data):
    """The transfer function at single frequencies, by complex linear algebra."""
    shown = config.oscillation
    units = config.circuit.units
    net, given, rates = plain_ring(50.0, tau=(shown.tau_E, shown.tau_I))
    J = ssn.jacobian(net, given, rates)
    gap = np.abs(np.arange(units)[:, None] - np.arange(units)[None, :]) * 180.0 / units
    correlation = np.exp(-(np.minimum(gap, 180 - gap) ** 2) / (2 * 60.0**2))
    values, vectors = np.linalg.eigh(correlation)
    correlation = (vectors * np.maximum(values, 0)) @ vectors.T
    correlation /= correlation[0, 0]  # the nearest that is possible, of unit variance
    into = (ssn.slopes(net, given, rates) / net.tau)[:, None] * np.tile(np.eye(units), (2, 1))
    readout = np.repeat([1.0 / units, 0.0], units)
    for index in (5, 25, 45):
        frequency = float(data["frequency"][index])
        omega = 2j * np.pi * frequency / 1000
        row = np.linalg.solve((omega * np.eye(2 * units) - J).T, readout.astype(complex)) @ into
        tau = shown.noise_tau / 1000
        noise = 4 * tau * shown.noise_sd**2 / (1 + (2 * np.pi * frequency * tau) ** 2)
        expected = noise * (row @ correlation @ row.conj()).real
        found = float(data["power_theory"].sel(spectrum_contrast=50.0)[index])
        assert found == pytest.approx(expected, rel=0.01)


def test_the_onset_of_oscillation_in_float64(config, measures):
    """The time constant of I at which the largest real part passes zero, by bisection."""
    low, high = config.oscillation.axis_low, config.oscillation.axis_high
    net, given, rates = plain_ring(50.0)
    units = len(rates) // 2
    for _ in range(30):
        middle = (low + high) / 2
        net.tau = np.repeat((config.oscillation.tau_E, middle), units)
        values = np.linalg.eigvals(ssn.jacobian(net, given, rates))
        first = values[np.argmax(values.real)]
        low, high = (low, middle) if first.real > 0 else (middle, high)
    # Points of the curve are 0.25 ms apart; between them it is nearly straight.
    assert measures["onset_tau_I[tau_E=5]"].value == pytest.approx(middle, abs=0.03)
    frequency = 1000 * abs(first.imag) / (2 * np.pi)
    assert measures["onset_frequency[tau_E=5]"].value == pytest.approx(frequency, abs=0.5)


def test_the_limit_cycle_in_plain_euler_steps(config, data, measures):
    shown = config.oscillation
    net, given, rates = plain_ring(50.0, tau=(shown.tau_E, shown.tau_slow))
    _, course = ssn.euler(net, given, 1.05 * rates, 0.01, 50_000)
    E = course[30_000:, 9]  # 45 degrees; from 300 ms on
    times = crossings(np.arange(len(E)) * 0.01, E - E.mean())
    # Euler's steps add omega^2 dt/2 = 0.4 /s to a growth rate of 12 /s: 2 % in size.
    frequency = measures["limit_cycle_frequency"].value
    assert frequency == pytest.approx(1000 / np.diff(times).mean(), rel=0.01)
    assert measures["limit_cycle_range"].value == pytest.approx(np.ptp(E), rel=0.03)


def test_crossings():
    place = np.array([1.0, 10.0, 100.0])
    assert crossing(place, np.array([-1.0, 1.0, 2.0])) == pytest.approx(10**0.5)
    assert np.isnan(crossing(place, np.array([1.0, 2.0, 3.0])))
    time = np.linspace(0, 3, 301)
    np.testing.assert_allclose(
        crossings(time, np.sin(2 * np.pi * (time - 0.25))), [0.25, 1.25, 2.25], atol=1e-4
    )


def test_every_variable_is_labelled(data):
    for name, item in data.variables.items():
        assert item.attrs.get("units"), name
        assert item.attrs.get("long_name"), name


@pytest.mark.slow
def test_other_settings_are_followed():
    asked = load_config(
        "regimes",
        [
            "circuit.units=18",
            "stimulus.contrasts=[3, 30]",
            "stimulus.axis_low=2",
            "stimulus.axis_high=40",
            "stimulus.axis_points=4",
            "pair.points=3",
            "pair.J_II=1.0",
            "oscillation.contrasts=[30, 60]",
            "oscillation.axis_points=4",
            "oscillation.trials=2",
            "oscillation.duration=1000",
        ],
    )
    simulate = jax.jit(lambda key: regimes.simulate(asked, key))
    first, second = (simulate(jax.random.key(seed)) for seed in (0, 1))
    noise = [np.asarray(arrays["power_simulated"]) for arrays in (first, second)]
    assert not np.allclose(noise[0], noise[1], rtol=1e-3, atol=0)
    assert not np.allclose(noise[0][:, 0], noise[0][:, 1], rtol=1e-3, atol=0)
    found = regimes.label(asked, {name: np.asarray(array) for name, array in first.items()})
    assert found["spectrum"].shape == (2, 36, 2)
    named = {m.name: m for m in regimes.measure(asked, found)}
    assert named["leading_E_eigenvalue[c=2]"].holds
    assert named["fall_at_high_contrast[J_II=1]"].holds
    assert "power_over_theory[c=60]" in named
    assert named["converged_share"].holds
    figure.draw(asked, found, list(named.values()))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("stimulus.contrasts=[5, 5]", "each one once"),
        ("stimulus.axis_low=200", "a number < axis_high"),
        ("oscillation.contrasts=[50, 20]", "rising numbers"),
    ],
)
def test_what_makes_no_sense_is_refused(setting, words):
    with pytest.raises(Exception, match=words):
        load_config("regimes", [setting])
