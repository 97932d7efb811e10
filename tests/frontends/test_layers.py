"""Convolutions channel by channel, against XLA's of as many groups as channels."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.frontends.layers import Convolution, by_places

CASES = [(3, 1, 7, 9), (3, 2, 8, 7), (5, 2, 14, 15), (5, 1, 6, 6), (1, 2, 5, 6), (3, 3, 10, 11)]


@pytest.mark.parametrize(("side", "stride", "height", "width"), CASES)
def test_values_and_derivatives_are_those_of_the_convolution(side, stride, height, width):
    rng = np.random.default_rng(side + stride)
    weight = jnp.asarray(rng.normal(size=(4, side, side)), jnp.float32)
    images = jnp.asarray(rng.normal(size=(2, 4, height, width)), jnp.float32)

    def by_groups(weight, images):
        return jax.lax.conv_general_dilated(
            images,
            weight[:, None],
            (stride, stride),
            "SAME",
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
            feature_group_count=4,
            precision="highest",
        )

    def own(weight, images):
        return jax.vmap(lambda image: by_places(weight, image, stride))(images)

    expected, backwards = jax.vjp(by_groups, weight, images)
    found, own_backwards = jax.vjp(jax.jit(own), weight, images)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    arriving = jnp.asarray(rng.normal(size=expected.shape), jnp.float32)
    for one, other in zip(own_backwards(arriving), backwards(arriving), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize(("channels", "side", "stride"), [(3, 3, 2), (4, 5, 1), (9, 1, 1)])
def test_products_are_convolutions(channels, side, stride):
    """Few channels as patches, and single places, as XLA's convolution has them."""
    rng = np.random.default_rng(side)
    layer = Convolution(
        jnp.asarray(rng.normal(size=(6, channels, side, side)), jnp.float32),
        jnp.asarray(rng.normal(size=6), jnp.float32),
        stride,
    )
    image = jnp.asarray(rng.normal(size=(channels, 11, 8)), jnp.float32)
    expected = jax.lax.conv_general_dilated(
        image[None], layer.weight, (stride, stride), "SAME", precision="highest"
    )[0]
    np.testing.assert_allclose(layer(image), expected + layer.bias[:, None, None], atol=2e-5)
