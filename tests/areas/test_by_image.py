"""A batch in pieces is the batch at once."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.areas import by_image


class Stage:
    few_at_a_time = True


class Batched:
    """Has no say."""


@pytest.mark.parametrize("piece", [1, 7 * 3, 10**6], ids=["one by one", "three", "all"])
def test_pieces_give_what_the_batch_gives(piece, monkeypatch):
    monkeypatch.setattr(by_image, "PIECE", piece)
    rows = jnp.arange(6 * 7.0).reshape(6, 7)
    weights = {"of": jnp.arange(6.0), "none": None}
    shapes = []

    def function(row, weight):
        shapes.append(row.shape)
        return row * weight["of"], jnp.sum(row)

    for stage in (Stage(), Batched()):
        found, sums = by_image.by_image(function, rows, weights, stages=[stage])
        np.testing.assert_array_equal(found, rows * jnp.arange(6.0)[:, None])
        np.testing.assert_array_equal(sums, rows.sum(axis=1))
        program = str(
            jax.make_jaxpr(lambda r, s=stage: by_image.by_image(jnp.sum, r, stages=[s]))(rows)
        )
        assert ("scan" in program) == (piece < 42 and isinstance(stage, Stage))
    assert set(shapes) == {(7,)}


@pytest.mark.parametrize(
    ("count", "most", "expected"), [(10, 3, 2), (10, 10, 10), (7, 3, 1), (60, 8, 6), (4, 0, 1)]
)
def test_pieces_are_of_one_size(count, most, expected):
    assert by_image.divisor(count, most) == expected
