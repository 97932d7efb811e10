"""Saliency as a source of attention: of an image, or of the area's own maps."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.attention.forms import AbstractForm, Multiplicative, Pattern, spatial_pattern
from cortex.attention.source import AbstractSource, Maps, Query, State
from cortex.circuit.populations import as_floats

from .normalisation import AbstractNormalisation, GlobalMaximum, ranged
from .pyramid import centre_surround, expanded, pyramid

Map = Float[Array, "height width"]


def centred(saliency: Map) -> Map:
    """With a peak of 1 before its mean over places is taken away; zero stays zero.

    Gain then moves from places that are not salient to those that are, and overall arousal does
    not change. A choice of ours: saliency itself is never below 0.
    """
    largest = jnp.max(saliency)
    scaled = saliency / jnp.where(largest > 0, largest, 1.0)
    return scaled - jnp.mean(scaled)


class SaliencyWindow(AbstractSource):
    """Gain where an image is salient, the same for all maps of an area.

    The pattern is `strength * centred(map)`, with the map brought to the area's places.

    Attributes:
        map: saliency of the image, of any size, as `Saliency` finds it.
        strength: beta [1].
    """

    map: Map
    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        maps, *shape = features.shape
        resized = jax.image.resize(self.map, shape, "linear")
        return spatial_pattern(centred(resized), self.strength, maps)


class FeatureSaliency(AbstractSource):
    """Gain where the area's own maps are salient, the same for all of them.

    Centre minus surround of every rectified map across one and two levels of a pyramid,
    half-rectified; brought to a common range (one for all maps, so that silent maps have no say);
    N(.); summed over maps and scales. The pattern is `strength * centred(sum)`. The saliency model
    of Itti, Koch & Niebur 1998 on features that a network has learned; ours.

    Attributes:
        strength: beta [1].
        normalisation: the operator N(.).
    """

    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    normalisation: AbstractNormalisation = eqx.field(default_factory=GlobalMaximum)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def saliency(self, features: Maps) -> Map:
        """The saliency map, >= 0, at the places of the maps (sides of 2 and more)."""
        shape = features.shape[1:]
        levels = pyramid(jnp.maximum(features, 0.0), min(2, _halvings(min(shape))))
        total: Any = jnp.zeros(shape, features.dtype)
        for surround in range(1, len(levels)):
            for centre in range(min(surround, 2)):
                contrast = jnp.maximum(centre_surround(levels, centre, surround), 0.0)
                largest = jnp.broadcast_to(jnp.max(contrast), contrast.shape[:1])
                # Smaller than any contrast of maps in their own unit, only against 0 / 0.
                maps = self.normalisation(ranged(contrast, 1e-12, largest))
                total = total + expanded(jnp.sum(maps, axis=0), centre, shape)
        return total

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return spatial_pattern(centred(self.saliency(features)), self.strength, features.shape[0])


def _halvings(side: int) -> int:
    """How often a side can be halved before it is a single place."""
    return max(side - 1, 0).bit_length()
