"""Areas and systems against their formulas and against dense NumPy circuits."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import PlainArea, VisualSystem
from cortex.circuit import EI, FixedPointIteration, Modulation
from cortex.errors import UserError
from tests.areas import systems
from tests.reference import attention as reference
from tests.reference import ssn

respond = eqx.filter_jit(VisualSystem.respond)


@pytest.fixture(scope="module")
def system():
    return systems.with_circuits()


@pytest.fixture(scope="module")
def image():
    return systems.images(1)[0]


@pytest.fixture(scope="module")
def modulations():
    """Something at every place where attention can enter, for both areas."""
    rng = np.random.default_rng(5)
    made = []
    for shape in systems.SHAPES:
        level = [jnp.asarray(rng.uniform(0.8, 1.2, shape), jnp.float32) for _ in range(7)]
        inputs = EI(level[4] - 1, level[5] - 1)
        made.append(Modulation(EI(*level[:2]), inputs, EI(*level[2:4]), level[6]))
    return made


def test_plain_area(image):
    """output_gain * g [I + m]_+; I units, recurrence and their modulation do not exist."""
    stages, _ = systems.pieces()
    area = PlainArea(systems.network().stages[0])
    net = reference.net_input(np.asarray(image, float), stages[0])
    rng = np.random.default_rng(0)
    g, m = rng.uniform(0, 2, net.shape), rng.normal(size=net.shape)
    out = rng.uniform(0, 2, net.shape)
    attended = Modulation(
        EI(jnp.asarray(g, jnp.float32), 7.0),
        EI(jnp.asarray(m, jnp.float32), 7.0),
        EI(5.0, 5.0),
        jnp.asarray(out, jnp.float32),
    )
    for modulation, expected in (
        (None, np.maximum(net, 0)),
        (Modulation(EI(jnp.asarray(g, jnp.float32), 1.0)), g * np.maximum(net, 0)),
        (Modulation(input=EI(jnp.asarray(m, jnp.float32), 0.0)), np.maximum(net + m, 0)),
        (attended, g * np.maximum(net + m, 0)),
    ):
        response = area(image, modulation)
        gain = out if modulation is attended else 1
        # float32 sums of nine products.
        np.testing.assert_allclose(response.rates.E, expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(response.output, gain * expected, rtol=1e-5, atol=1e-6)
        assert not np.any(response.rates.I)
        assert response.residual == 0
        assert response.converged


def test_plain_system_is_the_network():
    network = systems.network()
    system = VisualSystem.plain(network)
    shown = systems.images(4)
    expected = eqx.filter_jit(eqx.filter_vmap(network))(shown)
    # The same operations; a compiler may fuse them differently.
    np.testing.assert_allclose(
        eqx.filter_jit(eqx.filter_vmap(system))(shown), expected, rtol=1e-5, atol=1e-6
    )
    assert np.ptp(expected, axis=0).min() > 0.05  # images tell


def test_the_tail_equals_the_whole(system, image, modulations):
    whole = respond(system, image, modulations)
    (tail,) = respond(system, whole[0].output, modulations, first=1)
    # One steady state, found twice with the same steps.
    np.testing.assert_allclose(tail.output, whole[1].output, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(tail.rates.I, whole[1].rates.I, rtol=1e-5, atol=1e-5)
    assert respond(system, whole[1].output, modulations, first=2) == ()
    logits = eqx.filter_jit(system)(image)
    unattended = respond(system, image)
    np.testing.assert_allclose(logits, system.readout(unattended[-1].output), rtol=1e-4)
    moved = np.abs(whole[1].output - unattended[1].output).max()
    assert moved > 1e-2 * np.abs(unattended[1].output).max()  # the modulation got there


def test_initials_change_nothing_but_the_search(system, image):
    silent = respond(system, image)
    rng = np.random.default_rng(3)
    elsewhere = [
        EI(*(jnp.asarray(rng.uniform(0, 20, s), jnp.float32) for _ in range(2)))
        for s in systems.SHAPES
    ]
    warm = respond(system, image, initials=elsewhere)
    for a, b in zip(silent, warm, strict=True):
        assert a.converged
        assert b.converged
        assert not np.array_equal(a.rates.E, b.rates.E)
        # Each within the residual of 1e-4 of the largest rate, times the amplification.
        close = {"rtol": 0, "atol": 2e-3 * float(jnp.max(a.rates.E))}
        np.testing.assert_allclose(a.rates.E, b.rates.E, **close)
    # From where the search ends, hardly any time is needed; from silence it is too short.
    hurried = eqx.tree_at(
        lambda s: [a.solver for a in s.areas],
        system,
        [FixedPointIteration(dt=2.0, duration=20.0, rtol=1e-3, atol=1e-3)] * 2,
    )
    started = [r.rates for r in silent]
    assert all(r.converged for r in respond(hurried, image, initials=started))
    assert not any(r.converged for r in respond(hurried, image))


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("modulated", [False, True])
def test_circuit_area_is_the_dense_circuit(modulated):
    """Stage, scaled drive, modulation, steady state and output map, each by the formula."""
    stages, _ = systems.pieces()
    shape = systems.SHAPES[0]
    area = systems.circuit_area(systems.network().stages[0], shape, solver=systems.TIGHT)
    image = systems.images(1)[0]
    units = int(np.prod(shape))
    rng = np.random.default_rng(7)
    gain, recurrent = rng.uniform(0.7, 1.3, (2, 2 * units))
    extra, out = rng.normal(size=2 * units), rng.uniform(0.5, 2, units)
    drive = 25.0 * np.maximum(reference.net_input(np.asarray(image), stages[0]), 0).ravel()
    given, modulation = ssn.Input(np.concatenate([drive, drive])), None
    if modulated:
        given = ssn.Input(given.drive, gain, recurrent, extra, out)

        def pair(values):
            return EI(*(jnp.asarray(half.reshape(shape)) for half in np.split(values, 2)))

        modulation = Modulation(
            pair(gain), pair(extra), pair(recurrent), jnp.asarray(out.reshape(shape))
        )
    expected = ssn.steady_state(systems.dense_circuit(shape), given, dt=1.0)
    response = eqx.filter_jit(area)(image, modulation)
    found = np.concatenate([np.ravel(response.rates.E), np.ravel(response.rates.I)])
    # Residuals of 1e-10 and less; cortex drops weights below 1e-12 of the peak.
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)
    assert response.converged
    sent = ssn.output(given, expected).reshape(shape)
    scale, exponent = np.linspace(-1.0, 0.0, 3), np.linspace(-0.8, -0.3, 3)
    for f in range(3):
        power = np.exp(exponent[f])
        output = np.exp(scale[f]) * ((sent[f] + 0.5) ** power - 0.5**power)
        np.testing.assert_allclose(response.output[f], output, rtol=1e-7, atol=1e-8)


def test_a_runaway_is_reported(image):
    """Without inhibition the search fails; no rate is given as if it were one."""
    J = dict(systems.J, EI=0.0)
    area = systems.circuit_area(systems.network().stages[0], systems.SHAPES[0], J=J)
    response = eqx.filter_jit(area)(image)
    assert not response.converged
    assert np.isnan(response.rates.E).all()
    assert np.isnan(response.output).all()


@pytest.mark.parametrize(
    ("given", "line"),
    [
        (
            [Modulation()],
            r"^modulations: found 1 of them, allowed: a list of 2, one for each of conv1",
        ),
        ([None] * 3, r"^modulations: found 3 of them, allowed: a list of 2"),
    ],
)
def test_one_modulation_an_area(system, image, given, line):
    with pytest.raises(UserError, match=line):
        system.respond(image, given)
