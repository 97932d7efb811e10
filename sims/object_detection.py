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

from collections.abc import Callable
from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array

from cortex import experiment as ex
from cortex import studies
from cortex.analysis import yes_no as detection
from cortex.analysis.curves import thirds
from cortex.analysis.signal_detection import detection_rates
from cortex.experiment import Above, AtLeast, Below, Between, Claim, Near
from cortex.labelled import label, to_dataset
from cortex.models import networks, study
from cortex.models.object_images import ImagesSection, StimulusSet, stimulus_set
from cortex.progress import stage
from cortex.settings import plain, quantity, replaced
from cortex.sources import Source
from cortex.stimuli.trials import array_trials, merged_trials
from cortex.tasks import even_batch

MAKERS = {"merged": merged_trials, "array": array_trials}


class Settings(ex.ExperimentSettings):
    """Settings of `object_detection`."""

    images: ImagesSection = ImagesSection()
    network: networks.NetworkSection = networks.NetworkSection()
    circuit: networks.SSN = networks.SSN()
    attention: study.StudyAttentionSection = study.StudyAttentionSection(
        layers=(2, 4, 6, 8), strengths=(0.5, 1.0, 2.0)
    )
    forms_layer: int = quantity(8, "1", "layer where the four forms are compared; 0: none", ge=0)
    values: study.ValuesSection = study.ValuesSection(gradients_over="category")
    solver: networks.SolverSection = networks.SolverSection()
    statistics: study.StatisticsSection = study.StatisticsSection()


def simulate(s: Settings, key: Array) -> xr.Dataset:
    """Each variant of the network learns and looks at hard images, unattended and attending."""
    network = networks.load_study_network(s.network)
    layers = len(network.layers)
    if s.forms_layer > layers:
        raise ex.ConfigError(f"forms_layer: found {s.forms_layer}, allowed: 0 to {layers}")
    at = dict(study.sites(s.attention, layers))
    shown = stimulus_set(s.images, network, s.seed)
    hard = shown.pixels, shown.labels, s.images.per_category, len(shown.categories)
    tasks = {
        name: MAKERS[name](jax.random.fold_in(key, number), *hard)
        for number, name in enumerate(s.images.tasks)
    }
    subjects, forms, described = {}, {}, []
    for variant in s.network.variants:
        learn_key = jax.random.fold_in(key, len(MAKERS))
        subjects[variant], forms[variant], about = prepare(s, network, shown, variant, learn_key)
        described.append(to_dataset(about))
    grid = {"strengths": s.attention.strengths, "batch": s.images.batch}
    data = studies.detection_study(subjects, tasks, at=at, **grid)
    if s.forms_layer:
        first, at = s.images.tasks[0], {"forms": np.eye(layers)[s.forms_layer - 1]}
        scores = studies.detection_study(forms, {first: tasks[first]}, at=at, **grid)["score"]
        data["score_form"] = scores.isel(task=0, site=0, drop=True).rename(source="form")
    more = to_dataset({"example": studies.examples(tasks)}), xr.concat(described, data["variant"])
    return xr.merge([data, *more], join="exact").assign_coords(category=list(shown.categories))


