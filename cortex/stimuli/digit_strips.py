"""Digits among clutter: several side by side in a strip, or one in an image."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int

from cortex.errors import UserError

from .datasets import Digits
from .trials import AbstractTrials, Images

BOX = 20  # px; a digit of MNIST fills the middle 20 x 20 of its 28 x 28


class StripLayout(NamedTuple):
    """How strips are laid out.

    Attributes:
        digits: how many stand side by side.
        slot: width that each has to itself [px], at least 20.
        height: of the strip [px].
        jitter: largest displacement of a digit in its slot, along the row [px]. One that reaches
            beyond its slot may touch its neighbour.
        clutter: fragments of other digits in a strip.
        fragment: side of a fragment [px].
    """

    digits: int = 4
    slot: int = 24
    height: int = 28
    jitter: int = 2
    clutter: int = 4
    fragment: int = 7

    @property
    def width(self) -> int:
        """Of the strip [px]."""
        return self.digits * self.slot


class Strips(NamedTuple):
    """Strips of digits.

    Attributes:
        images: 0 (paper) to 1 (ink).
        labels: of the digits from left to right, 0 to 9.
        left: first column of each digit's box of 20 px.
        clutter: the ink of the fragments alone.
    """

    images: Float[np.ndarray, "strips height width"]
    labels: Int[np.ndarray, "strips digits"]
    left: Int[np.ndarray, "strips digits"]
    clutter: Float[np.ndarray, "strips height width"]

    def on_columns(self, columns: int) -> np.ndarray:
        """Which share of each column of a map lies in the box of each digit.

        Args:
            columns: of the map, a divisor of the strips' width.

        Returns:
            (strips, digits, columns), 0 to 1.
        """
        width = self.images.shape[2]
        each = width / columns
        start = np.arange(columns) * each
        low = np.maximum(start, self.left[..., None])
        high = np.minimum(start + each, self.left[..., None] + BOX)
        return np.maximum(high - low, 0.0) / each


def digit_strips(
    digits: Digits, count: int, rng: np.random.Generator, layout: StripLayout | None = None
) -> Strips:
    """Strips of digits drawn at random, all of them used as seldom as possible.

    Args:
        digits: to draw from.
        count: of strips.
        rng: of every draw.
        layout: how they are laid out.

    Raises:
        UserError: a slot or a strip smaller than a digit.
    """
    layout = layout or StripLayout()
    if layout.slot < BOX or layout.height < BOX:
        raise UserError(
            f"strip: found slots of {layout.slot} x {layout.height} px, allowed: {BOX} x {BOX} "
            "or larger"
        )
    boxes = np.asarray(digits.images)[:, 4 : 4 + BOX, 4 : 4 + BOX]
    known = np.asarray(digits.labels)
    wanted = count * layout.digits
    rounds = -(-wanted // len(known))
    rows = np.concatenate([rng.permutation(len(known)) for _ in range(rounds)])[:wanted]
    rows = rows.reshape(count, layout.digits)
    rest = layout.slot - BOX
    middle = np.arange(layout.digits) * layout.slot + rest // 2
    left = middle + rng.integers(-layout.jitter, layout.jitter + 1, rows.shape)
    left = np.clip(left, 0, layout.width - BOX)
    top = rng.integers(0, layout.height - BOX + 1, rows.shape)
    clutter = np.zeros((count, layout.height, layout.width), np.float32)
    for n in range(count):
        for _ in range(layout.clutter):
            _fragment(clutter[n], boxes, rng, layout.fragment)
    images = clutter.copy()
    for n in range(count):
        for row, y, x in zip(rows[n], top[n], left[n], strict=True):
            here = images[n, y : y + BOX, x : x + BOX]
            np.maximum(here, boxes[row], out=here)
    return Strips(images, known[rows], left, clutter)


def _fragment(image: np.ndarray, boxes: np.ndarray, rng: np.random.Generator, side: int) -> None:
    """Put a square out of some digit anywhere, in place; the brighter of two inks shows."""
    whole = boxes[rng.integers(len(boxes))]
    y, x = rng.integers(0, BOX - side + 1, 2)
    piece = whole[y : y + side, x : x + side]
    height, width = image.shape
    down, right = rng.integers(0, height - side + 1), rng.integers(0, width - side + 1)
    here = image[down : down + side, right : right + side]
    np.maximum(here, piece, out=here)


CLUTTERED = StripLayout(digits=1, slot=28, jitter=4, clutter=5, fragment=7)


class ClutteredTrials(AbstractTrials):
    """One digit an image, anywhere in it, among fragments of others; no place can be cued.

    Every other image of a category has a digit of it.

    Args:
        digits: to draw from.
        per_category: images a category, even.
        categories: how many.
        rng: of every draw.
        layout: of an image: a strip of one digit.

    Attributes:
        labels: of the digits, (categories, images).
        clutter: the ink of the fragments alone, (categories, images, height, width).
    """

    def __init__(
        self,
        digits: Digits,
        per_category: int,
        categories: int,
        rng: np.random.Generator,
        layout: StripLayout = CLUTTERED,
    ):
        known = np.asarray(digits.labels)
        shape = (categories, per_category)
        self.present = np.tile(np.arange(per_category) % 2 == 0, (categories, 1))
        self.quadrant = np.full(shape, -1, np.int32)
        self.labels = np.zeros(shape, np.int32)
        self.shown = np.zeros((*shape, layout.height, layout.width), np.float32)
        self.clutter = np.zeros_like(self.shown)
        for category in range(categories):
            for start, rows in enumerate((known == category, known != category)):
                own = digits.take(np.flatnonzero(rows))
                found = digit_strips(own, per_category // 2, rng, layout)
                self.labels[category, start::2] = found.labels[:, 0]
                self.shown[category, start::2] = found.images
                self.clutter[category, start::2] = found.clutter

    def images(self, category: int, start: int, stop: int) -> Images:
        return jnp.asarray(self.shown[category, start:stop, None], jnp.result_type(float))
