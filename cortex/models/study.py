"""The 2018 study's settings: where attention is applied, by what values, how strongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from pydantic import Field, model_validator

from cortex.areas import PlainArea, VisualSystem
from cortex.areas.digits import CLASSES, digit_network
from cortex.attention import (
    AbstractForm,
    Additive,
    BalancedSet,
    CategorySet,
    Multiplicative,
    normalised_by_both,
    normalised_by_layer,
    normalised_by_map,
)
from cortex.errors import ConfigError
from cortex.settings import (
    NonNegative,
    bootstrap_resamples,
    choice,
    interval_level,
    quantity,
    require_distinct,
)
from cortex.settings import Settings as Section
from cortex.stimuli import Digits, array_same
from cortex.stimuli.trials import AbstractTrials
from cortex.tasks import (
    Detectors,
    LayerValues,
    LogitGradients,
    Observer,
    Responses,
    all_gradient_values,
    all_tuning_values,
    balanced_pairs,
    balanced_rows,
    even_batch,
    in_batches,
    logit_gradients,
    respond_to_all,
    with_controls,
)

PAPER = "Lindsay & Miller 2018"
CODE = "the public code of Lindsay & Miller 2018"
HERE = "chosen here"
NORMALISED = {
    "layer": normalised_by_layer,
    "map": normalised_by_map,
    "both": normalised_by_both,
}
SourceName = Literal["tuning", "gradient", "shuffled", "negated", "uniform"]
CONTROLS = ("shuffled", "negated", "uniform")
OVER = {"balanced": BalancedSet(), "category": CategorySet()}


class FormSection(Section):
    """In what form attention reaches a layer."""

    form: Literal["multiplicative", "additive"] = Field(
        default="multiplicative",
        description="gain on the drive, or input (to E units, where there is a circuit)",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    bidirectional: bool = Field(
        default=True,
        description="whether negative values count, or are set to 0",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    to_I: float = quantity(
        1.0, "1", "share of attention that I units get, in circuits", source=HERE, ge=0
    )
    input_scale: float = quantity(
        5.0, "contrast", "additive form: input to a circuit at a value of 1", source=HERE, gt=0
    )


# The forms that the study compares, as settings of a `FormSection`.
FORMS = {
    "multiplicative, both signs": {"form": "multiplicative", "bidirectional": True},
    "multiplicative, positive": {"form": "multiplicative", "bidirectional": False},
    "additive, both signs": {"form": "additive", "bidirectional": True},
    "additive, positive": {"form": "additive", "bidirectional": False},
}


class StudyAttentionSection(FormSection):
    """By what values attention is applied, where, in what form, and how strongly."""

    sources: tuple[SourceName, ...] = choice(
        ("tuning", "gradient", "shuffled"),
        "values that attention is applied by; shuffled, negated, uniform: controls",
        source=PAPER,
        min_length=1,
    )
    layers: tuple[int, ...] = quantity(
        (), "1", "layers attended, one at a time, 1 the lowest; none: every layer", source=PAPER
    )
    control_layers: tuple[int, ...] = quantity(
        (), "1", "layers that controls are applied to, of those attended; none: all", source=HERE
    )
    all_layers: bool = Field(
        default=True,
        description="also to all layers of the network at once",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    all_layers_share: float = quantity(
        0.1, "1", "share of beta that each layer gets when all are attended", source=PAPER, gt=0
    )
    strengths: tuple[NonNegative, ...] = quantity(
        (0.25, 0.5, 1.0, 2.0), "1", "beta", source="within the paper's 0 to 11.85", min_length=1
    )

    @model_validator(mode="after")
    def _distinct(self) -> StudyAttentionSection:
        for name in ("sources", "layers", "strengths"):
            require_distinct(self, name)
        if any(layer < 1 for layer in self.layers):
            raise ValueError(f"layers: found {list(self.layers)}, allowed: 1, the lowest, or more")
        if self.layers and not set(self.control_layers) <= set(self.layers):
            raise ValueError(
                f"control_layers: found {list(self.control_layers)}, allowed: some of "
                f"{list(self.layers)}"
            )
        return self

    def asked(self, source: str, site: str) -> bool:
        """Whether a source is applied at a site, by their names."""
        controlled = [f"layer {layer}" for layer in self.control_layers]
        return source not in CONTROLS or not controlled or site in controlled


class ValuesSection(Section):
    """Detectors, and the gradients of their errors."""

    penalty: float = quantity(
        0.1, "1", "inverse of the L2 penalty on the detectors' weights", source=HERE, gt=0
    )
    gradients_over: Literal["balanced", "category"] = Field(
        default="balanced",
        description="gradients are averaged over a balanced set, or over the category's images",
        json_schema_extra={"unit": "1", "source": f"balanced: {PAPER}; category: chosen here"},
    )
    gradients_normalised: Literal["layer", "map", "both"] = Field(
        default="layer",
        description="divided by the largest over the layer, by map over categories, or over both",
        json_schema_extra={"unit": "1", "source": f"layer: {PAPER}; map, both: {CODE}"},
    )


class StatisticsSection(Section):
    """Bootstrap over images."""

    resamples: int = bootstrap_resamples(500, "images")
    level: float = interval_level()


class TrainingSet(NamedTuple):
    """Ordinary images: what detectors and tuning are learned from.

    Attributes:
        images: from row numbers to images (rows, channels, height, width).
        labels: category of each.
        categories: how many.
        learning: rows for detectors and tuning values.
        others: further rows, that nothing is fitted to.
        each: images of a category, and as many of others, for one detector; 0 for all.
    """

    images: Callable[[np.ndarray], Float[Array, "rows channels height width"]]
    labels: np.ndarray
    categories: int
    learning: np.ndarray
    others: np.ndarray
    each: int = 0


def ordinary_digits(
    training: Digits, seed: int, learning: int, others: int, *, half_size: bool = False
) -> TrainingSet:
    """Digits as the network of three layers sees them, in a random order.

    Args:
        training: digits that are learned from.
        seed: of the order, and of the quadrants.
        learning: how many detectors and tuning values are learned from, the first ones.
        others: how many more, the last ones.
        half_size: each reduced to half and in one quadrant at random, the others being black, as
            the digits of arrays are.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(training))
    images = digit_network().images(training)
    if half_size:
        images = in_quadrants(images, rng.integers(4, size=len(images)))
    return TrainingSet(
        images=lambda numbers: images[numbers],
        labels=np.asarray(training.labels),
        categories=CLASSES,
        learning=np.sort(order[:learning]),
        others=np.sort(order[len(order) - others :]),
    )


