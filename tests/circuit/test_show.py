"""How circuits and states show themselves: short, with numbers and units."""

import jax
import jax.numpy as jnp

from cortex.circuit import (
    EI,
    Circuit,
    DenseCoupling,
    FixedPointIteration,
    Modulation,
    Populations,
    Projections,
    steady_state,
)

POPULATIONS = Populations(tau=EI(20.0, 10.0), k=EI(0.04, 0.04), n=EI(2.0, 2.0))
SHOWN = "Populations(tau E 20, I 10 ms; k E and I 0.04 Hz; n E and I 2)"


def circuit(weight=0.02):
    J = Projections(weight, 0.1, 0.5, 0.1)
    return Circuit(POPULATIONS, DenseCoupling(J.map(lambda w: w * jnp.eye(2))))


def test_a_circuit_shows_its_numbers_and_units():
    assert repr(POPULATIONS) == SHOWN
    text = repr(circuit())
    assert text.startswith(f"Circuit({SHOWN}; DenseCoupling(")
    assert "EI 0 to 0.1, shape (2, 2)" in text
    assert text.count("\n") == 0
    assert len(text) < 300


def test_a_pair_shows_its_range_or_its_numbers():
    assert repr(EI(jnp.array([1.0, 3.0]), 0.5)) == "EI(E 1 to 3, shape (2,); I 0.5)"
    assert repr(EI(jnp.array([1.0, jnp.nan]), None)) == "EI(E 1, 1 NaN, shape (2,))"
    assert "drive_gain E and I 1" in repr(Modulation())


def test_a_steady_state_shows_whether_it_is_one():
    drives = jnp.array([[10.0, 5.0], [jnp.nan, 5.0]])
    settle = jax.jit(
        jax.vmap(lambda h: steady_state(circuit(), EI(h, h), solver=FixedPointIteration()))
    )
    states = settle(drives)
    one = jax.tree.map(lambda leaf: leaf[0], states)
    assert repr(one).startswith("SteadyState(settled; rates E ")
    assert " Hz; residual " in repr(one)
    assert repr(states).startswith("SteadyState(1 of 2 settled, 1 of 2 invalid; rates E ")
    assert "2 NaN" in repr(states)


def test_what_is_traced_is_shown_as_such():
    seen = []
    jax.jit(lambda x: seen.append(repr(EI(x, 2 * x))))(jnp.ones(3))
    assert seen == ["EI(E traced (3,); I traced (3,))"]


def test_a_notebook_gets_the_same_escaped():
    assert EI("<", 1.0)._repr_html_() == "<code>EI(E &lt;; I 1)</code>"
