"""Gradient values over hard images against finite differences; digits of half the size."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.frontends.conv import with_skip
from cortex.models.study import ValuesSection, hard_gradients, in_quadrants
from tests.areas import systems
from tests.tasks.observers import CATEGORIES, NoiseTrials, observer_of


def mean_error(observer, trials, category, layer, shift):
    """Mean cross-entropy of a detector over its hard images, a layer's maps being shifted."""

    def logit(image):
        for number, area in enumerate(observer.system.areas):
            output = area(image).output
            if number == layer:
                output = output + shift[:, None, None]
            image = with_skip(area.stage, image, output)
        return observer.detectors(observer.system.readout.units(output))[category]

    images = jnp.asarray(trials.shown[category], jnp.float32)
    z = jax.vmap(logit)(images)
    present = jnp.asarray(trials.present[category])
    return jnp.mean(jax.nn.softplus(jnp.where(present, -z, z)))


@pytest.mark.parametrize("kind", ["plain", pytest.param("circuits", marks=pytest.mark.slow)])
def test_gradient_values_over_hard_images_against_finite_differences(kind):
    observer, trials = observer_of(kind), NoiseTrials()
    found = hard_gradients(observer, trials, ValuesSection(), batch=4)
    for layer, maps in enumerate(systems.MAPS):
        step = 0.004  # smaller than what switches units on or off
        error = jax.jit(
            lambda c, s, layer=layer: mean_error(observer, trials, c, layer, s), static_argnums=0
        )
        slopes = np.array(
            [
                [error(c, step * one) - error(c, -step * one) for one in np.eye(maps)]
                for c in range(CATEGORIES)
            ]
        )
        expected = -slopes / np.abs(slopes).max(axis=1, keepdims=True)
        np.testing.assert_allclose(found[layer], expected, atol=0.03)


def test_gradients_of_another_set_of_images_are_others():
    observer = observer_of("plain")
    one, other = (
        hard_gradients(observer, NoiseTrials(seed), ValuesSection())[0] for seed in (7, 8)
    )
    assert float(np.abs(np.asarray(one) - np.asarray(other)).max()) > 0.01


def test_a_digit_of_half_the_size_is_in_its_quadrant_alone():
    images = jnp.asarray(np.random.default_rng(0).uniform(0.1, 1, (4, 1, 8, 8)), jnp.float32)
    found = np.asarray(in_quadrants(images, np.array([0, 1, 2, 3])))
    for number, (row, column) in enumerate(((0, 0), (0, 1), (1, 0), (1, 1))):
        rows, columns = slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4)
        small = np.asarray(images[number, 0]).reshape(4, 2, 4, 2).mean(axis=(1, 3))
        np.testing.assert_allclose(found[number, 0, rows, columns], small, rtol=1e-6)
        outside = found[number].copy()
        outside[0, rows, columns] = 0
        assert np.all(outside == 0)
