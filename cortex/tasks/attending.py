"""Looking twice: a first look without attention, from which a source makes that of the second.

Areas below the attended one are computed once. The source is data to the compiled programs: one
with other weights or strength compiles nothing.
"""

from collections.abc import Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, PyTree

from cortex.areas import Response
from cortex.attention import AbstractSource, Query, State

from .observer import Observer

Image = Float[Array, "channels image_height image_width"]
Maps = Float[Array, "maps height width"]


class FirstLook(eqx.Module):
    """A look at one image without attention, as far as a second look needs it.

    Attributes:
        received: by the attended area from the one below.
        features: rectified net input of the attended area's stage.
        states: E and I rates of the attended area and of each above it [Hz].
        logits: of the readout, one a category.
        settled: whether all circuits settled.
    """

    received: Float[Array, "*images sent sent_height sent_width"]
    features: Float[Array, "*images maps height width"]
    states: tuple[PyTree[Float[Array, "*images _ _ _"]], ...]
    logits: Float[Array, "*images categories"]
    settled: Bool[Array, "*images"]

    @property
    def state(self) -> State:
        """Of the attended area."""
        return State(self.states[0], self.logits)


class SecondLook(eqx.Module):
    """A look with attention.

    Attributes:
        pattern: by which the area was attended, see `AbstractSource.pattern`.
        states: E and I rates of the attended area and of each above it [Hz].
        logits: of the readout, one a category.
        settled: whether all circuits from the attended one on settled.
    """

    pattern: Float[Array, "*images maps height width"]
    states: tuple[PyTree[Float[Array, "*images _ _ _"]], ...]
    logits: Float[Array, "*images categories"]
    settled: Bool[Array, "*images"]


def first_look(observer: Observer, image: Image, layer: int) -> FirstLook:
    """Look at one image without attention.

    Args:
        observer: who looks.
        image: as the network expects it.
        layer: the area that is to be attended, 0 the lowest.
    """
    areas = observer.system.areas
    responses = observer.system.respond(image)
    received = image if layer == 0 else responses[layer - 1].with_skip
    return FirstLook(
        received=received,
        features=jnp.maximum(areas[layer].stage(received), 0.0),
        states=tuple(response.rates for response in responses[layer:]),
        logits=_logits(observer, responses),
        settled=_settled(responses),
    )


def second_look(
    observer: Observer, seen: FirstLook, layer: int, source: AbstractSource, query: Query
) -> SecondLook:
    """Look at the same image again, with attention at one area; circuits start as they were.

    Args:
        observer: who looks.
        seen: the first look, or `again` after a later one.
        layer: the area attended, 0 the lowest, as in `first_look`.
        source: of the attention.
        query: what is asked.
    """
    areas = observer.system.areas
    pattern = source.pattern(seen.features, seen.state, query)
    received, responses = seen.received, []
    for number, (area, state) in enumerate(zip(areas[layer:], seen.states, strict=True)):
        modulation = source.form(pattern) if number == 0 else None
        responses.append(area(received, modulation, state if area.recurrent else None))
        received = responses[-1].with_skip
    return SecondLook(
        pattern=pattern,
        states=tuple(response.rates for response in responses),
        logits=_logits(observer, responses),
        settled=_settled(responses),
    )


def again(seen: FirstLook, after: SecondLook) -> FirstLook:
    """What the next of several passes starts from: the state that attention left."""
    return eqx.tree_at(
        lambda look: (look.states, look.logits, look.settled),
        seen,
        (after.states, after.logits, after.settled),
    )


@eqx.filter_jit
def first_looks(
    observer: Observer, images: Float[Array, "images channels height width"], layer: int
) -> FirstLook:
    """`first_look` at several images; leaves have a leading axis of images."""
    return jax.vmap(lambda image: first_look(observer, image, layer))(images)


@eqx.filter_jit
def second_looks(
    observer: Observer, seen: FirstLook, layer: int, source: AbstractSource, queries: Query
) -> SecondLook:
    """`second_look` to several images, each with its own query (leaves with a leading axis)."""
    return jax.vmap(lambda one, query: second_look(observer, one, layer, source, query))(
        seen, queries
    )


def _logits(observer: Observer, responses: Sequence[Response]) -> Float[Array, " categories"]:
    return observer.detectors(observer.system.readout.units(responses[-1].output))


def _settled(responses: Sequence[Response]) -> Bool[Array, ""]:
    return jnp.all(jnp.stack([response.converged for response in responses]))
