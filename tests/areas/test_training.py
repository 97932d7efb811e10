"""Training through steady states, distortions, and fitting the readout again."""

import equinox as eqx
import jax
import jax.flatten_util
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import (
    Fidelity,
    TrainingSettings,
    VisualSystem,
    accuracy,
    refit_readout,
    train,
)
from cortex.areas.training import cross_entropy, distort, trainable
from cortex.circuit import FixedPointIteration
from tests.areas import systems

STILL = {"rotation": 0.0, "zoom": 0.0, "shift": 0.0, "smallest": 1.0}
SETTINGS = TrainingSettings(epochs=6, batch=10, learning_rate=2e-2, **STILL)


def bars(count=60, seed=0):
    """Horizontal or vertical bars at random places, in a little noise."""
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    shown = 0.1 * rng.uniform(size=(count, *systems.IMAGE))
    for image, label in zip(shown, labels, strict=True):
        place = rng.integers(1, 6)
        if label:
            image[0, :, place] += 1
        else:
            image[0, place + 1] += 1
    return jnp.asarray(shown, jnp.float32), jnp.asarray(labels)


@pytest.fixture(scope="module")
def smooth():
    """A system with circuits and smooth output maps, fit for training."""
    return systems.with_circuits(seed=3, classes=2)


def test_plain_training():
    shown, labels = bars()
    plain = VisualSystem.plain(systems.network(3, classes=2))
    before = VisualSystem(plain.areas, plain.readout, fidelity=Fidelity(1.0, 1.0, (), 10))
    seen = []
    after, curve = train(
        before, shown, labels, jax.random.key(0), SETTINGS, lambda n, row: seen.append((n, row))
    )
    assert seen == list(enumerate(curve))
    assert len(curve) == SETTINGS.epochs
    assert after.fidelity is None  # it was that of another system
    # Chance is log 2 = .69.
    assert curve[-1]["loss"] < 0.5 * curve[0]["loss"]
    assert accuracy(after, *bars(seed=1)) > 0.85
    again, _ = train(before, shown, labels, jax.random.key(0), SETTINGS)
    assert systems.identical(after, again)


@pytest.mark.slow
def test_training_through_circuits(smooth):
    """Loss falls; the circuits' own parameters and the drive's scale stay bit for bit."""
    shown, labels = bars()
    after, curve = train(
        smooth, shown, labels, jax.random.key(0), SETTINGS._replace(epochs=4, learning_rate=1e-2)
    )
    assert curve[-1]["loss"] < 0.7 * curve[0]["loss"]
    assert max(row["unsettled"] for row in curve) < 0.05
    for old, new in zip(smooth.areas, after.areas, strict=True):
        assert systems.identical(old.circuit, new.circuit)
        assert systems.identical(old.drive_scale, new.drive_scale)
        assert not np.array_equal(old.stage.weight, new.stage.weight)
        assert not np.array_equal(old.stage.bias, new.stage.bias)
        assert not np.array_equal(old.output_map.log_scale, new.output_map.log_scale)
        assert not np.array_equal(old.output_map.log_exponent, new.output_map.log_exponent)
    assert not np.array_equal(smooth.readout.weight, after.readout.weight)


def test_what_is_trainable(smooth):
    mask = trainable(smooth)
    assert not any(jax.tree.leaves([(a.circuit, a.drive_scale) for a in mask.areas]))
    assert all(jax.tree.leaves([(a.stage, a.output_map) for a in mask.areas]))
    assert all(jax.tree.leaves(mask.readout))
    assert all(jax.tree.leaves(trainable(VisualSystem.plain(systems.network()))))


@pytest.mark.slow
@pytest.mark.usefixtures("x64")
def test_gradient_against_finite_differences():
    """In every leaf of a system with two circuits, their own parameters included."""
    system = systems.with_circuits(solver=systems.TIGHT)
    parameters, fixed = eqx.partition(system, eqx.is_inexact_array)
    flat, unravel = jax.flatten_util.ravel_pytree(parameters)
    shown, labels = systems.images(2), jnp.array([0, 2])

    @jax.jit
    def loss(values):
        return cross_entropy(eqx.combine(unravel(values), fixed), shown, labels)[0]

    gradient = np.asarray(jax.jit(jax.grad(loss))(flat))
    names = [
        jax.tree_util.keystr(path, simple=True, separator=".")
        for path, leaf in jax.tree_util.tree_flatten_with_path(parameters)[0]
        for _ in range(leaf.size)
    ]
    rng = np.random.default_rng(0)
    for name in sorted(set(names)):
        # Relative steps, so that widths and weights stay what they are.
        direction = np.where(np.array(names) == name, rng.choice([-1, 1], flat.size), 0)
        direction = direction * (np.abs(flat) + 0.01)
        step = 1e-5
        up, down = loss(flat + step * direction), loss(flat - step * direction)
        expected = float(up - down) / (2 * step)
        # Steady states are found to 1e-12, divided by the step; the truncation is 1e-9.
        assert gradient @ direction == pytest.approx(expected, rel=1e-5, abs=1e-7), name
        if "tau" in name:  # a steady state does not depend on time constants
            assert expected == pytest.approx(0, abs=1e-6)
    assert (np.abs(gradient) > 1e-6).mean() > 0.5


