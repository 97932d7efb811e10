"""Detecting an object in hard images: a deep network attending at each of its layers.

Shown: two ordinary images merged into one, and four in a 2 x 2 array. Simulated: a convolutional
network of VGG's kind, and the same network with circuits in its layers, each looking with no
attention and with attention to the category sought: by tuning values, by gradient values, and by
controls, at one layer after another and at all of them, over a grid of strengths. Measured: what
attention at each layer does to activity and to detection, and how much of its gain a mere shift
of the detectors' threshold would have brought.

Source: Lindsay & Miller 2018, eLife 7:e38105, on VGG-16 and photographs; the network of eight
layers trained on handwritten digits, and circuits in networks, are our designs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array
from pydantic import Field, model_validator

from cortex.analysis import summarise_detection
from cortex.analysis.object_summary import compare_forms, compare_sources
from cortex.areas import probe_areas
from cortex.attention import AbstractForm, Attention
from cortex.experiment import (
    ConfigError,
    ExperimentConfig,
    Measure,
    Progress,
    load_config,
    plain,
    quantity,
)
from cortex.measures.object_rows import object_measures
from cortex.models.networks import (
    CircuitSection,
    NetworkSection,
    SolverSection,
    StudyNetwork,
    additive_scales,
    build_system,
    load_study_network,
)
from cortex.models.object_images import ImagesSection, Material, material
from cortex.models.object_table import ObjectTable
from cortex.models.study import (
    Learned,
    StatisticsSection,
    StudyAttentionSection,
    ValuesSection,
    forms_of,
    learn,
    learning_steps,
    sites,
)
from cortex.stimuli.trials import AbstractTrials, array_trials, merged_trials
from cortex.studies import attend, by_values, look
from cortex.tasks import even_batch

HERE = "chosen here"
PAPER = "Lindsay & Miller 2018"
PUBLISHED = "object_detection_vgg16"  # the preset that the paper's numbers are compared with
MAKERS = {"merged": merged_trials, "array": array_trials}
FORMS = {
    "multiplicative, both signs": ("multiplicative", True),
    "multiplicative, positive": ("multiplicative", False),
    "additive, both signs": ("additive", True),
    "additive, positive": ("additive", False),
}
PROBES = (
    "sum_weight",
    "leading_eigenvalue",
    "paradoxical_I",
    "surround_suppression",
    "converged",
)
SourceName = Literal["tuning", "gradient", "shuffled", "negated", "uniform"]


class AttentionSection(StudyAttentionSection):
    """Sources, forms, sites and strengths of attention."""

    sources: tuple[SourceName, ...] = Field(
        ("tuning", "gradient", "shuffled"),
        min_length=1,
        description="values that attention is applied by; shuffled, negated, uniform: controls",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    forms_layer: int = quantity(
        8, "1", "layer at which the four forms are compared; 0: none", source=HERE, ge=0
    )

    @model_validator(mode="after")
    def _sources(self) -> AttentionSection:
        if len(set(self.sources)) < len(self.sources):
            found = ", ".join(map(repr, self.sources))
            raise ValueError(f"sources: found [{found}], allowed: each one once")
        return self


class Config(ExperimentConfig):
    """Configuration of `object_detection`."""

    images: ImagesSection = ImagesSection()
    network: NetworkSection = NetworkSection()
    circuit: CircuitSection = CircuitSection()
    attention: AttentionSection = AttentionSection(layers=(2, 4, 6, 8), strengths=(0.5, 1.0, 2.0))
    values: ValuesSection = ValuesSection(gradients_over="category")
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


class Asked(NamedTuple):
    """One condition and its place among the results."""

    source: int
    site: int
    strength: int
    share: np.ndarray
    attention: Attention


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Each variant of the network learns and looks at hard images, unattended and attending."""
    found = load_study_network(config.network)
    layers = len(found.layers)
    where = sites(config.attention, layers)
    if config.attention.forms_layer > layers:
        raise ConfigError(
            f"attention.forms_layer: found {config.attention.forms_layer}, allowed: 0 to {layers}"
        )
    shown = material(config.images, found, config.seed)
    key = jax.random.key(config.seed)
    trials = {
        name: MAKERS[name](
            jax.random.fold_in(key, number),
            shown.pixels,
            shown.labels,
            config.images.per_category,
            len(shown.categories),
        )
        for number, name in enumerate(config.images.tasks)
    }
    table = ObjectTable(
        {
            "variant": config.network.variants,
            "task": config.images.tasks,
            "source": config.attention.sources,
            "site": [name for name, _ in where],
            "strength": config.attention.strengths,
            "form": tuple(FORMS),
            "layer": np.arange(1, layers + 1),
            "category": shown.categories,
        },
        {"image": config.images.per_category, "y": found.size, "x": found.size},
    )
    for t, task in enumerate(trials.values()):
        table.put("present", (t,), task.present)
        table.put("example", (t,), _luminance(task.images(min(3, len(shown.categories) - 1), 0, 1)))
    for v, variant in enumerate(config.network.variants):
        _one_variant(config, progress, found, shown, trials, where, table, v, variant)
    data = table.dataset()
    with progress.stage("rates, sensitivity, criterion and their intervals"):
        s = config.statistics
        parts = [
            summarise_detection(data, s.resamples, s.level, config.seed, partial=True),
            compare_forms(data, s.resamples, s.level, config.seed),
        ]
        summary = xr.merge([data, *parts], compat="no_conflicts", join="exact")
        compared = compare_sources(summary, s.resamples, s.level, config.seed)
    return xr.merge([summary, compared], compat="no_conflicts", join="exact")


