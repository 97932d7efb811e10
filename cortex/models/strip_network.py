"""The digit network on wider images: the same filters and circuits on a larger sheet."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.areas import AbstractArea, CircuitArea, VisualSystem, map_shapes
from cortex.areas.digit_networks import as_network
from cortex.attention import Query, State
from cortex.attention.encoder_decoder import AlignedGain
from cortex.circuit import EI, GaussianCoupling


def resize(system: VisualSystem, height: int, width: int) -> VisualSystem:
    """The same areas for images of another size; the readout is of no use there.

    Args:
        system: whose filters, circuits, and couplings within and between maps are kept.
        height, width: size of the images [px].
    """
    without = VisualSystem.plain(as_network(system))
    shapes = map_shapes(without, jnp.zeros((1, height, width)))
    areas: list[AbstractArea] = []
    for area, shape in zip(system.areas, shapes, strict=True):
        if isinstance(area, CircuitArea):
            old = area.circuit.coupling
            assert isinstance(old, GaussianCoupling)
            coupling = GaussianCoupling(old.J, old.sigma, old.features, shape, old.border)
            area = eqx.tree_at(lambda a: a.circuit.coupling, area, coupling)
        areas.append(area)
    return VisualSystem(areas, system.readout, system.names)


class StripLook(eqx.Module):
    """What the areas do with one strip.

    Attributes:
        input: of the topmost area.
        rates: E and I rates of the topmost area [Hz].
        settled: whether its circuit and those below settled.
    """

    input: Float[Array, "*strips sent sent_height sent_width"]
    rates: EI[Float[Array, "*strips maps height width"]]
    settled: Float[Array, "*strips"]

    @property
    def columns(self) -> Float[Array, "*strips columns features"]:
        """E rates by column, the features of each: (maps) x (places down the column)."""
        rates = jnp.moveaxis(self.rates.E, -1, -3)
        return rates.reshape(*rates.shape[:-2], -1)


@eqx.filter_jit
def look_at_strips(system: VisualSystem, strips: Float[Array, "strips height width"]) -> StripLook:
    """Responses without attention."""

    def one(image: Array) -> StripLook:
        responses = system.respond(image[None])
        settled = jnp.all(jnp.stack([r.converged for r in responses]))
        return StripLook(responses[-2].with_skip, responses[-1].rates, settled.astype(image.dtype))

    return jax.vmap(one)(strips)


@eqx.filter_jit
def look_again(
    system: VisualSystem,
    seen: StripLook,
    weights: Float[Array, "strips items"],
    strength: Float[Array, ""],
) -> StripLook:
    """Responses with attention at the topmost area, which starts from its state without.

    Args:
        system: as in the first look.
        seen: what `look_at_strips` returned.
        weights, strength: those of `AlignedGain`, the weights for each strip.
    """
    top = system.areas[-1]

    def one(before: StripLook, own: Array) -> StripLook:
        source = AlignedGain(own, strength)
        features = jnp.maximum(top.stage(before.input), 0.0)
        state = State(before.rates, jnp.zeros(1))
        response = top(before.input, source(features, state, Query()), before.rates)
        settled = before.settled * response.converged
        return StripLook(before.input, response.rates, settled)

    return jax.vmap(one)(seen, weights)
