"""Every mechanism of attention as a source at one area of the digit network with circuits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.areas import VisualSystem
from cortex.attention import (
    AbstractSource,
    Arousal,
    ContentWindow,
    FeatureSimilarity,
    SpatialWindow,
)
from cortex.attention.saliency import FeatureSaliency
from cortex.models.learned import lateral, trained_source
from cortex.models.learned.through_circuits import Training
from cortex.models.study import ValuesSection, learn, ordinary_digits, ordinary_gradients
from cortex.stimuli import Digits
from cortex.studies.learned_source import TrainedSettings
from cortex.tasks import LayerValues, Observer

Values = Float[Array, "categories maps"]
GRADIENT_DIGITS = 200  # as in the experiment digits_detection


class Knowledge(NamedTuple):
    """What sources are made of.

    Attributes:
        observer: who looks.
        values: of the attended area, by name: tuning, gradient, shuffled.
        window: on a cued place: its width, as a share of the map's side, and its surround.
        learned: where the learned weights are.
        seed: of the learned weights.
    """

    observer: Observer
    values: dict[str, Values]
    window: tuple[float, float]
    learned: TrainedSettings
    seed: int

    def trained(self, name: str) -> Any:
        """What was trained under a name."""
        return self.learned.load(trained_source(name))[self.seed][0]


class Mechanism(NamedTuple):
    """A kind of attention.

    Attributes:
        build: its source.
        layer: the layer it was trained for, 1 the lowest; None where nothing is learned.
        tasks: the kinds of hard images it was trained on.
        place: whether it needs a cued place.
        passes: looks with attention, one after the other.
    """

    build: Callable[[Knowledge], AbstractSource]
    layer: int | None = None
    tasks: tuple[str, ...] = ()
    place: bool = False
    passes: int = 1

    def acts(self, task: str, layer: int) -> bool:
        """Whether it acts at a layer, and on images of a task; no place is cued in merged ones."""
        return self.layer in (None, layer) and not (self.place and task == "merged")

    def highest(self, layers: Sequence[int]) -> int:
        """The highest of some layers at which it acts; the highest of all if it acts at none."""
        own = self.layer
        return max(layers) if own is None or own not in layers else own


def _window(known: Knowledge) -> AbstractSource:
    width, surround = map(jnp.asarray, known.window)
    return SpatialWindow(width=width, surround=surround)


def _values(name: str) -> Mechanism:
    return Mechanism(lambda known: FeatureSimilarity(known.values[name]))


def _trained(name: str, tasks: tuple[str, ...] = ("array",), passes: int = 1) -> Mechanism:
    return Mechanism(lambda known: known.trained(name), Training().layer + 1, tasks, passes=passes)


def _lateral(name: str) -> Mechanism:
    def build(known: Knowledge) -> AbstractSource:
        graph = lateral.connections(known.observer)
        source: AbstractSource = known.trained("lateral").sources(graph)[name]
        return source

    return Mechanism(build, lateral.LAYER + 1)


MECHANISMS: dict[str, Mechanism] = {
    "arousal": Mechanism(lambda _: Arousal()),
    "place": Mechanism(_window, place=True),
    "tuning values": _values("tuning"),
    "gradient values": _values("gradient"),
    "shuffled values": _values("shuffled"),
    "saliency": Mechanism(lambda _: FeatureSaliency()),
    "content window": Mechanism(lambda known: ContentWindow(known.values["tuning"])),
    "glimpse": _trained("glimpse_policy", ("merged", "array")),
    "soft attention": _trained("soft"),
    "feedback gain": _trained("feedback", passes=2),
    "attention gate": _trained("attention_gate"),
    "residual mask": _trained("residual_mask"),
    "self-attention": _lateral("self"),
    "graph attention": _lateral("graph"),
}


def ready(
    system: VisualSystem, training: Digits, seed: int, count: int
) -> tuple[Observer, dict[str, LayerValues]]:
    """An observer with detectors, and by name the values that feature attention is applied by.

    Args:
        system: who looks.
        training: digits that detectors, tuning and gradients come from.
        seed: of the choice among them; with 0 the detectors are those that the learned sources
            were trained with.
        count: digits that detectors are fitted to.
    """
    ordinary = ordinary_digits(training, seed, count, GRADIENT_DIGITS)
    key = jax.random.key(seed)
    found = learn(system, ordinary, ValuesSection(), key)
    # Of single digits, for one set of values serves all kinds of hard images here.
    rng = np.random.default_rng(np.asarray(jax.random.key_data(jax.random.split(key)[0])))
    kind = ValuesSection(gradients_over="category")
    gradient = ordinary_gradients(found.observer, ordinary, kind, rng)
    return found.observer, found.values | {"gradient": gradient}
