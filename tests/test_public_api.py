"""`import cortex as cx`: names that are loaded when used, and the lines that README begins with."""

import ast
import subprocess
import sys
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cortex as cx

SOURCE = Path(cx.__file__).read_text()


def fresh(program):
    """What a new interpreter prints."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_importing_it_imports_nothing_else():
    heavy = "jax", "numpy", "equinox", "pydantic", "xarray"
    program = f"import sys, cortex; print([m for m in {heavy} if m in sys.modules], cortex.ring)"
    assert fresh(program).startswith("[] <function ring")


@pytest.mark.parametrize("name", [name for name in cx.__all__ if name not in cx._ROOMS])
def test_every_name_is_that_of_its_home(name):
    found = getattr(cx, name)
    assert found.__name__ == name
    assert found.__doc__


def test_every_room_is_reachable():
    for room in cx._ROOMS:
        assert getattr(cx, room).__name__ == f"cortex.{room}"
    assert cx.circuit.steady_state is cx.steady_state
    assert {*cx.__all__, "__version__"} <= set(dir(cx))
    with pytest.raises(AttributeError, match="has no attribute 'Circus'"):
        cx.Circus  # noqa: B018


def test_type_checkers_know_the_same_names():
    blocks = [node for node in ast.parse(SOURCE).body if isinstance(node, ast.If)]
    (block,) = (node for node in blocks if ast.unparse(node.test) == "TYPE_CHECKING")
    known = {alias.name: node.module for node in block.body for alias in node.names}
    homes = {name: f"cortex.{home}" for name, home in cx._HOMES.items()}
    assert known == homes | dict.fromkeys(cx._ROOMS, "cortex")


# The lines of the docstring, on a small network of callables of three kinds.


@pytest.fixture(scope="module")
def callables():
    """Two equinox layers, a function that holds an array, and a head."""
    keys = jax.random.split(jax.random.key(0), 4)
    conv1 = eqx.nn.Conv2d(1, 4, 3, padding=1, key=keys[0])
    conv2 = eqx.nn.Conv2d(4, 6, 3, stride=2, padding=1, key=keys[1])
    kernel = jax.random.normal(keys[2], (6, 6, 3, 3)) / 7

    def conv3(maps):
        return jax.lax.conv_general_dilated(maps[None], kernel, (1, 1), "SAME")[0]

    flat = eqx.nn.Lambda(jnp.ravel)
    head = eqx.nn.Sequential([flat, eqx.nn.Linear(6 * 16, 4, key=keys[3])])
    return conv1, conv2, conv3, head


@pytest.fixture(scope="module")
def labelled_images():
    """Noise with a bright row, one for each of four categories."""
    rng = np.random.default_rng(1)
    labels = rng.permutation(np.arange(40) % 4)
    images = rng.uniform(size=(40, 1, 8, 8)) ** 2
    images[np.arange(40), 0, 2 * labels] += 1.0
    return jnp.asarray(images, float), labels


@pytest.fixture(scope="module")
def made(callables, labelled_images):
    conv1, conv2, conv3, head = callables
    x, y = labelled_images
    net = cx.ConvNetwork([conv1, conv2, conv3], readout=head)
    system = cx.insert_circuits(net, at="conv3", circuit=cx.SSN(), images=x, held_out=x[:8])
    observer = cx.Observer.fit(system, x, y)
    tuning = cx.FeatureSimilarity.fit(observer, x, y, at="conv3")
    return net, system, observer, tuning


def test_the_six_lines(made, labelled_images):
    net, system, observer, tuning = made
    x, y = labelled_images
    image = x[0]
    without, attended = observer(image)[3], observer(image, tuning(category=3, strength=0.5))[3]
    assert np.isfinite([without, attended]).all()
    assert abs(attended - without) > 0.05
    assert np.mean(np.argmax(observer(x), axis=1) == y) > 0.8
    assert isinstance(system.areas[2], cx.areas.CircuitArea)
    assert isinstance(system.areas[1], cx.areas.PlainArea)
    assert system.names == ("conv1", "conv2", "conv3")
    # The same network by the names that the user gives.
    named = cx.ConvNetwork(dict(zip(("a", "b", "c"), net.stages, strict=True)), net.readout)
    np.testing.assert_array_equal(named(image), net(image))


@pytest.mark.slow
def test_the_circuit_is_calibrated_and_inhibition_stabilised(made, labelled_images):
    """On a network that was never trained, by the defaults."""
    _, system, observer, _ = made
    x, _ = labelled_images
    seen = observer.first_pass(x[:10])
    assert seen.settled.all()
    drives = jax.vmap(system.areas[2].drive)(observer.first_pass(x).layers[2].input)
    assert float(np.percentile(drives, 99)) == pytest.approx(cx.SSN().contrast, rel=1e-3)
    (found,) = cx.areas.probe_areas(system, x[:10], x[10:20]).values()
    assert found["sum_weight"] < 0.95  # a power law alone: more than 1
    assert found["leading_eigenvalue"] > 1.0
    assert found["surround_suppression"] > 0.1


@pytest.mark.slow
def test_circuits_at_several_layers(callables, labelled_images):
    *layers, head = callables
    x, _ = labelled_images
    net = cx.ConvNetwork(layers, readout=head)
    strong = cx.SSN(J_EE=7.0)
    system = cx.insert_circuits(net, at=("conv2", 3), circuit=[cx.SSN(), strong], images=x[:20])
    couplings = [area.circuit.coupling for area in system.areas[1:]]
    assert [float(coupling.J.EE) for coupling in couplings] == [6.0, 7.0]


def test_settings_of_the_circuit_say_where_they_come_from():
    rows = {row.path: row for row in cx.settings.settings(cx.SSN())}
    assert "found by us" in rows["J_EE"].source
    assert "Rubin" in rows["k"].source
    assert all(row.unit and row.description for row in rows.values())


# Published circuits of any number of units.


def peaks(units):
    grating = cx.stimuli.ring_bump(cx.stimuli.ring_positions(units), 45.0)
    solver = cx.FixedPointIteration(dt=1.0, duration=3000.0, rtol=1e-6)
    found = jax.jit(lambda h: cx.steady_state(cx.ring(units), cx.EI(h, h), solver=solver))
    state = found(50 * grating)
    assert state.converged
    return float(state.rates.E.max()), float(state.rates.I.max())


def test_rings_of_any_number_of_units_respond_alike():
    expected = peaks(180)
    assert expected == pytest.approx((38.61, 87.18), rel=1e-3)
    for units in (36, 360):
        assert peaks(units) == pytest.approx(expected, rel=2e-3)


@pytest.mark.slow
def test_longer_lines_respond_alike_in_their_middle():
    rates = []
    for units in (41, 101):
        places = (np.arange(units) - units // 2) / 3
        drive = jnp.asarray(20 * np.exp(-(places**2) / 8), float)
        solver = cx.FixedPointIteration(dt=1.0, duration=3000.0, rtol=1e-6)
        state = cx.steady_state(cx.line(units), cx.EI(drive, drive), solver=solver)
        rates.append([float(state.rates.E[units // 2]), float(state.rates.I[units // 2])])
    assert rates[0] == pytest.approx(rates[1], rel=1e-4)


@pytest.mark.slow
def test_inner_cells_of_sheets_receive_alike():
    """What all cells at 1 Hz send to the middle, on average over 9 x 9 cells: drawn at random."""
    received = []
    for size in (57, 75):
        circuit = cx.sheet(size)
        assert circuit.shape == (size, size)
        parts = circuit.coupling.operator().parts(cx.EI(*jnp.ones((2, size, size))))
        middle = slice(size // 2 - 4, size // 2 + 5)
        received.append([float(jnp.mean(part[middle, middle])) for part in jax.tree.leaves(parts)])
    # Of E onto E some 40 connections a cell, 81 cells whose maps differ: 10 % is 3 SD or so.
    assert received[0] == pytest.approx(received[1], rel=0.1)


def test_published_settings_can_be_bent():
    assert float(cx.ring(90, J_EE=0.05).coupling.J.EE) == pytest.approx(0.05)
    with pytest.raises(ValueError, match="units"):
        cx.ring(1)


def test_networks_by_name():
    net = cx.load_network("digits")
    assert isinstance(net, cx.ConvNetwork)
    assert net(jnp.zeros((1, 28, 28))).shape == (10,)
    system = cx.load_network("digits", circuits=True)
    assert all(isinstance(area, cx.areas.CircuitArea) for area in system.areas)
    assert cx.load_network("digits_vgg").names[:3] == ("conv1_1", "conv1_2", "conv2_1")
    with pytest.raises(cx.UserError, match="name: found 'vgg', allowed: digits, digits_vgg, vgg16"):
        cx.load_network("vgg")
    with pytest.raises(cx.UserError, match="circuits: found True for vgg16, allowed: False"):
        cx.load_network("vgg16", circuits=True)
