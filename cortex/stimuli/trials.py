"""Trials of a detection task: hard images, made or read from disk as they are asked for.

For every category that may be sought there are as many images, some with it and some without.
Nothing large is held: images are composed batch by batch from digits in memory, from photographs
on disk, or from nothing but parameters (`cortex.stimuli.grating_trials`).
"""

import abc
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, ScalarLike

from cortex.stimuli.composites import array_same, merge
from cortex.stimuli.draws import Draw, array_draw, merged_draw
from cortex.stimuli.pixel_noise import gaussian_noise_each

Images = Float[Array, "n channels height width"]
Pixels = Callable[[Int[np.ndarray, " n"]], Images]
Kind = Literal["sought", "nothing", "other"]
KINDS: tuple[Kind, ...] = ("sought", "nothing", "other")  # what trials in noise show
IN_TURN = (0, 1, 0, 2)  # of each four images two show what is sought


class AbstractTrials(abc.ABC):
    """Images for every category that may be sought.

    Attributes:
        present: (categories, images), whether what is sought is there.
        quadrant: (categories, images), the quadrant that can be cued, as in
            `cortex.stimuli.composites`; -1 where no place can be cued.
    """

    present: Bool[np.ndarray, "categories images"]
    quadrant: Int[np.ndarray, "categories images"]

    @abc.abstractmethod
    def images(self, category: int, start: int, stop: int) -> Images:
        """Images number `start` to `stop - 1` of a category, as the network expects them."""

    def __len__(self) -> int:
        """Images of all categories together."""
        return self.present.size


class ComposedTrials(AbstractTrials):
    """Trials each made of several single images.

    Args:
        draw: which single images, leaves (categories, images, ...); -1 for none, which is black.
        pixels: single images by their number, as the network expects them.
        compose: from the k single images of a trial (k, channels, height, width) to one.
    """

    def __init__(self, draw: Draw, pixels: Pixels, compose: Callable[[Array], Array]):
        self.sources = np.asarray(draw.sources)
        self.present = np.asarray(draw.present)
        self.quadrant = _cued(np.asarray(draw.quadrant), self.sources >= 0)
        self._pixels = pixels
        self._compose = eqx.filter_jit(jax.vmap(compose))

    def images(self, category: int, start: int, stop: int) -> Images:
        rows = self.sources[category, start:stop]
        singles = self._pixels(np.maximum(rows, 0).ravel())
        if (rows < 0).any():
            singles = singles * jnp.asarray(rows.ravel() >= 0)[:, None, None, None]
        return self._compose(singles.reshape(*rows.shape, *singles.shape[1:]))


def merged_trials(
    key: PRNGKeyArray, pixels: Pixels, labels: Int[np.ndarray, " singles"], n: int, categories: int
) -> ComposedTrials:
    """Two single images of different categories, one transparently on top of the other.

    Args:
        key: of the draw.
        pixels: single images by their number.
        labels: category of each single image.
        n: images a category, even; every other one has it.
        categories: how many.

    Raises:
        UserError: an odd n, too few categories, or one without images.

    Source: Lindsay & Miller 2018, merged images.
    """
    draw = _draws(merged_draw, key, labels, n, categories)
    return ComposedTrials(draw, pixels, lambda singles: merge(singles[0], singles[1]))


def array_trials(
    key: PRNGKeyArray,
    pixels: Pixels,
    labels: Int[np.ndarray, " singles"],
    n: int,
    categories: int,
    filled: int = 4,
) -> ComposedTrials:
    """2 x 2 arrays of single images of different categories, reduced to half.

    The cued quadrant is that of the category; where that is absent, each filled quadrant in turn.

    Args:
        key, pixels, labels, n, categories: as for `merged_trials`.
        filled: quadrants with an image, 1 to 4, that of the category among them; the others, at
            random, are black.

    Source: Lindsay & Miller 2018, array images (all quadrants filled).
    """
    draw = _draws(array_draw, key, labels, n, categories)
    if filled < 4:
        kept = _kept_quadrants(jax.random.fold_in(key, filled), draw.quadrant, filled)
        draw = eqx.tree_at(lambda d: d.sources, draw, jnp.where(kept, draw.sources, -1))
    return ComposedTrials(draw, pixels, jax.vmap(array_same, in_axes=1))


HARD: dict[str, Callable[..., ComposedTrials]] = {
    "merged": merged_trials,
    "array": array_trials,
    "array of two": partial(array_trials, filled=2),
}


def hard_trials(
    key: PRNGKeyArray,
    kinds: Sequence[str],
    pixels: Pixels,
    labels: Int[np.ndarray, " singles"],
    n: int,
    categories: int,
) -> dict[str, ComposedTrials]:
    """Hard images by kind, each composed of single ones that are used as seldom as possible.

    Args:
        key: of the draws; that of a kind does not depend on which others are asked for.
        kinds: some of `HARD`.
        pixels, labels, n, categories: as for `merged_trials`.
    """
    keys = {kind: jax.random.fold_in(key, number) for number, kind in enumerate(HARD)}
    return {kind: HARD[kind](keys[kind], pixels, labels, n, categories) for kind in kinds}


def _kept_quadrants(
    key: PRNGKeyArray, quadrant: Int[Array, "categories images"], filled: int
) -> Bool[Array, "categories images 4"]:
    """Some quadrants at random, that of the category always among them."""
    drawn = jax.random.uniform(key, (*quadrant.shape, 4))
    here = quadrant[..., None] == jnp.arange(4)[None, None, :]
    drawn = jnp.where(here, -1.0, drawn)
    return jnp.argsort(jnp.argsort(drawn, axis=-1), axis=-1) < filled


def _draws(
    make: Callable[..., Draw], key: PRNGKeyArray, labels: np.ndarray, n: int, categories: int
) -> Draw:
    """One draw for each category, from independent keys."""
    known = jnp.asarray(labels, jnp.int32)  # no argument of the program: they are looked at

    @jax.jit
    @jax.vmap
    def every(key: PRNGKeyArray, category: Int[Array, ""]) -> Draw:
        return make(key, known, category, n, n_categories=categories)

    return every(jax.random.split(key, categories), jnp.arange(categories))


def _cued(
    quadrant: Int[np.ndarray, "categories images"],
    filled: Bool[np.ndarray, "categories images parts"],
) -> Int[np.ndarray, "categories images"]:
    """Where the category is; in the images without it each filled quadrant in turn."""
    if not (quadrant >= 0).any():
        return quadrant
    count = filled.sum(axis=-1)
    turn = np.arange(quadrant.shape[1]) // 2 % count
    ranks = np.where(filled, np.cumsum(filled, axis=-1) - 1, -1)
    other = np.argmax(ranks == turn[..., None], axis=-1)
    return np.where(quadrant >= 0, quadrant, other).astype(np.int32)


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
        self._pixels, self._sd = pixels, jnp.full(1, sd)

    def images(self, category: int, start: int, stop: int) -> Images:
        rows = self.sources[category, start:stop]
        there = jnp.asarray(self.kind[category, start:stop] != KINDS.index("nothing"))
        key = jax.random.fold_in(self._noise_key, category)
        singles = self._pixels(rows) * there[:, None, None, None]  # black where nothing is
        return gaussian_noise_each(key, jnp.arange(start, stop), singles, self._sd)