@pytest.mark.slow
def test_cross_entropy_leaves_out_what_did_not_settle():
    """An image that makes the circuit run away counts neither in the loss nor in a gradient."""
    J = dict(systems.J, EI=1.0)
    net = systems.network(classes=2)
    area = systems.circuit_area(net.stages[0], systems.SHAPES[0], J=J)
    system = VisualSystem((area, systems.with_circuits().areas[1]), net.readout)
    shown = jnp.stack([0.01 * systems.images(1)[0], 5 * systems.images(1)[0]])
    labels = jnp.array([0, 0])
    calls = eqx.filter_jit(eqx.filter_value_and_grad(cross_entropy, has_aux=True))
    (loss, unsettled), gradient = calls(system, shown, labels)
    assert float(unsettled) == 0.5
    (alone, _), gradient_alone = calls(system, shown[jnp.array([0, 0])], labels)
    assert float(loss) == pytest.approx(float(alone), rel=1e-5)
    flat, flat_alone = (
        jax.flatten_util.ravel_pytree(eqx.filter(g.areas[0].stage, eqx.is_array))[0]
        for g in (gradient, gradient_alone)
    )
    assert np.isfinite(flat).all()
    np.testing.assert_allclose(flat, flat_alone, rtol=1e-3, atol=1e-5)


def test_a_gradient_that_is_hard_to_find_ends_nothing():
    """Ten steps are enough to see that a state is steady, not for the linear response to it."""
    hurried = FixedPointIteration(dt=2.0, duration=20.0, rtol=1e-3, atol=1e-3)
    area = systems.circuit_area(systems.network().stages[0], systems.SHAPES[0])
    image = systems.images(1)[0]
    start = eqx.filter_jit(area)(image).rates
    quick = eqx.tree_at(lambda a: a.solver, area, hurried)

    @eqx.filter_jit
    @eqx.filter_value_and_grad(has_aux=True)
    def total(area):
        response = area(image, None, start)
        return jnp.sum(response.output), response.converged

    (_, converged), gradient = total(quick)
    assert converged
    assert np.isfinite(gradient.drive_scale)


def test_accuracy():
    """Counted by hand, over batches that do not divide the images."""
    shown, labels = bars(23)
    system = VisualSystem.plain(systems.network(5, classes=2))
    look = eqx.filter_jit(lambda x: system.readout(system.respond(x)[-1].output))
    guesses = [int(np.argmax(look(x))) for x in shown]
    expected = np.mean(np.array(guesses) == np.asarray(labels))
    assert accuracy(system, shown, labels, batch=10) == pytest.approx(expected)
    lost = eqx.tree_at(lambda s: s.readout.bias, system, jnp.full(2, jnp.nan))
    assert accuracy(lost, shown, labels) == 0  # NaN is wrong, though argmax gives a 0


def test_distort():
    shown = systems.images(1)[0]
    settings = TrainingSettings()
    move = jax.jit(lambda key, settings: distort(key, shown, settings), static_argnums=1)
    moved = move(jax.random.key(0), settings)
    assert moved.shape == shown.shape
    assert float(jnp.abs(moved - shown).max()) > 0.1
    assert not np.array_equal(moved, move(jax.random.key(1), settings))
    assert float(moved.min()) >= 0
    assert float(moved.max()) <= float(shown.max())
    still = move(jax.random.key(0), TrainingSettings(**STILL))
    # Interpolation at whole pixels, but for the rounding of coordinates.
    np.testing.assert_allclose(still, shown, atol=1e-5)


@pytest.mark.parametrize("setting", ["rotation", "zoom", "shift", "smallest"])
def test_each_distortion_does_something(setting):
    shown = systems.images(1)[0]
    value = {"smallest": 0.5}.get(setting, getattr(TrainingSettings(), setting))
    settings = TrainingSettings(**(STILL | {setting: value}))
    keys = jax.random.split(jax.random.key(1), 8)
    moved = jax.jit(jax.vmap(lambda k: distort(k, shown, settings)))(keys)
    assert float(jnp.abs(moved - shown[None]).max()) > 0.05
    if setting == "smallest":  # half of the images stay as they are
        same = np.abs(np.asarray(moved) - np.asarray(shown)).max(axis=(1, 2, 3)) < 1e-5
        assert 1 <= same.sum() <= 7


@pytest.mark.slow
def test_refitting_the_readout(smooth):
    """And how faithful the old one was is no longer said."""
    shown, labels = bars()
    system = VisualSystem(smooth.areas, smooth.readout, fidelity=Fidelity(1.0, 1.0, (), 10))
    settings = TrainingSettings(epochs=10, batch=20, learning_rate=2e-2, **STILL)
    refitted = refit_readout(system, shown, labels, jax.random.key(0), settings, copies=1)
    assert systems.identical(system.areas, refitted.areas)
    assert refitted.fidelity is None
    loss = eqx.filter_jit(cross_entropy)
    assert float(loss(refitted, shown, labels)[0]) < 0.5 * float(loss(system, shown, labels)[0])
    fresh = bars(seed=1)
    assert accuracy(refitted, *fresh) > max(0.8, accuracy(system, *fresh) + 0.1)
