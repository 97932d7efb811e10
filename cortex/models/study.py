"""The 2018 study's settings: where attention is applied, by what values, how strongly."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray
from pydantic import Field, model_validator

from cortex.areas import VisualSystem
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
from cortex.settings import NonNegative, choice, quantity, require_distinct
from cortex.settings import Settings as Section
from cortex.stimuli import Digits
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
        return self


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

    resamples: int = quantity(500, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class TrainingSet(NamedTuple):
    """Ordinary images: what detectors, tuning and gradients are learned from.

    Attributes:
        images: from row numbers to images (rows, channels, height, width).
        labels: category of each.
        categories: how many.
        learning: rows for detectors and tuning values.
        gradients: rows for gradient values, best others: the mean error of a detector on a
            balanced set that it was fitted on is near zero, and so are its gradients.
        each: images of a category, and as many of others, for one detector; 0 for all.
    """

    images: Callable[[np.ndarray], Float[Array, "rows channels height width"]]
    labels: np.ndarray
    categories: int
    learning: np.ndarray
    gradients: np.ndarray
    each: int = 0


def ordinary_digits(training: Digits, seed: int, learning: int, gradients: int) -> TrainingSet:
    """Digits as the network of three layers sees them, in a random order.

    Args:
        training: digits that are learned from.
        seed: of the order.
        learning: how many detectors and tuning values are learned from, the first ones.
        gradients: how many gradients are averaged over, the last ones.
    """
    order = np.random.default_rng(seed).permutation(len(training))
    images = digit_network().images(training)
    return TrainingSet(
        images=lambda numbers: images[numbers],
        labels=np.asarray(training.labels),
        categories=CLASSES,
        learning=np.sort(order[:learning]),
        gradients=np.sort(order[-gradients:]),
    )


class FittedObserver(NamedTuple):
    """What an observer has learned.

    Attributes:
        observer: the system with its detectors.
        values: by name, the values attention can be applied by: tuning, gradient (of the kind
            asked for, gradient_balanced or gradient_category), shuffled, negated, uniform, and
            nothing (zeros).
        responses: to the images learned from.
        pairs: what gradient values are made of, for other kinds of them.
    """

    observer: Observer
    values: dict[str, LayerValues]
    responses: Responses
    pairs: LogitGradients


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
    """Detectors, tuning values of all layers in one pass, and gradient values of all in another.

    Args:
        system: who looks.
        ordinary: at what.
        section: penalty, and the kind of gradient values.
        key: of the draws and the shuffled control.
        batch: images at a time.
        common: one spread for all readout units, see `Detectors.fit`.
        report: told how many images and pairs are done; `learning_steps` says how many there are.
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
    values = with_controls(
        all_tuning_values(responses.means, labels, ordinary.categories), shuffle_key
    )
    pairs = gradient_pairs(
        observer,
        lambda numbers: ordinary.images(ordinary.gradients[numbers]),
        ordinary.labels[ordinary.gradients],
        ordinary.categories,
        rng,
        batch,
        report,
    )
    normalise = NORMALISED[section.gradients_normalised]
    for name, over in OVER.items():
        found = all_gradient_values(pairs, ordinary.categories, over, normalise)
        values[f"gradient_{name}"] = found
    values["gradient"] = values[f"gradient_{section.gradients_over}"]
    return FittedObserver(observer, values, responses, pairs)


def gradient_pairs(
    observer: Observer,
    images: Callable[[np.ndarray], Float[Array, "rows channels height width"]],
    labels: np.ndarray,
    categories: int,
    rng: np.random.Generator,
    batch: int,
    report: Callable[[int], object] | None = None,
    first: int = 0,
) -> LogitGradients:
    """Slopes for as many images of each category as there are of one, and as many of others.

    Args:
        observer: whose detectors.
        images: from row numbers to images.
        labels: category of each image.
        categories: how many.
        rng: of the choice of others.
        batch: pairs at a time.
        report: told how many pairs are done.
        first: the lowest area wanted, 0 the lowest of all.
    """
    each = _images_of_one(len(labels), categories)
    return logit_gradients(
        observer, images, balanced_pairs(labels, categories, each, rng), batch, report, first
    )


def gradients_of(pairs: LogitGradients, categories: int, section: ValuesSection) -> LayerValues:
    """Gradient values of the kind that the settings ask for."""
    return all_gradient_values(
        pairs, categories, OVER[section.gradients_over], NORMALISED[section.gradients_normalised]
    )


def learning_steps(ordinary: TrainingSet) -> int:
    """How many images and pairs `learn` goes through, at most."""
    each = _images_of_one(len(ordinary.gradients), ordinary.categories)
    return len(ordinary.learning) + 2 * each * ordinary.categories


def _images_of_one(images: int, categories: int) -> int:
    """Images of a category for its gradients."""
    return max(images // categories, 1)


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
            scale=s.input_scale if area.recurrent else scale,
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
