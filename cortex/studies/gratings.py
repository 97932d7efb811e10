"""Attention to an orientation: a large network learns from single gratings and looks at pairs.

Source: the orientation task of Lindsay & Miller 2018, eLife 7:e38105, and the authors' public
code. Colours, and how many images there are for what, are chosen here.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import UInt8
from pydantic import model_validator

from cortex.areas import SSN
from cortex.attention import AbstractForm
from cortex.errors import ConfigError
from cortex.experiment import Claim, Reported
from cortex.labelled import Labelled, label, to_dataset
from cortex.models.networks import (
    Built,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    additive_scales,
    build_system,
)
from cortex.models.study import (
    CODE,
    CONTROLS,
    HERE,
    FormSection,
    StatisticsSection,
    StudyAttentionSection,
    ValuesSection,
    forms_of,
    hard_gradients,
    sites,
)
from cortex.progress import stage
from cortex.settings import ExperimentSettings, choice, quantity
from cortex.settings import Settings as Section
from cortex.sources import REQUIRED
from cortex.sources import Source as Paper
from cortex.stimuli import (
    GratingField,
    GratingNoise,
    GratingTrials,
    SingleGratings,
    single_gratings,
)
from cortex.tasks import (
    Detectors,
    LayerValues,
    Observer,
    all_tuning_values,
    even_batch,
    respond_to_all,
    with_controls,
)

from .conditions import Source, by_values
from .detection import Subject, detection_study, single_layers
from .probes import layer_axis

PAPER = Paper("lindsay2018")
BATCH = 24  # images at a time, at most
CALIBRATION = 45  # images that inserted circuits are calibrated on
SourceName = Literal["tuning", "gradient", "shuffled", "negated", "uniform"]

# Settings for first tries, on a small network of random weights.
SMALL: dict[str, Any] = {
    "network.name": "untrained",
    "network.circuits": [],
    "network.variants": ["plain"],
    "gratings.cycles_per_pixel": 0.1,
    "gratings.detectors": 2,
    "gratings.tuning": 2,
    "gratings.gradients": 1,
    "gratings.trials": 4,
}


class GratingImages(NamedTuple):
    """The gratings of one run, the same for every variant; made later, batch by batch.

    Attributes:
        field: what they have in common.
        noisy: single ones that detectors are trained on.
        clean: single ones without noise, for tuning values and calibration.
        further: noisy ones that nothing is fitted to.
        hard: pairs for gradient values.
        trials: pairs that are looked at.
    """

    field: GratingField
    noisy: SingleGratings
    clean: SingleGratings
    further: SingleGratings
    hard: GratingTrials
    trials: GratingTrials

    def examples(self, sought: int) -> UInt8[np.ndarray, "3 size size 3"]:
        """A noisy single grating of an orientation, and the first two of its pairs, as pixels."""
        row = np.flatnonzero(self.noisy.orientation == sought)[:1]
        single = replace(self.noisy, preprocessing=None).images(row)
        trials = copy.copy(self.trials)
        trials.preprocessing = None
        pixels = np.concatenate([np.asarray(single), np.asarray(trials.images(sought, 0, 2))])
        return np.moveaxis(np.round(pixels).astype(np.uint8), 1, -1)


class Gratings(Section):
    """Single gratings to learn from, pairs of them to be tested on."""

    cycles_per_pixel: float = quantity(0.025, "1/px", "spatial frequency", PAPER, gt=0, le=0.5)
    contrast: float = quantity(100.0, "%", "Michelson contrast", gt=0, le=100)
    background: float = quantity(128.0, "1", "grey level without a grating, 0 to 255", ge=0, le=255)
    place: Literal["full", "quadrant"] = choice(
        "full", "single gratings fill the image, or one quadrant at random"
    )
    detectors: int = quantity(
        20, "1", "noisy images an orientation that detectors are trained on", ge=2
    )
    tuning: int = quantity(10, "1", "clean images an orientation for tuning values", ge=2)
    detectors_see: Literal["noisy", "all"] = choice(
        "all",
        "detectors are trained on the noisy images only, or on the clean ones too",
        f"noisy: {CODE}; all: {HERE}",
    )
    gradients: int = quantity(
        3,
        "1",
        "pairs with an orientation, and as many without (50 in all in the paper), for gradient "
        "values; and further noisy single gratings of each",
        ge=1,
    )
    trials: int = quantity(
        16, "1", "images of two gratings an orientation, even (100 in the authors' code)", ge=4
    )
    blanked: float = quantity(
        0.4, "1", "share of noisy images with two bands blanked", CODE, ge=0, le=1
    )
    noisy: float = quantity(
        0.5, "1", "share of values of noisy images with noise", CODE, ge=0, le=1
    )
    noise: float = quantity(20.0, "1", "its SD, of 255 grey levels", CODE, ge=0)

    @model_validator(mode="after")
    def _even(self) -> Gratings:
        if self.trials % 2:
            raise ValueError(f"trials: found {self.trials}, allowed: an even number >= 4")
        return self

    def images(
        self, network: StudyNetwork, seed: int, *, positive_only: bool = False
    ) -> GratingImages:
        """Every grating that is shown.

        Args:
            network: whose size and preprocessing the images have.
            seed: of the draws.
            positive_only: every pair shows the orientation sought.

        Raises:
            ConfigError: the network sees no coloured images.
        """
        if network.channels != 3:
            raise ConfigError(
                f"network.name: found '{network.name}', allowed: 'vgg16', 'efficientnet_lite0', "
                "'untrained' (gratings are large and coloured)"
            )
        field = GratingField(
            size=network.size,
            cycles_per_pixel=self.cycles_per_pixel,
            contrast=self.contrast,
            background=self.background,
        )
        seeds = [int(n) for n in np.random.SeedSequence(seed).generate_state(5)]
        noise = GratingNoise(blanked=self.blanked, noisy=self.noisy, sd=self.noise)
        seen = network.preprocessing

        def singles(each: int, own: int, noise: GratingNoise | None) -> SingleGratings:
            count = each * len(field.orientations)
            how: dict[str, Any] = {"place": self.place, "noise": noise, "preprocessing": seen}
            return single_gratings(field, count, own, **how)

        return GratingImages(
            field,
            singles(self.detectors, seeds[0], noise),
            singles(self.tuning, seeds[1], None),
            singles(self.gradients, seeds[2], noise),
            GratingTrials(field, 2 * self.gradients, seeds[4], preprocessing=seen),
            GratingTrials(
                field, self.trials, seeds[3], positive_only=positive_only, preprocessing=seen
            ),
        )


class GratingSettings(ExperimentSettings):
    """What is set in every study with gratings; each narrows the types of some sections."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(13,)
    )
    circuit: SSN = SSN()
    gratings: Gratings = Gratings()
    values: ValuesSection = ValuesSection(gradients_normalised="both")
    attention: FormSection = FormSection()
    # A longer step than elsewhere, stable here: states are found in two thirds of the time.
    # Detectors weigh units of all sizes: at 1e-3 of the largest rate the weak ones, and with them
    # what is detected, still depend on the step of the search.
    solver: SolverSection = SolverSection(step=5.0, rtol=1e-6, atol=1e-5)
    statistics: StatisticsSection = StatisticsSection()


