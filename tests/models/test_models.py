"""The published circuits against the dense NumPy programs; the three forms of attention."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.labelled import over
from cortex.models import (
    UNATTENDED_AND_FORMS,
    Line,
    Ring,
    TopDown,
)
from tests.reference import published


@pytest.mark.parametrize(
    ("model", "plain"),
    [
        (Ring(units=180), published.ring(180)),
        (Ring(units=36), published.ring(36)),
        (Line(units=31), published.line(31)),
    ],
    ids=["ring", "a smaller ring", "line"],
)
def test_published_circuits(model, plain):
    circuit, units = model.circuit(), model.units
    W = circuit.coupling.matrices()
    signed = jnp.block([[W.EE, -W.EI], [W.IE, -W.II]])
    # Where float32 has digits left: the farthest tails are denormal there.
    np.testing.assert_allclose(signed, plain.weights, rtol=1e-4, atol=1e-35)
    for name in ("tau", "k", "n"):
        pair = getattr(circuit.populations, name)
        np.testing.assert_allclose(np.repeat([pair.E, pair.I], units), getattr(plain, name))


def test_line_positions_are_centred():
    places = np.asarray(Line(units=5, spacing=0.5).positions())
    np.testing.assert_allclose(places, [-1.0, -0.5, 0.0, 0.5, 1.0])


def test_the_forms_of_top_down_attention_are_one_axis():
    pattern = jnp.asarray([0.0, 0.5, 1.0])
    attention = TopDown(input=2.0, gain=0.4, to_I=0.5)
    rows = over(attention=attention.states())(lambda form: form(pattern))
    zero, one, p = np.zeros(3), np.ones(3), np.asarray(pattern)
    expected = {
        "unattended": (zero, zero, one, one),
        "input to E": (2 * p, zero, one, one),
        "gain on drive": (zero, zero, 1 + 0.4 * p, 1 + 0.4 * p),
        "input to E and I": (2 * p, p, one, one),
    }
    assert tuple(expected) == UNATTENDED_AND_FORMS
    for word, (to_E, to_I, gain_E, gain_I) in expected.items():
        input, gain = rows.input.sel(attention=word), rows.drive_gain.sel(attention=word)
        np.testing.assert_allclose(input.values, [to_E, to_I])
        np.testing.assert_allclose(gain.values, [gain_E, gain_I], rtol=1e-6)


def test_a_gain_on_the_drive_is_not_below_zero():
    field = TopDown(gain=-1.0).forms()["gain on drive"](jnp.asarray([0.5, 2.0]))
    np.testing.assert_allclose(field.drive_gain.E, [0.5, 0.0])
