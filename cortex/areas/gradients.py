"""Gradients of a detector with respect to the maps of every area, in one backward pass."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cortex.frontends.conv import with_skip

from .area import Image
from .system import VisualSystem


def map_gradients(
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
        # A shift of a whole map: its gradient is the sum of the gradients at all places.
        input = output = image
        for area, shift in zip(areas, shifts, strict=True):
            output = area(input).output + shift[:, None, None]
            input = with_skip(area.stage, input, output)
        return detectors(system.readout.units(output))[category]

    shapes = map_shapes(system, image, first)
    nothing = tuple(jnp.zeros(shape[0], image.dtype) for shape in shapes)
    value, gradients = jax.value_and_grad(logit)(nothing)
    return tuple(s / (h * w) for s, (_, h, w) in zip(gradients, shapes, strict=True)), value


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
