"""Trials in pixel noise: a single image of what is sought, of something else, or noise alone."""

from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int, PRNGKeyArray, ScalarLike

from cortex.stimuli.pixel_noise import gaussian_noise
from cortex.stimuli.trials import AbstractTrials, Images, Pixels

Kind = Literal["sought", "nothing", "other"]
KINDS: tuple[Kind, ...] = ("sought", "nothing", "other")
IN_TURN = (0, 1, 0, 2)  # of each four images two show what is sought


class NoisyTrials(AbstractTrials):
    """For each category: images with it, images of others, and noise alone, all in Gaussian noise.

    Attributes:
        kind: number in `KINDS`, (categories, images).
        sources: which single image, (categories, images); of no meaning for noise alone.

    Args:
        key: of the draw and of the noise.
        pixels: single images by their number, 0 to 1.
        labels: category of each single image.
        n: images a category, a multiple of 4.
        categories: how many, 2 or more.
        sd: of the noise before clipping to 0 to 1, in the unit of the images.

    Raises:
        ValueError: another number of images.
    """

    def __init__(
        self,
        key: PRNGKeyArray,
        pixels: Pixels,
        labels: Int[np.ndarray, " singles"],
        n: int,
        categories: int,
        sd: ScalarLike,
    ):
        if n < 4 or n % 4:
            raise ValueError(f"images a category: found {n}, allowed: multiples of 4")
        draw_key, self._noise_key = jax.random.split(key)
        rng = np.random.default_rng(np.asarray(jax.random.key_data(draw_key)))
        self.kind = np.tile(IN_TURN, (categories, n // 4))
        self.present = self.kind == KINDS.index("sought")
        self.quadrant = np.full((categories, n), -1, np.int32)
        self.sources = np.zeros((categories, n), np.int64)
        for category in range(categories):
            inside = np.flatnonzero(labels == category)
            outside = np.flatnonzero(labels != category)
            for kind, rows in (("sought", inside), ("other", outside)):
                at = np.flatnonzero(self.kind[category] == KINDS.index(kind))
                # No single image twice, as long as there are enough.
                self.sources[category, at] = np.resize(rng.permutation(rows), len(at))
        self._pixels, self._sd = pixels, jnp.asarray(sd, float)

    def images(self, category: int, start: int, stop: int) -> Images:
        there = self.kind[category, start:stop] != KINDS.index("nothing")
        singles = self._pixels(self.sources[category, start:stop])
        key = jax.random.fold_in(self._noise_key, category)
        numbers = jnp.arange(start, stop)
        return _noisy(key, numbers, singles, jnp.asarray(there), self._sd)


@jax.jit
def _noisy(key: PRNGKeyArray, numbers: Array, singles: Array, there: Array, sd: Array) -> Array:
    """Single images, or black where nothing is there, in noise of each image's own."""

    def one(number: Array, single: Array, shown: Array) -> Array:
        return gaussian_noise(jax.random.fold_in(key, number), single * shown, sd)

    return jax.vmap(one)(numbers, singles, there)
