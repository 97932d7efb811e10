"""How well the maps of each layer are tuned, and whether gradient values agree with tuning.

Shown: ordinary images, digits to a network trained on them and gratings of nine orientations to
one trained on ImageNet. Simulated: the network without attention, with and without circuits, and
the gradient of the error of every category's detector with respect to every map. Measured, by
layer: the quality of tuning, against that of labels shuffled over the images, and the correlation
of tuning with gradient values, for gradients averaged over a balanced set or over images of the
category, and divided by the largest of the layer or of the map.

Source: Lindsay & Miller 2018, eLife 7:e38105. What exactly was shuffled there, and how maps and
categories were pooled in the correlation, is not known to us: labels are shuffled here, and both
ways to pool are reported.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field

from cortex.analysis.agreement import POOLED, agreement
from cortex.areas import VisualSystem
from cortex.areas.digits_vgg import CLASSES, digit_network
from cortex.errors import UserError
from cortex.experiment import (
    ConfigError,
    ExperimentConfig,
    Measure,
    Progress,
    Section,
    quantity,
)
from cortex.labelled import variable
from cortex.measures.agreement_rows import agreement_measures
from cortex.models.networks import (
    DIGITS,
    CircuitSection,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    build_system,
    load_study_network,
)
from cortex.models.study import HERE, NORMALISED, OVER, PAPER
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.studies.gratings import Gratings
from cortex.tasks import (
    Detectors,
    Observer,
    Responses,
    all_gradient_values,
    all_tuning_values,
    area_under_curve,
    balanced_pairs,
    balanced_rows,
    in_batches,
    logit_gradients,
    respond_to_all,
)

SETS = ("balanced", "category")
NORMALISATIONS = ("layer", "map")
CALIBRATION = 90  # images that inserted circuits are scaled with


class DigitsSection(Section):
    """Digits, for the network trained on them."""

    learning: int = quantity(
        35, "1", "images of a category for tuning values and detectors", source=PAPER, ge=2
    )
    gradients: int = quantity(
        35, "1", "held-out images of a category for gradient values", source=HERE, ge=1
    )
    mnist: str = Field(
        "",
        description="folder of the full MNIST in IDX files; empty: the 5,000 packaged digits",
        json_schema_extra={"unit": "1", "source": HERE},
    )


class StatisticsSection(Section):
    """Shuffles, and the bootstrap over maps."""

    shuffles: int = quantity(20, "1", "shuffles of the labels over the images", source=HERE, ge=1)
    resamples: int = quantity(300, "1", "bootstrap resamples over maps", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `tuning_and_gradients`."""

    network: NetworkSection = NetworkSection()
    circuit: CircuitSection = CircuitSection()
    digits: DigitsSection = DigitsSection()
    gratings: Gratings = Gratings(detectors=20, tuning=20, gradients=5)
    penalty: float = quantity(
        0.1, "1", "inverse of the L2 penalty on the detectors' weights", source=HERE, gt=0
    )
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


class Ordinary(NamedTuple):
    """Single images with the category of each, made as they are asked for."""

    images: Callable[[np.ndarray], Array]
    labels: np.ndarray


class Shown(NamedTuple):
    """The images of one run.

    Attributes
    ----------
    tuning, detectors, gradients : Ordinary
        For tuning values, to train detectors on (None: those for tuning values), and for
        gradient values, which no detector was trained on.
    names : list of str
        Of the categories.
    """

    tuning: Ordinary
    detectors: Ordinary | None
    gradients: Ordinary
    names: list[str]


