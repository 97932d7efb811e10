"""An observer: a visual system and detectors, without attention and with it at any layers."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cortex.areas import AbstractArea, VisualSystem, as_network, as_system
from cortex.attention import AbstractSource, Attention, Query, State
from cortex.circuit import EI
from cortex.errors import UserError
from cortex.frontends.checks import check_layers
from cortex.frontends.conv import AbstractReadout
from cortex.memory import in_parts

from .detectors import Detectors
from .passes import Acting, LayerPass, Maps, over_batches, pass_through

Images = Float[Array, "images channels height width"]


class Pass(eqx.Module):
    """One pass of a batch of images through an observer.

    Attributes:
        layers: what each layer does, from the lowest.
        units: of the readout, which detectors read.
        logits: one for each category.
        patterns: by which each source attended; none without attention.
    """

    layers: tuple[LayerPass, ...]
    units: Float[Array, "images units"]
    logits: Float[Array, "images categories"]
    patterns: tuple[Maps, ...] = ()

    @property
    def settled(self) -> Bool[Array, " images"]:
        """Whether all circuits settled."""
        return jnp.all(jnp.stack([layer.settled for layer in self.layers]), axis=0)


class Observer(eqx.Module):
    """A visual system, and detectors that read its readout's units.

        observer = Observer.fit(system, images, labels)
        observer(image)[3]                                         # one image
        observer(images, tuning(category=3, strength=0.5))[:, 3]   # many, with attention
        observer(images, [tuning(category=c) for c in range(10)])  # (sources, images, categories)

    **How much is done at once.** All images given go through a layer together, in one compiled
    program a layer (`jax.vmap`); a list of sources goes through the same programs one after the
    other, for attention is data to them: nothing is compiled for other weights, strengths,
    categories or places. What lies below the lowest attended layer is computed once for all
    sources, circuits start from where they are without attention, and memory is that of one
    source. For images x sources in a single program write, under `jax.jit`,

        seen = observer.first_pass(images)
        jax.lax.map(lambda b: observer.next_pass(seen, tuning(strength=b)).logits, strengths)

    or `jax.vmap` in place of `lax.map` where memory allows (a GPU). Gradients go through both.

    Attributes:
        system: from the image to readout units.
        detectors: from readout units to logits.
    """

    system: VisualSystem
    detectors: Detectors

    @classmethod
    def fit(cls, system: Any, images: Any, labels: Any, *, strength: float = 0.1) -> "Observer":
        """An observer with one logistic detector for each category.

        Args:
            system: a `VisualSystem`, or a `ConvNetwork` as it is.
            images: ordinary images, (images, channels, height, width).
            labels: category of each image, 0 to categories - 1, (images,).
            strength: inverse of the L2 penalty on the detectors' weights, see `Detectors.fit`.

        Raises:
            UserError: an argument that does not fit, or circuits that run away on some images.
        """
        system = as_system(system)
        check_layers(as_network(system), images)
        labels = _checked_labels(labels, len(images))

        def units_of(some: Images) -> Array:
            return read_units(system.readout, pass_through(system, some)[1])

        units = over_batches(units_of, images, system)
        return cls(system, Detectors.fit(units, labels, int(labels.max()) + 1, strength))

    @property
    def categories(self) -> int:
        """How many there are."""
        return len(self.detectors.bias)

    def __call__(
        self, images: Any, attention: Any = None
    ) -> Float[Array, "*sources_and_images categories"]:
        """One logit for each category.

        Args:
            images: one image (channels, height, width), or several with a leading axis.
            attention: an `Attention`, none by default; a list of several is tried one by one,
                and gives a leading axis. What is to act at once is added:
                `tuning(category=3) + window`.

        Returns:
            (categories,) for one image, (images, categories) for several; with a list of
            sources, these for each.

        Raises:
            UserError: what are no images, no attention, or a layer that is not there.
        """
        one_image = np.ndim(images) == 3
        if not one_image and np.ndim(images) != 4:
            raise UserError(
                f"images: found shape {np.shape(images)}, allowed: (channels, height, width) or "
                "(images, channels, height, width)"
            )
        images = jnp.asarray(images, float)
        seen = self.first_pass(images[None] if one_image else images)
        if attention is None:
            logits = seen.logits
        elif isinstance(attention, list | tuple):
            logits = jnp.stack([self.next_pass(seen, one).logits for one in attention])
        else:
            logits = self.next_pass(seen, attention).logits
        return logits[..., 0, :] if one_image else logits

    def first_pass(self, images: Images) -> Pass:
        """Look at a batch of images without attention."""
        layers, output = pass_through(self.system, images)
        return Pass(layers, *_decide(self.system.readout, self.detectors, output))

    def next_pass(self, seen: Pass, attention: Any) -> Pass:
        """Look at the same images again, with attention.

        Args:
            seen: the pass before. Sources see its features and state, and circuits start there.
            attention: an `Attention`: one or more sources, each at a layer.

        Raises:
            UserError: no attention, or a layer, category or place that is not there.
        """
        if not isinstance(attention, Attention):
            raise UserError(
                f"attention: found {type(attention).__name__}, allowed: an Attention, such as "
                "SpatialWindow().at('conv3')"
            )
        numbers = [self.system.index(layer) for layer in attention.layers]
        patterns = tuple(
            _pattern(
                self.system.areas[number],
                source,
                _one_an_image(source, query, len(seen.logits)),
                seen.layers[number],
                seen.logits,
            )
            for number, source, query in zip(
                numbers, attention.sources, attention.queries, strict=True
            )
        )
        acting: dict[int, Acting] = {}
        for number, source, pattern in zip(numbers, attention.sources, patterns, strict=True):
            acting[number] = (*acting.get(number, ()), (source.form, pattern))
        lowest = min(numbers)
        initials = [layer.rates for layer in seen.layers[lowest:]]
        layers, output = pass_through(
            self.system, seen.layers[lowest].input, lowest, initials, acting
        )
        decided = _decide(self.system.readout, self.detectors, output)
        return Pass(seen.layers[:lowest] + layers, *decided, patterns)

    def mean_responses(self, images: Any, *, at: str | int) -> Float[np.ndarray, "images maps"]:
        """Mean E rate over the places of every map of a layer, without attention [Hz].

        Args:
            images: any number, (images, channels, height, width).
            at: the layer, by its name or its number from 1.
        """
        number = self.system.index(at)

        def means(some: Images) -> Array:
            return self.first_pass(some).layers[number].means.E

        return over_batches(means, images, self.system)

    def checked_labels(self, labels: Any, images: int) -> Int[np.ndarray, " images"]:
        """Labels as an array.

        Raises:
            UserError: they are not one an image, or of categories that there is no detector of.
        """
        return _checked_labels(labels, images, self.categories)


def _one_an_image(source: AbstractSource, query: Query, images: int) -> Query:
    """What each image is asked, of a source that can be asked that."""
    source.check(query)

    def spread(name: str, given: Array, shape: tuple[int, ...]) -> Array:
        if given.shape not in (shape, (images, *shape)):
            raise UserError(
                f"{name}: found shape {given.shape}, allowed: {shape} or {(images, *shape)}"
            )
        return jnp.broadcast_to(given, (images, *shape))

    return Query(spread("category", query.category, ()), spread("place", query.place, (2,)))


@in_parts(shared=2)
def _pattern(
    area: AbstractArea,
    source: AbstractSource,
    queries: Query,
    layer: LayerPass,
    logits: Float[Array, "images categories"],
) -> Maps:
    """By which a source attends to each image."""

    def one(image: Array, rates: EI[Array] | None, decided: Array, query: Query) -> Array:
        features = jnp.maximum(area.stage(image), 0.0)
        activity = EI(features, jnp.zeros_like(features)) if rates is None else rates
        return source.pattern(features, State(activity, decided), query)

    return jax.vmap(one)(layer.input, layer.rates, logits, queries)


@eqx.filter_jit
def read_units(readout: AbstractReadout, maps: Maps) -> Float[Array, "images units"]:
    """Units of the readout for outputs of the topmost layer."""
    return jax.vmap(readout.units)(maps)


@eqx.filter_jit
def _decide(
    readout: AbstractReadout, detectors: Detectors, maps: Maps
) -> tuple[Float[Array, "images units"], Float[Array, "images categories"]]:
    units = jax.vmap(readout.units)(maps)
    return units, jax.vmap(detectors)(units)


def _checked_labels(
    labels: Any, images: int, categories: int | None = None
) -> Int[np.ndarray, " images"]:
    labels = np.asarray(labels)
    if labels.shape != (images,) or not np.issubdtype(labels.dtype, np.integer):
        raise UserError(
            f"labels: found {labels.dtype} of shape {labels.shape}, allowed: whole numbers, one "
            f"for each of {images} images"
        )
    most = np.inf if categories is None else categories - 1
    if np.any(bad := (labels < 0) | (labels > most)):
        allowed = "0 or more" if categories is None else f"0 to {most}"
        raise UserError(f"labels: found {labels[bad][0]}, allowed: {allowed}")
    return labels
