"""Overall arousal: the same gain everywhere, which selects nothing."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cortex.circuit.populations import as_floats

from .forms import AbstractForm, Multiplicative, Pattern
from .source import AbstractSource, Maps, Query, State


class Arousal(AbstractSource):
    """One strength for every map and place, whatever is seen or asked.

    Attributes:
        strength: added to a gain of one [1]; negative when drowsy.
    """

    strength: Float[Array, ""] = eqx.field(converter=as_floats, default=1.0)
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return jnp.broadcast_to(self.strength, features.shape)
