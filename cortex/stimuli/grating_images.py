"""Coloured gratings as images for networks: full field, or in quadrants of a grey image.

Images are red, green and blue from 0 to 255, (3, size, size), made by pure functions of
orientation, colour, phase and quadrant: they can be traced, differentiated and mapped over.
Orientation is that of the bars, phase a cosine, both in degrees, as in
`cortex.stimuli.gratings`; quadrants are those of `cortex.stimuli.composites`.

Source: the orientation task of Lindsay & Miller 2018, eLife 7:e38105, for size, period,
orientations and the number of colours. Which colours, the grey around the gratings, their
contrast and their waveform are chosen here: every channel of a colour is multiplied by one
sinusoid, from dark to the colour itself, so that a grating has one hue.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PRNGKeyArray, ScalarLike

from cortex.errors import UserError
from cortex.stimuli._numeric import as_float
from cortex.stimuli.gratings import carrier
from cortex.stimuli.image_files import Preprocessing
from cortex.stimuli.visual_field import VisualField

Pixels = Float[Array, "3 size size"]
RGB = Float[Array, "3"]
Place = Literal["full", "quadrant"]

# Five of Okabe & Ito's, told apart by readers with any colour vision.
COLOURS = {
    "vermillion": (213.0, 94.0, 0.0),
    "yellow": (240.0, 228.0, 66.0),
    "green": (0.0, 158.0, 115.0),
    "blue": (0.0, 114.0, 178.0),
    "purple": (204.0, 121.0, 167.0),
}
ORIENTATIONS = tuple(20.0 * n for n in range(9))


class GratingField(eqx.Module):
    """What all gratings of a study have in common.

    Attributes:
        size: side of the image [px], even; static.
        cycles_per_pixel: spatial frequency, at most half a cycle a pixel.
        contrast: Michelson's, in every channel [%], 0 to 100.
        background: grey of every pixel without a grating, 0 to 255.
        orientations: those sought, of the bars [deg].
        colours: red, green and blue of the brightest line of a bar, 0 to 255.
        colour_names: one a colour; static.

    Raises:
        ValueError: an odd size, or another number of names than colours.
    """

    size: int = eqx.field(static=True, default=224)
    cycles_per_pixel: Any = eqx.field(converter=as_float, default=0.025)
    contrast: Any = eqx.field(converter=as_float, default=100.0)
    background: Any = eqx.field(converter=as_float, default=128.0)
    orientations: Float[Array, " orientations"] = eqx.field(
        converter=as_float, default=ORIENTATIONS
    )
    colours: Float[Array, "colours 3"] = eqx.field(
        converter=as_float, default_factory=lambda: np.array(list(COLOURS.values()))
    )
    colour_names: tuple[str, ...] = eqx.field(static=True, default=tuple(COLOURS))

    def __check_init__(self) -> None:
        if self.size < 2 or self.size % 2:
            raise ValueError(f"size: found {self.size}, allowed: an even number of 2 or more")
        if len(self.colour_names) != len(self.colours):
            raise ValueError(
                f"colour_names: found {len(self.colour_names)}, allowed: {len(self.colours)}"
            )

    def patch(
        self, side: int, orientation: ScalarLike, colour: RGB, phase: ScalarLike
    ) -> Float[Array, "3 side side"]:
        """A square filled with a grating whose phase is taken in its middle.

        Args:
            side: of the square [px].
            orientation: of the bars [deg].
            colour: of the brightest line of a bar, 0 to 255.
            phase: degrees.
        """
        # A visual field whose degrees are pixels.
        field = VisualField((side, side), jnp.ones(()))
        wave = carrier(field, orientation, self.cycles_per_pixel, phase)
        contrast = self.contrast / 100.0
        level = (1.0 + contrast * wave) / (1.0 + contrast)
        return colour[:, None, None] * level[None]

    def full_field(self, orientation: ScalarLike, colour: RGB, phase: ScalarLike) -> Pixels:
        """An image filled with a grating; arguments as for `patch`."""
        return self.patch(self.size, orientation, colour, phase)

    def in_quadrants(
        self,
        orientations: Float[Array, " gratings"],
        colours: Float[Array, "gratings 3"],
        phases: Float[Array, " gratings"],
        quadrants: Int[Array, " gratings"],
    ) -> Pixels:
        """Gratings of half the image's side, each in a quadrant of its own, on grey.

        Args:
            orientations: of the bars of each [deg].
            colours: of each, 0 to 255.
            phases: of each, taken in the middle of its quadrant [deg].
            quadrants: of each, 0 top left, 1 top right, 2 bottom left, 3 bottom right.
        """
        half = self.size // 2
        patches = jax.vmap(lambda *one: self.patch(half, *one))(orientations, colours, phases)
        # One row of ones and zeros a quadrant: which grating it holds.
        holds = (jnp.arange(4)[:, None] == quadrants[None, :]).astype(patches.dtype)
        empty = (1.0 - holds.sum(axis=1)) * self.background
        filled = jnp.einsum("qg,gcyx->qcyx", holds, patches, precision="highest")
        four = filled + empty[:, None, None, None]
        rows = [jnp.concatenate([four[n], four[n + 1]], axis=2) for n in (0, 2)]
        return jnp.concatenate(rows, axis=1)


class GratingNoise(eqx.Module):
    """What training images are spoilt by, so that detectors do not rest on single pixels.

    Shares and the standard deviation are those of the authors' public code of Lindsay & Miller
    2018; the width of the bands, and clipping to 0 to 255, are chosen here.

    Attributes:
        blanked: share of images in which a vertical and a horizontal band are blanked, 0 to 1.
        band: width of the bands, as a share of the image's side, 0 to 1.
        noisy: share of values (pixels of a channel) with Gaussian noise, 0 to 1.
        sd: of the noise [grey levels].
    """

    blanked: Any = eqx.field(converter=as_float, default=0.4)
    band: Any = eqx.field(converter=as_float, default=0.125)
    noisy: Any = eqx.field(converter=as_float, default=0.5)
    sd: Any = eqx.field(converter=as_float, default=20.0)

    def __call__(
        self, key: PRNGKeyArray, pixels: Float[Array, "3 _ _"], background: ScalarLike
    ) -> Float[Array, "3 _ _"]:
        """The spoilt image, 0 to 255; bands lie within it and show the background."""
        blank_key, place_key, hit_key, noise_key = jax.random.split(key, 4)
        starts = jax.random.uniform(place_key, (2,)) * (1.0 - self.band)
        hit = jax.random.bernoulli(blank_key, self.blanked)
        rows, columns = (
            ((jnp.arange(side) + 0.5) / side >= start)
            & ((jnp.arange(side) + 0.5) / side < start + self.band)
            for side, start in zip(pixels.shape[1:], starts, strict=True)
        )
        blank = hit & (rows[:, None] | columns[None, :])
        pixels = jnp.where(blank[None], as_float(background), pixels)
        noise = self.sd * jax.random.normal(noise_key, pixels.shape)
        noise = jnp.where(jax.random.bernoulli(hit_key, self.noisy, pixels.shape), noise, 0.0)
        return jnp.clip(pixels + noise, 0.0, 255.0)


def normalised(
    pixels: Float[Array, "*images 3 size size"], preprocessing: Preprocessing | None
) -> Float[Array, "*images 3 size size"]:
    """What a network receives of images in 0 to 255; unchanged without a preprocessing.

    Raises:
        UserError: the network expects another size.
    """
    if preprocessing is None:
        return pixels
    if pixels.shape[-1] != preprocessing.size:
        raise UserError(
            f"gratings: found images of {pixels.shape[-1]} px, allowed: {preprocessing.size} px, "
            "the network's"
        )
    mean, std = as_float(preprocessing.mean), as_float(preprocessing.std)
    shape = (1,) * (pixels.ndim - 3) + (3, 1, 1)
    return (pixels - mean.reshape(shape)) / std.reshape(shape)


@dataclass(frozen=True, eq=False)
class SingleGratings:
    """Images of one grating each, made batch by batch: to learn on.

    Attributes:
        field: what they have in common.
        orientation: number of each image's orientation.
        colour: number of each image's colour.
        phase: degrees.
        quadrant: of each; -1 where the grating fills the image.
        key: of the noise.
        noise: none for clean images.
        preprocessing: of the network; none leaves 0 to 255.
    """

    field: GratingField
    orientation: np.ndarray
    colour: np.ndarray
    phase: np.ndarray
    quadrant: np.ndarray
    key: PRNGKeyArray
    noise: GratingNoise | None
    preprocessing: Preprocessing | None

    def __len__(self) -> int:
        return len(self.orientation)

    def images(self, rows: slice | np.ndarray) -> Float[Array, "n 3 size size"]:
        """Images of the given rows, as the network expects them."""
        numbers = np.arange(len(self))[rows]
        drawn = _draw_singles(
            self.field,
            jnp.asarray(self.orientation[numbers]),
            jnp.asarray(self.colour[numbers]),
            as_float(self.phase[numbers]),
            jnp.asarray(self.quadrant[numbers]),
            self.key,
            jnp.asarray(numbers),
            self.noise,
            bool(self.quadrant[0] < 0),
        )
        return normalised(drawn, self.preprocessing)

    def batches(self, batch: int = 50) -> Iterator[Float[Array, "n 3 size size"]]:
        """All images in order, `batch` at a time."""
        for start in range(0, len(self), batch):
            yield self.images(slice(start, start + batch))


def single_gratings(
    field: GratingField,
    n: int,
    seed: int,
    *,
    place: Place = "full",
    noise: GratingNoise | None = None,
    preprocessing: Preprocessing | None = None,
) -> SingleGratings:
    """Single gratings, every orientation in every colour as often as the others within one.

    Args:
        field: what they have in common.
        n: images, at least one an orientation and a colour for labels to be complete.
        seed: of order, phases, quadrants and noise.
        place: `full`, the grating fills the image, or `quadrant`, one of the four at random.
        noise: to train detectors; none for tuning values.
        preprocessing: of the network; none leaves 0 to 255.

    Raises:
        UserError: fewer images than orientations, or than colours.
    """
    orientations, colours = len(field.orientations), len(field.colours)
    if n < max(orientations, colours):
        raise UserError(
            f"gratings: found {n} images, allowed: at least {max(orientations, colours)}, "
            "one an orientation and a colour"
        )
    rng = np.random.default_rng(seed)
    # The k-th round pairs orientation o with colour o + k: a part of 45 images is even too.
    number = np.arange(n)
    orientation = number % orientations
    colour = (orientation + number // orientations) % colours
    order = rng.permutation(n)
    quadrant = rng.permutation(number % 4) if place == "quadrant" else np.full(n, -1)
    return SingleGratings(
        field,
        orientation[order].astype(np.int32),
        colour[order].astype(np.int32),
        rng.uniform(0.0, 360.0, n),
        quadrant.astype(np.int32),
        jax.random.key(seed),
        noise,
        preprocessing,
    )


@eqx.filter_jit
def _draw_singles(
    field: GratingField,
    orientation: Int[Array, " n"],
    colour: Int[Array, " n"],
    phase: Float[Array, " n"],
    quadrant: Int[Array, " n"],
    key: PRNGKeyArray,
    numbers: Int[Array, " n"],
    noise: GratingNoise | None,
    full: bool,
) -> Float[Array, "n 3 size size"]:
    def one(o: Array, c: Array, p: Array, q: Array, number: Array) -> Pixels:
        angle, hue = field.orientations[o], field.colours[c]
        if full:
            pixels = field.full_field(angle, hue, p)
        else:
            pixels = field.in_quadrants(angle[None], hue[None], p[None], q[None])
        if noise is None:
            return pixels
        return noise(jax.random.fold_in(key, number), pixels, field.background)

    return jax.vmap(one)(orientation, colour, phase, quadrant, numbers)
