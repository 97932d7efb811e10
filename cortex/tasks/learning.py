"""What is learned from ordinary images: tuning of all layers in one pass, gradients, values."""

import itertools
from collections.abc import Callable, Iterable
from functools import partial
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.areas import VisualSystem, map_gradients, map_shapes
from cortex.areas.by_image import by_image
from cortex.attention import (
    AbstractImageSet,
    gradient_values,
    shuffled,
    tuning_values,
    uniform,
)
from cortex.attention.values import Values
from cortex.memory import in_parts

from .detectors import balanced_rows
from .observer import Observer, read_units
from .passes import batch_within, layer_by_layer

Report = Callable[[int], object]

LayerValues = tuple[Float[Array, "categories _"], ...]  # by area: layers differ in maps


class Responses(NamedTuple):
    """Unattended responses to ordinary images.

    Attributes:
        units: of the readout, (images, units).
        means: by area, mean rate over the places of each map, (images, maps).
        settled: fraction of images for which all circuits settled.
    """

    units: np.ndarray
    means: tuple[np.ndarray, ...]
    settled: float


def respond_to_all(
    system: VisualSystem,
    batches: Iterable[Float[Array, "images channels height width"]],
    report: Report | None = None,
) -> Responses:
    """Readout units and the mean rates of all layers, in one pass over the images.

    Args:
        system: who looks, without attention.
        batches: some images at a time, of one number except the last, which is filled up.
        report: told how many images are done.
    """
    units, settled = [], []
    means: list[list[np.ndarray]] = [[] for _ in system.areas]
    size = 0
    for images in _fitting(system, batches):
        count = len(images)
        size = max(size, count)
        output = images[np.minimum(np.arange(size), count - 1)]
        steady = np.ones(count)
        for number, (layer, above) in enumerate(layer_by_layer(system, output)):
            means[number].append(np.asarray(layer.means.E)[:count])
            steady = steady * np.asarray(layer.settled)[:count]
            output = above
        units.append(np.asarray(read_units(system.readout, output))[:count])
        settled.append(steady)
        if report is not None:
            report(count)
    return Responses(
        np.concatenate(units),
        tuple(np.concatenate(parts) for parts in means),
        float(np.concatenate(settled).mean()),
    )


def _fitting(system: VisualSystem, batches: Iterable[Array]) -> Iterable[Array]:
    """The same images, fewer at a time where memory is limited."""
    size = 0
    for images in batches:
        if not size:
            size = batch_within(system, partial(np.asarray, images), len(images), passes=0)
        yield from (images[start : start + size] for start in range(0, len(images), size))


class LogitGradients(NamedTuple):
    """Gradients of detectors for pairs of an image and a category.

    Attributes:
        gradients: by area, dz/dx averaged over the places of each map, (pairs, maps); NaN where
            they were not asked for.
        logits: z, (pairs,).
        category: (pairs,).
        present: whether the image shows the category, (pairs,).
    """

    gradients: tuple[np.ndarray, ...]
    logits: np.ndarray
    category: np.ndarray
    present: np.ndarray


def balanced_pairs(
    labels: np.ndarray, categories: int, each: int, rng: np.random.Generator
) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"], Bool[np.ndarray, " pairs"]]:
    """For each category `each` images of it and as many of others: rows, category, present."""
    rows = balanced_rows(labels, categories, each, rng)
    category = np.repeat(np.arange(categories), [len(r) for r in rows])
    joined = np.concatenate(rows)
    return joined, category, np.asarray(labels)[joined] == category