def prepare(
    s: Settings, network: networks.StudyNetwork, shown: StimulusSet, variant: str, key: Array
) -> tuple[studies.Subject, studies.Subject, dict[str, Any]]:
    """An observer with its sources of attention and with its forms; what its circuits compute."""
    ordinary, steps = shown.ordinary, study.learning_steps(shown.ordinary)
    with stage(f"{variant}: ordinary images, detectors, attention values", steps) as advance:
        calibration = shown.calibration() if s.network.inserts(variant) else None
        built = networks.build_system(network, s.network, s.circuit, s.solver, variant, calibration)
        # Networks of photographs have many units that hardly respond: none is to count more.
        how = {"common": network.preprocessing is not None, "report": advance}
        batch = even_batch(s.images.per_category, s.images.batch)
        learned = study.learn(built.system, ordinary, s.values, key, batch=batch, **how)
    scales, values = networks.additive_scales(network, learned.responses.means), learned.values

    def source(name: str, form: dict[str, Any]) -> studies.Source:
        section = s.attention.model_copy(update=form)
        return studies.by_values(values[name], study.forms_of(section, built.system, scales))

    sources = {name: source(name, {}) for name in s.attention.sources}
    forms = {name: source("tuning", form) for name, form in study.FORMS.items()}
    right = detection_rates(learned.pairs.logits, learned.pairs.present).performance
    about = studies.probed(built.system, *shown.ordinary_pairs())
    about["ordinary"] = label(right, "1", "performance on new ordinary images")
    one, other = (studies.Subject(learned.observer, x, values["tuning"]) for x in (sources, forms))
    return one, other, about


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Measures of detection, and what attention gains, by source, layer and form."""
    attended, unattended = data["score"], data["score_unattended"]
    options = {"n": s.statistics.resamples, "level": s.statistics.level, "rng": rng}
    found = {"detection": detection.yes_no(attended)}
    found["detection_unattended"] = detection.yes_no(unattended)
    found["best_layer"] = detection.best_site(attended, studies.single_layers(data))
    with stage("what attention gains, and its intervals"):
        found |= detection.attention_gains(attended, unattended, **options)
        if "score_form" in data:
            forms = data["score_form"].rename(form="source").expand_dims(site=["forms"])
            first = unattended.isel(task=0, drop=True)
            gains = detection.attention_gains(forms, first, **options)["gain"]
            gains = gains.sel(
                measure="performance", compared=list(study.FORMS), site="forms", drop=True
            )
            found["form_gain"] = gains.rename(compared="form")
    at = {"measure": "performance", "bound": "value"}
    parts = thirds(found["gain"].sel(at, drop=True).sel(site=studies.single_layers(data)), "site")
    found["gain_by_part"] = parts.assign_attrs(units="1", long_name="gain, mean over a third")
    if "tuning" in data["source"]:
        at_last = found["detection"].sel(source="tuning", site=studies.last_layer(data), drop=True)
        found |= detection.over_strengths(at_last, found["detection_unattended"])
    return found


def gain(source: str) -> Callable[[xr.Dataset], xr.DataArray]:
    """Gain in performance by a source at the last layer, with its interval."""
    at = {"measure": "performance", "compared": source}
    return lambda d: d["gain"].sel(at, drop=True).sel(site=studies.last_layer(d), drop=True)


def minus(one: tuple[str, str], other: tuple[str, str]) -> Callable[[xr.Dataset], Any]:
    """Gain by a source in a third of the layers, less that by another or in another third."""

    def value(d: xr.Dataset) -> xr.DataArray:
        gains = d["gain_by_part"]
        first, second = (gains.sel(compared=by, part=part, drop=True) for by, part in (one, other))
        return (first - second).round(12)

    return value


def all_minus_best(d: xr.Dataset) -> xr.DataArray:
    """Performance with attention to all layers, less that with attention to the best one."""
    right = d["best"].sel(measure="performance", bound="value", drop=True)
    learned = [name for name in d["source"].values if name in ("tuning", "gradient")]
    right, best = right.rename(compared="source").sel(source=learned), d["best_layer"]
    return (right.sel(site="all") - right.sel(site=best.sel(source=learned))).round(12)


def best_form(d: xr.Dataset) -> xr.DataArray:
    """Gain of the first of the forms, less that of the best of the others."""
    gains = d["form_gain"].sel(bound="value", drop=True)
    return (gains.isel(form=0) - gains.isel(form=slice(1, None)).max("form")).round(12)


def is_published(s: Settings) -> bool:
    """Whether this is the published study: the preset, wherever the photographs lie."""
    own = {"seed": s.seed, "experiment": s.experiment, "network.weights": s.network.weights}
    own |= {f"images.{name}": getattr(s.images, name) for name in ("folder", "list", "batch")}
    return plain(replaced(ex.load_settings("object_detection_vgg16")[1], own)) == plain(s)


def asked(name: str) -> Callable[[Settings], bool]:
    """Whether what a claim names is there: sources, thirds of the layers, all at once, forms."""

    def when(s: Settings) -> bool:
        a, absent = s.attention, {"tuning", "gradient", "shuffled"} - set(s.attention.sources)
        absent |= {"early", "middle", "late"} if 0 < len(a.layers) < 3 else set()
        absent |= (set() if a.all_layers else {"all"}) | (set() if s.forms_layer else {"form"})
        return not absent & set(name.split("_"))

    return when


PAPER, PLAIN = "lindsay2018", {"variant": "plain", "bound": "value"}
RIGHT, WORDS = {"variant": "plain", "measure": "performance"}, (Source(PAPER), "as published")
DIRECTION = Source(PAPER, "direction, on VGG-16 and photographs")
KNOWN = "On digits, in a network of eight layers, only the paper's directions are asked for."
CLOSE = Between(-0.05, 0.05, "the margin is chosen here")
EARLY, MIDDLE, LATE = ("tuning", "early"), ("tuning", "middle"), ("tuning", "late")
MIDWAY, GRADIENT, SHUFFLED = ("gradient", "middle"), ("gradient", "late"), ("shuffled", "late")
FOUND = {
    "tuning_gain": (gain("tuning"), Above(0), "tuning values help to detect"),
    "gradient_gain": (gain("gradient"), Above(0), "gradient values help to detect"),
    "tuning_late_minus_early": (minus(LATE, EARLY), Above(0), "late layers gain more"),
    "tuning_minus_shuffled_late": (minus(LATE, SHUFFLED), Above(0), "tuning beat shuffled values"),
    "gradient_minus_shuffled_late": (minus(GRADIENT, SHUFFLED), Above(0), "so do gradients"),
    "gradient_minus_tuning_middle": (minus(MIDWAY, MIDDLE), Above(0), "gradients beat tuning"),
    "gradient_minus_tuning_late": (minus(GRADIENT, LATE), CLOSE, "late, they are equal"),
    "all_minus_best_layer": (all_minus_best, CLOSE, "all layers at once are like the best one"),
    "tuning_lag": (lambda d: d["false_positive_lag"], Above(0), "hits rise before false alarms"),
    "tuning_loss": (lambda d: d["loss_at_strongest"], Below(0), "the strongest is not the best"),
    "best_form_advantage": (best_form, AtLeast(0), "gain of both signs is the best of the forms"),
}
PUBLISHED = {  # at layer 13; the margin is chosen here
    "base": (lambda d: d["detection_unattended"].sel(RIGHT), {"merged": 0.644, "array": 0.556}),
    "gain": (lambda d: gain("tuning")(d).sel(PLAIN), {"merged": 0.188, "array": 0.228}),
}
CLAIMS = (
    *studies.circuit_claims(),
    Claim(
        "activity_slope_lowest",
        lambda d: d["activity_slope"].isel(task=0, strength=0).sel(source="tuning").min("site"),
        Above(0),
        Source("treue1999", "direction of feature-similarity gain"),
        "at every layer, attention scales a map's activity by its tuning",
        when=asked("tuning"),
    ),
    *(
        Claim(name, value, expect, DIRECTION, effect, True, KNOWN, "1", asked(name))
        for name, (value, expect, effect) in FOUND.items()
    ),
    *(
        Claim(f"published_{name}", value, Near(numbers, atol=0.05), *WORDS, when=is_published)
        for name, (value, numbers) in PUBLISHED.items()
    ),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    small={
        "images.per_category": 8,
        "images.learning": 4,
        "images.gradients": 1,
        "images.tasks": ["array"],
        "network.variants": ["plain"],
        "attention.layers": [8],
        "attention.all_layers": False,
        "attention.sources": ["tuning"],
        "attention.strengths": [0.5, 1.0],
        "statistics.resamples": 10,
    },
)
