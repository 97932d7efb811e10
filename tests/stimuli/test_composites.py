import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.attention import quadrant_mask
from cortex.stimuli import array_double, array_same, halve, merge


def images(n, height=6, width=4, seed=0):
    return jnp.asarray(np.random.default_rng(seed).random((n, height, width)), dtype=float)


def test_merge_is_the_mean():
    a, b = images(2)
    np.testing.assert_allclose(merge(a, b), np.mean([a, b], axis=0), rtol=1e-6)


def test_halve_averages_blocks():
    image = images(1)[0]
    small = halve(image)
    assert small.shape == (3, 2)
    np.testing.assert_allclose(small[1, 1], np.asarray(image)[2:4, 2:4].mean(), rtol=1e-6)


def test_halve_refuses_odd_sides():
    with pytest.raises(ValueError, match="5 x 4"):
        halve(images(1, 5, 4)[0])


def test_arrays_show_the_images_in_reading_order():
    four = images(4)
    canvas = array_double(four)
    assert canvas.shape == (12, 8)
    places = [np.s_[:6, :4], np.s_[:6, 4:], np.s_[6:, :4], np.s_[6:, 4:]]
    for image, place in zip(four, places, strict=True):
        np.testing.assert_array_equal(canvas[place], image)
    small = array_same(four)
    assert small.shape == (6, 4)
    np.testing.assert_allclose(small[3:, :2], halve(four[2]), rtol=1e-6)
    np.testing.assert_allclose(small.mean(), four.mean(), rtol=1e-6)


@pytest.mark.parametrize(("height", "width"), [(1, 4), (2, 2), (7, 7), (6, 9)])
def test_quadrant_masks_of_any_size_are_mirror_images_and_share_the_map(height, width):
    masks = np.stack([quadrant_mask((height, width), q) for q in range(4)])
    np.testing.assert_array_equal(masks.sum(axis=0), -2.0)
    np.testing.assert_array_equal(masks[1], masks[0][:, ::-1])
    np.testing.assert_array_equal(masks[2], masks[0][::-1])
    np.testing.assert_array_equal(masks[3], masks[0][::-1, ::-1])
    np.testing.assert_allclose(masks.mean(axis=(1, 2)), -0.5, atol=1e-6)


def test_quadrant_mask_even_and_odd():
    np.testing.assert_array_equal(quadrant_mask((2, 4), 1), [[-1, -1, 1, 1], [-1, -1, -1, -1]])
    np.testing.assert_array_equal(
        quadrant_mask((3, 3), 0), [[1, 0, -1], [0, -0.5, -1], [-1, -1, -1]]
    )


def test_quadrant_mask_lies_where_the_array_put_the_image():
    one_lit = jnp.zeros((4, 6, 4)).at[2].set(1.0)
    np.testing.assert_array_equal(quadrant_mask((12, 8), 2), 2 * array_double(one_lit) - 1)


def test_quadrant_may_be_traced_and_minus_one_is_none():
    found = jax.jit(jax.vmap(lambda q: quadrant_mask((7, 4), q)))(jnp.arange(-1, 4))
    np.testing.assert_array_equal(found[0], -1.0)
    for quadrant in range(4):
        np.testing.assert_array_equal(found[quadrant + 1], quadrant_mask((7, 4), quadrant))
    with pytest.raises(ValueError, match="got 4"):
        quadrant_mask((7, 4), 4)