def in_quadrants(
    images: Float[Array, "images channels height width"], quadrant: np.ndarray
) -> Float[Array, "images channels height width"]:
    """Images reduced to half, each in a quadrant (0 to 3 as a page is read) of a black one."""
    here = jnp.asarray(quadrant[:, None] == np.arange(4), images.dtype)
    parts = here[:, :, None, None, None] * images[:, None]
    return jax.vmap(jax.vmap(array_same, in_axes=1))(parts)


class FittedObserver(NamedTuple):
    """What an observer has learned.

    Attributes:
        observer: the system with its detectors.
        values: by name, the values attention can be applied by: tuning, and its controls shuffled,
            negated, uniform, nothing (zeros).
        responses: to the images learned from.
    """

    observer: Observer
    values: dict[str, LayerValues]
    responses: Responses


def learn(
    system: VisualSystem,
    ordinary: TrainingSet,
    section: ValuesSection,
    key: PRNGKeyArray,
    *,
    batch: int = 50,
    common: bool = False,
    report: Callable[[int], object] | None = None,
) -> FittedObserver:
    """Detectors, and tuning values of all layers with their controls, in one pass over images.

    Args:
        system: who looks.
        ordinary: at what.
        section: penalty.
        key: of the draws and the shuffled control.
        batch: images at a time.
        common: one spread for all readout units, see `Detectors.fit`.
        report: told how many images are done.
    """
    draw_key, shuffle_key = jax.random.split(key)
    rng = np.random.default_rng(np.asarray(jax.random.key_data(draw_key)))
    rows, labels = ordinary.learning, ordinary.labels[ordinary.learning]

    def learned_from(numbers: np.ndarray) -> Array:
        return ordinary.images(rows[numbers])

    responses = respond_to_all(system, in_batches(learned_from, len(rows), batch), report)
    each = ordinary.each
    balanced = balanced_rows(labels, ordinary.categories, each, rng) if each else None
    detectors = Detectors.fit(
        responses.units, labels, ordinary.categories, section.penalty, balanced, common=common
    )
    observer = Observer(system, detectors)
    tuning = all_tuning_values(responses.means, labels, ordinary.categories)
    return FittedObserver(observer, with_controls(tuning, shuffle_key), responses)


