"""What the compiler must get right, and some releases did not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest


@pytest.mark.slow  # by night programs are compiled as users' are
def test_a_small_sum_inside_nested_vmaps():
    """Jaxlib 0.10.2 permuted the rows of this, on a CPU, silently; hence the pin."""
    rng = np.random.default_rng(0)
    bumps = rng.random((180, 2), np.float32)
    amplitudes = rng.random((51, 2), np.float32)
    masks = np.ones((8, 180), np.float32)

    def one(amplitude, mask):
        return (jnp.asarray(bumps) * amplitude[None, :]).sum(1) * mask

    found = jax.jit(jax.vmap(jax.vmap(one, (None, 0)), (0, None)))(amplitudes, masks)
    expected = np.repeat((amplitudes @ bumps.T)[:, None], 8, axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_a_bias_is_added_to_a_convolution_of_constants():
    """JAX before 0.8.2 adds something else on a CPU, silently; hence the lowest version."""
    rng = np.random.default_rng(0)
    images = rng.random((5, 1, 8, 8), np.float32)
    weight = rng.normal(size=(3, 1, 3, 3)).astype(np.float32)
    bias = rng.normal(size=3).astype(np.float32)

    def maps(images, weight, bias):
        return (
            jax.lax.conv_general_dilated(images, weight, (1, 1), "VALID")
            + bias[None, :, None, None]
        )

    windows = np.lib.stride_tricks.sliding_window_view(images[:, 0], (3, 3), (1, 2))
    expected = np.einsum("nyxij,mij->nmyx", windows, weight[:, 0]) + bias[:, None, None]
    found = jax.jit(lambda: maps(*map(jnp.asarray, (images, weight, bias))))()
    np.testing.assert_allclose(found, expected, atol=1e-5)
