"""Eigenvalues and paradoxical responses against dense linear algebra in NumPy."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    Populations,
    Projections,
    jacobian_eigenvalues,
    leading_excitatory_eigenvalue,
    paradoxical_effect,
)
from tests.circuit import twins
from tests.reference import ssn

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
    h = twins.bump(units, 45, contrast)
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
