"""A source of attention: from what an area sees and does, and what is asked, to its modulation.

All mechanisms share this interface, whatever their origin, so that each can act on any circuit
and all can be compared: features and state come from a first look without attention.
"""

import abc
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cortex.circuit import EI, Modulation
from cortex.circuit.populations import as_floats
from cortex.errors import UserError

from .forms import AbstractForm, Multiplicative, Pattern

Maps = Float[Array, "maps height width"]


class Query(eqx.Module):
    """What is asked; each source takes from it what it needs.

    Attributes:
        category: sought, 0 to categories - 1.
        place: cued, (row, column) from 0 (top, left edge) to 1 (bottom, right edge).

    A source is asked about one image; for an observer that looks at many, both may have a
    leading axis of images.
    """

    category: Int[Array, "*images"]
    place: Float[Array, "*images 2"]

    def __init__(self, category: Any = 0, place: Any = (0.5, 0.5)):
        self.category = jnp.asarray(category, jnp.int32)
        self.place = jnp.asarray(place, float)


class State(eqx.Module):
    """What the system has made of the image so far.

    Attributes:
        rates: of the area's units [Hz], see `cortex.areas.Response`.
        logits: of the readout, one a category; of many images at once to map over them.
    """

    rates: EI[Maps]
    logits: Float[Array, "*images categories"]


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

    @property
    def categories(self) -> int | None:
        """How many categories it can be asked for; None if it asks for no category."""
        return None

    def check(self, query: Query) -> None:
        """Refuse a category that the source does not know; one that is traced passes.

        Raises:
            UserError: there is no such category.
        """
        if self.categories is None or isinstance(query.category, jax.core.Tracer):
            return
        asked = np.asarray(query.category)
        if np.any(bad := (asked < 0) | (asked >= self.categories)):
            raise UserError(
                f"category: found {asked[bad].flat[0]}, allowed: 0 to {self.categories - 1}"
            )

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

    def at(self, layer: str | int) -> "Attention":
        """This source at a layer, by its name or its number from 1: ready for an observer."""
        return Attention((self,), (Query(),), (layer,))


class Attention(eqx.Module):
    """Sources of attention that act together, each at a layer, and what they are asked.

    `attention(category=3, strength=0.5)` is the same attention with another question and
    strength; `a + b` is both at once, where gains at one layer multiply and inputs add. Layers
    are structure, everything else is data: no program is compiled anew for other weights,
    strengths or queries.

    Attributes:
        sources: one or more.
        queries: one for each source; of one image, or with a leading axis of images.
        layers: of each source, by name or by number from 1.
    """

    sources: tuple[AbstractSource, ...]
    queries: tuple[Query, ...]
    layers: tuple[str | int, ...] = eqx.field(static=True)

    def __call__(
        self, *, category: Any = None, place: Any = None, strength: Any = None
    ) -> "Attention":
        """The same sources, asked something else; what is not given stays as it was.

        Args:
            category: sought, 0 to categories - 1; one, or one for each image.
            place: cued, (row, column) from 0 (top, left edge) to 1; one, or one for each image,
                (images, 2).
            strength: of every source [1].

        Raises:
            UserError: a strength for a source that has none.
        """
        queries = tuple(
            Query(
                query.category if category is None else category,
                query.place if place is None else place,
            )
            for query in self.queries
        )
        sources = self.sources
        if strength is not None:
            sources = tuple(_with_strength(source, strength) for source in sources)
        return Attention(sources, queries, self.layers)

    def __add__(self, other: "Attention") -> "Attention":
        return Attention(
            self.sources + other.sources, self.queries + other.queries, self.layers + other.layers
        )


def _with_strength(source: AbstractSource, strength: Any) -> AbstractSource:
    if not hasattr(source, "strength"):
        raise UserError(
            f"strength: found {strength} for {type(source).__name__}, allowed: none, for this "
            "source has no strength"
        )
    return eqx.tree_at(lambda s: s.strength, source, as_floats(strength))


class EnergyMatched(AbstractSource):
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

    @property
    def categories(self) -> int | None:
        return self.source.categories

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        found = self.source.pattern(features, state, query)
        power = jnp.mean(found**2)
        scale = jnp.where(power > 0, self.size / jnp.sqrt(jnp.where(power > 0, power, 1.0)), 0.0)
        return scale * found


class Scaled(AbstractSource):
    """Another source with its pattern times a number, such as one layer's share of attention.

    Attributes:
        source: whose pattern.
        scale: what it is multiplied by [1].
    """

    source: AbstractSource
    scale: Float[Array, ""]
    form: AbstractForm

    def __init__(self, source: AbstractSource, scale: Any):
        self.source = source
        self.scale = as_floats(scale)
        self.form = source.form

    @property
    def categories(self) -> int | None:
        return self.source.categories

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return self.scale * self.source.pattern(features, state, query)


class Sum(AbstractSource):
    """Sources whose patterns add up before they take a form: `1 + beta_s s + beta_f f`.

    Attributes:
        sources: one or more, asked the same; their own forms do not count.
        form: of the sum.

    Source: Lindsay & Miller 2018, spatial and feature attention together.
    """

    sources: tuple[AbstractSource, ...]
    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    @property
    def categories(self) -> int | None:
        known = [one.categories for one in self.sources if one.categories is not None]
        return min(known, default=None)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        first, *others = (source.pattern(features, state, query) for source in self.sources)
        return sum(others, start=first)


class NoAttention(AbstractSource):
    """Changes nothing."""

    form: AbstractForm = eqx.field(default_factory=Multiplicative)

    def pattern(self, features: Maps, state: State, query: Query) -> Pattern:
        return jnp.zeros_like(features)
