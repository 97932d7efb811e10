"""Forms of attention: how a pattern over maps and places becomes a modulation."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit import EI, Modulation
from cortex.circuit.populations import as_floats

Pattern = Float[Array, "..."]  # of the circuit's shape


def feature_pattern(
    values: Float[Array, " maps"], strength: Any, shape: tuple[int, int]
) -> Pattern:
    """`strength * values`, the same at every place (height, width)."""
    return jnp.broadcast_to(strength * values[:, None, None], (*values.shape, *shape))


def spatial_pattern(mask: Float[Array, "height width"], strength: Any, maps: int) -> Pattern:
    """`strength * mask`, the same for every map; see `quadrant_mask`."""
    return jnp.broadcast_to(strength * mask[None], (maps, *mask.shape))


class AbstractForm(eqx.Module):
    """Turns a pattern, the sum of feature and spatial ones, into a modulation.

    Attributes:
        bidirectional: if not, negative entries of the pattern are set to zero.
    """

    bidirectional: eqx.AbstractVar[bool]

    @abc.abstractmethod
    def modulation(self, pattern: Pattern) -> Modulation:
        """The modulation of one area."""

    def __call__(self, pattern: Pattern) -> Modulation:
        return self.modulation(pattern if self.bidirectional else jnp.maximum(pattern, 0.0))


class Multiplicative(AbstractForm):
    """Gain `1 + pattern` on the feed-forward drive, not below 0 (Lindsay & Miller 2018).

    Attributes:
        to_I: share of the gain change that the drive of I units gets; 1 scales the drive as
            a whole, as a change of contrast would (our choice, [0, 1]).
    """

    bidirectional: bool = eqx.field(static=True, default=True)
    to_I: Any = eqx.field(converter=as_floats, default=1.0)

    def modulation(self, pattern: Pattern) -> Modulation:
        gain = EI(1.0 + pattern, 1.0 + self.to_I * pattern)
        return Modulation(drive_gain=gain.map(lambda g: jnp.maximum(g, 0.0)))


class Additive(AbstractForm):
    """Input `scale * pattern`, to E units and in a stated ratio to I units.

    Onto a plain area this is the additive form of Lindsay & Miller 2018; onto a circuit the
    top-down synaptic input of Lindsay, Rubin & Miller 2019.

    Attributes:
        scale: input at a pattern of 1 [units of the map, or of the circuit's drive].
        to_I: input to I relative to that to E.
    """

    scale: Any = eqx.field(converter=as_floats, default=1.0)
    bidirectional: bool = eqx.field(static=True, default=True)
    to_I: Any = eqx.field(converter=as_floats, default=0.0)

    def modulation(self, pattern: Pattern) -> Modulation:
        return Modulation(input=EI(self.scale * pattern, self.scale * self.to_I * pattern))
