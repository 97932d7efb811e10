"""The probe of a circuit against dense NumPy, and on a circuit that only passes things on."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import probe
from tests.areas import systems
from tests.reference import ssn

SHAPE = systems.SHAPES[0]
RADIUS = 1.0
run = eqx.filter_jit(probe)


def drives():
    """Of two images, with one unit that is driven most."""
    rng = np.random.default_rng(4)
    first, second = 30 * rng.uniform(size=(2, *SHAPE)) ** 2
    first[1, 2, 1] = 35.0
    return first, second


def area(J=systems.J, solver=systems.SOLVER):
    return systems.circuit_area(systems.network().stages[0], SHAPE, J=J, solver=solver)


def patch(drive):
    """Within the radius of the unit driven most, of all maps."""
    out = np.zeros_like(drive)
    _, row, column = np.unravel_index(np.argmax(drive), drive.shape)
    for y in range(drive.shape[1]):
        for x in range(drive.shape[2]):
            if (y - row) ** 2 + (x - column) ** 2 <= RADIUS**2:
                out[:, y, x] = drive[:, y, x]
    return out


@pytest.mark.usefixtures("x64")
def test_against_the_dense_circuit():
    net = systems.dense_circuit(SHAPE)
    first, second = drives()
    half, given, states = first.size, [], []
    for shown in (first, second, first + second, patch(first)):
        given.append(ssn.Input(np.concatenate([shown.ravel()] * 2)))
        states.append(ssn.steady_state(net, given[-1], dt=1.0))
    one, other, both, center = (state[:half] for state in states)
    total = one + other
    subnetwork = ssn.effective_weights(net, given[0], states[0])[:half, :half]
    onto_I = np.concatenate([np.zeros(half), np.ones(half)])
    response = ssn.input_response(net, given[0], states[0], onto_I)
    most = np.argmax(first)

    found = run(
        area(solver=systems.TIGHT), jnp.asarray(first), jnp.asarray(second), patch_radius=RADIUS
    )
    # Steady states to 1e-10; the power iteration of 200 steps to less than that.
    close = {"rel": 1e-6}
    assert float(found.sum_weight) == pytest.approx(total @ both / (total @ total), **close)
    expected = np.linalg.eigvals(subnetwork).real.max()
    assert float(found.leading_eigenvalue) == pytest.approx(expected, **close)
    expected = one / one.sum() @ response[half:]
    assert float(found.paradoxical_I) == pytest.approx(expected, **close)
    suppression = 1 - one[most] / center[most]
    assert float(found.surround_suppression) == pytest.approx(suppression, **close)
    assert found.converged
    assert float(found.largest_residual) < 1e-9
    # What the shipped networks must show, shown here: this circuit computes.
    assert found.sum_weight < 1
    assert found.leading_eigenvalue > 1
    assert found.paradoxical_I < 0
    assert found.surround_suppression > 0


def test_a_pass_through_is_told_apart():
    """Without recurrence a rate is the square of its drive: two alike drives give 2."""
    idle = area(J=dict.fromkeys(systems.NAMES, 1e-6))
    first, second = (jnp.asarray(d, jnp.float32) for d in drives())
    found = run(idle, first, first)
    # The square of doubled drives is four times the single ones; weights of 1e-6 remain.
    assert float(found.sum_weight) == pytest.approx(2, rel=1e-3)
    assert float(found.surround_suppression) == pytest.approx(0, abs=1e-3)
    assert float(found.leading_eigenvalue) < 1e-3
    assert float(found.paradoxical_I) > 0
    total = first**2 + second**2
    expected = float(jnp.sum(total * (first + second) ** 2) / jnp.sum(total**2))
    assert float(run(idle, first, second).sum_weight) == pytest.approx(expected, rel=1e-3)
    assert 1 < expected < 2
    assert float(run(area(), first, first).sum_weight) < 1


def test_what_did_not_settle_is_said():
    runaway = area(J=dict(systems.J, EI=0.0))
    found = run(runaway, *(jnp.asarray(d, jnp.float32) for d in drives()))
    assert not found.converged
    assert np.isnan(found.sum_weight)


def test_with_a_baseline_responses_are_changes_from_rest():
    """Without recurrence, r = k (h + b)^2, and at rest k b^2."""
    with_baseline = dataclasses.replace(area(dict.fromkeys(systems.J, 0.0)), baseline=10.0)
    drive, other = (jnp.asarray(h, float) for h in drives())
    found = run(with_baseline, drive, other)

    def response(h):
        return 0.04 * ((h + 10.0) ** 2 - 10.0**2)

    total = response(drive) + response(other)
    expected = jnp.sum(total * response(drive + other)) / jnp.sum(total**2)
    assert float(found.sum_weight) == pytest.approx(float(expected), rel=1e-3)
    assert float(found.surround_suppression) == pytest.approx(0.0, abs=1e-3)
