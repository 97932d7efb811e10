"""Images in batches, and layer by layer."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.tasks import even_batch
from cortex.tasks.passes import layer_by_layer, pass_through
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
