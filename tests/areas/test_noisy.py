"""A system in noise against a float64 program, its steady state, and itself."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import NoisySystem, Viewing, VisualSystem
from cortex.circuit import EI, MapNoise, Modulation
from cortex.errors import UserError
from tests.areas import systems
from tests.reference import noisy_system as reference

VIEWING = Viewing(((0.0, 4.0), (4.0, 16.0)), before=6.0, step=2.0)
SCALES = (25.0, 15.0)


def noisy_system(sd, viewing=VIEWING, **how):
    noise = tuple(MapNoise(20.0, sd, shape, 1.0, 0.4) for shape in systems.SHAPES)
    return NoisySystem(systems.with_circuits(**how), noise, viewing)


def keys(count, seed=0):
    return jax.random.split(jax.random.key(seed), count)


def noise_of(noisy, key):
    """The noise of every layer in one trial, drawn as said: a start, then a key a step."""
    found = []
    for noise, own in zip(noisy.noise, jax.random.split(key, 2), strict=True):
        start, later = jax.random.split(own)
        states = [noise.start(start)]
        for step in range(noisy.viewing.steps):
            states.append(
                noise.advance(states[-1], jax.random.fold_in(later, step), noisy.viewing.step)
            )
        found.append(np.stack([np.asarray(noise.input(state)) for state in states]))
    return found


@pytest.mark.usefixtures("x64")
def test_rates_in_noise_against_float64():
    """Both layers with noise, the upper one with attention; each window's mean."""
    noisy, images = noisy_system(5.0), systems.images(2)
    stages, _ = systems.pieces()
    gain = np.random.default_rng(3).uniform(0.6, 1.4, (2, *systems.SHAPES[1]))
    layers = []
    for number, (stage, scale, shape) in enumerate(
        zip(stages, SCALES, systems.SHAPES, strict=True)
    ):
        power = np.exp(np.linspace(-1.0, 0.0, shape[0])), np.exp(np.linspace(-0.8, -0.3, shape[0]))
        own = gain.ravel() if number else 1.0
        layers.append((systems.dense_circuit(shape), stage, scale, shape, power, own))
    modulation = jax.tree.map(
        lambda leaf: jnp.broadcast_to(leaf, (2, *systems.SHAPES[1])),
        Modulation(EI(*map(jnp.asarray, gain))),
    )
    found = noisy.rates(noisy.reaching(images, keys(2)), modulation)
    for image, key, rates in zip(images, keys(2), found, strict=True):
        course = reference.trial(layers, np.asarray(image), noise_of(noisy, key), 3, 2.0)
        expected = np.stack([course[3:5].mean(axis=0), course[5:].mean(axis=0)])
        assert expected.std() > 1
        np.testing.assert_allclose(rates.reshape(2, -1), expected, rtol=1e-7, atol=1e-8)


def test_without_noise_a_late_window_is_the_steady_state():
    late = Viewing(((500.0, 504.0),), before=0.0, step=2.0)
    noisy, images = noisy_system(0.0, late, solver=systems.TIGHT), systems.images(3)
    found = noisy.rates(noisy.reaching(images, keys(3)))[:, 0]
    steady = eqx.filter_jit(jax.vmap(lambda image: noisy.system.respond(image)[-1]))(images)
    np.testing.assert_allclose(found, steady.rates.E, rtol=2e-3, atol=2e-3)
    units = jax.vmap(noisy.system.readout.units)(steady.output)
    np.testing.assert_allclose(noisy.units(found[:, None])[:, 0], units, rtol=5e-3, atol=5e-3)


def test_a_trial_has_its_noise_in_whatever_company():
    noisy, images = noisy_system(8.0), jnp.repeat(systems.images(1), 3, axis=0)
    all_three = noisy.rates(noisy.reaching(images, keys(3)))
    alone = noisy.rates(noisy.reaching(images[:1], keys(3)[2:]))
    np.testing.assert_allclose(all_three[2], alone[0], rtol=1e-4, atol=1e-4)
    assert np.abs(all_three[0] - all_three[1])[1].mean() > 0.1  # other keys, other noise
    louder = noisy.with_sd(16.0)
    again = louder.rates(louder.reaching(images, keys(3)))
    assert np.std(again, axis=0).mean() > 1.3 * np.std(all_three, axis=0).mean()


def test_what_does_not_fit_is_refused():
    system = systems.with_circuits()
    plain = VisualSystem.plain(systems.network())
    fitting = tuple(MapNoise(20.0, 1.0, shape, 1.0) for shape in systems.SHAPES)
    with pytest.raises(UserError, match="found no circuit at conv1, allowed: one at every layer"):
        NoisySystem(plain, fitting, VIEWING)
    with pytest.raises(UserError, match="noise: found shapes"):
        NoisySystem(system, fitting[::-1], VIEWING)
    with pytest.raises(ValueError, match="before: found 5 ms, allowed: multiples of 2 ms"):
        _ = VIEWING._replace(before=5.0).onset
    with pytest.raises(ValueError, match=r"windows: found \(4.0, 4.0\)"):
        Viewing(((4.0, 4.0),), 0.0, 2.0).weights()
