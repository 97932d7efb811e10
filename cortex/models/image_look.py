"""Looking at one image: saliency, scan path, and the circuits at the place attended first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cortex.areas import CircuitArea
from cortex.attention import SpatialWindow
from cortex.attention.saliency import (
    Saliency,
    SaliencyMaps,
    ScanPath,
    Weights,
    WinnerTakeAll,
    scan_path,
)
from cortex.attention.source import Query, State
from cortex.circuit import EI
from cortex.progress import stage

from .image_circuits import image_circuits
from .orientation_field import FixedPoint, OrientationField

LONGEST = 480  # px; as published, where larger images lose their finest details too
SEEN = 192  # px, longer side of the image that the circuits see
CONTRAST = 100.0  # %, drive where a filter's amplitude is 1, as of a full-contrast grating
GAIN = 0.5  # at the attended place
WIDTH = 0.1  # of the attended window, of the sides
TAU, RECOVERY = 2400.0, 3000.0  # ms, at the pace of eye movements; chosen here


class ImageLook(NamedTuple):
    """What is made of one image.

    Attributes:
        image: red, green and blue, 0 to 1.
        saliency, conspicuity: maps, at their own resolution; conspicuity by channel.
        path: places and times of the fixations that were made.
        rates: mean over orientations [Hz], without attention (0) and at the first fixation (1).
        settled: whether the circuits did, without and with attention.
    """

    image: Float[np.ndarray, "3 height width"]
    saliency: Float[np.ndarray, "v u"]
    conspicuity: Float[np.ndarray, "channels v u"]
    path: ScanPath
    rates: EI[Float[np.ndarray, "2 rows columns"]]
    settled: Bool[np.ndarray, 2]


def look_at(
    image: Float[np.ndarray, "3 height width"], task: Sequence[str], fixations: int
) -> ImageLook:
    """Saliency of the image, its first fixations, and what the circuits answer.

    The place fixated first, or the middle if nothing is salient, is then attended by a gain on
    the drive of the circuits (`SpatialWindow`).

    Args:
        image: sides of 12 px and more, see `cortex.stimuli.single_images`.
        task: features or channels that are looked for; none for free viewing.
        fixations: how many.
    """
    model = Saliency(Weights.towards(task))
    with stage("saliency and fixations"):
        maps, path = jax.block_until_ready(_saliency(model, jnp.asarray(image), fixations))
    made = np.asarray(path.made)
    kept = ScanPath(np.asarray(path.places)[made], np.asarray(path.times)[made], made[made])
    place = jnp.asarray(kept.places[0] if made.any() else (0.5, 0.5), float)
    grey = _smaller(image)
    height, width = grey.shape
    field, solver = OrientationField(stride=4), FixedPoint()()
    area = image_circuits(field, height, width, CONTRAST, solver)
    with stage("the circuits' answer"):
        rates, settled = jax.block_until_ready(_answers(area, grey, place))
    return ImageLook(
        image=image,
        saliency=np.asarray(maps.saliency),
        conspicuity=np.asarray(maps.conspicuity),
        path=kept,
        rates=rates.map(np.asarray),
        settled=np.asarray(settled),
    )


@eqx.filter_jit
def _saliency(model: Saliency, image: Array, fixations: int) -> tuple[SaliencyMaps, ScanPath]:
    maps = model(image)
    pace = WinnerTakeAll(tau=jnp.asarray(TAU), recovery=jnp.asarray(RECOVERY))
    return maps, scan_path(pace, maps.saliency, fixations)


def _smaller(image: np.ndarray) -> Array:
    """The grey image that the circuits see, of `SEEN` px at most."""
    grey = jnp.asarray(image.mean(0))
    scale = min(1.0, SEEN / max(grey.shape))
    return jax.image.resize(grey, [max(1, round(n * scale)) for n in grey.shape], "linear")


@eqx.filter_jit
def _answers(area: CircuitArea, grey: Array, place: Array) -> tuple[EI[Array], Array]:
    features = jnp.maximum(area.stage(grey), 0.0)
    silent = jax.tree.map(jnp.zeros_like, area.circuit.silence())
    window = SpatialWindow(strength=jnp.asarray(GAIN), width=jnp.asarray(WIDTH))
    attended = window(features, State(silent, jnp.zeros(1)), Query(place=place))
    plain = area.settle(grey[None])
    states = (plain, area.settle(grey[None], attended, plain.last))
    rates = jax.tree.map(
        lambda *each: jnp.stack([jnp.mean(rate, axis=0) for rate in each]),
        *(state.rates for state in states),
    )
    return rates, jnp.stack([state.converged for state in states])
