"""Slopes of a detector with respect to the maps of every area, in one backward pass."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cortex.frontends.conv import carried

from .area import Image
from .system import VisualSystem


def logit_slopes(
    system: VisualSystem,
    detectors: Callable[[Float[Array, " units"]], Float[Array, " categories"]],
    image: Image,
    category: Int[Array, ""],
    first: int = 0,
) -> tuple[tuple[Float[Array, " _"], ...], Float[Array, ""]]:
    """dz/dx of one detector's logit z, averaged over the places of each map of each area.

    The circuits above an area are differentiated through their steady states.

    Args:
        system: unattended.
        detectors: from readout units to one logit a category.
        image: what area number `first` receives, (channels, height, width).
        category: whose logit.
        first: the lowest area to differentiate, 0 the lowest of all.

    Returns:
        An array (maps,) for each area from `first` on, x being its output, and the logit.
    """
    areas = system.areas[first:]

    def logit(shifts: tuple[Array, ...]) -> Float[Array, ""]:
        # A shift of a whole map: its slope is the sum of the slopes at all places.
        received = output = image
        for area, shift in zip(areas, shifts, strict=True):
            output = area(received).output + shift[:, None, None]
            received = carried(area.stage, received, output)
        return detectors(system.readout.units(output))[category]

    shapes = map_shapes(system, image, first)
    nothing = tuple(jnp.zeros(shape[0], image.dtype) for shape in shapes)
    value, slopes = jax.value_and_grad(logit)(nothing)
    return tuple(s / (h * w) for s, (_, h, w) in zip(slopes, shapes, strict=True)), value


def map_shapes(
    system: VisualSystem, image: Image, first: int = 0
) -> tuple[tuple[int, int, int], ...]:
    """(maps, height, width) of every area from `first` on; nothing is computed.

    Args:
        system: any.
        image: what area `first` receives.
        first: the lowest area wanted.
    """
    found = jax.eval_shape(lambda x: tuple(r.output for r in system.respond(x, first=first)), image)
    return tuple((r.shape[0], r.shape[1], r.shape[2]) for r in found)
