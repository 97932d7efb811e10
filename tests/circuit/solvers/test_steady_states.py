"""Steady states of many circuits at a time, against each by itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Circuit,
    FixedPointIteration,
    Populations,
    Projections,
    RingCoupling,
    steady_state,
    steady_states,
)
from tests.circuit import twins
from tests.reference import published

SOLVER = FixedPointIteration(dt=2.0, duration=300.0, rtol=1e-6, atol=1e-6, check_every=5)
# Excitation of the rings: they settle soon or late, are too slow for the time given, run away.
LEVELS = jnp.array([0.5, 1.0, 1.06, 0.1, 1.9, 0.9, 0.0, 1.0, 2.5, 0.7, 1.04])


def circuit(level):
    J = published.RING
    weights = Projections(EE=level * J["EE"], EI=J["EI"], IE=J["IE"], II=J["II"])
    populations = Populations(EI(20.0, 10.0), EI(0.04, 0.04), EI(2.0, 2.0))
    return Circuit(populations, RingCoupling(12, 180.0, weights, 32.0))


def drive():
    h = jnp.asarray(published.bump(12, 90.0, 40.0))
    return EI(h, h)


@pytest.fixture(scope="module")
def alone():
    with twins.double_precision():
        one = jax.jit(lambda x: steady_state(circuit(x), drive(), solver=SOLVER))
        found = [one(level) for level in LEVELS.astype(float)]
        return jax.tree.map(lambda *members: np.stack(members), *found)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    "batch_size", [12, *(pytest.param(size, marks=pytest.mark.slow) for size in (1, 50))]
)
def test_each_finds_its_own_state(alone, batch_size):
    """In whatever company: the same steps, looked at as often; equal to rounding.

    With a batch of 12 for 33 circuits those that are done wait until three are.
    """
    alone = jax.tree.map(lambda one: np.concatenate([one] * 3), alone)
    run = jax.jit(
        lambda levels: steady_states(
            lambda level: circuit(level).dynamics(drive()), levels, batch_size=batch_size,
            solver=SOLVER,
        )
    )  # fmt: skip
    found = run(jnp.tile(LEVELS.astype(float), 3))
    np.testing.assert_array_equal(found.converged, alone.converged)
    np.testing.assert_array_equal(found.diverged, alone.diverged)
    assert 0 < int(found.converged.sum()) < 33 - int(found.diverged.sum()) < 33
    np.testing.assert_allclose(found.rates.E, alone.rates.E, rtol=1e-9, equal_nan=True)
    np.testing.assert_allclose(found.rates.I, alone.rates.I, rtol=1e-9, equal_nan=True)
    settled = np.asarray(alone.converged)
    np.testing.assert_allclose(found.residual[settled], alone.residual[settled], atol=1e-10)


def test_there_must_be_a_place():
    with pytest.raises(ValueError, match="batch_size: found 0, allowed: >= 1"):
        steady_states(lambda level: circuit(level).dynamics(drive()), LEVELS, batch_size=0)
