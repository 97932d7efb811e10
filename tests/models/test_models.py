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
from tests.reference import ssn

NAMES = ("EE", "EI", "IE", "II")


@pytest.mark.parametrize("units", [180, 36])
def test_ring(units):
    ring = Ring(units=units)
    matrices = ring.circuit().coupling.matrices()
    for name in NAMES:
        strength = getattr(ring, f"J_{name}") * 180 / units
        expected = ssn.ring_weights(units, 180.0, strength, 32.0)
        np.testing.assert_allclose(getattr(matrices, name), expected, rtol=2e-6)


def test_line():
    line = Line(units=31)
    matrices = line.circuit().coupling.matrices()
    for name in NAMES:
        expected = ssn.line_weights(
            31, 1 / 3, getattr(line, f"W_{name}"), getattr(line, f"sigma_{name}")
        )
        # Where float32 has digits left: the farthest tails are denormal there.
        np.testing.assert_allclose(getattr(matrices, name), expected, rtol=1e-4, atol=1e-35)


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
