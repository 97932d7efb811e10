"""Cells of two features: an independent program, and what attention to a feature must do."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import EI
from cortex.models.top_down import TopDownForm
from cortex.models.two_features import TwoFeatures
from tests.reference import ssn

MODEL = TwoFeatures(ring={"units": 9})
NOTHING, INPUT = TopDownForm(EI(0.0, 0.0), 0.0), TopDownForm(EI(12.0, 0.0), 0.0)


@pytest.fixture(scope="module")
def cells():
    return MODEL.cells(jax.random.key(3))


@pytest.fixture(scope="module")
def record():
    """Compiled once for all forms, of numbers as arrays."""
    run = eqx.filter_jit(MODEL.record)

    def call(cells, spread, form):
        return run(cells, jnp.asarray(spread), jax.tree.map(lambda x: jnp.asarray(x, float), form))

    return call


def plain(cells, spread, strength):
    """Selectivity and gain by the dense float64 program, loops over tasks, colours and shapes."""
    ring, W = MODEL.ring, cells.circuit.coupling.matrices()
    weights = [np.asarray(getattr(W, name), float) for name in ("EE", "EI", "IE", "II")]
    k = [np.asarray(x, float) for x in (cells.circuit.populations.k.E, ring.k)]
    net = ssn.network(*weights, (ring.tau_E, ring.tau_I), k, (ring.n, ring.n))
    share = 0.5 + spread * np.asarray(cells.drawn, float)
    tuned = np.array([[1, *[np.exp(-(60**2) / (2 * MODEL.width**2))] * 2]])
    near = np.array([np.roll(tuned[0], i) for i in range(3)])
    rates = np.zeros((2, 3, 3, 9))
    for task, pattern in enumerate((share, 1 - share)):
        for c in range(3):
            for s in range(3):
                colour, shape = np.repeat(near[c], 3), np.tile(near[s], 3)
                drive = MODEL.contrast * (share * colour + (1 - share) * shape)
                extra = np.concatenate([strength * pattern, np.zeros(9)])
                given = ssn.Input(np.tile(drive, 2), extra=extra)
                rates[task, c, s] = ssn.steady_state(net, given)[:9]
    a, b = rates.mean((0, 2)).max(0), rates.mean((0, 1)).max(0)
    x, y = rates.mean(2).max(1)
    return (a - b) / (a + b), (x - y) / (x + y)


def test_indices_are_those_of_an_independent_program(cells, record):
    found = record(cells, 0.05, INPUT)
    assert bool(found.settled)
    selectivity, gain = plain(cells, 0.05, 12.0)
    np.testing.assert_allclose(found.selectivity, selectivity, atol=2e-4)
    np.testing.assert_allclose(found.gain, gain, atol=2e-4)
    assert np.std(gain) > 1e-2


def test_without_attention_there_is_no_gain_and_alike_cells_are_not_selective(cells, record):
    found = record(cells, 0.05, NOTHING)
    np.testing.assert_allclose(found.gain, 0.0, atol=1e-5)
    alike = TwoFeatures(ring={"units": 9}, gain=0.0, inhibition=0.0).cells(jax.random.key(0))
    found = record(alike, 0.0, INPUT)
    np.testing.assert_allclose(found.selectivity, 0.0, atol=1e-5)
    np.testing.assert_allclose(found.gain, 0.0, atol=1e-5)


def test_weights_onto_a_cell_are_those_of_the_ring(cells):
    alike = TwoFeatures(ring={"units": 9}, inhibition=0.0).cells(jax.random.key(0))
    total = np.asarray(alike.circuit.coupling.matrices().EE).sum(1)
    np.testing.assert_allclose(total, MODEL.ring.J_EE * np.sqrt(2 * np.pi) * 32, rtol=1e-5)


def test_cells_have_to_be_pairs_of_as_many_colours_as_shapes():
    with pytest.raises(ValueError, match=r"ring.units: found 10, allowed: a square"):
        TwoFeatures(ring={"units": 10})
