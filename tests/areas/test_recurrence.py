"""The network without recurrence: its circuits with all weights at 0, in closed form."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import CircuitArea, without_recurrence
from cortex.circuit import EI, FixedPointIteration, Modulation
from tests.areas import systems


def images(count=60):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.uniform(size=(count, *systems.IMAGE)) ** 2, jnp.float32)


@pytest.fixture(scope="module")
def both():
    """A system, and what it is without recurrence."""
    solver = FixedPointIteration(dt=2.0, duration=2000.0, rtol=1e-6, atol=1e-6)
    whole = systems.with_circuits(solver=solver)
    return whole, without_recurrence(whole, images())


def test_rates_are_those_of_the_circuit_with_all_weights_at_zero(both):
    whole, found = both
    area, alone = whole.areas[0], found.areas[0]
    nothing = jax.tree.map(jnp.zeros_like, area.circuit.coupling.J)
    silent = eqx.tree_at(lambda a: a.circuit.coupling.J, area, nothing)
    gain = 1 + 0.3 * jax.random.normal(jax.random.key(0), (systems.MAPS[0], 1, 1))
    attention = Modulation(drive_gain=EI(gain, gain), input=EI(2.0, 1.0))
    shown = images()[0]

    @eqx.filter_jit
    def both_ways(modulation):
        return alone.rates(shown, modulation), silent.settle(shown, modulation).rates

    for modulation in (None, attention):
        rates, expected = both_ways(modulation)
        for one, other in ((rates.E, expected.E), (rates.I, expected.I)):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_what_it_sends_is_fitted_to_what_the_circuits_send(both):
    whole, found = both
    assert not any(isinstance(area, CircuitArea) for area in found.areas)
    shown = images()
    sent, meant = (
        np.asarray(jax.jit(jax.vmap(lambda x, s=s: s.respond(x)[0].output))(shown))
        for s in (found, whole)
    )
    for a, b in zip(np.moveaxis(sent, 1, 0), np.moveaxis(meant, 1, 0), strict=True):
        if b.std() > 0.1 * meant.std():  # maps that are hardly active have nothing to be fitted to
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.5
            np.testing.assert_allclose(a.mean(), b.mean(), rtol=0.3)