class OrientationAttention(StudyAttentionSection):
    """Sources, sites, form and strengths of attention to an orientation."""

    sources: tuple[SourceName, ...] = choice(
        ("tuning", "gradient", *CONTROLS),
        "values attention is applied by; shuffled, negated and uniform are controls",
        PAPER,
        min_length=1,
    )
    all_layers_sources: tuple[SourceName, ...] = choice(
        ("tuning",), "sources applied to all layers at once; none: every source"
    )

    def asked(self, source: str, site: str) -> bool:
        """Whether a source is applied at a site."""
        if site == "all":
            return source in (self.all_layers_sources or self.sources)
        return super().asked(source, site)

    def lowest_gradient(self, layers: int) -> int | None:
        """The lowest layer that gradient values are applied to, 0 the lowest; None for none."""
        if "gradient" not in self.sources:
            return None
        lowest = [
            int(np.flatnonzero(share)[0])
            for name, share in sites(self, layers)
            if self.asked("gradient", name)
        ]
        return min(lowest, default=0)


class LearnedGratings(NamedTuple):
    """What one variant of the network has learned from single gratings.

    Attributes:
        orientation: an observer with one detector an orientation.
        colour: an observer with one choice among the colours.
        values: by name, values of attention to each orientation: tuning, gradient, and controls.
        forms: by layer, how attention reaches it.
        right_orientation: single gratings without noise whose orientation has the largest logit,
            each half judged by detectors not fitted to it.
        right_colour: the same of their colour.
        feature_error: by layer, what low-rank coupling between maps leaves out; NaN without a
            circuit.
    """

    orientation: Observer
    colour: Observer
    values: dict[str, LayerValues]
    forms: tuple[AbstractForm, ...]
    right_orientation: float
    right_colour: float
    feature_error: np.ndarray

    def by(self, name: str) -> Source:
        """The source of attention by these values."""
        return by_values(self.values[name], self.forms)


