"""A visual system: areas one above the other, and a readout."""

from collections.abc import Sequence

import equinox as eqx
from jaxtyping import Array, Float

from cortex.circuit import EI, Modulation
from cortex.frontends.conv import AbstractReadout, ConvNetwork

from .area import AbstractArea, Image, Maps, PlainArea, Response


class VisualSystem(eqx.Module):
    """Areas from the image upwards; each sees what the one below sends.

    Attributes:
        areas: plain ones and ones with circuits, in any mixture.
        readout: of the last area's output.
    """

    areas: tuple[AbstractArea, ...]
    readout: AbstractReadout

    @classmethod
    def plain(cls, network: ConvNetwork) -> "VisualSystem":
        """The front end as it is, with no circuit anywhere."""
        return cls(tuple(PlainArea(stage) for stage in network.stages), network.readout)

    def respond(
        self,
        image: Image,
        modulations: Sequence[Modulation | None] | None = None,
        first: int = 0,
        initials: Sequence[EI[Maps] | None] | None = None,
    ) -> tuple[Response, ...]:
        """Responses of the areas from number `first` on to one image.

        Args:
            image: input to area `first`, (channels, height, width): the image, or what the area
                below sent.
            modulations: one an area of the whole system; none by default.
            first: the lowest area to compute, whose input `image` then is.
            initials: rates [Hz] from which each area's search starts; silence by default.
                Those without attention are a good start for those with it.
        """
        nothing = [None] * len(self.areas)
        rows = zip(self.areas, modulations or nothing, initials or nothing, strict=True)
        responses = []
        for area, modulation, initial in list(rows)[first:]:
            responses.append(area(image, modulation, initial))
            image = responses[-1].sent
        return tuple(responses)

    def __call__(self, image: Image) -> Float[Array, " classes"]:
        """One logit a class for one image, unattended."""
        return self.readout(self.respond(image)[-1].output)