def shown_digits(config: Config) -> Shown:
    """Digits of those that the networks were trained on; for gradients, held-out ones."""
    section = config.digits
    if section.mnist:
        try:
            training, held_out = (load_digits(section.mnist, part=p) for p in ("train", "t10k"))
        except UserError as error:
            raise ConfigError(f"digits.mnist: {error}") from error
    else:
        training, held_out = split_digits(load_digits())
    rng = np.random.default_rng(config.seed)

    def some(name: str, digits: Digits, each: int) -> Ordinary:
        labels = np.asarray(digits.labels)
        fewest = int(np.bincount(labels, minlength=CLASSES).min())
        if each > fewest:
            raise ConfigError(f"digits.{name}: found {each}, allowed: at most {fewest}")
        order = rng.permutation(len(labels))
        rows = np.concatenate([order[labels[order] == c][:each] for c in range(CLASSES)])
        chosen = digits.take(rng.permutation(rows))
        shown = digit_network().images(chosen)
        return Ordinary(lambda numbers: shown[numbers], np.asarray(chosen.labels))

    return Shown(
        some("learning", training, section.learning),
        None,
        some("gradients", held_out, section.gradients),
        [str(c) for c in range(CLASSES)],
    )


def shown_gratings(config: Config, found: StudyNetwork) -> Shown:
    """Clean gratings for tuning values; noisy ones, as the authors' code has them, to train on."""
    images = config.gratings.images(found, config.seed)
    parts = (images.clean, images.noisy, images.further)
    clean, noisy, further = (Ordinary(part.images, part.orientation) for part in parts)
    names = [f"{angle:g} deg" for angle in np.asarray(images.field.orientations)]
    return Shown(clean, noisy, further, names)


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant learns; its values are compared."""
    found = load_study_network(config.network)
    digits = found.name == DIGITS
    shown = shown_digits(config) if digits else shown_gratings(config, found)
    batch = 50 if digits else 20  # large images fill memory
    variants = []
    for variant in config.network.variants:
        with progress.stage(f"{variant}: building"):
            calibration = None
            if config.network.inserts(variant):
                calibration = shown.tuning.images(np.arange(len(shown.tuning.labels))[:CALIBRATION])
            built = build_system(
                found, config.network, config.circuit, config.solver, variant, calibration
            )
        sets = [one for one in (shown.tuning, shown.detectors) if one is not None]
        total = sum(len(one.labels) for one in sets) + 2 * len(shown.gradients.labels)
        with progress.stage(f"{variant}: responses and gradients", total=total) as stage:
            values = learned_values(config, built.system, shown, batch, stage.advance)
        with progress.stage(f"{variant}: correlations and their intervals"):
            compared = agreement(
                values["tuning"],
                values["gradient"],
                {name: partial(_divided, NORMALISED[name]) for name in NORMALISATIONS},
                resamples=config.statistics.resamples,
                level=config.statistics.level,
                seed=config.seed,
            )
        errors = [built.feature_errors.get(n, np.nan) for n in range(len(found.layers))]
        variants.append(flattened(values) | compared | {"feature_error": np.array(errors)})
    return label(config, found, shown.names, variants)


def learned_values(
    config: Config, system: VisualSystem, shown: Shown, batch: int, report: Any
) -> dict[str, Any]:
    """Tuning and gradient values of every layer, and quality with shuffled labels.

    Returns
    -------
    dict
        By layer: ``tuning`` (categories, maps), ``gradient`` by set, not normalised,
        ``shuffled`` (shuffles, maps), the quality of tuning; further ``settled``, and
        ``detector_auc`` (categories), on the images that gradients are averaged over.
    """
    rng = np.random.default_rng([config.seed, 1])
    categories, labels = len(shown.names), shown.tuning.labels

    def responses_to(part: Ordinary) -> Responses:
        return respond_to_all(system, in_batches(part.images, len(part.labels), batch), report)

    responses = responses_to(shown.tuning)
    trained_on = shown.tuning if shown.detectors is None else shown.detectors
    units = (responses if shown.detectors is None else responses_to(shown.detectors)).units
    each = len(trained_on.labels) // categories
    detectors = Detectors.fit(
        units,
        trained_on.labels,
        categories,
        config.penalty,
        balanced_rows(trained_on.labels, categories, each, rng),
    )
    others = shown.gradients
    pairs = logit_gradients(
        Observer(system, detectors),
        others.images,
        balanced_pairs(others.labels, categories, len(others.labels) // categories, rng),
        batch,
        report,
    )
    shuffles = [
        all_tuning_values(responses.means, rng.permutation(labels), categories)
        for _ in range(config.statistics.shuffles)
    ]
    return {
        "tuning": [
            np.asarray(v, float) for v in all_tuning_values(responses.means, labels, categories)
        ],
        "gradient": {
            name: [
                np.asarray(v, float)
                for v in all_gradient_values(pairs, categories, OVER[name], _as_they_are)
            ]
            for name in SETS
        },
        "shuffled": [
            np.stack([np.abs(np.asarray(v)).max(axis=0) for v in of_layer])
            for of_layer in zip(*shuffles, strict=True)
        ],
        "settled": responses.settled,
        "detector_auc": np.array(
            [
                area_under_curve(
                    pairs.logits[pairs.category == c], pairs.present[pairs.category == c]
                )
                for c in range(categories)
            ]
        ),
    }


def _as_they_are(values: Array) -> Array:
    return values


def _divided(normalise: Callable[[Array], Array], values: np.ndarray) -> np.ndarray:
    return np.asarray(normalise(jnp.asarray(values, float)))


def flattened(values: dict[str, Any]) -> dict[str, np.ndarray]:
    """The maps of all layers in one row, and means over those of a layer."""
    quality = [np.abs(of_layer).max(axis=0) for of_layer in values["tuning"]]
    return {
        "tuning": np.concatenate(values["tuning"], axis=1),
        "gradient": np.stack([np.concatenate(v, axis=1) for v in values["gradient"].values()]),
        "quality": np.concatenate(quality),
        "quality_shuffled": np.concatenate(values["shuffled"], axis=1),
        "quality_shuffled_mean": np.array([of_layer.mean() for of_layer in values["shuffled"]]),
        "settled": np.array(values["settled"]),
        "detector_auc": values["detector_auc"],
    }


CORRELATION = ("set", "normalisation", "pooled", "layer")
VARIABLES = {
    "tuning": (("category", "map"), "tuning value"),
    "gradient": (("set", "category", "map"), "gradient value, not normalised"),
    "quality": (("map",), "tuning quality, the largest absolute tuning value over categories"),
    "quality_shuffled": (("shuffle", "map"), "tuning quality with shuffled labels"),
    "quality_shuffled_mean": (("layer",), "mean of that over the maps of a layer and shuffles"),
    "quality_mean": (("layer",), "tuning quality, mean over the maps of a layer"),
    "correlation": (CORRELATION, "correlation of tuning and gradient values"),
    "settled": ((), "share of images for which all circuits settled"),
    "detector_auc": (("category",), "area under the ROC curve of a detector, further images"),
    "feature_error": (("layer",), "what low-rank coupling between maps leaves out"),
}


def label(
    config: Config, found: StudyNetwork, names: list[str], variants: list[dict[str, np.ndarray]]
) -> xr.Dataset:
    """What every variant gave, its axes and units named."""
    layers = np.arange(1, len(found.layers) + 1)
    of_map = np.repeat(layers, [len(stage.convolution.bias) for stage in found.network.stages])
    coordinates = {
        "variant": variable("variant", list(config.network.variants), "1", "network"),
        "layer": variable("layer", layers, "1", "layer, 1 the lowest"),
        "layer_name": variable("layer", list(found.layers), "1", "name of the layer"),
        "layer_of_map": variable("map", of_map, "1", "layer that a map is of"),
        "category": variable("category", names, "1", "what is sought"),
        "set": variable("set", list(SETS), "1", "images that gradients are averaged over"),
        "normalisation": variable(
            "normalisation", list(NORMALISATIONS), "1", "over what the largest gradient divides"
        ),
        "pooled": variable("pooled", list(POOLED), "1", "what is correlated over"),
    }
    kept = {}
    for name, (dims, words) in VARIABLES.items():
        for end, which in (("", ""), ("_low", ", lower end"), ("_high", ", upper end")):
            if f"{name}{end}" in variants[0]:
                values = np.stack([one[f"{name}{end}"] for one in variants])
                kept[f"{name}{end}"] = variable(
                    ("variant", *dims), values.astype(np.float32), "1", f"{words}{which}"
                )
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Quality against chance, and correlations early and late."""
    digits = config.network.name == DIGITS
    return agreement_measures(data, config.digits.learning if digits else config.gratings.tuning)
