"""Every mechanism of attention on one task with one readout, at one energy, side by side.

Shown: two digits merged into one image, and four in a 2 x 2 array. Simulated: the digit network
with an inhibition-stabilised circuit at every layer looks at each image once without attention,
and again with each mechanism as the source of gains on the drive of one layer. Patterns are
scaled to one root mean square, so that every source changes gains by the same energy. Those that
learn act at the layer that they were trained for, at that energy, on other digits: each for what
its own experiment says, which is not always this task. Left out are an encoder-decoder's alignment
and scan paths, which take their sense from a sequence. Measured: what each does to sensitivity and
criterion, to the activity of E and I units at every layer, and to noise correlations.

Source: the mechanisms are those of psychology, neuroscience and machine learning named in each
source (`cortex.attention`); tasks and detectors after Lindsay & Miller 2018, eLife 7:e38105.
That all act on the same circuits, and the measure of energy, are our design.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import jax
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.areas import CircuitArea
from cortex.areas.digits import CLASSES, MAPS
from cortex.attention import AbstractSource, EnergyMatched, NoAttention
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.labelled import variable
from cortex.measures.mechanism_rows import mechanism_measures, summarise_mechanisms
from cortex.models.learned.hard_digits import (
    HardImages,
    circuits_system,
    hard_trials,
    look_first,
    rows,
    showing,
    split,
)
from cortex.models.learned.through_circuits import asked_logits, look_again
from cortex.models.mechanisms import LEARNED_ON, MECHANISMS, Knowledge, ready
from cortex.models.networks import CircuitSection, SolverSection, WeightsSection
from cortex.models.shared_noise import SharedNoiseSection, noise_correlations
from cortex.models.study import StatisticsSection
from cortex.tasks import LayerValues, Observer

HERE = "chosen here"
PAPER = "Lindsay & Miller 2018"
TASKS = ("merged", "array")
LAYERS, SIDE = len(MAPS), 28
LAST = LAYERS - 1


class ImagesSection(Section):
    """Hard images, anew for each seed."""

    per_category: int = quantity(
        20, "1", "hard images a category, task and seed, half with it", source=HERE, ge=4
    )
    seeds: tuple[int, ...] = quantity(
        (0, 1, 2), "1", "of the images, and of the learned weights", source=HERE, min_length=1
    )

    @model_validator(mode="after")
    def _sound(self) -> ImagesSection:
        require_distinct(self, "seeds")
        if self.per_category % 2:
            raise ValueError(f"per_category: found {self.per_category}, allowed: an even number")
        return self


class AttentionSection(Section):
    """The mechanisms, their energy, and where they act."""

    sources: tuple[str, ...] = Field(
        tuple(MECHANISMS),
        min_length=1,
        description="mechanisms compared",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    size: float = quantity(
        0.5, "1", "root mean square of what is added to gains of one", source=HERE, gt=0
    )
    layers: tuple[int, ...] = quantity(
        (1, 2, 3),
        "1",
        "layers attended, one at a time, 1 the lowest; what learns acts at its own only",
        source=HERE,
        min_length=1,
    )
    window: float = quantity(
        0.3, "1", "width of the window on a cued place, as a share of the map", source=HERE, gt=0
    )
    surround: float = quantity(
        0.6, "1", "taken from the window everywhere: gains away from the place fall", source=HERE
    )
    weights: str = Field(
        "",
        description="folder of learned weights, see cortex train attention; empty: the package's",
        json_schema_extra={"unit": "1", "source": HERE},
    )

    @model_validator(mode="after")
    def _known(self) -> AttentionSection:
        require_distinct(self, "sources")
        require_distinct(self, "layers")
        if unknown := [name for name in self.sources if name not in MECHANISMS]:
            raise ValueError(f"sources: found {unknown}, allowed: {', '.join(MECHANISMS)}")
        if not set(self.layers) <= set(range(1, LAYERS + 1)):
            raise ValueError(f"layers: found {list(self.layers)}, allowed: some of 1 to {LAYERS}")
        return self


class Config(ExperimentConfig):
    """Configuration of `mechanism_comparison`."""

    images: ImagesSection = ImagesSection()
    attention: AttentionSection = AttentionSection()
    noise: SharedNoiseSection = SharedNoiseSection()
    network: WeightsSection = WeightsSection()
    circuit: CircuitSection = CircuitSection()
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def key_of(config: Config, task: str, seed: int) -> Array:
    """Of the hard images of a task and seed."""
    key = jax.random.fold_in(jax.random.key(config.seed), 100 + seed)
    return jax.random.fold_in(key, TASKS.index(task))


def sources(
    config: Config, observer: Observer, values: dict[str, LayerValues], task: str, seed: int
) -> Iterator[tuple[int, int, int, AbstractSource]]:
    """Every source at the common energy, after its number, that of the layer, and its passes."""
    a = config.attention
    for number, name in enumerate(a.sources):
        mechanism = MECHANISMS[name]
        for place, layer in enumerate(a.layers):
            elsewhere = mechanism.learned_at not in (None, layer - 1)
            if elsewhere or (mechanism.place and task == "merged"):
                continue
            own = {kind: by_layer[layer - 1] for kind, by_layer in values.items()}
            known = Knowledge(observer, own, (a.window, a.surround), seed, a.weights)
            yield number, place, mechanism.passes, EnergyMatched(mechanism.build(known), a.size)


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Every source looks again at the same first looks."""
    with progress.stage("the network, its detectors, attention values"):
        system = circuits_system(config.network, config.circuit, config.solver)
        observer, values = ready(system, split()[0], config.seed)
    arrays = empty(config)
    cases = [(t, s) for t in range(len(TASKS)) for s in range(len(config.images.seeds))]
    most = len(config.attention.sources) * len(config.attention.layers)
    with progress.stage("looks with attention", total=len(cases) * most) as stage:
        for t, s in cases:
            compare(config, observer, values, arrays, (t, s))
            stage.advance(most)
    data = labelled(config, arrays)
    with progress.stage("sensitivity, criterion, activity and their intervals"):
        statistics = config.statistics
        summary = summarise_mechanisms(data, statistics.resamples, statistics.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact")


def compare(
    config: Config,
    observer: Observer,
    values: dict[str, LayerValues],
    arrays: dict[str, np.ndarray],
    case: tuple[int, int],
) -> None:
    """Every source on the hard images of one task and seed; writes into `arrays`."""
    t, s = case
    task, seed = TASKS[t], config.images.seeds[s]
    key = key_of(config, task, seed)
    digits = split()[1]
    trials = hard_trials(digits, key, task, config.images.per_category)
    shape, shows = trials.present.shape, showing(trials, digits) >= 0
    layers = [layer - 1 for layer in config.attention.layers]
    shown = {layer: look_first(observer, trials, shows, layer) for layer in layers}
    lowest = min(layers)
    arrays["present"][t, s] = trials.present
    arrays["example"][t] = np.asarray(trials.images(3, 0, 1)[0, 0])
    arrays["score_unattended"][t, s] = asked_logits(
        np.asarray(shown[lowest].seen.logits), shown[lowest]
    ).reshape(shape)
    before = shown[lowest].seen.states
    for area, rates in enumerate(before, lowest):
        for name, units in (("E", rates.E), ("I", rates.I)):
            arrays[f"rate_{name}_unattended"][t, s, area] = np.mean(units)
    correlated = noisy(config, observer, shown, key)
    if correlated is not None:
        arrays["correlation_unattended"][t, s] = correlated(NoAttention())
    for number, place, passes, source in sources(config, observer, values, task, seed):
        layer = layers[place]
        look = look_again(observer, shown[layer], source, layer, passes)[-1]
        at = (t, number, place, s)
        arrays["score"][at] = asked_logits(look.logits, shown[layer]).reshape(shape)
        arrays["settled"][at] = look.settled.mean()
        # What circuits that did not settle do in between says nothing.
        good = look.settled & np.asarray(shown[layer].seen.settled)
        for area, (rates, old) in enumerate(
            zip(look.states, shown[layer].seen.states, strict=True), layer
        ):
            for name in ("E", "I"):
                new, was = (np.asarray(getattr(x, name))[good].mean() for x in (rates, old))
                arrays[f"change_{name}"][(*at, area)] = new / was - 1.0
        if correlated is not None and layer == LAST:
            arrays["correlation"][t, number, s] = correlated(source)


def noisy(
    config: Config, observer: Observer, shown: dict[int, HardImages], key: Array
) -> Callable[[AbstractSource], np.ndarray] | None:
    """From a source to the noise correlations of some images in the last layer, if asked for."""
    section, area = config.noise, observer.system.areas[LAST]
    if not section.images or LAST not in shown:
        return None
    assert isinstance(area, CircuitArea)
    every = max(len(shown[LAST]) // section.images, 1)  # images of as many categories as there are
    some = rows(shown[LAST], np.arange(0, len(shown[LAST]), every)[: section.images])
    noise = section.noise(some.seen.features.shape[1:])

    def measured(source: AbstractSource) -> np.ndarray:
        queries = some.queries
        found = noise_correlations(area, some.seen, source, queries, noise, key, section)
        return np.asarray(found)

    return measured


def dimensions(config: Config) -> dict[str, tuple[Any, str, str]]:
    """Values, unit and meaning of every dimension."""
    a, images = config.attention, config.images
    return {
        "task": (list(TASKS), "1", "hard images"),
        "source": (list(a.sources), "1", "mechanism of attention"),
        "attended": (list(a.layers), "1", "layer attended"),
        "seed": (list(images.seeds), "1", "seed of images and learned weights"),
        "layer": (np.arange(1, LAYERS + 1), "1", "layer"),
        "category": (np.arange(CLASSES), "1", "digit sought"),
        "image": (np.arange(images.per_category), "1", "image"),
        "noisy_image": (np.arange(config.noise.images), "1", "image seen with noise"),
        "y": (np.arange(SIDE), "px", "row"),
        "x": (np.arange(SIDE), "px", "column"),
    }


CONDITION = ("task", "source", "attended", "seed")
VARIABLES = {
    "score": ((*CONDITION, "category", "image"), "1", "detector logit with attention"),
    "score_unattended": (("task", "seed", "category", "image"), "1", "detector logit without"),
    "present": (("task", "seed", "category", "image"), "1", "whether the digit is there"),
    "settled": (CONDITION, "1", "fraction of looks in which all circuits settled"),
    "change_E": ((*CONDITION, "layer"), "1", "change of the mean E rate, as a share of it"),
    "change_I": ((*CONDITION, "layer"), "1", "change of the mean I rate, as a share of it"),
    "rate_E_unattended": (("task", "seed", "layer"), "Hz", "mean E rate without attention"),
    "rate_I_unattended": (("task", "seed", "layer"), "Hz", "mean I rate without attention"),
    "correlation": (
        ("task", "source", "seed", "noisy_image"),
        "1",
        "mean noise correlation of pairs of E units, attention at the last layer",
    ),
    "correlation_unattended": (
        ("task", "seed", "noisy_image"),
        "1",
        "mean noise correlation of pairs of E units without attention",
    ),
    "example": (("task", "y", "x"), "1", "luminance of an image"),
}


def empty(config: Config) -> dict[str, np.ndarray]:
    """NaN for every variable."""
    sizes = {name: len(values) for name, (values, *_) in dimensions(config).items()}
    return {
        name: np.full([sizes[d] for d in dims], np.nan, np.float32)
        for name, (dims, *_) in VARIABLES.items()
    }


def labelled(config: Config, arrays: dict[str, np.ndarray]) -> xr.Dataset:
    """The arrays with their axes."""
    axes = {name: variable(name, *about) for name, about in dimensions(config).items()}
    found = {
        name: variable(dims, arrays[name], units, words)
        for name, (dims, units, words) in VARIABLES.items()
    }
    data = xr.Dataset(found, axes)
    data["present"] = data["present"] > 0
    data["present"].attrs.update(units="1", long_name=VARIABLES["present"][2])
    return data


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """What each mechanism buys, and through which neural change."""
    return mechanism_measures(data, LEARNED_ON)
