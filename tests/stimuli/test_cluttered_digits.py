"""Cluttered translated digits: what is where, and how often."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cortex.errors import UserError
from cortex.stimuli import Digits
from cortex.stimuli.cluttered_digits import Canvas, ClutteredDigits, cluttered_digits

# Digit k is a filled square of ink (k + 1) / 10: pieces and digits are told apart by their ink.
INK = np.arange(1, 11, dtype=np.float32) / 10
DIGITS = Digits(
    jnp.asarray(np.broadcast_to(INK[:, None, None], (10, 28, 28)).copy()),
    jnp.arange(10, dtype=jnp.int32),
)
CANVAS = Canvas(side=56, pieces=4, piece=8)


many = jax.jit(lambda key, rows: cluttered_digits(key, DIGITS, rows, CANVAS))


def draw(seed=0, row=9):
    return many(jax.random.key(seed), jnp.full(200, row))


def test_the_digit_is_where_it_is_said_to_be():
    found = draw()
    assert found.images.shape == (200, 56, 56)
    assert len(found) == 200
    assert np.all(found.labels == 9)
    for image, place in zip(np.asarray(found.images), np.asarray(found.places), strict=True):
        top, left = np.round(place * 56 - 14).astype(int)
        inside = image[top : top + 28, left : left + 28]
        assert np.all(inside == 1.0)
        # The darkest digit is shown; outside only lighter pieces, of at most 4 x 64 px.
        outside = image.copy()
        outside[top : top + 28, left : left + 28] = 0
        assert np.count_nonzero(outside == 1.0) <= 4 * 64
        assert np.count_nonzero(outside) <= 4 * 64


def test_pieces_are_cut_from_all_digits_and_darker_ink_stays():
    found = draw(row=0)  # the lightest digit: pieces of any other show on it
    images = np.asarray(found.images)
    assert {round(float(v), 1) for v in np.unique(images)} == {0.0, *np.round(INK.tolist(), 1)}
    covered = (images > 0).sum(axis=(1, 2))
    assert covered.min() >= 28 * 28
    assert covered.max() <= 28 * 28 + 4 * 64


def test_places_of_a_map_on_the_digit_by_hand():
    """Middles of places, (i + 0.5)/14, nearer than 0.25 to that of the digit along both axes."""
    shown = ClutteredDigits(jnp.zeros((1, 56, 56)), jnp.zeros(1, int), jnp.array([[0.48, 0.25]]))
    expected = np.zeros((14, 14), bool)
    expected[3:10, :7] = True  # from 0.23 to 0.73 and from 0 to 0.5
    np.testing.assert_array_equal(shown.inside((14, 14))[0], expected)


def test_places_are_even_over_all_that_fit():
    rows, canvas = jnp.zeros(4000, int), Canvas(side=30, pieces=0)
    drawn = jax.jit(lambda key: cluttered_digits(key, DIGITS, rows, canvas).places)
    places = np.asarray(drawn(jax.random.key(0))) * 30 - 14
    rows, columns = np.round(places).astype(int).T
    assert set(rows) == set(columns) == {0, 1, 2}
    counts = np.bincount(3 * rows + columns, minlength=9)
    # Chi-squared with 8 degrees of freedom is below 26.1 with a probability of 0.999.
    assert np.sum((counts - 4000 / 9) ** 2) / (4000 / 9) < 26.1


def test_the_key_fixes_everything():
    one, again, other = draw(1), draw(1), draw(2)
    np.testing.assert_array_equal(one.images, again.images)
    assert np.any(one.places != other.places)


@pytest.mark.parametrize(
    ("canvas", "line"),
    [
        (Canvas(side=27), "canvas: found a side of 27 px, allowed: 28 px or more"),
        (Canvas(piece=29), "canvas: found pieces of 29 px, allowed: 1 to 28 px"),
        (Canvas(piece=0), "canvas: found pieces of 0 px, allowed: 1 to 28 px"),
    ],
)
def test_what_does_not_fit_is_refused(canvas, line):
    with pytest.raises(UserError, match=line):
        cluttered_digits(jax.random.key(0), DIGITS, jnp.zeros(1, int), canvas)
