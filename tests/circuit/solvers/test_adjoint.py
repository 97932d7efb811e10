"""The way through an epoch and back, against diffrax's own loop and its derivatives."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.circuit import (
    EI,
    Adaptive,
    Circuit,
    DenseCoupling,
    DiscreteAdjoint,
    Epoch,
    Fixed,
    GaussianCoupling,
    Modulation,
    PeriodicBorder,
    Populations,
    Projections,
    circular_features,
    simulate,
)
from cortex.circuit.coupling.band import BandOperator
from tests.circuit import twins
from tests.derivatives import check_derivatives
from tests.reference import adjoint, published

UNITS = 5
TIMES = jnp.array([0.0, 4.0, 12.0, 12.5, 21.0])
SOLVERS = {
    "euler": Fixed(diffrax.Euler(), 1.6),
    # The first step is rejected; so few at most that there are several checkpoints.
    "bosh3": Adaptive(diffrax.Bosh3(), 1e-6, 1e-6, max_steps=100),
    "tsit5": Adaptive(diffrax.Tsit5(), 1e-3, 1e-3),
}
DIFFRAX = diffrax.RecursiveCheckpointAdjoint()


def network(x):
    """A ring of which every kind of number is scaled by an element of `x`, and its protocol."""
    circuit, _ = twins.ring(UNITS)
    h, W = jnp.asarray(published.bump(UNITS, 45, 15.0)), circuit.coupling.weights
    weights = Projections(EE=x[0] * W.EE, EI=x[1] * W.EI, IE=x[1] * W.IE, II=W.II)
    populations = Populations(EI(20 * x[2], 10.0), EI(0.04, 0.04 * x[3]), EI(2 * x[4], 2.0))
    circuit = Circuit(populations, DenseCoupling(weights))
    attended = Modulation(drive_gain=EI(x[5], 1.0), input=EI(2 * x[5], 0.0))
    protocol = [Epoch(12.0, EI(x[6] * h, h)), Epoch(9.0, EI(h, x[6] * h), attended)]
    return circuit, protocol, EI(x[7] * h / 10, h / 10)


def value(x, stepping, adjoint):
    """A number that depends on all that is saved, and what was found."""
    circuit, protocol, initial = network(x)
    found = simulate(circuit, protocol, TIMES, stepping=stepping, adjoint=adjoint, initial=initial)
    weigh = jnp.asarray(np.random.default_rng(0).normal(size=(2, len(TIMES), UNITS)))
    return jnp.sum(weigh[0] * found.values.E) + jnp.sum(weigh[1] * found.values.I**2), found


@eqx.filter_jit
def both(x, stepping, adjoint):
    return eqx.filter_value_and_grad(value, has_aux=True)(x, stepping, adjoint)


@pytest.mark.usefixtures("x64")
def test_what_diffrax_gave():
    """As the slow test below, with what diffrax's way found kept in a file."""
    found, x = np.load(adjoint.FILE), jnp.linspace(0.9, 1.1, 8)
    (number, course), gradient = both(x, SOLVERS["bosh3"], DiscreteAdjoint(2))
    assert float(number) == pytest.approx(float(found["number"]), rel=1e-11)
    np.testing.assert_allclose(course.values.E, found["E"], rtol=1e-10)
    np.testing.assert_allclose(gradient, found["gradient"], rtol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("solver", "remembered"), [("bosh3", (2,)), ("euler", (2,)), ("tsit5", (48,))]
)
def test_the_same_steps_and_derivatives_as_diffrax(solver, remembered):
    """Whether all steps are remembered, or most are taken again.

    The step sizes follow from the same errors up to rounding, and nothing amplifies it.
    """
    x = jnp.linspace(0.9, 1.1, 8)
    (right, course), slope = both(x, SOLVERS[solver], DIFFRAX)
    assert course.finished
    plain = eqx.filter_jit(value)(x, SOLVERS[solver], None)[0]
    assert float(plain) == pytest.approx(float(right), rel=1e-11)
    for steps in remembered:
        (found, mine), gradient = both(x, SOLVERS[solver], DiscreteAdjoint(steps))
        assert float(found) == float(plain)
        np.testing.assert_allclose(mine.values.E, course.values.E, rtol=1e-11)
        np.testing.assert_allclose(gradient, slope, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_members_of_a_batch_go_their_own_ways():
    """Each has steps of its own number and size, and is the same as alone."""
    stepping, back = SOLVERS["bosh3"], DiscreteAdjoint(2)
    xs = jnp.stack([jnp.full(8, level) for level in (0.8, 1.0, 1.05)])
    (values, found), gradients = jax.jit(
        jax.vmap(lambda x: jax.value_and_grad(value, has_aux=True)(x, stepping, back))
    )(xs)
    for number, x in enumerate(xs):
        (right, course), slope = both(x, stepping, back)
        assert float(values[number]) == pytest.approx(float(right), rel=1e-11)
        np.testing.assert_allclose(found.values.E[number], course.values.E, rtol=1e-11)
        np.testing.assert_allclose(gradients[number], slope, rtol=1e-8)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_what_is_saved_may_refer_to_what_is_differentiated():
    """A captured array, a number that is no float, and the dynamics in force."""

    def one(x):
        circuit, protocol, _ = network(x)

        def save(t, rates, dynamics):
            return {
                "sum": x[0] * jnp.sum(rates.E) + t,
                "residual": dynamics.residual(rates).E,
                "rates": rates.E,
                "largest": jnp.argmax(rates.E),
            }

        found = simulate(circuit, protocol, TIMES, save=save, stepping=SOLVERS["euler"])
        return jnp.sum(found.values["sum"]) + jnp.sum(found.values["residual"][1]), found.values

    x = jnp.linspace(0.9, 1.1, 8)
    _, values = jax.jit(one)(x)
    np.testing.assert_allclose(values["sum"], 0.9 * values["rates"].sum(axis=1) + TIMES)
    np.testing.assert_array_equal(values["largest"], jnp.argmax(values["rates"], axis=1))
    # The same steps on both sides of a difference, which is good to 1e-10 of third derivatives.
    gradient = check_derivatives(lambda x: one(x)[0], x, 1e-5, rtol=1e-6, rounding=1e-11)
    # The last scales a start that is not given here.
    np.testing.assert_array_equal(np.abs(gradient) > 1e-3, [True] * 7 + [False])


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
@settings(max_examples=2, deadline=None)
@given(sizes=st.tuples(st.integers(40, 43), st.integers(40, 44)), seed=st.integers(0, 99))
def test_gradient_of_a_sheet_on_waves(sizes, seed):
    """There less than the net input is remembered."""
    rng = np.random.default_rng(seed)
    shape = (2, *sizes)
    strong = Projections(*rng.uniform(0.5, 0.8, 4))
    h = jnp.asarray(rng.uniform(1, 10, shape))
    stepping = SOLVERS["bosh3"]

    wide = Projections(6.0, 6.0, 6.0, 6.0)
    mix = circular_features(jnp.array([0.0, 90.0]), 32.0)
    coupling = GaussianCoupling(strong, wide, mix, shape, PeriodicBorder())
    # Widths that are traced would have the net input remembered instead.
    assert isinstance(coupling.operator(), BandOperator)

    def of(adjoint):
        def one(x):
            J = strong.map(lambda j: j * x[0])
            scaled = eqx.tree_at(lambda c: c.J, coupling, J)
            circuit = Circuit(
                Populations(EI(20 * x[2], 10.0), EI(0.04, 0.04), EI(2.0, 2.0)), scaled
            )
            epoch = Epoch(30.0, EI(x[1] * h, h))
            times = jnp.array([30.0])
            found = simulate(circuit, [epoch], times, stepping=stepping, adjoint=adjoint)
            return jnp.sum(found.values.E)

        return jax.jit(jax.grad(one))(jnp.ones(3))

    np.testing.assert_allclose(of(DiscreteAdjoint(4)), of(DIFFRAX), rtol=1e-9)


@pytest.mark.usefixtures("x64")
def test_the_last_moment_may_round_beyond_the_end():
    """.1 + .2 is more than .3."""
    circuit, _, _ = network(jnp.ones(8))
    h = jnp.asarray(published.bump(UNITS, 45, 15.0))
    epochs = [Epoch(0.3, EI(h, h)), Epoch(0.6, EI(2 * h, h))]
    times = jnp.array([0.1 + 0.2, (0.1 + 0.2) * 3])
    found = simulate(circuit, epochs, times, stepping=Fixed(diffrax.Euler(), 0.1))
    near = simulate(circuit, epochs, jnp.array([0.3, 0.9]), stepping=Fixed(diffrax.Euler(), 0.1))
    assert np.all(np.asarray(found.values.E[1]) > np.asarray(found.values.E[0]))
    np.testing.assert_allclose(found.values.E, near.values.E, rtol=1e-12)


def test_only_explicit_methods_have_this_adjoint():
    circuit, protocol, _ = network(jnp.ones(8))
    stepping = Adaptive(diffrax.Kvaerno3())
    with pytest.raises(ValueError, match="found DiscreteAdjoint for Kvaerno3, allowed: with expl"):
        simulate(circuit, protocol, TIMES, stepping=stepping, adjoint=DiscreteAdjoint())
    with pytest.raises(ValueError, match=r"DiscreteAdjoint\.steps: found 0, allowed: >= 1"):
        DiscreteAdjoint(0)


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_implicit_methods_are_diffrax_s():
    circuit, protocol, initial = network(jnp.ones(8))
    stepping = Adaptive(diffrax.Kvaerno3(), 1e-7, 1e-7)
    found = simulate(circuit, protocol, TIMES, stepping=stepping, initial=initial)
    near = simulate(circuit, protocol, TIMES, stepping=Adaptive(rtol=1e-8, atol=1e-8),
                    initial=initial)  # fmt: skip
    assert found.finished
    np.testing.assert_allclose(found.values.E, near.values.E, rtol=1e-4)
