"""Slopes of a readout with respect to the output of every area."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.frontends.conv import carried

from .area import Image, Maps
from .system import VisualSystem


def map_slopes(
    system: VisualSystem,
    detectors: Callable[[Float[Array, " units"]], Float[Array, " categories"]],
    image: Image,
) -> tuple[tuple[Float[Array, "categories _"], ...], Float[Array, " categories"]]:
    """dz/dx for each detector's logit z, averaged over the places of each map.

    The circuits above an area are differentiated through their steady states.

    Args:
        system: unattended.
        detectors: from readout units to one logit a category.
        image: (channels, height, width).

    Returns:
        An array (categories, maps) for each area, and the logits.
    """
    responses = system.respond(image)

    received = (image, *(response.sent for response in responses))

    def logits(layer: int, output: Maps) -> Float[Array, " categories"]:
        sent = carried(system.areas[layer].stage, received[layer], output)
        above = system.respond(sent, first=layer + 1)
        last = above[-1].output if above else output
        return detectors(system.readout.units(last))

    slopes = []
    for layer, response in enumerate(responses):
        values, pull_back = jax.vjp(lambda x, number=layer: logits(number, x), response.output)
        rows = jax.vmap(lambda cotangent, f=pull_back: f(cotangent)[0])(jnp.eye(values.size))
        slopes.append(jnp.mean(rows, axis=(-2, -1)))
    return tuple(slopes), detectors(system.readout.units(responses[-1].output))
