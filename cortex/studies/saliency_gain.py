"""Saliency as a gain on circuits over an image: scan paths, and rates at places of interest."""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cortex.areas import CircuitArea
from cortex.attention import AbstractSource, Query, State
from cortex.attention.saliency import WinnerTakeAll
from cortex.circuit import EI
from cortex.models.image_circuits import at_places, image_circuits
from cortex.models.orientation_field import FixedPoint, OrientationField
from cortex.settings import Settings, quantity


class ScanSettings(Settings):
    """Winner-take-all and inhibition of return."""

    tau: float = quantity(500.0, "ms", "of the units; the strongest wins after 0.105 tau", gt=0)
    threshold: float = quantity(
        0.1, "1", "of the units, as a share of the saliency map's peak", gt=0, lt=1
    )
    recovery: float = quantity(900.0, "ms", "time constant of inhibition of return", gt=0)
    spread: float = quantity(
        1 / 12, "1", "of the inhibited Gaussian, as a share of the shorter side", gt=0
    )
    noise: float = quantity(0.2, "1", "SD of the logarithm of every place's input", ge=0)

    def competition(self) -> WinnerTakeAll:
        """Who wins."""
        numbers = (self.tau, self.threshold, self.spread, self.recovery, self.noise)
        return WinnerTakeAll(*(jnp.asarray(number, float) for number in numbers))


class Response(NamedTuple):
    """What circuits over an image answer.

    Attributes:
        rates: at each place of interest, mean over orientations [Hz].
        settled: whether the circuits settled.
        activity: E rate of every place, mean over orientations [Hz].
        pattern: change in gain of every place [1].
    """

    rates: EI[Float[Array, " places"]]
    settled: Bool[Array, ""]
    activity: Float[Array, "height width"]
    pattern: Float[Array, "height width"]


class GainSettings(Settings):
    """Circuits over an image, and the gain on their drive."""

    contrast: float = quantity(50.0, "%", "drive where a filter's amplitude is 1", gt=0)
    energy: float = quantity(
        0.2, "1", "root mean square of the change in gain over all units", gt=0
    )
    spread: float = quantity(
        0.03, "1", "of the Gaussian that rates at a bar are averaged by, of the side", gt=0
    )
    field: OrientationField = OrientationField(side=128, stride=4)
    solver: FixedPoint = FixedPoint()

    def area(self) -> CircuitArea:
        """The circuits over images of the side of the field; to be built outside `jax.jit`."""
        side = self.field.side
        return image_circuits(self.field, side, side, self.contrast, self.solver())

    def respond(
        self,
        area: CircuitArea,
        source: AbstractSource,
        image: Float[Array, "channels y x"],
        places: Float[Array, "places 2"],
    ) -> Response:
        """Steady states with a source of attention, which sees what drives the circuits."""
        features = jnp.maximum(area.stage(image), 0.0)
        silent = jax.tree.map(jnp.zeros_like, area.circuit.silence())
        pattern: Any = source.pattern(features, State(silent, jnp.zeros(1)), Query())
        state = area.settle(image, source.form(pattern))
        rates = state.rates.map(lambda rate: at_places(rate, places, self.spread))
        return Response(rates, state.converged, jnp.mean(state.rates.E, axis=0), pattern[0])
