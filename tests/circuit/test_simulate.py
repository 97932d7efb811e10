"""Time courses against plain Euler steps, closed forms, orders of convergence and differences."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.circuit import (
    EI,
    Adaptive,
    Circuit,
    DenseCoupling,
    Epoch,
    Fixed,
    Modulation,
    Populations,
    Projections,
    simulate,
)
from tests.circuit import twins
from tests.derivatives import check_derivatives
from tests.reference import published, ssn
from tests.refusals import refusal


@eqx.filter_jit
def run(circuit, protocol, times, stepping=None, **others):
    return simulate(circuit, protocol, times, stepping=stepping, **others)


def course(found):
    """[time, 2N] in float64."""
    return np.concatenate([found.values.E, found.values.I], axis=-1).astype(np.float64)


# Against the reference.


@pytest.mark.usefixtures("x64")
def test_euler_is_euler():
    """The same steps of the same method: equal to rounding. Every parameter a cell."""
    numbers = twins.random_numbers(0, 6)
    net, given = twins.reference_network(numbers), twins.reference_input(numbers)
    _, expected = ssn.euler(net, given, np.zeros(12), 0.5, 80)
    epoch = Epoch(40.0, twins.as_ei(numbers["drive"]), twins.cortex_modulation(numbers))
    times = jnp.arange(81) * 0.5
    found = run(twins.cortex_circuit(numbers), [epoch], times, Fixed(diffrax.Euler(), 0.5))
    assert found.finished
    np.testing.assert_allclose(course(found), expected, rtol=1e-9, atol=1e-12)


def test_attention_switched_on_midway():
    """Adaptive steps, as by default, in float32, against Euler steps of .01 ms."""
    numbers = twins.random_numbers(1, 6)
    net, drive = twins.reference_network(numbers), twins.as_ei(numbers["drive"])
    before, after = twins.reference_input(numbers, modulated=False), twins.reference_input(numbers)
    end, first = ssn.euler(net, before, np.zeros(12), 0.01, 3010)
    _, second = ssn.euler(net, after, end, 0.01, 3000)
    expected = np.concatenate([first[:-1], second])
    protocol = [Epoch(30.1, drive), Epoch(30.0, drive, twins.cortex_modulation(numbers))]
    picked = np.array([0, 500, 2000, 3009, 3011, 3100, 3500, 6010])
    found = run(twins.cortex_circuit(numbers), protocol, jnp.asarray(picked * 0.01))
    assert found.finished
    # Errors a step of 1e-4 relative and of 1e-4 Hz, and those of the reference's Euler steps.
    np.testing.assert_allclose(course(found), expected[picked], rtol=2e-3, atol=2e-3)
    # Attention does something here.
    assert np.abs(expected[3500] - expected[3009]).max() > 1


# Order of convergence. The drive keeps all inputs positive, where the power law is smooth; the
# coupling is strong, so that freezing it over a step would show as order one.


@pytest.fixture(scope="module")
def exact():
    """A small ring, its epoch, a start and the state after 16 ms to 1e-12."""
    with twins.double_precision():
        circuit, net = twins.ring(6)
        h = jnp.asarray(20 + published.bump(6, 45, 20.0))
        start = EI(jnp.full(6, 12.0), jnp.full(6, 8.0))
        epoch, times = Epoch(16.0, EI(h, h)), jnp.array([16.0])
        tight = Adaptive(diffrax.Dopri8(), rtol=1e-12, atol=1e-12)
        found = run(circuit, [epoch], times, tight, initial=start)
        assert found.finished
        given = ssn.Input(np.concatenate([h, h]))
        late = ssn.net_input(net, given, course(found)[0])
        assert late.min() > 5
        assert np.abs(net.weights @ course(found)[0]).max() > 10
    return circuit, epoch, times, start, course(found)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("solver", "order", "dt"),
    [
        pytest.param(diffrax.Euler(), 1, 0.25, marks=pytest.mark.slow),
        pytest.param(diffrax.Heun(), 2, 0.5, marks=pytest.mark.slow),
        pytest.param(diffrax.Bosh3(), 3, 0.25, marks=pytest.mark.slow),
        (diffrax.Tsit5(), 5, 1.0),
    ],
    ids=["euler", "heun", "bosh3", "tsit5"],
)
def test_order_of_convergence(exact, solver, order, dt):
    circuit, epoch, times, start, expected = exact
    errors = []
    for step in (dt, dt / 2):
        found = run(circuit, [epoch], times, Fixed(solver, step), initial=start)
        errors.append(np.abs(course(found) - expected).max())
    # High orders look higher still at finite steps; a frozen coupling would give order 1.
    assert order - 0.25 < np.log2(errors[0] / errors[1]) < order + (0.25 if order < 3 else 1)


@pytest.mark.usefixtures("x64")
def test_adaptive_steps_keep_their_tolerance(exact):
    circuit, epoch, times, start, expected = exact
    found = run(circuit, [epoch], times, Adaptive(rtol=1e-6, atol=1e-6), initial=start)
    error = np.abs(course(found) - expected).max()
    assert 1e-10 < error < 1e-4  # errors of 1e-6 of 30 Hz over a few steps; not by tiny steps


# Protocols.


def lone_units(tau=(20.0, 10.0)):
    """Two units a population without connections: u = h, so that closed forms exist."""
    silent = Projections(*4 * [jnp.zeros((2, 2))])
    return Circuit(Populations(EI(*tau), EI(0.5, 0.25), EI(1.0, 2.0)), DenseCoupling(silent))


STAIRS = (10.0, 7.3, 1 / 3)  # durations [ms] that no step divides
LEVELS = (4.0, 10.0, 0.0)


def stairs():
    levels = [EI(jnp.full(2, h), jnp.array([h, 2 * h])) for h in LEVELS]
    return [Epoch(duration, drive) for duration, drive in zip(STAIRS, levels, strict=True)]


def stairs_by_hand(times, tau):
    """Each epoch relaxes towards its own target: [time, (E, I of unit 0, I of unit 1)]."""
    edges = np.concatenate([[0.0], np.cumsum(STAIRS)])
    rows = []
    for t in times:
        r = np.zeros(3)
        for start, end, h in zip(edges[:-1], edges[1:], LEVELS, strict=True):
            goal = np.array([0.5 * h, 0.25 * h**2, 0.25 * (2 * h) ** 2])
            r = goal + (r - goal) * np.exp(-max(min(t, end) - start, 0.0) / tau)
        rows.append(r)
    return np.array(rows)


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize(
    ("stepping", "error"),
    [
        # Fifth order with steps of at most tau / 10: 1e-7. A straddled edge costs 1e-2.
        pytest.param(Fixed(diffrax.Tsit5(), 1.0), 1e-6, marks=pytest.mark.slow),
        (Adaptive(rtol=1e-9, atol=1e-9), 1e-6),
    ],
    ids=["fixed", "adaptive"],
)
def test_edges_are_exact(stepping, error):
    edges = np.cumsum(STAIRS)
    times = np.unique(np.concatenate([[0.0, 1.234, 10.001, 17.5], edges, edges - 0.01]))
    circuit = lone_units(tau=(20.0, np.array([10.0, 35.0])))  # one a cell
    found = run(circuit, stairs(), jnp.asarray(times), stepping)
    assert found.finished
    np.testing.assert_array_equal(found.times, times)
    expected = stairs_by_hand(times, np.array([20.0, 10.0, 35.0]))
    np.testing.assert_allclose(found.values.E[:, 0], expected[:, 0], atol=error)
    np.testing.assert_allclose(found.values.I, expected[:, 1:], atol=error)


@pytest.mark.usefixtures("x64")
def test_fixed_steps_divide_each_epoch():
    """Steps of at most 3 ms: 4 of 2.5 ms in 10 ms, 3 of 2.43 ms in 7.3 ms, one in the last."""
    found = run(lone_units(), stairs(), jnp.cumsum(jnp.array(STAIRS)), Fixed(diffrax.Euler(), 3.0))
    r, expected = 0.0, []
    for duration, h, steps in zip(STAIRS, LEVELS, (4, 3, 1), strict=True):
        r = 0.5 * h + (r - 0.5 * h) * (1 - duration / steps / 20.0) ** steps
        expected.append(r)
    np.testing.assert_allclose(found.values.E[:, 0], expected, rtol=1e-9)


def test_saving_what_is_asked_for():
    """Functions of time, state and the dynamics in force; on an edge, of the ending epoch."""

    def save(t, rates, dynamics):
        seen = dynamics.modulation.output_gain * rates.E
        return {"t": t, "h": dynamics.drive.E[0], "out": jnp.sum(seen), "rates": rates}

    circuit = lone_units()
    drives = [EI(jnp.full(2, h), jnp.full(2, h)) for h in (4.0, 10.0)]
    protocol = [Epoch(10.0, drives[0]), Epoch(5.0, drives[1], Modulation(output_gain=3.0))]
    times = jnp.array([0.0, 5.0, 10.0, 10.0, 10.5, 15.0])
    values = run(circuit, protocol, times, save=save).values
    np.testing.assert_allclose(values["t"], times, rtol=1e-6)
    np.testing.assert_array_equal(values["h"], [4, 4, 4, 4, 10, 10])
    gain = np.array([1, 1, 1, 1, 3, 3])
    total = np.sum(values["rates"].E, axis=-1)
    np.testing.assert_allclose(values["out"], gain * total, rtol=1e-6)
    assert values["rates"].I.shape == (6, 2)
    assert values["out"][0] == 0
    assert values["out"][-1] > 0


@pytest.mark.parametrize(
    ("protocol", "times", "words"),
    [
        ([], [1.0], "protocol: found no epoch"),
        ([0.0], [0.0], "found a duration of 0 ms, allowed: > 0 ms"),
        ([10.0, -5.0], [1.0], "found a duration of -5 ms"),
        ([np.inf], [1.0], "found a duration of inf ms"),
        ([np.nan], [1.0], "found a duration of nan ms"),
        ([10.0, 5.0], [1.0, 15.1], "times: found 1 to 15.1 ms, allowed: increasing from 0 to 15"),
        ([10.0], [-0.5, 2.0], "times: found -0.5 to 2 ms"),
        ([10.0], [3.0, 2.0], "increasing"),
    ],
)
def test_impossible_protocols_are_refused(protocol, times, words):
    drive = EI(jnp.zeros(2), jnp.zeros(2))
    epochs = [Epoch(duration, drive) for duration in protocol]
    assert words in refusal(simulate, lone_units(), epochs, jnp.asarray(times), error=ValueError)


@pytest.mark.parametrize(
    "stepping",
    [Fixed(dt=1.0), pytest.param(Adaptive(), marks=pytest.mark.slow)],
    ids=["fixed", "adaptive"],
)
def test_a_state_that_blows_up_is_not_finished(stepping):
    weights = Projections(*(jnp.full((2, 2), w) for w in (0.5, 0.0, 0.0, 0.0)))
    circuit = Circuit(
        Populations(EI(20.0, 10.0), EI(0.5, 0.5), EI(2.0, 2.0)), DenseCoupling(weights)
    )
    drive = EI(jnp.full(2, 10.0), jnp.zeros(2))
    protocol = [Epoch(300.0, drive), Epoch(20.0, EI(jnp.zeros(2), jnp.zeros(2)))]
    found = run(circuit, protocol, jnp.array([0.5, 320.0]), stepping)
    assert not found.finished  # and an end in silence does not make up for it
    assert np.isfinite(found.values.E[0, 0])
    assert np.isnan(found.values.E[1, 0])


def test_too_few_steps_are_not_finished():
    found = run(lone_units(), stairs()[:1], jnp.array([10.0]), Adaptive(dtmax=0.5, max_steps=12))
    assert not found.finished


def test_batches_of_drives_and_traced_durations():
    """In one compiled call, against the same Euler steps in NumPy."""
    circuit, net = twins.ring(6)
    h = published.bump(6, 45, 15.0)
    both = np.concatenate([h, h])
    drive = EI(jnp.asarray(h, jnp.float32), jnp.asarray(h, jnp.float32))

    def late(contrast, duration):
        protocol = [Epoch(duration, drive.map(lambda x: contrast * x)), Epoch(6.0, drive)]
        times = jnp.array([2.0, 6.0])
        return simulate(circuit, protocol, times, stepping=Fixed(diffrax.Euler(), 0.5)).values

    contrasts, durations = [0.5, 1.0, 3.0], [4.0, 3.0, 2.0]
    found = jax.jit(jax.vmap(late))(jnp.array(contrasts), jnp.array(durations))
    for row, (contrast, duration) in enumerate(zip(contrasts, durations, strict=True)):
        steps = round(2 * duration)
        end, first = ssn.euler(net, ssn.Input(contrast * both), np.zeros(12), 0.5, steps)
        last, _ = ssn.euler(net, ssn.Input(both), end, 0.5, 12 - steps)
        np.testing.assert_allclose(found.E[row], [first[4][:6], last[:6]], rtol=1e-4)
        np.testing.assert_allclose(found.I[row], [first[4][6:], last[6:]], rtol=1e-4)


# Derivatives.


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_gradient_against_differences():
    """Through fixed steps and an edge, in each kind of parameter, backwards and forwards.

    The steps are the same on both sides of a difference, so that it measures the derivative
    of what is computed, good to 1e-8.
    """
    circuit, _ = twins.ring(6)
    h = jnp.asarray(published.bump(6, 45, 15.0))
    weigh = jnp.asarray(np.random.default_rng(0).normal(size=(2, 2, 6)))
    times = jnp.array([7.0, 20.0])
    names = ("W_EE", "W_EI", "tau_E", "tau_I", "k_E", "n_I", "drive", "input", "gain", "duration")

    def loss(x, adjoint=None):
        x = dict(zip(names, x, strict=True))
        W = circuit.coupling.weights
        weights = Projections(EE=x["W_EE"] * W.EE, EI=x["W_EI"] * W.EI, IE=W.IE, II=W.II)
        changed = Circuit(
            Populations(
                EI(20 * x["tau_E"], 10 * x["tau_I"]),
                EI(0.04 * x["k_E"], 0.04),
                EI(2.0, 2 * x["n_I"]),
            ),
            DenseCoupling(weights),
        )
        on = Modulation(drive_gain=EI(x["gain"], 1.0), input=EI(2 * x["input"] * jnp.ones(6), 0.0))
        protocol = [
            Epoch(12.0 * x["duration"], EI(x["drive"] * h, h)),
            Epoch(9.0, EI(h, x["drive"] * h), on),
        ]
        found = simulate(
            changed, protocol, times, stepping=Fixed(diffrax.Euler(), 1.6), adjoint=adjoint
        )
        return jnp.sum(weigh[0] * found.values.E) + jnp.sum(weigh[1] * found.values.I)

    x = jnp.ones(len(names))
    gradient = check_derivatives(loss, x, 1e-5, rtol=1e-5, rounding=1e-11)
    assert np.all(np.abs(gradient) > 1e-3)
    direction = jnp.asarray(np.random.default_rng(1).normal(size=len(names)))
    forward = jax.jit(lambda y, v: jax.jvp(lambda z: loss(z, diffrax.ForwardMode()), (y,), (v,)))
    slope = forward(x, direction)[1]
    assert float(slope) == pytest.approx(float(gradient @ direction), rel=1e-5)
