"""A detection study: an observer learns on ordinary images and is tested on hard ones."""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Float, Int, PRNGKeyArray

from cortex.areas import VisualSystem
from cortex.areas.slopes import map_slopes
from cortex.attention import (
    AbstractForm,
    BalancedSet,
    CategorySet,
    gradient_values,
    shuffled,
    tuning_values,
    uniform,
)
from cortex.attention.values import Values
from cortex.circuit import EI
from cortex.stimuli import TaskSet, quadrant_mask

from .detectors import Detectors
from .observer import AttentionState, Observer, detect, look_at_all

Images = Float[Array, "images channels height width"]
Report = Callable[[int], None]
BATCH = 100


class Source(NamedTuple):
    """Where attention comes from.

    Attributes:
        values: by area, what feature attention is applied by, (categories, maps).
        to_place: attention is also, or only, to the quadrant that is cued.
    """

    values: tuple[Values, ...]
    to_place: bool = False


class Learned(NamedTuple):
    """What an observer has learned from ordinary images.

    Attributes:
        observer: the system with trained detectors.
        means: by area, mean rate of each map for each image, (images, maps).
    """

    observer: Observer
    means: tuple[Array, ...]


def learn(
    system: VisualSystem, images: Images, labels: Int[Array, " images"], categories: int
) -> Learned:
    """Train one detector a category on the system's responses to ordinary images."""
    units, means = [], []
    for start in range(0, len(images), BATCH):
        batch = images[start : start + BATCH]
        outputs, rates = _respond(system, batch)
        units.append(np.asarray(outputs))
        means.append(rates)
    detectors = Detectors.fit(np.concatenate(units), np.asarray(labels), categories)
    joined = tuple(jnp.concatenate(parts) for parts in zip(*means, strict=True))
    return Learned(Observer(system, detectors), joined)


@eqx.filter_jit
def _respond(system: VisualSystem, images: Images) -> tuple[Array, tuple[Array, ...]]:
    def one(image: Array) -> tuple[Array, tuple[Array, ...]]:
        responses = system.respond(image)
        units = system.readout.units(responses[-1].output)
        return units, tuple(jnp.mean(r.rates.E, axis=(1, 2)) for r in responses)

    return jax.vmap(one)(images)


@eqx.filter_jit
def _slopes(observer: Observer, images: Images) -> tuple[tuple[Array, ...], Array]:
    return jax.vmap(lambda x: map_slopes(observer.system, observer.detectors, x))(images)


def attention_sources(
    learned: Learned,
    images: Images,
    labels: Int[Array, " images"],
    gradient_images: int,
    normalise: Callable[[Values], Values],
    key: PRNGKeyArray,
) -> dict[str, Source]:
    """Every source of attention that the study compares, by name.

    Args:
        learned: from `learn`, on the same images.
        gradient_images: how many images gradients are averaged over, evenly from each
            category.
        normalise: what divides gradient values.
        key: of the shuffle.
    """
    categories = len(learned.observer.detectors.bias)
    tuning = tuple(tuning_values(m, labels, categories) for m in learned.means)
    rows = _evenly(np.asarray(labels), gradient_images, categories)
    parts = [
        _slopes(learned.observer, images[rows[start : start + BATCH]])
        for start in range(0, len(rows), BATCH)
    ]
    logits = jnp.concatenate([part[1] for part in parts])

    def gradients(over: BalancedSet | CategorySet) -> tuple[Values, ...]:
        by_area = (
            jnp.concatenate([part[0][area] for part in parts]) for area in range(len(tuning))
        )
        return tuple(
            normalise(gradient_values(slopes, logits, labels[rows], over)) for slopes in by_area
        )

    keys = jax.random.split(key, len(tuning))
    nothing = tuple(jnp.zeros_like(values) for values in tuning)
    return {
        "tuning": Source(tuning),
        "gradient_category": Source(gradients(CategorySet())),
        "gradient_balanced": Source(gradients(BalancedSet())),
        "shuffled": Source(tuple(map(shuffled, keys, tuning))),
        "negated": Source(tuple(-values for values in tuning)),
        "uniform": Source(tuple(uniform(values) for values in tuning)),
        "spatial": Source(nothing, to_place=True),
        "spatial_and_tuning": Source(tuning, to_place=True),
    }