def logit_gradients(
    observer: Observer,
    images: Callable[[np.ndarray], Float[Array, "images channels height width"]],
    pairs: tuple[np.ndarray, np.ndarray, np.ndarray],
    batch: int = 50,
    report: Report | None = None,
    first: int = 0,
) -> LogitGradients:
    """Gradients at all layers, or from one upwards, one backward pass for each pair.

    Args:
        observer: whose detectors.
        images: from row numbers to images.
        pairs: rows, category and present, (pairs,) each, see `balanced_pairs`.
        batch: pairs at a time.
        report: told how many pairs are done.
        first: the lowest area wanted, 0 the lowest of all; a backward pass to the lowest areas of
            a large network takes longer than all the rest.
    """
    rows, category, present = pairs
    size = min(batch, len(rows))
    system = observer.system
    shapes: tuple[tuple[int, int, int], ...] = ()
    gradients: list[list[np.ndarray]] = [[] for _ in system.areas]
    logits = []
    for start in range(0, len(rows), size):
        # The last batch is filled up, so that nothing is compiled for it.
        chosen = np.minimum(np.arange(start, start + size), len(rows) - 1)
        count = min(size, len(rows) - start)
        received = images(rows[chosen])
        shapes = shapes or map_shapes(system, received[0])
        if first:
            *_, (_, received) = itertools.islice(layer_by_layer(system, received), first)
        found, z = _map_gradients(observer, first, received, jnp.asarray(category[chosen]))
        for area, one in enumerate(found, first):
            gradients[area].append(np.asarray(one)[:count])
        logits.append(np.asarray(z)[:count])
        if report is not None:
            report(count)
    joined = tuple(
        np.concatenate(parts) if parts else np.full((len(rows), shape[0]), np.nan)
        for parts, shape in zip(gradients, shapes, strict=True)
    )
    return LogitGradients(joined, np.concatenate(logits), category, present)


@in_parts(shared=2)
def _map_gradients(
    observer: Observer, first: int, received: Array, category: Int[Array, " images"]
) -> tuple[tuple[Array, ...], Array]:
    system, detectors = observer.system, observer.detectors

    def one(image: Array, category: Array) -> tuple[tuple[Array, ...], Array]:
        return map_gradients(system, detectors, image, category, first)

    stages = [area.stage for area in system.areas[first:]]
    return by_image(one, received, category, stages=stages)


def all_tuning_values(
    means: Iterable[np.ndarray], labels: np.ndarray, categories: int
) -> LayerValues:
    """Tuning values of every layer.

    Args:
        means: by area, (images, maps), as in `Responses`.
        labels: category of each image.
        categories: how many.
    """
    return _all_tuning(tuple(jnp.asarray(m, float) for m in means), jnp.asarray(labels), categories)


# All layers in one program: operations compiled one by one for every size of layer take longer
# than looking at the images.


@eqx.filter_jit
def _all_tuning(means: tuple[Array, ...], labels: Array, categories: int) -> LayerValues:
    return tuple(tuning_values(one, labels, categories) for one in means)


@eqx.filter_jit
def _all_gradients(
    gradients: tuple[Array, ...],
    logits: Array,
    category: Array,
    present: Array,
    categories: int,
    over: AbstractImageSet,
    normalise: Callable[[Values], Values],
) -> LayerValues:
    return tuple(
        normalise(gradient_values(one, logits, category, present, categories, over))
        for one in gradients
    )


@eqx.filter_jit
def _controls(tuning: LayerValues, keys: Array) -> dict[str, LayerValues]:
    return {
        "shuffled": tuple(map(shuffled, keys, tuning)),
        "negated": tuple(-values for values in tuning),
        "uniform": tuple(uniform(values) for values in tuning),
        "nothing": tuple(jnp.zeros_like(values) for values in tuning),
    }


def all_gradient_values(
    pairs: LogitGradients,
    categories: int,
    over: AbstractImageSet,
    normalise: Callable[[Values], Values],
) -> LayerValues:
    """Gradient values of every layer, normalised.

    Args:
        pairs: from `logit_gradients`.
        categories: how many.
        over: which of a category's images are averaged over.
        normalise: `normalised_by_layer` or another.
    """
    return _all_gradients(
        tuple(jnp.asarray(gradients, float) for gradients in pairs.gradients),
        jnp.asarray(pairs.logits, float),
        jnp.asarray(pairs.category),
        jnp.asarray(pairs.present),
        categories,
        over,
        normalise,
    )


def with_controls(tuning: LayerValues, key: PRNGKeyArray) -> dict[str, LayerValues]:
    """Tuning values and what they are compared with, by name.

    Args:
        tuning: by area.
        key: of the shuffle.

    Returns:
        `tuning`; `shuffled` over the maps of a layer; `negated`; `uniform`, every map the same;
        `nothing`, zeros.
    """
    return {"tuning": tuning, **_controls(tuning, jax.random.split(key, len(tuning)))}


def in_batches(
    images: Callable[[np.ndarray], Array], count: int, batch: int = 50
) -> Iterable[Array]:
    """Images 0 to `count - 1` from a function of row numbers, some at a time."""
    for start in range(0, count, batch):
        yield images(np.arange(start, min(start + batch, count)))
