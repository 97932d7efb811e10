"""Detecting a digit in hard images, with and without attention, with and without circuits.

Shown: two digits merged into one image, and four in a 2 x 2 array. Simulated: a convolutional
network, and the same network with an inhibition-stabilised circuit at every layer, each looking
with no attention and with attention to the digit sought, from several sources, at one layer or at
all, at several strengths. Measured: what attention does to the activity and to detection, and how
much of its gain a mere shift of the detectors' threshold would have brought.

Source: the design of Lindsay & Miller 2018, eLife 7:e38105, on handwritten digits; circuits in
the network are our design.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.analysis import summarise_detection
from cortex.areas import VisualSystem, accuracy, probe_areas
from cortex.areas.digit_networks import as_network
from cortex.areas.digits import CLASSES, MAPS, digit_network
from cortex.errors import UserError
from cortex.experiment import (
    ConfigError,
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
)
from cortex.measures import detection_measures
from cortex.models.networks import (
    CircuitSection,
    SolverSection,
    VariantsSection,
    load_digits_network,
    with_settings,
)
from cortex.models.study import (
    NORMALISED,
    OVER,
    FormSection,
    Ordinary,
    StatisticsSection,
    ValuesSection,
    forms_of,
    learn,
)
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.stimuli.trials import AbstractTrials, array_trials, merged_trials
from cortex.tasks import Condition, LayerValues, Observer, all_gradient_values, look
from cortex.tasks.records import LEARNED, Records

HERE = "chosen here"
PAPER = "Lindsay & Miller 2018"
LAYERS = 3
MAKERS = {"merged": merged_trials, "array": array_trials}
TO_PLACE = ("spatial", "spatial_and_tuning")
SourceName = Literal[
    "tuning",
    "gradient_category",
    "gradient_balanced",
    "shuffled",
    "negated",
    "uniform",
    "spatial",
    "spatial_and_tuning",
]


class ImagesSection(Section):
    """Ordinary images to learn on, hard ones to be tested on."""

    mnist: str = Field(
        "",
        description="folder of the full MNIST in IDX files; empty: the 5,000 packaged digits",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    training: int = quantity(2000, "1", "digits that detectors are trained on", source=HERE, ge=100)
    gradients: int = quantity(
        200, "1", "other digits, that gradients are averaged over", source=HERE, ge=20
    )
    tasks: tuple[Literal["merged", "array"], ...] = Field(
        ("merged", "array"),
        min_length=1,
        description="kinds of hard images",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    per_category: int = quantity(
        40, "1", "hard images a category, half with it (150 in the paper)", source=HERE, ge=8
    )


class NetworkSection(VariantsSection):
    """The networks compared."""

    layers: tuple[int, ...] = quantity(
        (1, 2, 3), "1", "layers with a circuit, for inserted circuits", source=HERE, min_length=1
    )

    @model_validator(mode="after")
    def _layers(self) -> NetworkSection:
        if not set(self.layers) <= set(range(1, LAYERS + 1)):
            raise ValueError(f"layers: found {list(self.layers)}, allowed: some of 1 to {LAYERS}")
        if self.how == "trained" and set(self.layers) != set(range(1, LAYERS + 1)):
            raise ValueError(
                f"layers: found {list(self.layers)}, allowed: all of 1 to {LAYERS}, or "
                "network.how = 'inserted'"
            )
        return self


class AttentionSection(FormSection):
    """Sources, forms, sites and strengths of attention."""

    sources: tuple[SourceName, ...] = Field(
        (
            "tuning",
            "gradient_category",
            "gradient_balanced",
            "shuffled",
            "uniform",
            "spatial",
            "spatial_and_tuning",
        ),
        min_length=1,
        description="what attention is applied by; controls included",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    strengths: tuple[Positive, ...] = quantity(
        (0.125, 0.25, 0.5, 1.0), "1", "beta", source="within the paper's 0 to 11.85", min_length=1
    )
    plain_scale: float = quantity(
        1.0, "1", "additive form: input to a plain layer at a value of 1", source=HERE, gt=0
    )
    all_layers_share: float = quantity(
        1 / 3, "1", "share of beta that each layer gets when all are attended", source=HERE, gt=0
    )
    spatial_strength: float = quantity(
        0.5, "1", "beta_s of the source spatial_and_tuning", source=HERE, ge=0
    )
    gradients_over: Literal["layer", "map"] = Field(
        "layer",
        description="gradient values are divided by the largest of the layer, or of the map",
        json_schema_extra={"unit": "1", "source": PAPER},
    )


class Config(ExperimentConfig):
    """Configuration of `digits_detection`."""

    images: ImagesSection = ImagesSection()
    network: NetworkSection = NetworkSection()
    circuit: CircuitSection = CircuitSection()
    attention: AttentionSection = AttentionSection()
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def digits(config: Config) -> tuple[Digits, Digits]:
    """Training and held-out digits; no held-out one was seen by the networks of the package."""
    if config.images.mnist:
        folder = Path(config.images.mnist)
        try:
            return load_digits(folder), load_digits(folder, part="t10k")
        except UserError as error:
            raise ConfigError(f"images.mnist: {error}") from error
    return split_digits(load_digits())


def build(config: Config, variant: str, training: Digits) -> VisualSystem:
    """One of the networks, its circuits set to the configuration."""
    network, solver = config.network, config.solver.relax()
    kind = variant if network.how == "trained" else "plain"
    system, _ = load_digits_network(digit_network(), network, kind)
    if variant == "plain":
        return system
    if network.how == "trained":
        return with_settings(system, config.circuit, config.solver)
    return digit_network().insert_and_refit(
        as_network(system),
        training,
        network.weights_seed,
        [layer - 1 for layer in network.layers],
        circuit=config.circuit,
        solver=solver,
    )


def sites(config: Config) -> list[tuple[str, np.ndarray]]:
    """Where attention is applied: each layer by itself, then all; share of beta by layer."""
    share = config.attention.all_layers_share
    alone = [(f"layer {layer + 1}", np.eye(LAYERS)[layer]) for layer in range(LAYERS)]
    return [*alone, ("all", np.full(LAYERS, share))]


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Both networks learn, are probed, and look at hard images with and without attention."""
    training, held_out = digits(config)
    key = jax.random.key(config.seed)
    shown, known = digit_network().images(held_out), np.asarray(held_out.labels)
    tasks = {
        name: MAKERS[name](
            jax.random.fold_in(key, number),
            lambda rows: shown[rows],
            known,
            config.images.per_category,
            CLASSES,
        )
        for number, name in enumerate(config.images.tasks)
    }
    table = records(config)
    for number, trials in enumerate(tasks.values()):
        table.put("present", (number,), trials.present)
        table.put("example", (number,), np.asarray(trials.images(3, 0, 1)[0, 0]))
    for v, variant in enumerate(config.network.variants):
        with progress.stage(f"{variant}: plain digits, detectors, attention values"):
            system = build(config, variant, training)
            table.put("accuracy", (v,), accuracy(system, shown, jnp.asarray(known)))
            observer, values = learned(config, system, training, key)
            for s, name in enumerate(LEARNED):
                for layer, one in enumerate(values[name]):
                    table.put("values", (v, s, layer), np.asarray(one))
            for layer, found in probe_areas(system, *pairs(shown, known)).items():
                for name, value in found.items():
                    table.put(name, (v, layer), value)
        wanted = {name: conditions(config, values, trials) for name, trials in tasks.items()}
        looks = sum(tasks[name].present.size * (1 + len(rows)) for name, rows in wanted.items())
        with progress.stage(f"{variant}: hard images", total=looks) as stage:
            for t, (name, trials) in enumerate(tasks.items()):
                places, rows = zip(*wanted[name], strict=True)
                forms = forms_of(config.attention, system, (config.attention.plain_scale,) * LAYERS)
                before, after = look(observer, trials, rows, forms, report=stage.advance)
                table.outcome((v, t), before, suffix="_unattended")
                for place, outcome in zip(places, after, strict=True):
                    table.outcome((v, t, *place), outcome)
    data = table.dataset()
    with progress.stage("rates, sensitivity, criterion and their intervals"):
        statistics = config.statistics
        summary = summarise_detection(data, statistics.resamples, statistics.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact", combine_attrs="override")


def learned(
    config: Config, system: VisualSystem, training: Digits, key: jax.Array
) -> tuple[Observer, dict[str, LayerValues]]:
    """An observer, and by name what attention can be applied by.

    Gradients come from the last digits of a random order, detectors from the first.
    """
    rows = np.random.default_rng(config.seed).permutation(len(training))
    images = digit_network().images(training)
    ordinary = Ordinary(
        images=lambda numbers: images[numbers],
        labels=np.asarray(training.labels),
        categories=CLASSES,
        learning=np.sort(rows[: config.images.training]),
        gradients=np.sort(rows[-config.images.gradients :]),
    )
    found = learn(system, ordinary, ValuesSection(), key)
    values = found.values
    normalise = NORMALISED[config.attention.gradients_over]
    for name, over in OVER.items():
        values[f"gradient_{name}"] = all_gradient_values(found.pairs, CLASSES, over, normalise)
    return found.observer, values | {
        "spatial": values["nothing"],
        "spatial_and_tuning": values["tuning"],
    }


def records(config: Config) -> Records:
    """Empty results with the axes of this configuration."""
    a, side = config.attention, 28
    coordinates = {
        "variant": (config.network.variants, "1", "network"),
        "task": (config.images.tasks, "1", "hard images"),
        "source": (a.sources, "1", "what attention is applied by"),
        "site": ([name for name, _ in sites(config)], "1", "where attention is applied"),
        "strength": (a.strengths, "1", "strength of attention, beta"),
        "values_of": (LEARNED, "1", "kind of value"),
        "layer": (np.arange(1, LAYERS + 1), "1", "layer"),
        "category": (np.arange(CLASSES), "1", "digit sought"),
    }
    sizes = {"image": config.images.per_category, "map": MAPS[-1], "y": side, "x": side}
    return Records(coordinates, sizes)


def conditions(
    config: Config, values: dict[str, LayerValues], trials: AbstractTrials
) -> list[tuple[tuple[int, int, int], Condition]]:
    """What is attended, with its number of source, site and strength."""
    a = config.attention
    found = []
    for s, name in enumerate(a.sources):
        if name in TO_PLACE and not (trials.quadrant >= 0).any():
            continue
        for number, (_, share) in enumerate(sites(config)):
            for b, beta in enumerate(a.strengths):
                feature = 0.0 if name == "spatial" else beta
                place = beta if name == "spatial" else a.spatial_strength
                spatial = place if name in TO_PLACE else 0.0
                one = Condition(values[name], feature * share, spatial * share)
                found.append(((s, number, b), one))
    return found


def pairs(shown: Array, labels: np.ndarray, count: int = 40) -> tuple[Array, Array]:
    """Held-out digits that circuits are probed with: digit c and, beside it, digit c + 5."""
    by_class = np.argsort(labels, kind="stable")
    rows = by_class[np.linspace(0, len(by_class) - 1, 2 * count).astype(int)]
    return shown[rows[:count]], shown[rows[count:]]


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Regime and accuracy of the networks; gains of attention, and what they consist of."""
    return detection_measures(data)
