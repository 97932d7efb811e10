"""The digit network on wider images, and its second look with attention."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.models.strip_network import look_again, look_at_strips, resize
from tests.areas import systems


@pytest.fixture(scope="module")
def system():
    return systems.with_circuits()


def images(width, count=2):
    rng = np.random.default_rng(0)
    return jnp.asarray(rng.uniform(size=(count, 9, width)) ** 2, jnp.float32)


def test_the_same_size_gives_the_same_responses(system):
    """Couplings built anew for the old shape are those that were there."""
    shown = images(7)
    ours, theirs = (look_at_strips(one, shown) for one in (resize(system, 9, 7), system))
    np.testing.assert_allclose(ours.rates.E, theirs.rates.E, rtol=1e-5, atol=1e-5)
    assert float(jnp.max(ours.rates.E)) > 1


def test_far_apart_the_strip_is_two_images(system):
    """What lies further away than filters and coupling reach does not count."""
    wide = resize(system, 9, 63)
    alone = jnp.zeros((1, 9, 63)).at[:, :, :7].set(images(7, 1))
    both = alone.at[:, :, -7:].set(images(7, 1)[:, :, ::-1])
    first, second = (look_at_strips(wide, x).rates.E for x in (alone, both))
    # 15 places away: the tails of Gaussians of 1.2 px, again and again.
    np.testing.assert_allclose(first[..., :8], second[..., :8], rtol=1e-3, atol=1e-3)
    assert float(jnp.max(jnp.abs(first - second))) > 0.1


def test_columns(system):
    look = look_at_strips(resize(system, 9, 14), images(14))
    maps, height, width = look.rates.E.shape[1:]
    assert look.columns.shape == (2, width, height * maps)
    np.testing.assert_array_equal(
        look.columns[1, 3].reshape(maps, height), look.rates.E[1, :, :, 3]
    )


def test_a_second_look(system):
    """Even weights leave the state; others move rates towards the attended columns."""
    wide = resize(system, 9, 14)
    seen = look_at_strips(wide, images(14))
    columns = seen.rates.E.shape[-1]
    even = jnp.full((2, columns), 1 / columns, jnp.float32)
    same = look_again(wide, seen, even, jnp.asarray(1.0))
    # The search goes on from a state that had settled to 1e-3 of the largest rate.
    np.testing.assert_allclose(same.rates.E, seen.rates.E, rtol=1e-2, atol=2e-2)
    weights = jnp.zeros((2, columns)).at[:, :2].set(0.5)
    moved = look_again(wide, seen, weights, jnp.asarray(0.5))
    assert float(moved.rates.E[..., :2].sum()) > 1.05 * float(seen.rates.E[..., :2].sum())
    assert float(moved.rates.E[..., 3:].sum()) < 0.98 * float(seen.rates.E[..., 3:].sum())