def learn_gratings(
    s: GratingSettings,
    network: StudyNetwork,
    images: GratingImages,
    *,
    batch: int | None = None,
    gradients: int | None = 0,
) -> dict[str, LearnedGratings]:
    """Build every variant of the network; fit detectors, a choice of colours, and values.

    Readouts are trained on noisy and clean images (detectors on noisy ones only, if asked for),
    tuning values are of clean ones, and gradients are taken at pairs, as hard as those that are
    looked at later, and others.

    Args:
        s: settings of the study.
        network: of `load_study_network`.
        images: of `Gratings.images`.
        batch: images at a time; by default such that the pairs of an orientation divide evenly.
        gradients: the lowest layer whose gradient values are wanted, 0 the lowest of all; those of
            lower ones are NaN. None for no gradient values at all.

    Returns:
        What each variant has learned, by its name.
    """
    batch = even_batch(s.gratings.trials, BATCH) if batch is None else batch
    total = len(images.noisy) + len(images.clean)
    total += 0 if gradients is None else len(images.hard)
    learned: dict[str, LearnedGratings] = {}
    for variant in s.network.variants:
        with stage(f"{variant}: building"):
            calibrates = s.network.calibrates(variant)
            shown = images.clean.images(slice(0, CALIBRATION)) if calibrates else None
            built = build_system(network, s.network, s.circuit, s.solver, variant, shown)
        text = f"{variant}: single gratings, readouts, attention values"
        with stage(text, total=total) as advance:
            learned[variant] = _learn(s, network, images, built, batch, gradients, advance)
    return learned


