"""An observer: a visual system with detectors, looking with or without attention."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cortex.areas import VisualSystem
from cortex.areas.area import Image
from cortex.attention import AbstractForm, Multiplicative, feature_pattern, spatial_pattern
from cortex.circuit import EI

from .detectors import Detectors

AnyMaps = Float[Array, "_ _ _"]  # areas differ in maps and in places


class AttentionState(eqx.Module):
    """What an observer attends to: features and places, at a strength for every area.

    Attributes:
        values: by area, one value a map, (maps,).
        feature_strength: beta of each area, (areas,); 0 leaves an area alone.
        masks: by area, where the focus is, (height, width), +1 inside and -1 outside.
        spatial_strength: beta_s of each area, (areas,).
        form: how the sum of both patterns reaches an area.
    """

    values: tuple[Float[Array, "_"], ...]
    feature_strength: Float[Array, " areas"]
    masks: tuple[Float[Array, "_ _"], ...]
    spatial_strength: Float[Array, " areas"]
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def modulations(self) -> list[Any]:
        """One modulation an area."""
        made = []
        for area, (values, mask) in enumerate(zip(self.values, self.masks, strict=True)):
            height, width = mask.shape
            pattern = feature_pattern(values, self.feature_strength[area], (height, width))
            pattern += spatial_pattern(mask, self.spatial_strength[area], len(values))
            made.append(self.form(pattern))
        return made


class Look(eqx.Module):
    """What one look at one image gives.

    Attributes:
        logits: of the detectors, (categories,).
        rates: by area computed, E and I of every unit [Hz; a plain area's own unit].
        sent: by area computed, what the next one receives.
        settled: every circuit settled.
    """

    logits: Float[Array, " categories"]
    rates: tuple[EI[AnyMaps], ...]
    sent: tuple[AnyMaps, ...]
    settled: Bool[Array, ""]


class Observer(eqx.Module):
    """A visual system and the detectors that read its units.

    Attributes:
        system: from the image to readout units.
        detectors: from readout units to one logit a category.
    """

    system: VisualSystem
    detectors: Detectors

    def look(
        self,
        image: Image,
        attention: AttentionState | None = None,
        first: int = 0,
        initials: Sequence[EI[AnyMaps]] | None = None,
    ) -> Look:
        """Look at an image.

        Args:
            image: (channels, height, width); with `first`, the input to that area.
            attention: none by default.
            first: lowest area to compute: those below it do not depend on attention to it.
            initials: rates that each area starts from; silence by default.
        """
        modulations = None if attention is None else attention.modulations()
        responses = self.system.respond(image, modulations, first, initials)
        return Look(
            logits=self.detectors(self.system.readout.units(responses[-1].output)),
            rates=tuple(r.rates for r in responses),
            sent=tuple(r.sent for r in responses),
            settled=jnp.all(jnp.stack([r.converged for r in responses])),
        )


@eqx.filter_jit
def look_at_all(observer: Observer, images: Float[Array, "images *shape"]) -> Look:
    """Unattended looks at many images at once; leaves gain a leading axis."""
    return jax.vmap(observer.look)(images)


@eqx.filter_jit
def detect(
    observer: Observer,
    images: Float[Array, "images *shape"],
    attention: AttentionState,
    masks: tuple[Float[Array, "images _ _"], ...],
    initials: tuple[EI[Float[Array, "images _ _ _"]], ...],
    category: Int[Array, ""],
    first: int,
) -> tuple[Array, tuple[EI[Array], ...], Array]:
    """Scores of one detector for many images seen with attention, and the mean rates.

    Args:
        observer: who looks.
        images: inputs to area `first`.
        attention: its masks are replaced, image by image, by `masks`.
        masks: by area, (images, height, width).
        initials: by area, rates to start from; those without attention.
        category: whose detector answers.
        first: lowest area to compute; static.

    Returns:
        Scores (images,); by area computed, mean rates (maps,) over places and images;
        fraction of images for which every circuit settled. Attention is data: nothing is
        compiled again for another category, strength or source.
    """

    def one(image: Image, own: tuple[Array, ...], start: tuple[EI[AnyMaps], ...]) -> Any:
        state = eqx.tree_at(lambda a: a.masks, attention, own)
        look = observer.look(image, state, first, start)
        return look.logits[category], look.rates, look.settled

    scores, rates, settled = jax.vmap(one)(images, masks, initials)
    means = jax.tree.map(lambda r: jnp.mean(r, axis=(0, 2, 3)), rates)
    return scores, means, jnp.mean(settled)
