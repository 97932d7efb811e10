"""One attended pattern in the three forms that every experiment on attention compares."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit import EI, Modulation
from cortex.settings import Settings, quantity
from cortex.sources import Source

DESIGN = Source(
    "lindsay2019",
    "via a review, for attention as an additive synaptic input; its strength is chosen here",
)

FORMS = ("input to E", "gain on drive", "input to E and I")
UNATTENDED_AND_FORMS = ("unattended", *FORMS)


class TopDownForm(eqx.Module):
    """What an attended pattern does to a circuit: input to E, input to I, gain on the drive.

    All forms are this one module with other numbers, so that `cortex.over` runs them as one axis.

    Attributes:
        input: input where the pattern is 1 [unit of the drive].
        gain: relative gain on the drive of E and I where the pattern is 1; the gain on the drive
            is not below 0.
    """

    input: EI[Any]
    gain: Any

    def __call__(self, pattern: Float[Array, "*shape"]) -> Modulation:
        """The modulation for a pattern of the circuit's shape, 1 at its peak."""
        gain = jnp.maximum(1.0 + self.gain * pattern, 0.0)
        return Modulation(
            drive_gain=EI(gain, gain), input=self.input.map(lambda strength: strength * pattern)
        )


class TopDown(Settings):
    """Strength of attention in each of its three forms.

    The first is the default of the field's circuit model and the one that expectations are
    stated for; the other two show what depends on the form.
    """

    input: float = quantity(3.0, "%", "additive input to E at the attended peak", DESIGN)
    gain: float = quantity(0.3, "1", "relative gain on the drive of E and I at the peak", ge=-1)
    to_I: float = quantity(1.0, "1", "input to I relative to E in the form 'input to E and I'")

    def forms(self) -> dict[str, TopDownForm]:
        """The three forms by the words of `FORMS`."""
        to_E, to_I = self.input, self.input * self.to_I
        made = (
            TopDownForm(EI(to_E, 0.0), 0.0),
            TopDownForm(EI(0.0, 0.0), self.gain),
            TopDownForm(EI(to_E, to_I), 0.0),
        )
        return dict(zip(FORMS, made, strict=True))

    def states(self) -> dict[str, TopDownForm]:
        """No attention, then the three forms, by the words of `UNATTENDED_AND_FORMS`.

        Examples:
            >>> def respond(form, focus):
            ...     return steady_state(circuit, drive, form(bumps[focus]), solver=s.settle())
            >>> rates = over(attention=s.attention.states(), focus=GRATINGS)(respond).rates
        """
        return {"unattended": TopDownForm(EI(0.0, 0.0), 0.0), **self.forms()}


class OrientedTopDown(TopDown):
    """Attention to an orientation: a bump over the ring of preferred orientations."""

    width: float = quantity(30.0, "deg", "width of the attended bump", gt=0)
