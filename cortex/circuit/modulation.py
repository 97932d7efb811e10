"""Top-down modulation: the four places at which attention can enter a circuit."""

from typing import Any

import equinox as eqx

from .populations import EI, Leaf, as_floats


class Modulation(eqx.Module):
    """What attention, from whatever source, does to one circuit.

    The net input of population a is
    `u_a = drive_gain_a * drive_a + recurrent_gain_a * (W r)_a + input_a`,
    and the next layer reads `output_gain * r_E`.

    Attributes:
        drive_gain: gain on the feed-forward drive [1]; 1 changes nothing.
        input: additive synaptic input [in units of the drive]; 0 changes nothing.
        recurrent_gain: gain on the recurrent input [1]; 1 changes nothing.
        output_gain: gain on the excitatory rate that leaves the circuit [1].

    Each leaf is a scalar or broadcasts to the circuit's shape. Where attention enters is
    our design decision, save the additive input, which is the mechanism that Lindsay,
    Rubin & Miller 2019 are known to use (through Lindsay's 2020 review).
    """

    drive_gain: EI[Leaf]
    input: EI[Leaf]
    recurrent_gain: EI[Leaf]
    output_gain: Leaf

    def __init__(
        self,
        drive_gain: EI[Any] | None = None,
        input: EI[Any] | None = None,
        recurrent_gain: EI[Any] | None = None,
        output_gain: Any = 1.0,
    ):
        one, zero = EI(1.0, 1.0), EI(0.0, 0.0)
        self.drive_gain = (drive_gain or one).map(as_floats)
        self.input = (input or zero).map(as_floats)
        self.recurrent_gain = (recurrent_gain or one).map(as_floats)
        self.output_gain = as_floats(output_gain)

    def combine(self, other: "Modulation") -> "Modulation":
        """Both at once: gains multiply, inputs add."""
        return Modulation(
            drive_gain=self.drive_gain.map(lambda a, b: a * b, other.drive_gain),
            input=self.input.map(lambda a, b: a + b, other.input),
            recurrent_gain=self.recurrent_gain.map(lambda a, b: a * b, other.recurrent_gain),
            output_gain=self.output_gain * other.output_gain,
        )
