"""Early visual features: intensity, two colour opponencies, orientation, flicker and motion.

Source: Itti, Koch & Niebur 1998, IEEE PAMI 20:1254 (intensity, colours, orientation); Itti, Dhavale
& Pighin 2003, Proc SPIE 5200:64 (flicker and motion). The differences are said below.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from .pyramid import filtering

Image = Float[Array, "3 height width"]

CHANNELS = ("intensity", "colour", "orientation", "flicker", "motion")
# What is told apart in each channel. Orientation is that of the bars, in degrees
# counter-clockwise from horizontal.
MEMBERS: dict[str, tuple[str, ...]] = {
    "intensity": ("bright", "dark"),
    "colour": ("red", "green", "blue", "yellow"),
    "orientation": ("horizontal", "diagonal_up", "vertical", "diagonal_down"),
    "flicker": ("flicker",),
    "motion": ("right", "up", "left", "down"),
}
FEATURES = tuple(name for channel in CHANNELS for name in MEMBERS[channel])
ORIENTATIONS = (0.0, 45.0, 90.0, 135.0)  # deg, in the order of the members

# Shape of the oriented filters, in px of each level; chosen here.
WAVELENGTH = 5.0
SPREAD = 2.0
RADIUS = 5


def intensity(image: Image) -> Float[Array, "height width"]:
    """Mean of red, green and blue."""
    return jnp.mean(image, axis=0)


def opponency(image: Image) -> Float[Array, "2 height width"]:
    """Red minus green and blue minus yellow, each of broadly tuned colours.

    Colours are relative to the intensity, and none where that is below a tenth of its largest
    value in the image. The surround has the same opponency as the centre and is taken away from
    it, so that a uniform colour gives nothing.
    """
    grey = intensity(image)
    seen = (grey > jnp.max(grey) / 10) & (grey > 0)
    r, g, b = jnp.where(seen[None], image / jnp.where(seen, grey, 1.0)[None], 0.0)
    colours = (
        r - (g + b) / 2,
        g - (r + b) / 2,
        b - (r + g) / 2,
        (r + g) / 2 - jnp.abs(r - g) / 2 - b,
    )
    red, green, blue, yellow = (jnp.maximum(colour, 0.0) for colour in colours)
    return jnp.stack([red - green, blue - yellow])


def oriented(grey: Float[Array, "height width"]) -> Float[Array, "4 height width"]:
    """Amplitude of Gabor filters in quadrature at `ORIENTATIONS`, 0 where nothing changes.

    A grating of the preferred orientation and wavelength has its amplitude as response.
    """
    rows, columns = (
        jnp.asarray(_filters(size, part), grey.dtype) for part, size in enumerate(grey.shape)
    )
    exact = jax.lax.Precision.HIGHEST  # a GPU may multiply in fewer bits
    found = jnp.einsum("kij,jl->kil", rows, grey, precision=exact)
    found = jnp.einsum("kil,kml->kim", found, columns, precision=exact)
    mean, parts = found[0], found[1:].reshape(len(ORIENTATIONS), 4, *grey.shape)
    offsets = jnp.asarray(_offsets(), grey.dtype)[:, None, None]
    even = parts[:, 0] - parts[:, 1] - offsets * mean[None]
    odd = parts[:, 2] + parts[:, 3]
    energy = even**2 + odd**2
    positive = energy > 0
    amplitude = jnp.where(positive, jnp.sqrt(jnp.where(positive, energy, 1.0)), 0.0)
    return float(2.0 / np.sum(_envelope()) ** 2) * amplitude


def _filters(size: int, part: int) -> np.ndarray:
    """One-dimensional factors for the rows (part 0) or the columns (1), as matrices, stacked.

    First the envelope; then, for each orientation, those of cos cos, sin sin, cos sin and sin cos,
    with the rows' factor first.
    """
    taps = [_envelope()]
    for waves in _waves():
        cosine, sine = (_envelope() * f(waves[part]) for f in (np.cos, np.sin))
        taps += [cosine, sine, *((cosine, sine) if part == 0 else (sine, cosine))]
    return np.stack([filtering(size, one) for one in taps])


def _offsets() -> np.ndarray:
    """What of the envelope is taken from each even filter, so that it sums to zero."""
    envelope = _envelope()
    sums = [[np.sum(envelope * np.cos(wave)) for wave in waves] for waves in _waves()]
    return np.prod(sums, axis=1) / np.sum(envelope) ** 2


def _envelope() -> np.ndarray:
    return np.exp(-(np.arange(-RADIUS, RADIUS + 1) ** 2) / (2 * SPREAD**2))


def _waves() -> list[tuple[np.ndarray, np.ndarray]]:
    """Phase along the rows, downwards, and along the columns, for each orientation."""
    at = 2 * np.pi / WAVELENGTH * np.arange(-RADIUS, RADIUS + 1)
    # Across the bars.
    return [(-np.cos(angle) * at, -np.sin(angle) * at) for angle in np.deg2rad(ORIENTATIONS)]


def moving(
    now: Float[Array, "4 height width"], before: Float[Array, "4 height width"]
) -> Float[Array, "4 height width"]:
    """Motion to the right, up, left and down, from the oriented amplitudes of two frames.

    Reichardt detectors (Hassenstein & Reichardt 1956): the product of what is here now and what
    was one place back before, minus that with the times exchanged, half-rectified. Vertical bars
    tell right from left, horizontal ones up from down. The published model shifts likewise but
    takes absolute values; ours are opponent, and the square root makes them as large as their
    inputs.
    """
    vertical, horizontal = MEMBERS["orientation"].index("vertical"), 0
    found = []
    for orientation, shift in (
        (vertical, (0, 1)),
        (horizontal, (-1, 0)),
        (vertical, (0, -1)),
        (horizontal, (1, 0)),
    ):
        here, then = now[orientation], before[orientation]
        opponent = here * _moved(then, shift) - then * _moved(here, shift)
        positive = opponent > 0
        found.append(jnp.where(positive, jnp.sqrt(jnp.where(positive, opponent, 1.0)), 0.0))
    return jnp.stack(found)


def _moved(
    maps: Float[Array, "height width"], shift: tuple[int, int]
) -> Float[Array, "height width"]:
    """Shifted by rows down and columns to the right; the border goes on."""
    down, right = shift
    padded = jnp.pad(maps, 1, mode="edge")
    height, width = maps.shape
    return padded[1 - down : 1 - down + height, 1 - right : 1 - right + width]


def polarities(signed: Float[Array, "opponencies height width"]) -> Float[Array, "_ height width"]:
    """The positive and the negative part of every map, one after the other."""
    both = jnp.stack([jnp.maximum(signed, 0.0), jnp.maximum(-signed, 0.0)], axis=1)
    return both.reshape(-1, *signed.shape[1:])


def members(channel: str) -> Sequence[int]:
    """Places in `FEATURES` of what a channel tells apart."""
    return [FEATURES.index(name) for name in MEMBERS[channel]]
