"""Regimes against plain NumPy: eigenvalues, differences of steady states, closed forms."""

import numpy as np
import pytest
from cortex.sims import regimes

from cortex.analysis import crossing
from tests.reference import ssn
from tests.reference.published import settled_ring

SETTINGS = dict(regimes.experiment.small) | {
    "circuit.units": 36,
    "excitation.curve": [0.2, 5.6, 10],
    "inhibition.curve": [0.4 / 3, 11.2 / 3, 10],
}


def test_where_inhibition_begins_to_stabilise(data):
    """The network passes its transition near a contrast of 9; it is inhibition-stabilised
    before, and paradoxical together with that."""
    stabilised = crossing(data["E_eigenvalue"], 1.0, falling=False)
    assert 3 < stabilised < 9
    paradoxical = crossing(data["paradox"].sel(population="I"), 0.0)
    assert paradoxical == pytest.approx(stabilised, rel=0.3)  # between few contrasts


@pytest.mark.parametrize("contrast", [2.0, 10.0, 50.0])
def test_the_spectrum_in_float64(data, contrast):
    net, given, rates = settled_ring(contrast)
    expected = 1000 * np.linalg.eigvals(ssn.jacobian(net, given, rates))
    found = data["spectrum"].sel(contrast=contrast).values
    found = found[:, 0] + 1j * found[:, 1]
    distance = np.abs(found[:, None] - expected[None, :])
    # Single precision, and pairs that nearly coincide: its square root, of 100 /s.
    assert max(distance.min(0).max(), distance.min(1).max()) < 0.5
    assert found.real.max() == pytest.approx(expected.real.max(), abs=0.1)


@pytest.mark.parametrize("contrast", [2.0, 10.0, 50.0])
def test_the_index_and_the_paradox_in_float64(data, contrast):
    net, given, rates = settled_ring(contrast)
    units = len(rates) // 2
    own = ssn.effective_weights(net, given, rates)[:units, :units]
    assert float(data["E_eigenvalue"].sel(contrast=contrast)) == pytest.approx(
        np.linalg.eigvals(own).real.max(), rel=1e-3
    )
    onto_I = np.repeat([0.0, 1.0], units)
    change = ssn.input_response(net, given, rates, onto_I)
    weight = rates[:units] / rates[:units].sum()
    expected = [weight @ change[:units], weight @ change[units:]]
    # GMRES to 1e-5, times the condition of the linear response near the transition, about 100.
    np.testing.assert_allclose(
        data["paradox"].sel(contrast=contrast), expected, rtol=5e-3, atol=1e-4
    )


def test_a_step_ends_where_linear_theory_says(data):
    """The simulated step is small: it ends near the paradox times the step."""
    course = data["step_response"].sel(contrast=50.0).values
    net, given, rates = settled_ring(50.0)
    units = len(rates) // 2
    stepped = ssn.newton(net, ssn.with_extra(given, 0.5 * np.repeat([0.0, 1.0], units)), rates)
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


def test_the_map_in_closed_form(settings, data):
    """What simulations do, from trace and determinant at the fixed point above silence."""
    pair, seen = settings.pair, {0: 0, 1: 0, 2: 0}
    for row, tau_I in enumerate((pair.tau_fast, pair.tau_slow)):
        for i in range(data.sizes["J_EI"]):
            for j in range(data.sizes["J_EE"]):
                J_EE, J_EI = float(data["J_EE"][j]), float(data["J_EI"][i])
                outcome = int(data["outcome"][row, i, j])
                fixed = fixed_point_of_pair(J_EE, J_EI, pair.J_IE, pair.J_II, settings.drive)
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


def test_supersaturation_ends_in_silence(settings):
    """With balance in closed form: E is silenced at strong input where J_II < J_EI."""
    pair = settings.pair
    for J_II in (pair.J_II, pair.J_II_strong):
        E, _ = fixed_point_of_pair(pair.J_EE, pair.J_EI, pair.J_IE, J_II, 1000.0)
        assert (E == 0) == (J_II < pair.J_EI)


def test_pair_rates_in_closed_form(settings, data):
    pair = settings.pair
    for i, J_II in enumerate((pair.J_II, pair.J_II_strong)):
        for j, level in enumerate(data["contrast"].values):
            fixed = fixed_point_of_pair(pair.J_EE, pair.J_EI, pair.J_IE, J_II, level)
            # Settled to 1e-5 of the largest rate.
            found = data["pair_rates"].values[i, j]
            np.testing.assert_allclose(found, fixed, rtol=2e-3, atol=1e-3)