def _learn(
    s: GratingSettings,
    network: StudyNetwork,
    images: GratingImages,
    built: Built,
    batch: int,
    gradients: int | None,
    advance: Callable[[int], object],
) -> LearnedGratings:
    categories, colours = len(images.field.orientations), len(images.field.colours)
    noisy = respond_to_all(built.system, images.noisy.batches(batch), advance)
    clean = respond_to_all(built.system, images.clean.batches(batch), advance)

    def fit_orientation(units: np.ndarray, labels: np.ndarray) -> Detectors:
        # One spread for all units: many hardly respond to gratings, and would count like others.
        return Detectors.fit(units, labels, categories, s.values.penalty, common=True)

    def fit_colour(units: np.ndarray, labels: np.ndarray) -> Detectors:
        return Detectors.fit_choice(units, labels, colours, s.values.penalty, common=True)

    units = noisy.units, clean.units
    orientations = images.noisy.orientation, images.clean.orientation
    both = s.gratings.detectors_see == "all"
    detectors, right_orientation = _fitted(fit_orientation, units, orientations, both)
    hues = images.noisy.colour, images.clean.colour
    choices, right_colour = _fitted(fit_colour, units, hues, True)
    observer = Observer(built.system, detectors)
    tuning = all_tuning_values(clean.means, images.clean.orientation, categories)
    values = with_controls(tuning, jax.random.key(s.seed))
    if gradients is not None:
        values["gradient"] = hard_gradients(
            observer, images.hard, s.values, batch, advance, gradients
        )
    layers = range(len(built.system.areas))
    return LearnedGratings(
        orientation=observer,
        colour=Observer(built.system, choices),
        values=values,
        forms=forms_of(s.attention, built.system, additive_scales(network, clean.means)),
        right_orientation=right_orientation,
        right_colour=right_colour,
        feature_error=np.array([built.feature_errors.get(layer, np.nan) for layer in layers]),
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


def look_at_pairs(
    network: StudyNetwork,
    trials: GratingTrials,
    attention: StudyAttentionSection,
    learned: Mapping[str, LearnedGratings],
    subjects: Mapping[str, Subject],
    asked: Callable[[str, str], bool] = lambda source, site: True,
    **how: Any,
) -> xr.Dataset:
    """Every variant looks at pairs of gratings, with and without attention to an orientation.

    Args:
        network: of `load_study_network`.
        trials: the pairs.
        attention: sites and strengths.
        learned: by variant.
        subjects: by variant, who looks, with which sources.
        asked: whether a source is applied at a site, by their names.
        **how: passed on to `detection_study`: ``answer``.

    Returns:
        As `detection_study`, of this one task, without the rates of maps; ``category`` is the
        orientation sought [deg]. And of each variant `right_orientation`, `right_colour` and
        `feature_error`.
    """
    data = detection_study(
        {variant: {"pairs": subject} for variant, subject in subjects.items()},
        {"pairs": trials},
        at=dict(sites(attention, len(network.layers))),
        strengths=attention.strengths,
        batch=even_batch(trials.present.shape[1], BATCH),
        asked=lambda task, source, site: asked(source, site),
        **how,
    )
    data = data.isel(task=0, drop=True).drop_vars(["rate", "rate_unattended", "population"])
    orientations = np.asarray(trials.field.orientations)
    return data.merge(what_was_learned(learned)).assign_coords(
        category=("category", orientations, {"units": "deg", "long_name": "orientation sought"}),
        layer_name=("layer", list(network.layers), {"units": "1", "long_name": "its name"}),
    )


def what_was_learned(learned: Mapping[str, LearnedGratings]) -> xr.Dataset:
    """How often each variant is right on single gratings, and what its coupling leaves out."""

    def of_each(name: str, text: str, **axes: Any) -> Labelled:
        values = np.array([getattr(one, name) for one in learned.values()])
        return label(values, "1", text, variant=tuple(learned), **axes)

    layers = layer_axis(len(next(iter(learned.values())).forms))
    found = {
        "right_orientation": of_each(
            "right_orientation", "single gratings whose orientation has the largest logit"
        ),
        "right_colour": of_each("right_colour", "single gratings whose colour is named"),
        "feature_error": of_each(
            "feature_error", "what low-rank coupling between maps leaves out", layer=layers
        ),
    }
    return to_dataset(found)


def settled_lowest(data: xr.Dataset) -> xr.DataArray:
    """Share of images that settled in the worst condition of each variant."""
    unattended, attended = (
        shares.min([dim for dim in shares.dims if dim != "variant"])
        for shares in (data["settled_share_unattended"], data["settled_share"])
    )
    return attended.where(attended < unattended, unattended)


SETTLED = Claim(
    "settled_lowest",
    settled_lowest,
    Reported(),
    REQUIRED,
    "share of images that settled, in the condition where fewest did",
    unit="1",
)
CONTROL = Paper(detail="required here: what attention does rests on which maps it favours")


def best_layer(right: xr.DataArray) -> xr.DataArray:
    """The single layer at which attention by tuning values does best, at its best strength.

    Args:
        right: how often an observer is right, with the dimensions ``source``, ``site`` and
            ``strength``; of images that nothing is reported of.
    """
    best = right.sel(source="tuning", site=single_layers(right), drop=True).max("strength")
    found = best["site"][best.fillna(-1.0).argmax("site")].drop_vars("site")
    return found.assign_attrs(units="1", long_name="layer where tuning values do best")


def beyond_controls(gain: xr.DataArray) -> xr.DataArray:
    """Gain by tuning values over that by each control, mean over the layers that has it.

    Args:
        gain: with the dimensions ``source``, one of which is "tuning", and ``site``.

    Returns:
        With a dimension ``control`` in place of both, of the `CONTROLS` that there are.
    """
    alone = gain.sel(site=single_layers(gain))
    controls = [name for name in CONTROLS if name in gain["source"].values]
    difference = alone.sel(source="tuning", drop=True) - alone.sel(source=controls)
    return difference.mean("site").rename(source="control")


def where_controlled(control: str) -> Callable[[xr.Dataset], str]:
    """In words, the layers that `beyond_controls` is a mean over."""

    def words(data: xr.Dataset) -> str:
        applied = data["settled_share"].sel(source=control, site=single_layers(data))
        there = applied.notnull().any([dim for dim in applied.dims if dim != "site"])
        names = [str(name).removeprefix("layer ") for name in there["site"].values[there.values]]
        return f"Mean over layers {', '.join(names)}, each source at its best strength."

    return words


def asks(*names: str) -> Callable[[Any], bool]:
    """A test of settings: whether attention is applied by all of these values."""
    return lambda s: set(names) <= set(s.attention.sources)
