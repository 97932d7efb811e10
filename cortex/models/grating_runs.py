"""One run of a study with gratings: a network learns, looks at pairs, and the answers are named."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from cortex.attention import AbstractForm
from cortex.labelled import variable
from cortex.progress import stage
from cortex.settings import ExperimentSettings
from cortex.stimuli import GratingTrials
from cortex.tasks import Observer, even_batch, look, own_category

from .grating_study import (
    BATCH,
    Attended,
    GratingsSection,
    Images,
    LearnedGratings,
    calibration_images,
    learn_gratings,
    learning_steps,
)
from .networks import (
    CircuitSection,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    additive_scales,
    build_system,
)
from .study import FormSection, StatisticsSection, ValuesSection, forms_of

Names = tuple[tuple[str, ...], str, str]  # dimensions, unit, long name


class GratingConfig(ExperimentSettings):
    """What is set in every study with gratings; each narrows the types of some sections."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(13,)
    )
    circuit: CircuitSection = CircuitSection()
    gratings: GratingsSection = GratingsSection()
    values: ValuesSection = ValuesSection(gradients_normalised="both")
    attention: FormSection = FormSection()
    # A longer step than elsewhere, stable here: states are found in two thirds of the time.
    # Detectors weigh units of all sizes: at 1e-3 of the largest rate the weak ones, and with them
    # what is detected, still depend on the step of the search.
    solver: SolverSection = SolverSection(step=5.0, rtol=1e-6, atol=1e-5)
    statistics: StatisticsSection = StatisticsSection()


class Prepared(NamedTuple):
    """One variant of the network, ready to look at pairs.

    Attributes:
        learned: its observers and what attention can be applied by.
        forms: by area, how attention reaches it.
        feature_error: by area, what low-rank coupling between maps leaves out; NaN without a
            circuit.
        batch: images at a time, the same for all, so that each area is compiled once.
    """

    learned: LearnedGratings
    forms: tuple[AbstractForm, ...]
    feature_error: np.ndarray
    batch: int


def prepare(
    config: GratingConfig,
    found: StudyNetwork,
    images: Images,
    variant: str,
    *,
    batch: int | None = None,
    gradients: int | None = 0,
) -> Prepared:
    """Build one variant and let it learn from single gratings.

    Args:
        config: of the study.
        found: its network.
        images: its gratings.
        variant: `plain` or `circuits`.
        batch: images at a time; by default such that the trials of an orientation divide evenly.
        gradients: the lowest area whose gradient values are wanted, see `learn_gratings`.
    """
    batch = even_batch(config.gratings.trials, BATCH) if batch is None else batch
    with stage(f"{variant}: building"):
        calibration = calibration_images(images) if config.network.inserts(variant) else None
        built = build_system(
            found, config.network, config.circuit, config.solver, variant, calibration
        )
    with stage(
        f"{variant}: single gratings, readouts, attention values",
        total=learning_steps(images, gradients is not None),
    ) as advance:
        learned = learn_gratings(
            built.system,
            images,
            config.values,
            config.seed,
            batch=batch,
            gradients=gradients,
            report=advance,
        )
    forms = forms_of(config.attention, built.system, additive_scales(found, learned.clean.means))
    areas = range(len(built.system.areas))
    errors = np.array([built.feature_errors.get(area, np.nan) for area in areas])
    return Prepared(learned, forms, errors, batch)


def look_at_pairs(
    prepared: Prepared,
    observer: Observer,
    trials: GratingTrials,
    asked: Sequence[Attended],
    shape: tuple[int, int, int],
    variant: str,
    answer: Callable[[np.ndarray, int], np.ndarray] = own_category,
) -> dict[str, np.ndarray]:
    """What one variant answers for every pair, with and without attention.

    Args:
        prepared: of `prepare`.
        observer: one of its observers.
        trials: the pairs.
        asked: conditions and their places.
        shape: of the table of places.
        variant: name of the variant, for the progress.
        answer: from logits and category to one number an image.

    Returns:
        ``answer`` (*shape, orientation, image), NaN where nothing was asked,
        ``answer_unattended`` (orientation, image), ``settled`` (*shape) and
        ``settled_unattended`` ().
    """
    total = (1 + len(asked)) * len(trials)
    with stage(f"{variant}: pairs of gratings", total=total) as advance:
        before, after = look(
            observer,
            trials,
            [one.condition for one in asked],
            prepared.forms,
            batch=prepared.batch,
            answer=answer,
            report=advance,
        )
    answers = np.full((*shape, *trials.present.shape), np.nan, np.float32)
    settled = np.full(shape, np.nan)
    for one, outcome in zip(asked, after, strict=True):
        answers[one.place], settled[one.place] = outcome.answers, outcome.settled
    return {
        "answer": answers,
        "answer_unattended": before.answers,
        "settled": settled,
        "settled_unattended": np.array(before.settled),
    }


def condition_variables(by: str, name: str, words: str) -> dict[str, Names]:
    """Names of what `look_at_pairs` and `prepare` give.

    Args:
        by: the dimension beside site and strength.
        name: what the answers are called.
        words: what an answer is.
    """
    condition = (by, "site", "strength")
    return {
        name: ((*condition, "orientation", "image"), "1", f"{words} with attention"),
        f"{name}_unattended": (("orientation", "image"), "1", f"{words} without attention"),
        "settled": (condition, "1", "fraction of images for which all circuits settled"),
        "settled_unattended": ((), "1", "the same without attention"),
        "feature_error": (("layer",), "1", "what low-rank coupling between maps leaves out"),
    }


def as_dataset(
    config: GratingConfig,
    found: StudyNetwork,
    images: Images,
    variants: Sequence[Mapping[str, np.ndarray]],
    names: Mapping[str, Names],
    by: tuple[str, Sequence[str], str],
    places: Sequence[str],
    strengths: Sequence[float],
) -> xr.Dataset:
    """The arrays of all variants with dimensions, units and long names.

    Args:
        config: of the study.
        found: its network.
        images: its gratings.
        variants: by variant and name.
        names: of each array, `condition_variables` and more.
        by: name, values and meaning of the dimension beside site and strength.
        places: names of the sites.
        strengths: of attention.
    """
    dimension, values, meaning = by
    coordinates = {
        "variant": variable("variant", list(config.network.variants), "1", "network"),
        dimension: variable(dimension, list(values), "1", meaning),
        "site": variable("site", list(places), "1", "where attention is applied"),
        "strength": variable("strength", strengths, "1", "strength of attention, beta"),
        "orientation": variable("orientation", images.field.orientations, "deg", "sought"),
        "layer": variable("layer", np.arange(1, len(found.layers) + 1), "1", "1 the lowest"),
        "layer_name": variable("layer", list(found.layers), "1", "name of the layer"),
    }
    kept: dict[str, Any] = {
        name: variable(("variant", *dims), np.stack([one[name] for one in variants]), units, words)
        for name, (dims, units, words) in names.items()
    }
    return xr.Dataset(kept, coordinates)
