"""Top-down modulation: the four places at which attention can enter a circuit."""

from typing import Any

from .populations import EI, Leaf, as_floats, check_broadcasts, require_pair
from .show import Shown


class Modulation(Shown):
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
        def pair(name: str, value: EI[Any] | None, neutral: float) -> EI[Leaf]:
            value = EI(neutral, neutral) if value is None else value
            require_pair(f"modulation.{name}", value)
            return value.map(as_floats)

        self.drive_gain = pair("drive_gain", drive_gain, 1.0)
        self.input = pair("input", input, 0.0)
        self.recurrent_gain = pair("recurrent_gain", recurrent_gain, 1.0)
        self.output_gain = as_floats(output_gain)

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Raise ValueError unless every leaf that enters a circuit of this shape fits it."""
        for name in ("drive_gain", "input", "recurrent_gain"):
            for part in ("E", "I"):
                value = getattr(getattr(self, name), part)
                check_broadcasts(f"modulation.{name}.{part}", value, shape)

    def combine(self, other: "Modulation") -> "Modulation":
        """Both at once: gains multiply, inputs add."""
        return Modulation(
            drive_gain=self.drive_gain.map(lambda a, b: a * b, other.drive_gain),
            input=self.input.map(lambda a, b: a + b, other.input),
            recurrent_gain=self.recurrent_gain.map(lambda a, b: a * b, other.recurrent_gain),
            output_gain=self.output_gain * other.output_gain,
        )
