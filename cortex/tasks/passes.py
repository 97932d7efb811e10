"""A batch of images through the layers of a system: one compiled program a layer.

Attention reaches a layer as patterns, which are data: the programs know neither sources nor
strengths. A layer has one program without attention, and one with each form of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cortex.areas import AbstractArea, CircuitArea, VisualSystem
from cortex.areas.by_image import by_image
from cortex.attention import AbstractForm
from cortex.circuit import EI, Modulation
from cortex.memory import in_parts, is_limited, most_at_once, size_of

Maps = Float[Array, "images _ _ _"]  # of one layer, or images themselves
Acting = tuple[tuple[AbstractForm, Maps], ...]  # forms of attention, each with its pattern
BATCH = 50  # images at a time, where there are many


class LayerPass(eqx.Module):
    """What one layer does with a batch of images.

    Attributes:
        input: what it receives from the layer below.
        means: mean rates over the places of each map [Hz]; of a layer without a circuit its
            activity as E, zero as I, in its own unit.
        rates: E and I rates of a circuit [Hz]; None without one.
        settled: whether the circuit settled.
        sent: mean over the places of each map of what leaves the layer.
    """

    input: Maps
    means: EI[Float[Array, "images maps"]]
    rates: EI[Maps] | None
    settled: Bool[Array, " images"]
    sent: Float[Array, "images maps"]


def pass_through(
    system: VisualSystem,
    images: Maps,
    lowest: int = 0,
    initials: Sequence[EI[Maps] | None] | None = None,
    acting: Mapping[int, Acting] | None = None,
) -> tuple[tuple[LayerPass, ...], Maps]:
    """Pass images through the layers of a system from one upwards.

    Args:
        system: whose layers.
        images: what the lowest of these layers receives.
        lowest: its number, 0 the lowest of all.
        initials: rates [Hz] from which each of these layers' circuits starts, None without a
            circuit; silence by default.
        acting: by layer number, the forms and patterns of attention there; none by default.

    Returns:
        What each of these layers does, and the output of the topmost one.
    """
    passes = []
    for done, above in layer_by_layer(system, images, lowest, initials, acting):
        passes.append(done)
        images = above
    return tuple(passes), images


def layer_by_layer(
    system: VisualSystem,
    images: Maps,
    lowest: int = 0,
    initials: Sequence[EI[Maps] | None] | None = None,
    acting: Mapping[int, Acting] | None = None,
) -> Iterator[tuple[LayerPass, Maps]]:
    """As `pass_through`, one layer after the other: what each does, and what goes up from it.

    Where most of it is let go at once, memory is that of a layer.
    """
    areas = system.areas[lowest:]
    initials = initials or [None] * len(areas)
    for number, (area, initial) in enumerate(zip(areas, initials, strict=True), lowest):
        top = number == len(system.areas) - 1
        here = () if acting is None else tuple(acting.get(number, ()))
        start = _silence(area, len(images)) if initial is None else initial
        forms, patterns = [form for form, _ in here], [pattern for _, pattern in here]
        done, above = _pass_layer(area, forms, top, images, start, patterns)
        yield LayerPass(images, *done), above
        images = above


@in_parts(shared=3)
def _pass_layer(
    area: AbstractArea,
    forms: list[AbstractForm],
    top: bool,
    images: Maps,
    initial: EI[Maps] | None,
    patterns: list[Maps],
) -> tuple[tuple[EI[Array], EI[Maps] | None, Bool[Array, " images"], Array], Maps]:
    """`LayerPass` but for its input, and what goes up: to the readout from the `top`."""

    def one(image: Array, start: EI[Array] | None, patterns: list[Array]) -> Any:
        modulation: Modulation | None = None
        for form, pattern in zip(forms, patterns, strict=True):
            more = form(pattern)
            modulation = more if modulation is None else modulation.combine(more)
        response = area(image, modulation, start)
        means = response.rates.map(lambda r: jnp.mean(r, axis=(1, 2)))
        rates = response.rates if area.recurrent else None
        sent = jnp.mean(response.output, axis=(1, 2))
        above = response.output if top else response.with_skip
        return (means, rates, response.converged, sent), above

    return by_image(one, images, initial, patterns, stages=[area.stage])


def _silence(area: AbstractArea, images: int) -> EI[Maps] | None:
    if not isinstance(area, CircuitArea):
        return None
    return area.circuit.silence().map(lambda r: jnp.broadcast_to(r, (images, *r.shape)))


def over_batches(function: Any, images: Any, system: VisualSystem) -> np.ndarray:
    """A function of a batch, applied to many images some at a time.

    Args:
        function: from images (batch, channels, height, width) to an array with an axis of images.
        images: any number; the last batch is filled up, so that nothing is compiled for it.
        system: who looks at them; its passes through a batch fit into memory.
    """
    size, parts = min(batch_within(system, lambda: images), len(images)), []
    for start in range(0, len(images), size):
        rows = np.minimum(np.arange(start, start + size), len(images) - 1)
        found = np.asarray(function(jnp.asarray(images[rows], float)))
        parts.append(found[: len(images) - start])
    return np.concatenate(parts)


def batch_within(
    system: VisualSystem, images: Callable[[], Any], most: int = BATCH, passes: int = 1
) -> int:
    """Images at a time of whose passes all layers are kept: fewer where memory is limited.

    Args:
        system: who looks.
        images: makes one or more such images, (images, channels, height, width).
        most: as many where there is no limit, see `cortex.memory`.
        passes: kept at a time; 0: each layer is let go when the next one is done.
    """
    if not is_limited():
        return most
    return most_at_once(bytes_kept(system, np.shape(images())[1:], passes), most)


def bytes_kept(system: VisualSystem, shape: tuple[int, ...], passes: int = 1) -> int:
    """What looking at one image leaves behind, see `batch_within` [bytes]."""

    def looked(images: Maps) -> list[Any]:
        layers = layer_by_layer(system, images)
        # Rates twice: those that the search starts from are as many.
        return [(done, above, done.rates) for done, above in layers]

    image = jax.ShapeDtypeStruct((1, *shape), jnp.asarray(0.0).dtype)
    found = eqx.filter_eval_shape(looked, image)
    largest = max(map(size_of, found))
    return max(largest, passes * sum(size_of(done) for done, *_ in found))


def even_batch(count: int, most: int = BATCH) -> int:
    """Images at a time, at most `most`, that fill as few batches with `count` evenly."""
    return -(-count // -(-count // most))
