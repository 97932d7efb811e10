"""Images in batches, and layer by layer."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex import memory
from cortex.attention import SpatialWindow
from cortex.errors import UserError
from cortex.memory import limited
from cortex.tasks import batch_within, even_batch, respond_to_all
from cortex.tasks.passes import bytes_kept, layer_by_layer, pass_through
from tests.areas import systems
from tests.tasks.observers import observer_of


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [(24, 20, 12), (40, 50, 40), (16, 24, 16), (101, 50, 34), (1, 5, 1)],
)
def test_batches_are_even(count, most, expected):
    assert even_batch(count, most) == expected


def test_what_goes_up_from_a_layer_is_what_the_next_receives():
    system, images = observer_of("plain").system, jnp.asarray(systems.images(3), jnp.float32)
    (low, above), (high, output) = layer_by_layer(system, images)
    np.testing.assert_array_equal(low.input, images)
    np.testing.assert_array_equal(high.input, above)
    whole, top = pass_through(system, images)
    np.testing.assert_array_equal(top, output)
    alone, again = pass_through(system, above, lowest=1)
    assert systems.identical((whole[1], top), (alone[0], again))


def least(look):
    """What `look` finds under the lowest limit that it does not refuse."""
    limit = 1
    while True:
        try:
            with limited(limit):
                return look()
        except UserError as refusal:
            limit = int(re.search(r"at least (\d+)", str(refusal))[1])


@pytest.mark.parametrize("kind", ["plain", pytest.param("circuits", marks=pytest.mark.slow)])
def test_looks_under_the_lowest_limit_are_those_without_one(kind, monkeypatch):
    monkeypatch.setattr(memory, "in_use", lambda: 0)
    observer, images = observer_of(kind), jnp.asarray(systems.images(2), jnp.float32)
    attention = SpatialWindow().at(1)(place=(0.5, 0.5))

    def look():
        seen = respond_to_all(observer.system, [images])
        return observer(images, attention), seen.units, seen.means

    found = least(look)
    assert min(memory._sizes.values()) < len(images)
    for one, whole in zip(jax.tree.leaves(found), jax.tree.leaves(look()), strict=True):
        np.testing.assert_allclose(one, whole, rtol=1e-4, atol=1e-4)


def test_fewer_images_are_kept_the_less_memory_there_is(monkeypatch):
    monkeypatch.setattr(memory, "in_use", lambda: 0)
    system, images = observer_of("circuits").system, systems.images(1)
    each = bytes_kept(system, images.shape[1:])
    assert batch_within(system, lambda: images, 50) == 50
    for share, expected in ((1000, 50), (20.1, 10), (4.1, 2), (0.5, 1)):
        with limited(int(share * each / memory.SHARE)):
            assert batch_within(system, lambda: images, 50) == expected
