"""Eigenvalues and paradoxical responses against dense linear algebra in NumPy."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import welch

from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    Populations,
    Projections,
    jacobian_eigenvalues,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
    periodogram,
    single_pair,
    steady_state,
)
from tests.circuit import twins
from tests.reference import published, ssn

leading = eqx.filter_jit(leading_excitatory_eigenvalue)
spectrum = eqx.filter_jit(jacobian_eigenvalues)
paradox = eqx.filter_jit(paradoxical_effect)


def random_case(seed, units=8):
    """A circuit with modulation at every place: (cortex's arguments, reference's arguments)."""
    numbers = twins.random_numbers(seed, units)
    net, given = twins.reference_network(numbers), twins.reference_input(numbers)
    rates = ssn.steady_state(net, given)
    circuit, drive = twins.cortex_circuit(numbers), twins.as_ei(numbers["drive"])
    ours = (circuit, twins.as_ei(rates), drive, twins.cortex_modulation(numbers))
    return ours, (net, given, rates)


def ring_case(contrast, units=24):
    circuit, net = twins.ring(units)
    h = published.bump(units, 45, contrast)
    given = ssn.Input(np.concatenate([h, h]))
    rates = ssn.steady_state(net, given)
    return (circuit, twins.as_ei(rates), twins.as_ei((h, h))), (net, given, rates)


def dense_leading(net, given, rates):
    half = len(rates) // 2
    return np.linalg.eigvals(ssn.effective_weights(net, given, rates)[:half, :half]).real.max()


def weighted_change(change, rates):
    """Means over places, weighted by the excitatory rate."""
    half = len(rates) // 2
    weight = rates[:half] / rates[:half].sum()
    return weight @ change[:half], weight @ change[half:]


def onto_I(size):
    return np.concatenate([np.zeros(size // 2), np.ones(size // 2)])


def test_leading_eigenvalue():
    for seed in range(3):
        ours, reference = random_case(seed)
        # float32 sums of a few terms.
        assert float(leading(*ours)) == pytest.approx(dense_leading(*reference), rel=1e-4)


@pytest.mark.parametrize(("contrast", "stabilised"), [(0.5, False), (50.0, True)])
def test_the_ring_becomes_inhibition_stabilised(contrast, stabilised):
    """Above contrasts of a few, excitation alone would run away, and the response of I to
    input to I is paradoxical; below, neither."""
    ours, reference = ring_case(contrast)
    eigenvalue = float(leading(*ours))
    assert eigenvalue == pytest.approx(dense_leading(*reference), rel=1e-4)
    assert (eigenvalue > 1) == stabilised
    response = paradox(*ours)
    change = ssn.input_response(*reference, onto_I(48))
    expected = weighted_change(change, reference[2])
    # GMRES in float32 to 1e-5, times the condition of the linear response, about 100.
    np.testing.assert_allclose((response.E, response.I), expected, rtol=2e-3)
    assert (float(response.I) < 0) == stabilised
    assert float(response.E) < 0


def test_paradoxical_effect_is_the_change_of_the_steady_state():
    ours, (net, given, rates) = random_case(2)
    moved = [
        ssn.steady_state(net, ssn.with_extra(given, side * 1e-3 * onto_I(16))) for side in (1, -1)
    ]
    expected = weighted_change((moved[0] - moved[1]) / 2e-3, rates)
    response = paradox(*ours)
    np.testing.assert_allclose((response.E, response.I), expected, rtol=2e-3)


@pytest.mark.usefixtures("x64")
def test_jacobian_spectrum():
    for seed in range(2):
        ours, reference = random_case(seed)
        found = np.asarray(spectrum(*ours))
        expected = np.linalg.eigvals(ssn.jacobian(*reference))
        assert found.shape == (16,)
        # Each has its partner, whatever the order.
        distance = np.abs(found[:, None] - expected[None, :])
        assert distance.min(axis=0).max() < 1e-9
        assert distance.min(axis=1).max() < 1e-9
        assert found.real.max() < 0  # where Euler steps settle, it is stable
        assert np.abs(found.imag).max() > 0


def test_nobody_excited():
    """No E weights: an eigenvalue of zero. No E rate: no paradox to speak of, NaN."""
    W = jnp.ones((24, 24))  # as large as the ring above: compiled once
    circuit = Circuit(
        Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0)),
        DenseCoupling(Projections(EE=0 * W, EI=W, IE=W, II=W)),
    )
    zeros, drive = EI(jnp.zeros(24), jnp.zeros(24)), EI(jnp.full(24, -1.0), jnp.full(24, -1.0))
    assert float(leading(circuit, zeros, drive)) == 0
    assert np.isnan(paradox(circuit, zeros, drive).I)


def test_a_single_pair_in_closed_form():
    """Eigenvalues from trace and determinant, paradox from the determinant alone."""
    a, b, c, d = 2.0, 1.5, 2.5, 1.0  # EE, EI, IE, II
    circuit = single_pair(Projections(EE=a, EI=b, IE=c, II=d), EI(20.0, 15.0), 0.04, 2.0)
    drive = EI(jnp.full(1, 10.0), jnp.full(1, 10.0))
    state = steady_state(circuit, drive)
    r_E, r_I = float(state.rates.E[0]), float(state.rates.I[0])
    g_E, g_I = (2 * 0.04 * (r / 0.04) ** 0.5 for r in (r_E, r_I))
    trace = (g_E * a - 1) / 20 - (1 + g_I * d) / 15
    determinant = ((1 - g_E * a) * (1 + g_I * d) + g_E * b * g_I * c) / 300
    roots = np.roots([1.0, -trace, determinant])
    found = np.asarray(spectrum(circuit, state.rates, drive))
    # The steady state is known to 1e-5.
    np.testing.assert_allclose(np.sort(found), np.sort(roots), rtol=1e-3)
    assert float(leading(circuit, state.rates, drive)) == pytest.approx(g_E * a, rel=1e-3)
    response = paradox(circuit, state.rates, drive)
    assert float(response.I) == pytest.approx((1 - g_E * a) * g_I / (300 * determinant), rel=1e-2)
    assert float(response.E) == pytest.approx(-g_E * b * g_I / (300 * determinant), rel=1e-2)


def test_periodogram():
    """Against SciPy's; and the density integrates to the variance."""
    series = np.random.default_rng(0).normal(size=4096).cumsum() * 0.1
    series = series - np.convolve(series, np.ones(50) / 50, "same")
    found = periodogram(jnp.asarray(series, jnp.float32), 2.0, 256)
    frequencies, power = welch(series - series.mean(), 500.0, "hann", 256, detrend=False)
    np.testing.assert_allclose(found[0], frequencies[1:], rtol=1e-5)
    # The last one has no partner at a negative frequency: SciPy does not double it.
    np.testing.assert_allclose(found[1][:-1], power[1:-1], rtol=1e-3)
    # White noise of variance 4, whose estimate from 4096 samples has an SD of 2 %.
    white = jnp.asarray(2 * np.random.default_rng(1).normal(size=4096), jnp.float32)
    assert float(jnp.sum(periodogram(white, 2.0, 256)[1])) * 500 / 256 == pytest.approx(4, rel=0.08)
    with pytest.raises(ValueError, match="found 100 samples, allowed: >= 256"):
        periodogram(jnp.zeros(100), 2.0, 256)
