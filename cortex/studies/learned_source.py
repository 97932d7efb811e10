"""Learned sources of attention, in three conditions at one energy.

A source as it was trained, the same source with its first weights, and no attention at all, the
first two at several seeds, look at the same hard images of held-out digits. What is measured is
what the trained source exceeds its controls by.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.analysis import bootstrap
from cortex.analysis.signal_detection import quantities
from cortex.areas import SSN
from cortex.attention import AbstractSource, EnergyMatched, NoAttention
from cortex.errors import UserError
from cortex.experiment import Above, Claim, ConfigError
from cortex.labelled import Labelled, coordinate, each, label
from cortex.models.digit_images import HeldOutDigits
from cortex.models.learned import TrainedSource
from cortex.models.learned.hard_digits import (
    DETECTOR_DIGITS,
    HardImages,
    circuits_system,
    fitted_observer,
    hard_images,
    split,
)
from cortex.models.learned.through_circuits import Attended, Training, asked_logits, attend_to_all
from cortex.models.networks import SolverSection, WeightsSection
from cortex.progress import stage
from cortex.settings import (
    Settings,
    bootstrap_resamples,
    choice,
    interval_level,
    quantity,
    require_distinct,
)
from cortex.sources import Source
from cortex.tasks import Observer

CONDITIONS = ("none", "untrained", "learned")
CONTROLS = {"over none": "none", "over untrained": "untrained"}
QUANTITIES = {"auc": "area under the ROC curve", "sensitivity": "sensitivity d'"}
EXPECTED = Source(detail="direction: what a source that learned should do")
GAIN = Source(detail="direction: what gain at a place should do")

# Settings for first tries.
SMALL: dict[str, Any] = {
    "per_category": 8,
    "detector_digits": 200,
    "learned.seeds": [1],
    "resamples": 20,
}


class TrainedSettings(Settings):
    """What `cortex train attention` has trained."""

    seeds: tuple[int, ...] = quantity((0, 1, 2), "1", "which of the trained sources", min_length=1)
    weights: str = choice("", "folder of weight files; empty: those of the package")

    @model_validator(mode="after")
    def _distinct(self) -> TrainedSettings:
        require_distinct(self, "seeds")
        return self

    def load(self, trained: TrainedSource) -> dict[int, tuple[Any, dict[str, Any]]]:
        """By seed, what was trained, and what was stored with it.

        Raises:
            ConfigError: one line, when the weights are not there.
        """
        folder = self.weights or None
        try:
            return {seed: trained.load(seed, folder) for seed in self.seeds}
        except UserError as error:
            raise ConfigError(f"learned.weights, learned.seeds: {error}") from error


class LearnedSettings(TrainedSettings):
    """The source of attention, as trained."""

    size: float = quantity(
        Training().size, "1", "root mean square of the change of gain, as in training", gt=0
    )


class LearnedSourceSettings(HeldOutDigits):
    """Settings of an experiment on a learned source."""

    per_category: int = quantity(
        40, "1", "hard images a category, half with it", ge=8, le=100_000, multiple_of=2
    )
    network: WeightsSection = WeightsSection()
    circuit: SSN = SSN()
    detector_digits: int = quantity(
        DETECTOR_DIGITS, "1", "training digits that detectors are fitted to", ge=100, le=4000
    )
    learned: LearnedSettings = LearnedSettings()
    solver: SolverSection = SolverSection()
    resamples: int = bootstrap_resamples(500, "images")
    level: float = interval_level()

    def observer(self) -> Observer:
        """The network with its circuits as set, and its detectors."""
        with stage("detectors"):
            system = circuits_system(self.network, self.circuit, self.solver)
            return fitted_observer(system, split()[0], count=self.detector_digits)

    def hard_images(self, observer: Observer, key: Array, task: str = "array") -> HardImages:
        """Hard images of held-out digits, after their first look at the area that is attended."""
        with stage("hard images without attention", total=10 * self.per_category) as advance:
            layer, digits = Training().layer, self.test_digits()
            return hard_images(observer, digits, key, task, self.per_category, layer, advance)

    def sources(self, trained: TrainedSource) -> dict[str, dict[int, Any]]:
        """A source with its first weights, "untrained", and as "learned", by seed.

        Raises:
            ConfigError: one line, when the weights are not there.
        """
        learned = {seed: module for seed, (module, _) in self.learned.load(trained).items()}
        untrained = {seed: trained.untrained(jax.random.key(seed)) for seed in learned}
        return {"untrained": untrained, "learned": learned}


def look_in_conditions(
    s: LearnedSourceSettings,
    observer: Observer,
    shown: HardImages,
    sources: Mapping[str, Mapping[int, AbstractSource]],
    passes: int = 1,
    text: str = "attention",
) -> dict[str, Labelled]:
    """Looks with attention in every condition, at every seed.

    Args:
        s: the settings.
        observer: who looks.
        shown: hard images after their first look.
        sources: by condition and seed, as `LearnedSourceSettings.sources` returns them.
        passes: looks with attention, each from the state that the one before left.
        text: what is going on, for the reader of a progress bar.

    Returns:
        Over condition, seed, pass and image: ``score``, the logit of the category asked for;
        ``margin``, that over the mean of the other digits shown; ``settled``; and by row and
        column, means over the maps of the attended area: ``pattern``, ``rates`` of E and I. No
        attention is the same at all seeds.
    """
    seeds = s.learned.seeds
    with stage(text, total=len(shown) * (1 + 2 * len(seeds))) as advance:

        def looks(source: AbstractSource) -> dict[str, Labelled]:
            found = attend_to_all(observer, shown, source, passes, advance)
            numbers = coordinate(np.arange(2, passes + 2), "1", "pass, the first being unattended")
            return each(**{"pass": numbers})(lambda number: _seen(found[number - 2], shown))

        without = looks(NoAttention())

        def look(condition: str, seed: int) -> dict[str, Labelled]:
            if condition == "none":
                return without
            return looks(EnergyMatched(sources[condition][seed], s.learned.size))

        return each(
            condition=coordinate(CONDITIONS, "1", "kind of attention"),
            seed=coordinate(seeds, "1", "seed of the training"),
        )(look)


def _seen(look: Attended, shown: HardImages) -> dict[str, Labelled]:
    scores, category = asked_logits(look.logits, shown), np.asarray(shown.queries.category)
    others = np.asarray(shown.shows) & (np.arange(look.logits.shape[1]) != category[:, None])
    margin = scores - np.sum(np.asarray(look.logits) * others, axis=1) / np.sum(others, axis=1)
    pattern, rates = (
        jax.tree.map(lambda maps: np.asarray(maps).mean(axis=1), one)
        for one in (look.pattern, look.rates[0])
    )
    above = "logit of the category asked for minus the mean of the others shown"
    places: dict[str, Any] = {"image": None, "row": None, "column": None}
    return {
        "score": label(scores, "1", "logit of the category asked for", image=None),
        "margin": label(margin, "1", above, image=None),
        "settled": label(look.settled, "1", "whether the circuits settled", image=None),
        "pattern": label(pattern, "1", "change of gain, mean over maps", **places),
        "rates": label(rates, "Hz", "rate, mean over maps", **places),
    }


def what_was_shown(shown: HardImages) -> dict[str, Labelled]:
    """The images, whether each has the category asked for, which that is, and where."""
    return {
        "present": label(shown.present, "1", "whether the category is there", image=None),
        "category": label(shown.queries.category, "1", "category asked for", image=None),
        "quadrant": label(shown.quadrant, "1", "quadrant of the category asked for", image=None),
        "example": label(
            shown.images[:, 0], "1", "luminance of the image", image=None, y=None, x=None
        ),
    }


def over_controls(array: xr.DataArray) -> xr.DataArray:
    """What the trained source exceeds each of its controls by, along a dimension ``control``."""
    learned = array.sel(condition="learned", drop=True)
    parts = [learned - array.sel(condition=name, drop=True) for name in CONTROLS.values()]
    return xr.concat(parts, "control").assign_coords(control=list(CONTROLS))


def contrast(values: xr.DataArray, inside: xr.DataArray, *, log: bool = False) -> xr.DataArray:
    """The mean of a variable on some places against that on the others, after the last pass.

    Args:
        values: over row and column, and pass, at least.
        inside: how much of each place belongs to them, 0 to 1, over row and column at least.
        log: the logarithm of the ratio, instead of the difference.
    """
    last = values.isel({"pass": -1}, drop=True)
    on, off = (last.weighted(w).mean(("row", "column")) for w in (inside, 1 - inside))
    return xr.DataArray(np.log(on / off)) if log else on - off


def image_mean(
    s: LearnedSourceSettings, values: xr.DataArray, rng: np.random.Generator, long_name: str
) -> xr.DataArray:
    """The mean of numbers [1] over images, those without one left out, with its interval."""
    mean: xr.DataArray = bootstrap(
        lambda drawn: drawn.mean("image"), values, "image", n=s.resamples, level=s.level, rng=rng
    )
    return mean.assign_attrs(units="1", long_name=long_name)


def detection_of(score: Any, shown: xr.Dataset) -> Any:
    """Measures of detection, along a dimension ``quantity`` in place of that of images.

    Args:
        score: logits of the category asked for, over ``image`` and more; an array, or a dataset.
        shown: ``present`` and ``category``, images in the order of categories, as many of each.
    """
    present = shown.present.values.reshape(len(np.unique(shown.category)), -1)

    def table(scores: np.ndarray) -> np.ndarray:
        found = quantities(scores.reshape(*scores.shape[:-1], *present.shape), present)
        return np.stack([found[name] for name in QUANTITIES], axis=-1)

    found = xr.apply_ufunc(
        table, score, input_core_dims=[["image"]], output_core_dims=[["quantity"]]
    )
    return found.assign_coords(quantity=list(QUANTITIES))


def detection(
    s: LearnedSourceSettings, data: xr.Dataset, rng: np.random.Generator
) -> dict[str, xr.DataArray]:
    """Detection after the last pass, with intervals over images.

    Args:
        s: resamples and level.
        data: with ``score``, ``present`` and ``category``, images in the order of categories, as
            many of each.
        rng: generator of the resamples, drawn within category and kind of image.

    Returns:
        ``detection_by_seed`` (condition, seed, quantity); its mean over seeds ``detection``; and
        ``detection_gain``, by ``control`` and quantity.
    """

    def means(score: xr.DataArray) -> xr.Dataset:
        mean = detection_of(score, data).mean("seed")
        return xr.Dataset({"detection": mean, "detection_gain": over_controls(mean)})

    score = data.score.isel({"pass": -1}, drop=True)
    strata = {"category": data.category, "present": data.present}
    found = bootstrap(
        means,
        score.assign_coords(strata),
        "image",
        within=("category", "present"),
        n=s.resamples,
        level=s.level,
        rng=rng,
    )
    found["detection_by_seed"] = detection_of(score, data)
    words = {
        "detection": "detection, mean over seeds",
        "detection_gain": "gain of the learned source in detection",
        "detection_by_seed": "detection",
    }
    return {
        name: found[name].assign_attrs(units="1", long_name=text) for name, text in words.items()
    }


def with_intervals(
    s: LearnedSourceSettings,
    data: xr.Dataset,
    rng: np.random.Generator,
    found: Mapping[str, tuple[xr.DataArray, str]],
) -> dict[str, xr.DataArray]:
    """Means over images of what was found, and detection, with their intervals.

    Args:
        s: resamples and level.
        data: as for `detection`.
        rng: generator of the resamples.
        found: by name, numbers [1] over images and what they are, in words.
    """
    with stage("intervals"):
        means = {name: image_mean(s, array, rng, text) for name, (array, text) in found.items()}
        return means | detection(s, data, rng)


def detection_claims(what: str, known: str = "", **at: Any) -> tuple[Claim, ...]:
    """That a learned source raises what detection is measured by.

    Args:
        what: the mechanism in words.
        known: why it may not.
        **at: coordinates of the dataset that the claims are made at.
    """

    def gain(quantity: str) -> Any:
        return lambda d: d.detection_gain.sel(quantity=quantity, **at)

    words = {"auc": "the ROC area", "sensitivity": "d'"}
    return tuple(
        Claim(
            f"{quantity}_gain",
            gain(quantity),
            Above(0),
            EXPECTED,
            f"{what} raises {text} over its control",
            headline=quantity == "auc",
            known=known,
        )
        for quantity, text in words.items()
    )
