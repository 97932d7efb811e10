import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.stimuli import gaussian_noise, noise_mask, salt_and_pepper

KEY = jax.random.key(3)
GREY = jnp.full((200, 200), 0.5)


def test_gaussian_noise_has_the_standard_deviation_asked_for():
    noisy = np.asarray(gaussian_noise(KEY, GREY, 0.1))
    np.testing.assert_allclose(noisy.std(), 0.1, rtol=0.02)
    np.testing.assert_allclose(noisy.mean(), 0.5, atol=0.003)
    neighbours = np.corrcoef(noisy[:, 1:].ravel(), noisy[:, :-1].ravel())[0, 1]
    assert abs(neighbours) < 0.02


def test_gaussian_noise_is_clipped():
    noisy = np.asarray(gaussian_noise(KEY, GREY, 1.0))
    assert noisy.min() == 0.0
    assert noisy.max() == 1.0
    np.testing.assert_allclose((noisy == 0).mean(), 0.309, atol=0.01)  # Φ(−0.5)


def test_salt_and_pepper_hits_the_fraction_asked_for():
    noisy = np.asarray(salt_and_pepper(KEY, GREY, 0.3))
    np.testing.assert_allclose((noisy == 0).mean(), 0.15, atol=0.01)
    np.testing.assert_allclose((noisy == 1).mean(), 0.15, atol=0.01)
    assert set(np.unique(noisy)) == {0.0, 0.5, 1.0}


def test_noise_mask_blends_from_the_image_to_noise_alone():
    np.testing.assert_array_equal(noise_mask(KEY, GREY, 0.0), GREY)
    alone = np.asarray(noise_mask(KEY, GREY, 1.0))
    np.testing.assert_allclose(alone.std(), 12**-0.5, rtol=0.02)
    np.testing.assert_allclose(noise_mask(KEY, GREY, 0.25), 0.375 + 0.25 * alone, atol=1e-6)
    slope = jax.grad(lambda w: noise_mask(KEY, GREY, w)[0, 0])(0.5)
    np.testing.assert_allclose(slope, alone[0, 0] - 0.5, atol=1e-6)


@pytest.mark.parametrize("noise", [gaussian_noise, salt_and_pepper, noise_mask])
def test_the_key_alone_decides_the_draw(noise):
    first, again = noise(KEY, GREY, 0.2), jax.jit(noise)(KEY, GREY, 0.2)
    np.testing.assert_allclose(first, again, atol=1e-6)
    assert not np.array_equal(first, noise(jax.random.key(4), GREY, 0.2))
    np.testing.assert_array_equal(noise(KEY, GREY, 0.0), GREY)
