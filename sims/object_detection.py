"""Detecting an object in hard images: a deep network attending at each of its layers.

Shown: two ordinary images merged into one, and four in a 2 x 2 array. Simulated: three
convolutional networks of VGG's kind, or one of photographs, each as it is and, if asked for, with
circuits in its layers, with and without their recurrence; looking with no attention and with
attention to the category sought: by tuning values, by gradient values, and by controls, at one
layer after another and at all of them, over a grid of strengths. Measured: what attention at each
layer does to activity and to detection, how much of its gain a mere shift of the detectors'
threshold would have brought, and how much sensitivity there is to gain.

Source: Lindsay & Miller 2018, eLife 7:e38105, on VGG-16 and photographs; the networks of eight
layers trained on handwritten digits, and circuits in networks, are our designs.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import xarray as xr
from jaxtyping import Array

from cortex import experiment as ex
from cortex import studies
from cortex.analysis.attention_gain import attention_gains
from cortex.experiment import AtLeast, Claim, Near
from cortex.labelled import label, to_dataset
from cortex.models import networks as nets
from cortex.models import study
from cortex.models.object_images import ImagesSection, StimulusSet, stimulus_set
from cortex.progress import stage
from cortex.settings import plain, quantity, replaced
from cortex.sources import Source
from cortex.stimuli.trials import ComposedTrials, hard_trials
from cortex.studies import detection_rows as rows
from cortex.tasks import Observer, batch_within, even_batch, in_batches


class Settings(ex.ExperimentSettings):
    """Settings of `object_detection`."""

    images: ImagesSection = ImagesSection()
    networks: int = quantity(3, "1", "of digits, from network.weights_seed on", ge=1, le=100)
    network: nets.NetworkSection = nets.NetworkSection(variants=("plain",))
    circuit: nets.SSN = nets.SSN()
    attention: study.StudyAttentionSection = study.StudyAttentionSection(
        layers=(2, 4, 6, 8), control_layers=(8,), strengths=(0.125, 0.25, 0.5, 1.0, 2.0)
    )
    forms_layer: int = quantity(8, "1", "layer where the four forms are compared; 0: none", ge=0)
    values: study.ValuesSection = study.ValuesSection()
    ceilings: studies.CeilingSection = studies.CeilingSection()
    solver: nets.SolverSection = nets.SolverSection()
    statistics: study.StatisticsSection = study.StatisticsSection(resamples=300)


def simulate(s: Settings, key: Array) -> xr.Dataset:
    """Every network learns and looks at hard images, unattended and attending."""
    if s.networks > 1 and s.network.name != nets.DIGITS:
        raise ex.ConfigError(f"networks: found {s.networks}, allowed: 1 ({s.network.name} is one)")
    seeds = [s.network.weights_seed + number for number in range(s.networks)]
    found = {n: one_network(s, n, jax.random.fold_in(key, n)) for n in seeds}
    return studies.over_networks(found)


def one_network(s: Settings, seed: int, key: Array) -> xr.Dataset:
    """One network in all its variants, with hard images of its own."""
    chosen = s.network.model_copy(update={"weights_seed": seed})
    network = nets.load_study_network(chosen)
    layers = len(network.layers)
    if s.forms_layer > layers:
        raise ex.ConfigError(f"forms_layer: found {s.forms_layer}, allowed: 0 to {layers}")
    at = dict(study.sites(s.attention, layers))
    shown = stimulus_set(s.images, network, s.seed)
    singles = (shown.tested, s.images.per_category), (shown.learned, s.images.hard)
    tested, learned = (
        hard_trials(
            jax.random.fold_in(key, number), s.images.tasks, *images, n, len(shown.categories)
        )
        for number, (images, n) in enumerate(singles)
    )
    subjects, forms, described = {}, {}, []
    for variant in chosen.variants:
        parts = s, network, chosen, shown, learned, variant, jax.random.fold_in(key, 2)
        subjects[variant], forms[variant], about = prepare(*parts)
        described.append(to_dataset(about))
    grid: dict[str, Any] = {"strengths": s.attention.strengths, "batch": s.images.batch}
    grid["asked"] = lambda task, source, site: s.attention.asked(source, site)
    data = studies.detection_study(subjects, tested, at=at, **grid)
    if s.forms_layer:
        first, at = s.images.tasks[0], {"forms": np.eye(layers)[s.forms_layer - 1]}
        scores = studies.detection_study(forms, {first: tested[first]}, at=at, **grid)["score"]
        data["score_form"] = scores.isel(task=0, site=0, drop=True).rename(source="form")
    own = s.ceilings, s.values.penalty, subjects, learned, tested, shown.learned.labels, s.seed
    ceiling = studies.ceilings_of(*own, common=network.preprocessing is not None)
    more = to_dataset({"example": studies.examples(tested)}), xr.concat(described, data["variant"])
    data = xr.merge([data, ceiling, *more], join="exact")
    return data.assign_coords(category=list(shown.categories))


def prepare(
    s: Settings,
    network: nets.StudyNetwork,
    chosen: nets.NetworkSection,
    shown: StimulusSet,
    hard: dict[str, ComposedTrials],
    variant: str,
    key: Array,
) -> tuple[dict[str, studies.Subject], dict[str, studies.Subject], dict[str, Any]]:
    """By task, an observer with its sources of attention, and with its forms; what it is."""
    ordinary, by_task, by_form = shown.ordinary, {}, {}
    with stage(f"{variant}: building"):
        calibration = shown.calibration() if chosen.calibrates(variant) else None
        built = nets.build_system(network, chosen, s.circuit, s.solver, variant, calibration)
    # Networks of photographs have many units that hardly respond: none is to count more.
    common = network.preprocessing is not None
    batch = even_batch(s.images.per_category, s.images.batch)
    with stage(f"{variant}: ordinary images", len(ordinary.learning)) as advance:
        how = {"batch": batch, "common": common, "report": advance}
        found = study.learn(built.system, ordinary, s.values, key, **how)
    scales = nets.additive_scales(network, found.responses.means)

    def source(values: Any, form: dict[str, Any]) -> studies.Source:
        section = s.attention.model_copy(update=form)
        return studies.by_values(values, study.forms_of(section, built.system, scales))

    tuning = found.values["tuning"]
    forms = {name: source(tuning, form) for name, form in study.FORMS.items()}
    for task, images in hard.items():
        values = dict(found.values)
        if "gradient" in s.attention.sources:
            with stage(f"{variant}, {task}: gradients", len(images)) as advance:
                own = found.observer, images, s.values, batch, advance
                values["gradient"] = study.hard_gradients(*own)
        sources = {name: source(values[name], {}) for name in s.attention.sources}
        by_task[task] = studies.Subject(found.observer, sources, tuning)
        by_form[task] = studies.Subject(found.observer, forms, tuning)
    about = studies.probed(built.system, *shown.ordinary_pairs())
    right = ordinary_performance(found.observer, shown, batch)
    about["ordinary"] = label(right, "1", "performance on new ordinary images")
    about["kept"] = studies.kept_classes(built.system, network.network, ordinary, batch)
    return by_task, by_form, about


def ordinary_performance(observer: Observer, shown: StimulusSet, batch: int) -> float:
    """How well detectors tell ordinary images that nothing was fitted to."""
    rows, of = shown.ordinary.others, shown.ordinary
    batch = batch_within(observer.system, lambda: of.images(rows[:1]), batch)
    images = in_batches(lambda numbers: of.images(rows[numbers]), len(rows), batch)
    logits = np.concatenate([np.asarray(observer.first_pass(some).logits) for some in images])
    own = of.labels[rows][:, None] == np.arange(of.categories)
    return float((logits > 0)[own].mean() + 1 - (logits > 0)[~own].mean()) / 2


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Measures of detection, and what attention gains, by source, layer and form."""
    found = rows.detection_results(data, s.statistics, rng)
    if "score_form" in data:
        forms = data["score_form"].rename(form="source").expand_dims(site=["layer attended"])
        with stage("forms of attention"):
            gains = attention_gains(
                forms,
                data["score_unattended"].isel(task=0, drop=True),
                contrasts=lambda gains, course: {"lead": lead(gains["gain"])},
                nested_in=rows.NETWORK,
                n=s.statistics.resamples,
                level=s.statistics.level,
                rng=rng,
            )
        own = {"measure": "performance", "compared": list(study.FORMS)}
        gain = gains["gain"].sel(own, drop=True).isel(site=0, drop=True)
        found["form_gain"] = gain.rename(compared="form").assign_attrs(gains["gain"].attrs)
        text = "gain by the first form less that by another"
        found["form_lead"] = gains["lead"].assign_attrs(units="1", long_name=text)
    return found


