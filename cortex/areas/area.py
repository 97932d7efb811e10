"""An area: a stage of the front end, a circuit or none, and what leaves for the next area."""

import abc
from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cortex.circuit import (
    EI,
    AbstractSteadyStateSolver,
    Circuit,
    Modulation,
    SteadyState,
    steady_state,
)
from cortex.frontends.conv import with_skip

from .output import AbstractOutputMap

Image = Float[Array, "channels image_height image_width"]
Maps = Float[Array, "maps height width"]
Stage = Callable[[Image], Maps]  # a `ConvStage`, a `GaborBank`, or any module from image to maps


class Response(eqx.Module):
    """What an area does with one image.

    Attributes:
        output: the maps, which the readout receives from the last area.
        with_skip: what the next area receives: the output, and what the stage carries past it.
        rates: the activity of the area's units: E and I rates [Hz] of a circuit; of a
            plain area its output as E and zero as I, in its own unit.
        residual: largest distance from the steady state [Hz]; 0 without a circuit.
        converged: the circuit settled.
    """

    output: Maps
    with_skip: Float[Array, "all all_height all_width"]
    rates: EI[Maps]
    residual: Float[Array, ""]
    converged: Bool[Array, ""]


class AbstractArea(eqx.Module):
    """One station of a visual system.

    Attributes:
        recurrent: the response is a steady state that is searched for.
    """

    stage: eqx.AbstractVar[Stage]
    recurrent: eqx.AbstractClassVar[bool]

    @abc.abstractmethod
    def __call__(
        self,
        image: Image,
        modulation: Modulation | None = None,
        initial: EI[Maps] | None = None,
    ) -> Response:
        """Respond to the output of the area below (channels, height, width).

        A search for a steady state starts from the rates `initial` [Hz], or from silence.
        """


class PlainArea(AbstractArea):
    """A rectified stage, as in an ordinary convolutional network.

    Attention: `output_gain * g_E * [I + m_E]_+`, with the drive gain and the input of E of
    the modulation; this holds the multiplicative and the additive form of Lindsay & Miller
    2018. There is nothing recurrent to modulate.

    Attributes:
        stage: gives the net input I.
    """

    stage: Stage
    recurrent: ClassVar[bool] = False

    def __call__(
        self,
        image: Image,
        modulation: Modulation | None = None,
        initial: EI[Maps] | None = None,
    ) -> Response:
        m = Modulation() if modulation is None else modulation
        activity = m.drive_gain.E * jnp.maximum(self.stage(image) + m.input.E, 0.0)
        nothing = jnp.zeros((), activity.dtype)
        output = m.output_gain * activity
        return Response(
            output=output,
            with_skip=with_skip(self.stage, image, output),
            rates=EI(activity, jnp.zeros_like(activity)),
            residual=nothing,
            converged=nothing == 0,
        )


class CircuitArea(AbstractArea):
    """A stage whose rectified maps drive a circuit; its E rates go on.

    Attributes:
        stage: gives the net input I of every map.
        drive_scale: turns `[I]_+` into drive, the same to E and I [contrast per unit].
        circuit: of the shape of the maps.
        output_map: turns E rates [Hz] into what the next area expects.
        solver: how the steady state is found.
        baseline: steady input to E units besides the drive [contrast], which attention does not
            scale. Without it inhibition silences units of weak drive, and what these knew is lost.
    """

    stage: Stage
    drive_scale: Float[Array, ""]
    circuit: Circuit
    output_map: AbstractOutputMap
    solver: AbstractSteadyStateSolver
    baseline: float = eqx.field(static=True, default=0.0)
    recurrent: ClassVar[bool] = True

    def drive(self, image: Image) -> Maps:
        """The feed-forward drive [contrast]."""
        return self.drive_scale * jnp.maximum(self.stage(image), 0.0)

    def with_baseline(self, modulation: Modulation | None = None) -> Modulation | None:
        """The modulation with the steady input to E units."""
        if not self.baseline:
            return modulation
        steady = Modulation(input=EI(self.baseline, 0.0))
        return steady if modulation is None else steady.combine(modulation)

    def settle(
        self,
        image: Image,
        modulation: Modulation | None = None,
        initial: EI[Maps] | None = None,
    ) -> SteadyState:
        """The circuit's steady state for the output of the area below."""
        drive = self.drive(image)
        return steady_state(
            self.circuit,
            EI(drive, drive),
            self.with_baseline(modulation),
            initial=initial,
            solver=self.solver,
        )

    def __call__(
        self,
        image: Image,
        modulation: Modulation | None = None,
        initial: EI[Maps] | None = None,
    ) -> Response:
        m = Modulation() if modulation is None else modulation
        state = self.settle(image, m, initial)
        # The rates of a circuit that swings go on, and `converged` tells. One that diverged gives
        # NaN and, so that it harms no other image of a batch, no derivative.
        gone = state.diverged | state.invalid
        rates = state.last.map(lambda r: jnp.where(gone, jnp.nan, r))
        output = self.output_map(m.output_gain * rates.E)
        return Response(
            output=output,
            with_skip=with_skip(self.stage, image, output),
            rates=rates,
            residual=state.residual,
            converged=state.converged,
        )