def _one_variant(
    config: Config,
    progress: Progress,
    found: StudyNetwork,
    shown: Material,
    trials: dict[str, AbstractTrials],
    where: list[tuple[str, np.ndarray]],
    table: ObjectTable,
    v: int,
    variant: str,
) -> None:
    """Everything about the network without circuits, or with."""
    batch = even_batch(config.images.per_category, config.images.batch)
    with progress.stage(
        f"{variant}: ordinary images, detectors, attention values",
        total=learning_steps(shown.ordinary),
    ) as stage:
        calibration = shown.calibration() if config.network.inserts(variant) else None
        built = build_system(
            found, config.network, config.circuit, config.solver, variant, calibration
        )
        key = jax.random.fold_in(jax.random.key(config.seed), len(MAKERS))
        learned = learn(
            built.system,
            shown.ordinary,
            config.values,
            key,
            batch=batch,
            # Networks of photographs have many units that hardly respond: none is to count more.
            common=found.preprocessing is not None,
            report=stage.advance,
        )
    table.learned(v, learned)
    for layer, error in built.feature_errors.items():
        table.put("feature_error", (v, layer), error)
    for layer, found_there in probe_areas(built.system, *shown.ordinary_pairs()).items():
        for name in PROBES:
            table.put(name, (v, layer), found_there[name])
    scales = additive_scales(found, learned.responses.means)
    forms = forms_of(config.attention, built.system, scales)
    asked = _conditions(config, learned, where, forms)
    forms_layer = config.attention.forms_layer
    tried = len(config.attention.strengths) if forms_layer else 0
    looks = len(trials) * (1 + len(asked)) + (len(FORMS) * (1 + tried) if tried else 0)
    images = len(shown.categories) * config.images.per_category
    with progress.stage(f"{variant}: hard images", total=looks * images) as stage:
        for t, task in enumerate(trials.values()):
            before, outcomes = look(
                learned.observer,
                task,
                [row.attention for row in asked],
                batch=batch,
                advance=stage.advance,
            )
            table.unattended((v, t), before)
            for row, outcome in zip(asked, outcomes, strict=True):
                place = (v, t, row.source, row.site, row.strength)
                table.attended(place, outcome, before, learned, row.share)
            if t > 0 or not tried:
                continue
            for f, (form, both) in enumerate(FORMS.values()):
                settings = {"form": form, "bidirectional": both}
                other = forms_of(config.attention.model_copy(update=settings), built.system, scales)
                _, outcomes = look(
                    learned.observer,
                    task,
                    _at_forms_layer(config, learned, other),
                    batch=batch,
                    advance=stage.advance,
                )
                for b, outcome in enumerate(outcomes):
                    table.put("score_form", (v, f, b), outcome.answers)


def _conditions(
    config: Config,
    learned: Learned,
    where: list[tuple[str, np.ndarray]],
    forms: Sequence[AbstractForm],
) -> list[Asked]:
    """Every source, at every site, at every strength."""
    a = config.attention
    return [
        Asked(s, n, b, share, attend(by_values(learned.values[source], forms), share, beta))
        for s, source in enumerate(a.sources)
        for n, (_, share) in enumerate(where)
        for b, beta in enumerate(a.strengths)
    ]


def _at_forms_layer(
    config: Config, learned: Learned, forms: Sequence[AbstractForm]
) -> list[Attention]:
    """Tuning values at the layer where forms are compared, at every strength."""
    a = config.attention
    share = np.eye(len(forms))[a.forms_layer - 1]
    source = by_values(learned.values["tuning"], forms)
    return [attend(source, share, beta) for beta in a.strengths]


def _luminance(images: Array) -> np.ndarray:
    """The first image without its colour, from 0 to 1."""
    grey = np.asarray(images)[0].mean(axis=0)
    return (grey - grey.min()) / max(float(np.ptp(grey)), 1e-6)


def is_published(config: Config) -> bool:
    """Whether this is the published study: the preset, wherever the photographs lie."""
    own = plain(config)
    theirs = plain(load_config(PUBLISHED))
    for settings in (own, theirs):
        settings.pop("seed")
        for name in ("folder", "list", "batch"):
            settings["images"].pop(name)
        settings["network"].pop("weights")
    return own == theirs


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Regime of the circuits; gains of attention by layer, and what they consist of."""
    return object_measures(data, published=is_published(config), digits=not config.images.given)
