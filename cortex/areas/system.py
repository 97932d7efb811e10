"""A visual system: areas one above the other, and a readout."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
from jaxtyping import Array, Float

from cortex.circuit import EI, Modulation
from cortex.errors import UserError
from cortex.frontends.conv import AbstractReadout, ConvNetwork
from cortex.frontends.layer_names import layer_index, numbered

from .area import AbstractArea, Image, Maps, PlainArea, Response


class VisualSystem(eqx.Module):
    """Areas from the image upwards; each sees what the one below sends.

    Attributes:
        areas: plain ones and ones with circuits, in any mixture.
        readout: of the last area's output.
        names: of the areas' layers; conv1, conv2, ... by default.
        fidelity: how much of a network's work is left with circuits in it, a
            `cortex.areas.Fidelity`, where that was measured.
    """

    areas: tuple[AbstractArea, ...]
    readout: AbstractReadout
    names: tuple[str, ...] = eqx.field(static=True)
    fidelity: Any = eqx.field(static=True)

    def __init__(
        self,
        areas: Sequence[AbstractArea],
        readout: AbstractReadout,
        names: Sequence[str] | None = None,
        fidelity: Any = None,
    ):
        self.areas, self.readout, self.fidelity = tuple(areas), readout, fidelity
        self.names = numbered(len(self.areas)) if names is None else tuple(names)

    @classmethod
    def plain(cls, network: ConvNetwork) -> "VisualSystem":
        """The front end as it is, with no circuit anywhere."""
        areas = [PlainArea(stage) for stage in network.stages]
        return cls(areas, network.readout, network.names)

    def index(self, layer: str | int) -> int:
        """Where a layer stands, 0 the lowest, by its name or its number from 1."""
        return layer_index(self.names, layer)

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

        Raises:
            UserError: not one modulation, or not one initial state, an area.
        """
        nothing = [None] * len(self.areas)
        self._check_one_an_area("modulations", modulations)
        self._check_one_an_area("initials", initials)
        rows = zip(self.areas, modulations or nothing, initials or nothing, strict=True)
        responses = []
        for area, modulation, initial in list(rows)[first:]:
            responses.append(area(image, modulation, initial))
            image = responses[-1].with_skip
        return tuple(responses)

    def __call__(self, image: Image) -> Float[Array, " classes"]:
        """One logit a class for one image, unattended."""
        return self.readout(self.respond(image)[-1].output)

    def _check_one_an_area(self, argument: str, given: Any) -> None:
        if given is None or (isinstance(given, Sequence) and len(given) == len(self.areas)):
            return
        found = f"{len(given)} of them" if isinstance(given, Sequence) else type(given).__name__
        raise UserError(
            f"{argument}: found {found}, allowed: a list of {len(self.areas)}, one for each of "
            f"{', '.join(self.names)} (None for none)"
        )


def as_system(network: Any, argument: str = "system") -> VisualSystem:
    """A system as it is, or a network without circuits as one.

    Raises:
        UserError: neither.
    """
    if isinstance(network, VisualSystem):
        return network
    if isinstance(network, ConvNetwork):
        return VisualSystem.plain(network)
    raise UserError(
        f"{argument}: found {type(network).__name__}, allowed: a VisualSystem or a ConvNetwork"
    )


def as_network(system: VisualSystem) -> ConvNetwork:
    """The filters and the readout of a system, without its circuits."""
    return ConvNetwork([area.stage for area in system.areas], system.readout, system.names)
