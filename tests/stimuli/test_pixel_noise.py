import jax
import jax.numpy as jnp
import numpy as np

from cortex.stimuli import gaussian_noise

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


def test_the_key_alone_decides_the_draw():
    first, again = gaussian_noise(KEY, GREY, 0.2), jax.jit(gaussian_noise)(KEY, GREY, 0.2)
    np.testing.assert_allclose(first, again, atol=1e-6)
    assert not np.array_equal(first, gaussian_noise(jax.random.key(4), GREY, 0.2))
    np.testing.assert_array_equal(gaussian_noise(KEY, GREY, 0.0), GREY)
