"""Every mechanism of attention as a source at one area of the digit network with circuits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
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
from cortex.stimuli import Digits
from cortex.tasks import LayerValues, Observer

from .learned import lateral, trained_source
from .learned.hard_digits import DETECTOR_DIGITS
from .learned.through_circuits import Training
from .study import ValuesSection, learn, ordinary_digits

Values = Float[Array, "categories maps"]
GRADIENT_DIGITS = 200  # as in the experiment digits_detection


class Knowledge(NamedTuple):
    """What sources are made of.

    Attributes:
        observer: who looks.
        values: of the attended area, by name: tuning, gradient, shuffled.
        window: on a cued place: its width, as a share of the map's side, and its surround.
        seed: of the learned weights.
        weights: folder of the user's; empty for those of the package.
    """

    observer: Observer
    values: dict[str, Values]
    window: tuple[float, float]
    seed: int
    weights: str

    def learned(self, name: str) -> Any:
        """What was trained under a name."""
        return trained_source(name).load(self.seed, self.weights or None)[0]


class Mechanism(NamedTuple):
    """A kind of attention.

    Attributes:
        build: its source.
        learned_at: the area it was trained for, 0 the lowest; None where nothing is learned.
        learned_on: the kinds of hard images it was trained on.
        place: it needs a cued place.
        passes: looks with attention, one after the other.
    """

    build: Callable[[Knowledge], AbstractSource]
    learned_at: int | None = None
    learned_on: tuple[str, ...] = ()
    place: bool = False
    passes: int = 1


def _window(known: Knowledge) -> AbstractSource:
    width, surround = map(jnp.asarray, known.window)
    return SpatialWindow(width=width, surround=surround)


def _values(name: str) -> Mechanism:
    return Mechanism(lambda known: FeatureSimilarity(known.values[name]))


def _trained(name: str, tasks: tuple[str, ...] = ("array",), passes: int = 1) -> Mechanism:
    return Mechanism(lambda known: known.learned(name), Training().layer, tasks, passes=passes)


def _lateral(name: str) -> Mechanism:
    def build(known: Knowledge) -> AbstractSource:
        graph = lateral.connections(known.observer)
        source: AbstractSource = known.learned("lateral").sources(graph)[name]
        return source

    return Mechanism(build, lateral.LAYER)


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
LEARNED_ON = {
    name: one.learned_on for name, one in MECHANISMS.items() if one.learned_at is not None
}


def ready(
    system: VisualSystem, training: Digits, seed: int
) -> tuple[Observer, dict[str, LayerValues]]:
    """An observer with detectors, and by name the values that feature attention is applied by.

    Args:
        system: who looks.
        training: digits that detectors, tuning and gradients come from.
        seed: of the choice among them; with 0 the detectors are those that the learned sources
            were trained with.
    """
    ordinary = ordinary_digits(training, seed, DETECTOR_DIGITS, GRADIENT_DIGITS)
    found = learn(system, ordinary, ValuesSection(), jax.random.key(seed))
    return found.observer, found.values | {"gradient": found.values["gradient_category"]}
