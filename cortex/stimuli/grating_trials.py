"""Hard and plain images to look for an orientation in, made as they are asked for.

Source: the tasks of Lindsay & Miller 2018, eLife 7:e38105, in which two gratings of different
orientation share an image, or one grating fills it. That the two also differ in colour, so that
the colour tells which of them was seen, is chosen here.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cortex.errors import UserError
from cortex.stimuli._numeric import as_float
from cortex.stimuli.grating_images import GratingField, Pixels, normalised
from cortex.stimuli.image_files import Preprocessing
from cortex.stimuli.trials import AbstractTrials

ABSENT = -1


class GratingTrials(AbstractTrials):
    """Two gratings of different orientation and colour in two quadrants of an image.

    For every orientation half of the images are positive, and positive and negative ones
    alternate (the even rows are positive). The first grating of a positive image has the
    orientation sought; in a negative one neither has. The first grating's colour and quadrant,
    and the orientations of the others, are as even as their number allows, apart for positive
    and for negative images; phases are random.

    Args:
        field: what all gratings have in common.
        n: images an orientation, even.
        seed: of the draw.
        cued: quadrant that always holds the first grating, as in the spatial task; none draws
            it anew for every image.
        positive_only: every image shows the orientation sought.
        preprocessing: of the network; none leaves 0 to 255.

    Attributes:
        present, quadrant: as in `AbstractTrials`; the quadrant is the first grating's.
        orientations, colours, quadrants: number of each grating, (categories, images, 2).
        phases: degrees, (categories, images, 2).

    Raises:
        UserError: an odd number of images, fewer than two colours or three orientations, or no
            such quadrant.
    """

    def __init__(
        self,
        field: GratingField,
        n: int,
        seed: int,
        *,
        cued: int | None = None,
        positive_only: bool = False,
        preprocessing: Preprocessing | None = None,
    ):
        categories, hues = len(field.orientations), len(field.colours)
        if n < 2 or n % 2:
            raise UserError(f"gratings: found {n} images, allowed: an even number of 2 or more")
        if categories < 3 or hues < 2:
            raise UserError(
                f"gratings: found {categories} orientations and {hues} colours, allowed: "
                "3 or more and 2 or more"
            )
        if cued is not None and cued not in range(4):
            raise UserError(f"gratings: found quadrant {cued}, allowed: 0, 1, 2 or 3")
        self.field = field
        self.preprocessing = preprocessing
        rng = np.random.default_rng(seed)
        rows = np.arange(n) if positive_only else np.arange(0, n, 2)
        self.present = np.zeros((categories, n), bool)
        self.present[:, rows] = True
        drawn = [
            _pairs(rng, category, positive, categories, hues, cued)
            for category, positive in enumerate(self.present)
        ]
        orientations, colours, quadrants = (np.stack(parts) for parts in zip(*drawn, strict=True))
        self.orientations, self.colours, self.quadrants = orientations, colours, quadrants
        self.phases = rng.uniform(0.0, 360.0, orientations.shape)
        self.quadrant = quadrants[..., 0]

    @property
    def colour(self) -> Int[np.ndarray, "categories images"]:
        """Number of the colour of the grating of the orientation sought; -1 where absent."""
        return np.where(self.present, self.colours[..., 0], ABSENT)

    @property
    def other_colour(self) -> Int[np.ndarray, "categories images"]:
        """Number of the colour of the other grating; -1 where the one sought is absent."""
        return np.where(self.present, self.colours[..., 1], ABSENT)

    def images(self, category: int, start: int, stop: int) -> Float[Array, "n 3 size size"]:
        """Images of one orientation sought, as the network expects them."""
        rows = (category, slice(start, stop))
        drawn = _draw_pairs(
            self.field,
            jnp.asarray(self.orientations[rows]),
            jnp.asarray(self.colours[rows]),
            as_float(self.phases[rows]),
            jnp.asarray(self.quadrants[rows]),
        )
        return normalised(drawn, self.preprocessing)


class FirstAlone(AbstractTrials):
    """The images of two gratings without the second: what is attended, alone.

    Args:
        pairs: all of them with the orientation sought, which the first grating has.
    """

    def __init__(self, pairs: GratingTrials):
        self.pairs = pairs
        self.present, self.quadrant = pairs.present, pairs.quadrant

    def images(self, category: int, start: int, stop: int) -> Float[Array, "n 3 size size"]:
        """Images of one orientation, as the network expects them."""
        first = (category, slice(start, stop), slice(1))
        drawn = _draw_pairs(
            self.pairs.field,
            jnp.asarray(self.pairs.orientations[first]),
            jnp.asarray(self.pairs.colours[first]),
            as_float(self.pairs.phases[first]),
            jnp.asarray(self.pairs.quadrants[first]),
        )
        return normalised(drawn, self.pairs.preprocessing)


class FullFieldTrials(AbstractTrials):
    """One grating that fills the image: for every orientation all colours at several phases.

    Args:
        field: what all gratings have in common.
        phases: number of phases, evenly spaced over a cycle.
        preprocessing: of the network; none leaves 0 to 255.

    Attributes:
        present, quadrant: as in `AbstractTrials`; all present, and no place can be cued.
        colour: number of each image's colour, (categories, images).
        phase: degrees, (categories, images).

    Raises:
        UserError: no phase.
    """

    def __init__(
        self, field: GratingField, phases: int, *, preprocessing: Preprocessing | None = None
    ):
        if phases < 1:
            raise UserError(f"gratings: found {phases} phases, allowed: 1 or more")
        self.field = field
        self.preprocessing = preprocessing
        categories, hues = len(field.orientations), len(field.colours)
        shape = (categories, hues * phases)
        self.present = np.ones(shape, bool)
        self.quadrant = np.full(shape, ABSENT, np.int32)
        self.colour = np.tile(np.repeat(np.arange(hues, dtype=np.int32), phases), (categories, 1))
        self.phase = np.tile(360.0 * np.arange(phases) / phases, (categories, hues))

    def images(self, category: int, start: int, stop: int) -> Float[Array, "n 3 size size"]:
        """Images of one orientation, as the network expects them."""
        rows = (category, slice(start, stop))
        drawn = _draw_full(
            self.field,
            self.field.orientations[category],
            jnp.asarray(self.colour[rows]),
            as_float(self.phase[rows]),
        )
        return normalised(drawn, self.preprocessing)


def _evenly(rng: np.random.Generator, n: int, choices: int) -> Int[np.ndarray, " n"]:
    """n numbers below `choices`, each as often as the others within one, shuffled."""
    return rng.permutation(choices)[rng.permutation(n) % choices].astype(np.int32)


def _pairs(
    rng: np.random.Generator,
    category: int,
    positive: np.ndarray,
    categories: int,
    hues: int,
    cued: int | None,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Orientations, colours and quadrants of the pairs for one orientation, (images, 2)."""
    shape = (len(positive), 2)
    orientations, colours, quadrants = (np.zeros(shape, np.int32) for _ in range(3))
    for rows in (np.flatnonzero(positive), np.flatnonzero(~positive)):
        n = len(rows)
        if positive[rows].any():
            others = _evenly(rng, n, categories - 1)
            first, second = np.full(n, category), others + (others >= category)
        else:
            first = _evenly(rng, n, categories - 1)
            # Another of those that are not sought, at a distance that is even too.
            second = (first + 1 + _evenly(rng, n, categories - 2)) % (categories - 1)
            first, second = first + (first >= category), second + (second >= category)
        orientations[rows, 0], orientations[rows, 1] = first, second
        for numbers, choices, given in ((colours, hues, None), (quadrants, 4, cued)):
            start = _evenly(rng, n, choices) if given is None else np.full(n, given)
            numbers[rows, 0] = start
            numbers[rows, 1] = (start + 1 + _evenly(rng, n, choices - 1)) % choices
    return orientations, colours, quadrants


@eqx.filter_jit
def _draw_pairs(
    field: GratingField,
    orientations: Int[Array, "n gratings"],
    colours: Int[Array, "n gratings"],
    phases: Float[Array, "n gratings"],
    quadrants: Int[Array, "n gratings"],
) -> Float[Array, "n 3 size size"]:
    def one(o: Array, c: Array, p: Array, q: Array) -> Pixels:
        return field.in_quadrants(field.orientations[o], field.colours[c], p, q)

    return jax.vmap(one)(orientations, colours, phases, quadrants)


@eqx.filter_jit
def _draw_full(
    field: GratingField,
    orientation: Float[Array, ""],
    colours: Int[Array, " n"],
    phases: Float[Array, " n"],
) -> Float[Array, "n 3 size size"]:
    def one(c: Array, p: Array) -> Pixels:
        return field.full_field(orientation, field.colours[c], p)

    return jax.vmap(one)(colours, phases)
