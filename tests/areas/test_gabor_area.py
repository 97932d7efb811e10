"""A circuit on a Gabor bank, as in primary visual cortex: orientations suppress each other."""

import equinox as eqx
import jax
import jax.numpy as jnp
import pytest

from cortex.areas import CircuitArea, PowerMap
from cortex.circuit import (
    EI,
    Circuit,
    FixedPointIteration,
    GaussianCoupling,
    Populations,
    Projections,
    circular_features,
    paradoxical_effect,
)
from cortex.frontends.gabor import GaborBank
from cortex.stimuli import VisualField, grating, plaid


@pytest.fixture(scope="module")
def area():
    """8 orientations at 10 x 10 places; strong enough to be inhibition-stabilised."""
    orientations = jnp.arange(8) * 22.5
    bank = GaborBank(orientations, jnp.array([2.0]), 0.1, stride=4)
    circuit = Circuit(
        Populations(tau=EI(20.0, 10.0), k=EI(0.04, 0.04), n=EI(2.0, 2.0)),
        GaussianCoupling(
            J=Projections(EE=6.0, EI=4.5, IE=11.0, II=2.2),
            sigma=Projections(EE=1.0, EI=1.5, IE=1.5, II=1.5),
            features=circular_features(bank.orientations, 45.0),
            shape=(8, 10, 10),
        ),
    )
    straight = PowerMap(jnp.zeros(8), jnp.zeros(8))
    solver = FixedPointIteration(dt=1.0, duration=800.0)
    return CircuitArea(bank, jnp.asarray(50.0), circuit, straight, solver)


@pytest.fixture(scope="module")
def responses(area):
    """To gratings of 0 and 90 deg at full contrast of each, and to both."""
    field = VisualField((40, 40), 0.1)
    both = plaid(field, (0.0, 90.0), (2.0, 2.0), (50.0, 50.0))
    images = [grating(field, angle, 2.0, contrast=50.0) for angle in (0.0, 90.0)]
    return jax.jit(jax.vmap(area))(jnp.stack([*images, both])[:, None])


def test_it_settles_and_prefers_the_orientation_shown(area, responses):
    assert bool(responses.converged.all())
    centre = responses.rates.E[:, :, 5, 5]
    assert int(jnp.argmax(centre[0])) == 0
    assert int(jnp.argmax(centre[1])) == 4


def test_orthogonal_gratings_suppress_each_other(area, responses):
    """Adding a grating that hardly drives a unit lowers its response."""
    first, _, both = responses.rates.E[:, 0, 5, 5]
    assert float(both) < 0.95 * float(first)
    free = eqx.tree_at(lambda a: a.circuit.coupling.J, area, Projections(*jnp.full(4, 1e-3)))
    field = VisualField((40, 40), 0.1)
    alone = grating(field, 0.0, 2.0, contrast=50.0)
    pair = plaid(field, (0.0, 90.0), (2.0, 2.0), (50.0, 50.0))
    rates = jax.jit(jax.vmap(free))(jnp.stack([alone, pair])[:, None]).rates.E[:, 0, 5, 5]
    assert float(rates[1]) > 0.99 * float(rates[0])  # it is the recurrence that suppresses


def test_inhibition_is_paradoxical(area, responses):
    rates = responses.rates.map(lambda r: r[0])
    image = grating(VisualField((40, 40), 0.1), 0.0, 2.0, contrast=50.0)

    @jax.jit
    def effect(image):
        drive = area.drive(image[None])
        return paradoxical_effect(area.circuit, rates, EI(drive, drive)).I

    assert float(effect(image)) < 0
