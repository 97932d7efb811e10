"""A network without the recurrence of its circuits: the control for what recurrence does."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.circuit import EI, Modulation, Populations
from cortex.frontends.conv import with_skip
from cortex.memory import in_parts

from .area import AbstractArea, CircuitArea, Image, Maps, Response, Stage
from .insert import over_batches
from .output import AbstractOutputMap
from .system import VisualSystem


class UncoupledArea(AbstractArea):
    """A circuit with all weights at 0: each unit's rate is the power law of its own input.

    Attributes:
        stage: gives the net input I of every map.
        drive_scale: turns `[I]_+` into drive, the same to E and I [contrast per unit].
        populations: whose gain and exponent.
        output_map: turns E rates [Hz] into what the next area expects.
        baseline: steady input to E units besides the drive [contrast].
    """

    stage: Stage
    drive_scale: Float[Array, ""]
    populations: Populations
    output_map: AbstractOutputMap
    baseline: float = eqx.field(static=True, default=0.0)
    recurrent: ClassVar[bool] = False

    def rates(self, image: Image, modulation: Modulation | None = None) -> EI[Maps]:
        """The rates [Hz] for the output of the area below."""
        m = Modulation() if modulation is None else modulation
        drive = self.drive_scale * jnp.maximum(self.stage(image), 0.0)
        steady = EI(self.baseline, 0.0)
        inputs = m.drive_gain.map(
            lambda g, a, b: jnp.broadcast_to(g * drive + a + b, drive.shape), m.input, steady
        )
        return self.populations.rate(inputs)

    def __call__(
        self,
        image: Image,
        modulation: Modulation | None = None,
        initial: EI[Maps] | None = None,
    ) -> Response:
        m = Modulation() if modulation is None else modulation
        rates = self.rates(image, m)
        output = self.output_map(m.output_gain * rates.E)
        nothing = jnp.zeros((), output.dtype)
        return Response(
            output=output,
            with_skip=with_skip(self.stage, image, output),
            rates=rates,
            residual=nothing,
            converged=nothing == 0,
        )


def without_recurrence(
    system: VisualSystem,
    images: Float[Array, "images channels height width"],
    batch: int = 100,
) -> VisualSystem:
    """The same network with all weights within its circuits at 0.

    Filters, scale of the drive, gain and exponent stay. The output map, of the same kind, is fitted
    anew, map by map, to what the circuit sends for ordinary images, so that all that is missing
    is what units do to each other; a readout has to be fitted to what is sent now.

    Args:
        system: with circuits.
        images: ordinary ones, 50 or more.
        batch: images at a time.
    """
    areas: list[AbstractArea] = []
    whole = alone = images  # what the areas below send, with recurrence and without
    for area in system.areas:
        outputs, above = _sent(area, whole, batch)
        if isinstance(area, CircuitArea):
            kept = area.stage, area.drive_scale, area.circuit.populations
            uncoupled = UncoupledArea(*kept, area.output_map, area.baseline)
            rates = over_batches(_rates(uncoupled), alone, batch)
            fitted = type(area.output_map).fit(_by_map(rates), _by_map(outputs))
            area = UncoupledArea(*kept, fitted, area.baseline)
        whole, alone = above, _sent(area, alone, batch)[1]
        areas.append(area)
    return VisualSystem(areas, system.readout, system.names)


def _rates(area: UncoupledArea) -> Callable[[Array], Array]:
    return lambda image: area.rates(image).E


def _sent(area: AbstractArea, received: Array, batch: int) -> tuple[Array, Array]:
    """Output of an area, and what goes up to the next one."""
    starts = range(0, len(received), batch)
    parts = [_responded(area, received[start : start + batch]) for start in starts]
    outputs, above = zip(*parts, strict=True)
    return jnp.concatenate(outputs), jnp.concatenate(above)


@in_parts(shared=1)
def _responded(area: AbstractArea, received: Array) -> tuple[Array, Array]:
    found = jax.vmap(area)(received)
    return found.output, found.with_skip


def _by_map(maps: Array) -> np.ndarray:
    return np.moveaxis(np.asarray(maps), 1, 0).reshape(maps.shape[1], -1)
