"""What the compiler must get right, and one release did not."""

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
