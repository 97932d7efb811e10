"""What the studies with gratings share: the images, and what is learned from single ones."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Literal, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float, UInt8
from pydantic import Field, model_validator

from cortex.areas import VisualSystem
from cortex.errors import ConfigError
from cortex.settings import Settings as Section
from cortex.settings import quantity
from cortex.stimuli import (
    GratingField,
    GratingNoise,
    GratingTrials,
    SingleGratings,
    single_gratings,
)
from cortex.tasks import (
    Condition,
    Detectors,
    LayerValues,
    Observer,
    Responses,
    all_tuning_values,
    respond_to_all,
    with_controls,
)

from .networks import StudyNetwork
from .study import (
    CODE,
    HERE,
    PAPER,
    StudyAttentionSection,
    ValuesSection,
    gradient_pairs,
    gradients_of,
    sites,
)

BATCH = 24  # images at a time, at most
CONTROLS = ("shuffled", "negated", "uniform")
SourceName = Literal["tuning", "gradient", "shuffled", "negated", "uniform"]


class GratingsSection(Section):
    """Single gratings to learn from, pairs of them to be tested on."""

    cycles_per_pixel: float = quantity(
        0.025, "1/px", "spatial frequency", source=PAPER, gt=0, le=0.5
    )
    contrast: float = quantity(100.0, "%", "Michelson contrast", source=HERE, gt=0, le=100)
    background: float = quantity(
        128.0, "1", "grey level without a grating, 0 to 255", source=HERE, ge=0, le=255
    )
    place: Literal["full", "quadrant"] = Field(
        default="full",
        description="single gratings fill the image, or one quadrant at random",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    detectors: int = quantity(
        20, "1", "noisy images an orientation that detectors are trained on", source=HERE, ge=2
    )
    tuning: int = quantity(
        10, "1", "clean images an orientation for tuning values", source=HERE, ge=2
    )
    detectors_see: Literal["noisy", "all"] = Field(
        default="all",
        description="detectors are trained on the noisy images only, or on the clean ones too",
        json_schema_extra={"unit": "1", "source": f"noisy: {CODE}; all: {HERE}"},
    )
    gradients: int = quantity(
        3,
        "1",
        "further noisy images an orientation, and as many of others, for gradient values",
        source=HERE,
        ge=1,
    )
    trials: int = quantity(
        16,
        "1",
        "images of two gratings an orientation, even (100 in the authors' code)",
        source=HERE,
        ge=4,
    )
    blanked: float = quantity(
        0.4, "1", "share of noisy images with two bands blanked", source=CODE, ge=0, le=1
    )
    noisy: float = quantity(
        0.5, "1", "share of values of noisy images with noise", source=CODE, ge=0, le=1
    )
    noise: float = quantity(20.0, "1", "its SD, of 255 grey levels", source=CODE, ge=0)

    @model_validator(mode="after")
    def _even(self) -> GratingsSection:
        if self.trials % 2:
            raise ValueError(f"trials: found {self.trials}, allowed: an even number >= 4")
        return self


class GratingAttentionSection(StudyAttentionSection):
    """Sources, sites, form and strengths of attention to an orientation."""

    sources: tuple[SourceName, ...] = Field(
        default=("tuning", "gradient", "shuffled", "negated", "uniform"),
        min_length=1,
        description="values attention is applied by; shuffled, negated and uniform are controls",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    control_layers: tuple[int, ...] = quantity(
        (),
        "1",
        "layers the controls are applied to, among those attended; none: all of them",
        source=HERE,
    )

    all_layers_sources: tuple[SourceName, ...] = Field(
        default=("tuning",),
        description="sources applied to all layers at once; none: every source",
        json_schema_extra={"unit": "1", "source": HERE},
    )

    @model_validator(mode="after")
    def _controls(self) -> GratingAttentionSection:
        if len(set(self.sources)) < len(self.sources):
            raise ValueError(f"sources: found {list(self.sources)}, allowed: each one once")
        if self.layers and not set(self.control_layers) <= set(self.layers):
            raise ValueError(
                f"control_layers: found {list(self.control_layers)}, allowed: some of "
                f"{list(self.layers)}"
            )
        return self


class Images(NamedTuple):
    """The gratings of one run, the same for every variant.

    Attributes:
        field: what they have in common.
        noisy: single ones that detectors are trained on.
        clean: single ones without noise, for tuning values and calibration.
        further: noisy ones for gradient values.
        trials: pairs.
        detectors_see: as in the configuration.
    """

    field: GratingField
    noisy: SingleGratings
    clean: SingleGratings
    further: SingleGratings
    trials: GratingTrials
    detectors_see: str


def grating_images(
    section: GratingsSection, found: StudyNetwork, seed: int, *, positive_only: bool = False
) -> Images:
    """Every grating that is shown, drawn from a seed; made later, batch by batch.

    Args:
        section: of the configuration.
        found: whose size and preprocessing the images have.
        seed: of the configuration.
        positive_only: every pair shows the orientation sought.

    Raises:
        ConfigError: the network sees no coloured images.
    """
    s = section
    if found.channels != 3:
        raise ConfigError(
            f"network.name: found '{found.name}', allowed: 'vgg16', 'efficientnet_lite0' "
            "(gratings are large and coloured)"
        )
    field = GratingField(
        size=found.size,
        cycles_per_pixel=s.cycles_per_pixel,
        contrast=s.contrast,
        background=s.background,
    )
    seeds = [int(n) for n in np.random.SeedSequence(seed).generate_state(4)]
    noise = GratingNoise(blanked=s.blanked, noisy=s.noisy, sd=s.noise)

    def singles(each: int, own: int, noise: GratingNoise | None) -> SingleGratings:
        return single_gratings(
            field,
            each * len(field.orientations),
            seeds[own],
            place=s.place,
            noise=noise,
            preprocessing=found.preprocessing,
        )

    return Images(
        field,
        singles(s.detectors, 0, noise),
        singles(s.tuning, 1, None),
        singles(s.gradients, 2, noise),
        GratingTrials(
            field,
            s.trials,
            seeds[3],
            positive_only=positive_only,
            preprocessing=found.preprocessing,
        ),
        s.detectors_see,
    )


class LearnedGratings(NamedTuple):
    """What is learned from single gratings.

    Attributes:
        orientation: an observer with one detector an orientation.
        colour: an observer with one choice among the colours.
        values: by name, values of attention to each orientation: tuning, gradient, and controls.
        clean: responses to the images without noise.
        right_orientation: single gratings without noise whose orientation has the largest logit,
            each half judged by detectors not fitted to it.
        right_colour: the same of their colour.
    """

    orientation: Observer
    colour: Observer
    values: dict[str, LayerValues]
    clean: Responses
    right_orientation: float
    right_colour: float


def learn_gratings(
    system: VisualSystem,
    images: Images,
    section: ValuesSection,
    seed: int,
    *,
    batch: int = BATCH,
    gradients: int | None = 0,
    report: Callable[[int], object] | None = None,
) -> LearnedGratings:
    """Detectors of orientations and a choice of colours, tuning and gradient values.

    Readouts are trained on noisy and clean images (detectors on noisy ones only, if asked for),
    tuning values are of clean ones, and gradients are taken at further noisy ones, for those of
    a detector vanish where it was fitted.

    Args:
        system: who looks.
        images: at what.
        section: penalty, and the kind of gradient values.
        seed: of draws and of the shuffled control.
        batch: images at a time.
        gradients: the lowest area whose gradient values are wanted, 0 the lowest of all; those of
            lower ones are NaN. None for no gradient values at all.
        report: told how many images and pairs are done, see `learning_steps`.
    """
    categories, colours = len(images.field.orientations), len(images.field.colours)
    noisy = respond_to_all(system, images.noisy.batches(batch), report)
    clean = respond_to_all(system, images.clean.batches(batch), report)
    penalty = section.penalty

    def fit_orientation(units: np.ndarray, labels: np.ndarray) -> Detectors:
        # One spread for all units: many hardly respond to gratings, and would count like others.
        return Detectors.fit(units, labels, categories, penalty, common=True)

    def fit_colour(units: np.ndarray, labels: np.ndarray) -> Detectors:
        return Detectors.fit_choice(units, labels, colours, penalty, common=True)

    units = (noisy.units, clean.units)
    detectors, right_orientation = _fitted(
        fit_orientation,
        units,
        (images.noisy.orientation, images.clean.orientation),
        images.detectors_see == "all",
    )
    choice, right_colour = _fitted(
        fit_colour, units, (images.noisy.colour, images.clean.colour), True
    )
    observer = Observer(system, detectors)
    tuning = all_tuning_values(clean.means, images.clean.orientation, categories)
    values = with_controls(tuning, jax.random.key(seed))
    if gradients is not None:
        further = images.further
        pairs = gradient_pairs(
            observer,
            further.images,
            further.orientation,
            categories,
            np.random.default_rng(seed),
            batch,
            report,
            gradients,
        )
        values["gradient"] = gradients_of(pairs, categories, section)
    return LearnedGratings(
        observer, Observer(system, choice), values, clean, right_orientation, right_colour
    )


def _fitted(
    fit: Callable[[np.ndarray, np.ndarray], Detectors],
    units: tuple[np.ndarray, np.ndarray],
    labels: tuple[np.ndarray, np.ndarray],
    use_clean: bool,
) -> tuple[Detectors, float]:
    """A readout fitted to noisy and, if wanted, clean images, and how often it is right.

    The second number is for clean images, each half judged by a readout fitted without it.
    """
    (noisy, clean), (of_noisy, of_clean) = units, labels

    def fitted(rows: np.ndarray) -> Detectors:
        if not use_clean:
            return fit(noisy, of_noisy)
        return fit(np.concatenate([noisy, clean[rows]]), np.concatenate([of_noisy, of_clean[rows]]))

    right, rows = 0, np.arange(len(clean))
    for held in (rows[0::2], rows[1::2]):
        one = fitted(np.setdiff1d(rows, held))
        logits = clean[held] @ np.asarray(one.weight).T + np.asarray(one.bias)
        right += int(np.sum(logits.argmax(axis=1) == of_clean[held]))
    return fitted(rows), right / len(clean)


def lowest_gradient(section: GratingAttentionSection, areas: int) -> int | None:
    """The lowest area that gradient values are applied to, 0 the lowest of all; None for none."""
    if "gradient" not in section.sources:
        return None
    asked = [
        np.flatnonzero(share)[0]
        for name, share in sites(section, areas)
        if name != "all" or "gradient" in (section.all_layers_sources or section.sources)
    ]
    return int(min(asked, default=0))


def learning_steps(images: Images, gradients: bool = True) -> int:
    """How many images and pairs `learn_gratings` goes through."""
    return len(images.noisy) + len(images.clean) + 2 * len(images.further) * gradients


class Attended(NamedTuple):
    """One condition, and where it stands in tables of (source, site, strength)."""

    place: tuple[int, int, int]
    condition: Condition


def conditions(
    section: GratingAttentionSection, areas: int, values: dict[str, LayerValues]
) -> list[Attended]:
    """Every source at every site and strength where it is asked for.

    Args:
        section: of the configuration.
        areas: of the network.
        values: by name, those of `learn_gratings`.

    Raises:
        ConfigError: a layer that the network does not have.
    """
    everywhere = sites(section, areas)
    for_controls = {f"layer {layer}" for layer in section.control_layers}
    found = []
    for s, source in enumerate(section.sources):
        for a, (name, share) in enumerate(everywhere):
            if name == "all":
                wanted = source in (section.all_layers_sources or section.sources)
            else:
                wanted = source not in CONTROLS or not for_controls or name in for_controls
            if not wanted:
                continue
            for b, beta in enumerate(section.strengths):
                condition = Condition(values[source], beta * share, np.zeros(areas))
                found.append(Attended((s, a, b), condition))
    return found


def calibration_images(images: Images, count: int = 45) -> Float[Array, "n 3 size size"]:
    """Some of the clean single gratings: what inserted circuits are calibrated on."""
    return images.clean.images(slice(0, count))


def example_images(images: Images, sought: int) -> UInt8[np.ndarray, "3 size size 3"]:
    """A noisy single grating, a pair with its orientation and a pair without, as pixels.

    Args:
        images: of the run.
        sought: number of the orientation.
    """
    row = np.flatnonzero(images.noisy.orientation == sought)[:1]
    single = replace(images.noisy, preprocessing=None).images(row)
    trials = copy.copy(images.trials)
    trials.preprocessing = None
    pixels = np.concatenate([np.asarray(single), np.asarray(trials.images(sought, 0, 2))])
    return np.moveaxis(np.round(pixels).astype(np.uint8), 1, -1)