def _evenly(labels: np.ndarray, count: int, categories: int) -> np.ndarray:
    each = max(count // categories, 1)
    return np.concatenate([np.flatnonzero(labels == c)[:each] for c in range(categories)])


class Outcome(NamedTuple):
    """What one condition gives, stacked over categories.

    Attributes:
        scores: (categories, images).
        rates_E, rates_I: by area, mean rate of each map, (categories, maps); NaN for areas
            below the attended one, which do not change.
        settled: fraction of images for which all circuits settled.
    """

    scores: np.ndarray
    rates_E: tuple[np.ndarray, ...]
    rates_I: tuple[np.ndarray, ...]
    settled: float


class HardTask:
    """A set of hard images, with all that does not depend on attention computed once.

    Args:
        observer: who looks.
        images: a task set for every category, leaves (categories, images, ...).
        report: called with the number of looks done.
    """

    def __init__(self, observer: Observer, images: TaskSet, report: Report):
        self.observer = observer
        self.present = np.asarray(images.present)
        self.inputs: list[list[Array]] = []
        self.initials: list[tuple[EI, ...]] = []
        scores, rates, settled = [], [], []
        for category, shown in enumerate(images.images.astype(jnp.result_type(float))):
            look = look_at_all(observer, shown[:, None])
            self.inputs.append([shown[:, None], *look.sent[:-1]])
            scores.append(np.asarray(look.logits[:, category]))
            settled.append(np.mean(look.settled))
            self.initials.append(look.rates)
            rates.append(jax.tree.map(lambda r: np.asarray(r).mean(axis=(0, 2, 3)), look.rates))
            report(len(shown))
        self.unattended = Outcome(
            np.stack(scores),
            tuple(np.stack([r[a].E for r in rates]) for a in range(len(rates[0]))),
            tuple(np.stack([r[a].I for r in rates]) for a in range(len(rates[0]))),
            float(np.mean(settled)),
        )
        self.shapes = [rates.E.shape[1:] for rates in look.rates]
        self.masks = [
            tuple(_masks(jnp.asarray(cued), *shape[1:]) for shape in self.shapes)
            for cued in _cued_quadrants(images)
        ]

    def attend(
        self,
        source: Source,
        feature_strength: Sequence[float] | np.ndarray,
        spatial_strength: Sequence[float] | np.ndarray,
        form: AbstractForm,
        report: Report,
    ) -> Outcome:
        """Detection with attention to every category in turn.

        Args:
            source: what attention is applied by.
            feature_strength, spatial_strength: beta of each area; areas below the first
                that is not 0 are not computed again.
            form: how the pattern reaches an area.
        """
        strengths = np.abs(np.asarray(feature_strength)) + np.abs(np.asarray(spatial_strength))
        first = int(np.flatnonzero(strengths)[0]) if strengths.any() else 0

        def one(category: int) -> tuple[np.ndarray, Any, float]:
            state = AttentionState(
                values=tuple(v[category] for v in source.values),
                feature_strength=jnp.asarray(feature_strength, float),
                masks=tuple(jnp.zeros(shape[1:]) for shape in self.shapes),
                spatial_strength=jnp.asarray(spatial_strength, float),
                form=form,
            )
            found = detect(
                self.observer,
                self.inputs[category][first],
                state,
                self.masks[category],
                self.initials[category],
                jnp.asarray(category),
                first,
            )
            return np.asarray(found[0]), jax.tree.map(np.asarray, found[1]), float(found[2])

        # One thread a core: small circuits leave all but one core idle otherwise.
        scores, rates, settled = [], [], []
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for score, rate, share in pool.map(one, range(len(self.inputs))):
                scores.append(score)
                rates.append(rate)
                settled.append(share)
                report(len(score))
        return Outcome(
            np.stack(scores),
            self._padded([[r.E for r in row] for row in rates], first),
            self._padded([[r.I for r in row] for row in rates], first),
            float(np.mean(settled)),
        )

    def _padded(self, rows: list[list[np.ndarray]], first: int) -> tuple[np.ndarray, ...]:
        """Stack over categories, with NaN for the areas below the first one computed."""
        below = [np.full((len(rows), shape[0]), np.nan) for shape in self.shapes[:first]]
        return (*below, *(np.stack(column) for column in zip(*rows, strict=True)))


def _cued_quadrants(images: TaskSet) -> np.ndarray:
    """Where the category is; where it is not, each quadrant in turn."""
    quadrant = np.asarray(images.quadrant)
    turn = np.arange(quadrant.shape[-1]) // 2 % 4
    return np.where(quadrant >= 0, quadrant, turn[None, :]).astype(np.int32)


@eqx.filter_jit
def _masks(quadrants: Int[Array, " images"], height: int, width: int) -> Array:
    return jax.vmap(lambda q: quadrant_mask((height, width), q))(quadrants)