def hard_gradients(
    observer: Observer,
    hard: AbstractTrials,
    section: ValuesSection,
    batch: int = 50,
    report: Callable[[int], object] | None = None,
    lowest: int = 0,
) -> LayerValues:
    """Gradient values of each category's detector over its own hard images, half of which show it.

    Over ordinary images, which are answered rightly with certainty, little is left of the error's
    gradient but noise.

    Args:
        observer: whose detectors.
        hard: images of the task, none of them in a test.
        section: the kind of values.
        batch: images at a time.
        report: told how many are done.
        lowest: the lowest layer wanted, 0 the lowest of all; NaN below.

    Source: Lindsay & Miller 2018, gradient values over a balanced set of images of the task.
    """
    categories, count = hard.present.shape
    size = even_batch(count, batch)

    def images(numbers: np.ndarray) -> Array:
        # A batch is of one category: those of another are those that fill it up.
        (category,) = {int(n) // count for n in numbers}
        start, stop = int(numbers.min()) % count, int(numbers.max()) % count + 1
        return hard.images(category, start, stop)[numbers % count - start]

    found = []
    for category in range(categories):
        rows = np.arange(category * count, (category + 1) * count)
        pairs = rows, np.full(count, category), hard.present[category]
        found.append(logit_gradients(observer, images, pairs, size, report, lowest))
    joined = jax.tree.map(lambda *parts: np.concatenate(parts), *found)
    return _gradients_of(joined, categories, section)


def ordinary_gradients(
    observer: Observer, ordinary: TrainingSet, section: ValuesSection, rng: np.random.Generator
) -> LayerValues:
    """Gradient values over ordinary images that nothing was fitted to, as many of others.

    Args:
        observer: whose detectors.
        ordinary: images, of which the rows `others` are taken.
        section: the kind of values.
        rng: of the choice of others.
    """
    rows, categories = ordinary.others, ordinary.categories
    each = max(len(rows) // categories, 1)
    pairs = balanced_pairs(ordinary.labels[rows], categories, each, rng)
    slopes = logit_gradients(observer, lambda numbers: ordinary.images(rows[numbers]), pairs)
    return _gradients_of(slopes, categories, section)


def _gradients_of(pairs: LogitGradients, categories: int, section: ValuesSection) -> LayerValues:
    """Gradient values of the kind that the settings ask for."""
    return all_gradient_values(
        pairs, categories, OVER[section.gradients_over], NORMALISED[section.gradients_normalised]
    )


def forms_of(
    section: FormSection, system: VisualSystem, scales: Sequence[float]
) -> tuple[AbstractForm, ...]:
    """How attention reaches each area.

    Args:
        section: the settings.
        system: whose areas.
        scales: by area, input to a plain area at a value of 1, in the additive form.
    """
    s = section
    if s.form == "multiplicative":
        return (Multiplicative(bidirectional=s.bidirectional, to_I=s.to_I),) * len(system.areas)
    return tuple(
        Additive(
            scale=scale if isinstance(area, PlainArea) else s.input_scale,
            bidirectional=s.bidirectional,
            to_I=s.to_I,
        )
        for area, scale in zip(system.areas, scales, strict=True)
    )


def sites(section: StudyAttentionSection, areas: int) -> list[tuple[str, np.ndarray]]:
    """Where attention is applied: names, and the share of beta that each area gets.

    Raises:
        UserError: a layer that the network does not have.
    """
    beyond = [layer for layer in section.layers if layer > areas]
    if beyond:
        raise ConfigError(f"attention.layers: found {beyond}, allowed: 1 to {areas}")
    layers = section.layers or tuple(range(1, areas + 1))
    found = [(f"layer {layer}", np.eye(areas)[layer - 1]) for layer in layers]
    if section.all_layers:
        found.append(("all", np.full(areas, section.all_layers_share)))
    return found
