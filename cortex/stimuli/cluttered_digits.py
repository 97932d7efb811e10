"""Cluttered translated digits: one digit somewhere on a canvas, among pieces of others."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.errors import UserError
from cortex.stimuli.datasets import Digits


class Canvas(eqx.Module):
    """What is drawn.

    Attributes:
        side: of the image [px]; 60 in the paper.
        pieces: of other digits; chosen here.
        piece: side of a piece [px], as in the paper.
    """

    side: int = eqx.field(static=True, default=56)
    pieces: int = eqx.field(static=True, default=8)
    piece: int = eqx.field(static=True, default=8)


class ClutteredDigits(eqx.Module):
    """Images with a digit among clutter.

    Attributes:
        images: 0 (paper) to 1 (ink).
        labels: of the digits, 0 to 9.
        places: of the digits' middles, (row, column) from 0 (top, left edge) to 1.
    """

    images: Float[Array, "n side side"]
    labels: Int[Array, " n"]
    places: Float[Array, "n 2"]

    def __len__(self) -> int:
        return self.labels.shape[0]

    def inside(self, shape: tuple[int, int], digit: int = 28) -> Bool[np.ndarray, "n height width"]:
        """Which places of a map over an image have their middle in the square of its digit.

        A middle on the very border of the square is in it or not as rounding has it.

        Args:
            shape: (height, width) of the map.
            digit: side of that square [px].
        """
        reach, at = digit / self.images.shape[-1] / 2, np.asarray(self.places)
        rows, columns = (
            np.abs((np.arange(n) + 0.5) / n - at[:, axis, None]) < reach
            for axis, n in enumerate(shape)
        )
        return np.asarray(rows[:, :, None] & columns[:, None, :])


def cluttered_digits(
    key: PRNGKeyArray, digits: Digits, rows: Int[Array, " n"], canvas: Canvas
) -> ClutteredDigits:
    """Each of the given digits at a random place among pieces of random digits.

    Every place where the whole digit fits is as likely as any other, and so is every piece of
    every digit at every place of the canvas. Where two things meet, the darker ink stays.

    Args:
        key: of places and pieces.
        digits: the digits shown and those that pieces are cut from.
        rows: of the digits shown, 0 to `len(digits) - 1`.
        canvas: sizes.

    Raises:
        UserError: a canvas smaller than a digit or a piece larger than one, or less than 1 px.

    Source: Mnih, Heess, Graves & Kavukcuoglu 2014 (cluttered translated MNIST).
    """
    own = digits.images.shape[1]
    if canvas.side < own:
        raise UserError(f"canvas: found a side of {canvas.side} px, allowed: {own} px or more")
    if not 1 <= canvas.piece <= own:
        raise UserError(f"canvas: found pieces of {canvas.piece} px, allowed: 1 to {own} px")
    keys = jax.random.split(key, rows.shape[0])
    images, corners = jax.vmap(lambda k, row: _one(k, digits, row, canvas))(keys, rows)
    places = (corners + own / 2) / canvas.side
    return ClutteredDigits(images, digits.labels[rows], places)


def _one(
    key: PRNGKeyArray, digits: Digits, row: Int[Array, ""], canvas: Canvas
) -> tuple[Float[Array, "side side"], Int[Array, "2"]]:
    """One image, and the corner of its digit."""
    own, pieces, piece = digits.images.shape[1], canvas.pieces, canvas.piece
    place_key, other_key, cut_key, put_key = jax.random.split(key, 4)
    others = jax.random.randint(other_key, (pieces,), 0, len(digits))
    cuts = jax.random.randint(cut_key, (pieces, 2), 0, own - piece + 1)
    puts = jax.random.randint(put_key, (pieces, 2), 0, canvas.side - piece + 1)
    image = jnp.zeros((canvas.side, canvas.side), digits.images.dtype)
    for other, cut, put in zip(others, cuts, puts, strict=True):
        found = jax.lax.dynamic_slice(digits.images, (other, *cut), (1, piece, piece))[0]
        image = _put(image, found, put)
    corner = jax.random.randint(place_key, (2,), 0, canvas.side - own + 1)
    return _put(image, digits.images[row], corner), corner


def _put(image: Array, patch: Array, corner: Int[Array, "2"]) -> Array:
    """The image with a patch whose ink covers what is lighter."""
    at = (corner[0], corner[1])
    below = jax.lax.dynamic_slice(image, at, patch.shape)
    return jax.lax.dynamic_update_slice(image, jnp.maximum(below, patch), at)
