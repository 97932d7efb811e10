"""The saliency map: features, centre against surround, normalisation, conspicuity, sum.

Source: Itti, Koch & Niebur 1998; Itti & Koch 2001, Nat Rev Neurosci 2:194.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit.populations import as_floats

from .features import (
    CHANNELS,
    FEATURES,
    Image,
    intensity,
    members,
    moving,
    opponency,
    oriented,
    polarities,
)
from .normalisation import AbstractNormalisation, GlobalMaximum, ranged
from .pyramid import Scales, at_level, centre_surround, pyramid, scales_of
from .weights import Weights

# Features of these channels are normalised once more before they are added up, as published for
# orientation; motion likewise.
_TWICE = ("orientation", "motion")


class SaliencyMaps(NamedTuple):
    """What one image has of it; the places are those of the pyramid's output level.

    Attributes:
        features: by feature, without weights.
        conspicuity: by channel, of the weighted features, normalised, without the channel's
            own weight.
        saliency: the weighted sum; its unit has no meaning.
    """

    features: Float[Array, "features height width"]
    conspicuity: Float[Array, "channels height width"]
    saliency: Float[Array, "height width"]


class Saliency(eqx.Module):
    """Bottom-up saliency of an image, or of a frame after another.

    Ours, where the published model takes the absolute value of an opponency: its positive and its
    negative part stay apart (bright and dark, red and green, ...), so that a task can weight them;
    both are scaled by the larger of the two, and the four directions of motion by the largest of
    them. The centre is compared with a surround of the same
    opponency, not of the opposite one, and weak contrasts are not scaled up (`floor`).

    Attributes:
        weights: of features and channels.
        normalisation: the operator N(.).
        floor: contrasts below it, and conspicuities, are not scaled up to the common range [1].
    """

    weights: Weights = eqx.field(default_factory=Weights.even)
    normalisation: AbstractNormalisation = eqx.field(default_factory=GlobalMaximum)
    floor: Float[Array, ""] = eqx.field(converter=as_floats, default=0.01)

    def __call__(self, image: Image, previous: Image | None = None) -> SaliencyMaps:
        """Maps of one image (3, height, width), red, green and blue from 0 to 1.

        Args:
            image: sides of 12 px and more.
            previous: the frame before, for flicker and motion; without one there are none.

        Raises:
            ValueError: an image too small.
        """
        scales = scales_of(*image.shape[1:])
        found = self._features(image, previous, scales)
        gained = self.weights.features[:, None, None] * found
        channels = jnp.stack(
            [jnp.sum(gained[jnp.asarray(members(name))], axis=0) for name in CHANNELS]
        )
        conspicuity = self.normalisation(ranged(channels, self.floor))
        saliency = jnp.einsum("c,cyx->yx", self.weights.channels, conspicuity)
        return SaliencyMaps(found, conspicuity, saliency)

    def _features(
        self, image: Image, previous: Image | None, scales: Scales
    ) -> Float[Array, "features _ _"]:
        now = _levels(image, previous, scales)
        shape = now[scales.output][0].shape[-2:]
        found = jnp.zeros((len(FEATURES), *shape), image.dtype)
        for centre, surround in scales.pairs:
            signed = centre_surround([level[0] for level in now], centre, surround)
            others = jnp.abs(centre_surround([level[1] for level in now], centre, surround))
            maps = jnp.concatenate([polarities(signed), others])
            of_pairs = jnp.repeat(jnp.max(jnp.abs(signed), axis=(1, 2)), 2)
            largest = jnp.concatenate([of_pairs, _largest(others)])
            promoted = self.normalisation(ranged(maps, self.floor, largest))
            found = found + at_level(promoted, centre, scales.output, shape)
        twice = jnp.asarray([place for name in _TWICE for place in members(name)])
        again = ranged(found[twice], self.floor, _largest(found[twice]))
        return found.at[twice].set(self.normalisation(again))


def _largest(maps: Float[Array, "maps height width"]) -> Float[Array, " maps"]:
    """Of each map, but one for the last four, the directions of motion."""
    own = jnp.max(maps, axis=(1, 2))
    return own.at[-4:].set(jnp.max(own[-4:]))


Level = tuple[Float[Array, "3 _ _"], Float[Array, "9 _ _"]]


def _levels(image: Image, previous: Image | None, scales: Scales) -> list[Level]:
    """At every level: intensity and opponencies; oriented amplitudes, flicker and motion."""
    static = _pyramids(image, scales)
    before = None if previous is None else _pyramids(previous, scales)
    found = []
    for number, (signed, bars) in enumerate(static):
        if before is None:
            changes = jnp.zeros((5, *signed.shape[1:]), signed.dtype)
        else:
            earlier, earlier_bars = before[number]
            flicker = jnp.abs(signed[0] - earlier[0])
            changes = jnp.concatenate([flicker[None], moving(bars, earlier_bars)])
        found.append((signed, jnp.concatenate([bars, changes])))
    return found


def _pyramids(
    image: Image, scales: Scales
) -> list[tuple[Float[Array, "3 _ _"], Float[Array, "4 _ _"]]]:
    signed = jnp.concatenate([intensity(image)[None], opponency(image)])
    return [(level, oriented(level[0])) for level in pyramid(signed, scales.top)]
