"""What the experiments on learned sources share: settings, looks at hard images, and what is kept.

Three conditions at the same energy: a source as it was trained, the same with its first weights,
and no attention at all; the first two at several seeds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from pydantic import Field, model_validator

from cortex.attention import AbstractSource, EnergyMatched, NoAttention
from cortex.errors import UserError
from cortex.experiment import (
    ConfigError,
    ExperimentConfig,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.experiment.results import variable
from cortex.models.networks import CircuitSection, SolverSection, VariantsSection
from cortex.models.study import StatisticsSection
from cortex.tasks import Observer, SecondLook

from .base import Learned
from .hard_digits import HardImages, circuits_system, fitted_observer, hard_images, split
from .through_circuits import Training, asked_logits, look_again

HERE = "chosen here"
CONDITIONS = ("none", "untrained", "learned")


class ImagesSection(Section):
    """Hard images made of held-out digits."""

    per_category: int = quantity(
        40, "1", "hard images a category, half with it", source=HERE, ge=8, multiple_of=2
    )


class NetworkSection(Section):
    """The digit network with circuits."""

    weights: str = Field(
        default="",
        description="folder of weight files; empty: those of the package",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    weights_seed: int = quantity(0, "1", "which of the trained networks", source=HERE, ge=0)


class LearnedSection(Section):
    """The source of attention, as trained by `cortex train attention`."""

    seeds: tuple[int, ...] = quantity(
        (0, 1, 2), "1", "which of the trained sources", source=HERE, min_length=1
    )
    weights: str = Field(
        default="",
        description="folder of weight files; empty: those of the package",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    size: float = quantity(
        Training().size, "1", "root mean square of the change of gain", source=HERE, gt=0
    )

    @model_validator(mode="after")
    def _distinct(self) -> LearnedSection:
        require_distinct(self, "seeds")
        return self


class StudyConfig(ExperimentConfig):
    """Configuration of an experiment on a learned source."""

    images: ImagesSection = ImagesSection()
    network: NetworkSection = NetworkSection()
    circuit: CircuitSection = CircuitSection()
    learned: LearnedSection = LearnedSection()
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def observer_of(config: StudyConfig) -> Observer:
    """The network with its circuits set to the configuration, and its detectors."""
    network = VariantsSection(**config.network.model_dump())
    system = circuits_system(network, config.circuit, config.solver)
    return fitted_observer(system, split()[0])


def held_out_images(
    config: StudyConfig, observer: Observer, task: str, progress: Progress
) -> HardImages:
    """Hard images of a task, after their first look at the area that sources are trained for."""
    each, key = config.images.per_category, jax.random.key(config.seed)
    with progress.stage("hard images without attention", total=10 * each) as stage:
        digits = split()[1]
        return hard_images(observer, digits, key, task, each, Training().layer, stage.advance)


class Sources(NamedTuple):
    """A source by condition, with its first weights and as trained."""

    untrained: AbstractSource
    learned: AbstractSource


def sources_of(config: StudyConfig, thing: Learned) -> list[Sources]:
    """By seed.

    Raises:
        ConfigError: one line, when the weights are not there.
    """
    found = []
    for seed in config.learned.seeds:
        try:
            trained, _ = thing.load(seed, config.learned.weights or None)
        except UserError as error:
            raise ConfigError(f"learned.weights, learned.seeds: {error}") from error
        found.append(Sources(thing.untrained(jax.random.key(seed)), trained))
    return found


def look_at_all(
    config: StudyConfig,
    observer: Observer,
    shown: HardImages,
    sources: Sequence[Sources],
    progress: Progress,
    passes: int = 1,
    what: str = "attention",
) -> dict[str, np.ndarray]:
    """Looks in every condition, at every seed.

    Returns:
        Arrays (condition, seed, pass, image, ...): `score`, logit of the category asked for;
        `margin`, over the mean of the other digits shown; `settled`; and by place, means over the
        maps of the attended area: `pattern` [1], `rate_E` and `rate_I` [Hz]. No attention is the
        same at all seeds.
    """
    size, layer, seeds = config.learned.size, Training().layer, len(sources)
    total = len(shown) * (1 + 2 * seeds)
    with progress.stage(what, total=total) as stage:

        def looks(source: AbstractSource) -> dict[str, np.ndarray]:
            found = look_again(observer, shown, source, layer, passes, stage.advance)
            kept = [_kept(look, shown) for look in found]
            return {name: np.stack([one[name] for one in kept]) for name in kept[0]}

        none = [looks(NoAttention())] * seeds
        first = [looks(EnergyMatched(one.untrained, size)) for one in sources]
        last = [looks(EnergyMatched(one.learned, size)) for one in sources]
    return {
        name: np.stack([np.stack([one[name] for one in some]) for some in (none, first, last)])
        for name in none[0]
    }


def _kept(look: SecondLook, shown: HardImages) -> dict[str, np.ndarray]:
    rates = look.states[0]
    return {
        "score": asked_logits(look.logits, shown),
        "margin": _margin(np.asarray(look.logits), shown),
        "settled": np.asarray(look.settled),
        "pattern": np.asarray(look.pattern).mean(axis=1),
        "rate_E": np.asarray(rates.E).mean(axis=1),
        "rate_I": np.asarray(rates.I).mean(axis=1),
    }


def _margin(logits: np.ndarray, shown: HardImages) -> np.ndarray:
    """Logit of the category asked for minus the mean of those of the other digits shown."""
    category = np.asarray(shown.queries.category)
    others = np.asarray(shown.shows) & (np.arange(logits.shape[1]) != category[:, None])
    mean = np.sum(logits * others, axis=1) / np.sum(others, axis=1)
    return asked_logits(logits, shown) - mean


LABELS = {
    "score": ("1", "logit of the category asked for"),
    "margin": ("1", "logit of the category asked for minus the mean of the others shown"),
    "settled": ("1", "whether the circuits settled"),
    "pattern": ("1", "change of gain, mean over maps"),
    "rate_E": ("Hz", "E rate, mean over maps"),
    "rate_I": ("Hz", "I rate, mean over maps"),
}


def label(
    shown: HardImages,
    found: dict[str, np.ndarray],
) -> dict[str, Any]:
    """The arrays of `look_at_all` as variables, with what was shown.

    Args:
        shown: at what was looked.
        found: of `look_at_all`.
    """
    kept: dict[str, Any] = {}
    lead = ("condition", "seed", "pass", "image")
    for name, values in found.items():
        units, words = LABELS[name]
        places = ("row", "column") if values.ndim > len(lead) else ()
        kept[name] = variable((*lead, *places), values, units, words)
    return kept | {
        "present": variable("image", shown.present, "1", "whether the category is there"),
        "category": variable("image", shown.queries.category, "1", "category asked for"),
        "quadrant": variable("image", shown.quadrant, "1", "quadrant that can be cued"),
    }


def coordinates(config: StudyConfig) -> dict[str, Any]:
    """Conditions and seeds."""
    return {
        "condition": variable("condition", list(CONDITIONS), "1", "what attention is"),
        "seed": variable("seed", list(config.learned.seeds), "1", "seed of the training"),
    }