def lead(gains: xr.DataArray) -> xr.DataArray:
    """Gain by the first of the forms, less that by each of the others."""
    first, *others = study.FORMS
    right = gains.sel(measure="performance", drop=True).isel(site=0, drop=True)
    ahead = right.sel(compared=first, drop=True) - right.sel(compared=others)
    return ahead.rename(compared="other_form")


def is_published(s: Settings) -> bool:
    """Whether this is the published study: the preset, wherever the photographs lie."""
    own = {"seed": s.seed, "experiment": s.experiment, "network.weights": s.network.weights}
    own |= {f"images.{name}": getattr(s.images, name) for name in ("folder", "list", "batch")}
    return plain(replaced(ex.load_settings("object_detection_vgg16")[1], own)) == plain(s)


PAPER = "lindsay2018"
PLAIN = {"variant": "plain", "measure": "performance"}
PUBLISHED = {  # the gain at layer 13, by the paper's statistic; the margin is chosen here
    "base": (
        lambda d: d["detection_unattended"].sel(PLAIN, drop=True).mean(rows.NETWORK),
        {"merged": 0.644, "array": 0.556},
    ),
    "gain": (
        lambda d: rows.at_last("published_gain", compared="tuning", variant="plain")(d),
        {"merged": 0.188, "array": 0.228},
    ),
}
CLAIMS = (
    *studies.circuit_claims(),
    studies.KEPT_CLAIM,
    *rows.GAIN_CLAIMS,
    Claim(
        "form_lead",
        lambda d: d["form_lead"],
        AtLeast(0),
        rows.DIRECTION,
        "gain of both signs is the best of the forms",
        known=rows.base_in_words,
        when=lambda s: bool(s.forms_layer),
    ),
    *(
        Claim(
            f"compared_with_paper_{name}",
            value,
            Near(numbers, atol=0.05),
            Source(PAPER, "as published, by the paper's statistic"),
            "as published",
            when=is_published,
        )
        for name, (value, numbers) in PUBLISHED.items()
    ),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    conclude=lambda s, data: rows.conclusion(data, s.statistics.level),
    compiled=False,
    small={
        "images.per_category": 8,
        "images.learning": 4,
        "images.others": 1,
        "images.hard": 2,
        "networks": 1,
        "attention.layers": [8],
        "attention.all_layers": False,
        "attention.sources": ["tuning"],
        "attention.strengths": [0.5, 1.0],
        "statistics.resamples": 10,
    },
)
