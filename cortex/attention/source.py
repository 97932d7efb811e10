"""A source of attention: from what an area sees and does, and what is asked, to its modulation.

All mechanisms share this interface, whatever their origin, so that each can act on any circuit
and all can be compared: features and state come from a first look without attention.
"""

import abc
from typing import TYPE_CHECKING

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cortex.circuit import EI, Modulation

from .forms import AbstractForm, Multiplicative, Pattern

Maps = Float[Array, "maps height width"]


class Query(eqx.Module):
    """What is asked; each source takes from it what it needs.

    Attributes:
        category: sought, 0 to categories - 1.
        place: cued, (row, column) from 0 (top, left edge) to 1 (bottom, right edge).
    """

    category: Int[Array, ""]
    place: Float[Array, "2"]

    def __init__(self, category: int | Array = 0, place: Array | tuple[float, float] = (0.5, 0.5)):
        self.category = jnp.asarray(category, jnp.int32)
        self.place = jnp.asarray(place, float)


class State(eqx.Module):
    """What the system has made of the image so far.

    Attributes:
        rates: of the area's units [Hz], see `cortex.areas.Response`.
        logits: of the readout, one a category.
    """

    rates: EI[Maps]
    logits: Float[Array, " categories"]


class AbstractSource(eqx.Module):
    """Gives the modulation of one area.

    Attributes:
        form: how the pattern over maps and places reaches the circuit.
    """

    if TYPE_CHECKING:
        # A field here would be the first of every subclass to the type checker.
        @property
        def form(self) -> AbstractForm: ...

    else:
        form: eqx.AbstractVar[AbstractForm]

    @abc.abstractmethod
    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        """What is added to a gain of one (or is put in), for every map and place [1].

        Args:
            features: rectified net input of the area's stage, (maps, height, width).
            state: after a look without this attention.
            query: what is asked.
        """

    def __call__(self, features: Maps, state: State, query: Query) -> Modulation:
        """The modulation of the area; arguments as for `pattern`."""
        return self.form(self.pattern(features, state, query))


class Matched(AbstractSource):
    """Another source with its pattern scaled to a given root mean square over maps and places.

    Sources that spend the same energy, the mean square of what they change in gains, can be
    compared (our choice of measure). A pattern of zeros stays one.

    Attributes:
        source: whose pattern.
        size: root mean square of the pattern [1].
    """

    source: AbstractSource
    size: Float[Array, ""]
    form: AbstractForm

    def __init__(self, source: AbstractSource, size: float | Array):
        self.source = source
        self.size = jnp.asarray(size, float)
        self.form = source.form

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        found = self.source.pattern(features, state, query)
        power = jnp.mean(found**2)
        scale = jnp.where(power > 0, self.size / jnp.sqrt(jnp.where(power > 0, power, 1.0)), 0.0)
        return scale * found


class NoAttention(AbstractSource):
    """Changes nothing."""

    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return jnp.zeros_like(features)
