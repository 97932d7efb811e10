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

from typing import Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex import studies
from cortex.analysis.yes_no import attention_gains, yes_no
from cortex.areas import SSN, VisualSystem, accuracy
from cortex.areas.digits import CLASSES, digit_network
from cortex.labelled import label, to_dataset
from cortex.models import study
from cortex.models.digit_images import digit_images
from cortex.models.networks import DigitNetworks, SolverSection
from cortex.progress import stage
from cortex.settings import Positive, choice, quantity
from cortex.settings import Settings as Section
from cortex.sources import Source
from cortex.stimuli import Digits
from cortex.stimuli.trials import array_trials, merged_trials

PAPER = Source("lindsay2018")
LAYERS = 3
MAKERS = {"merged": merged_trials, "array": array_trials}
TASKS = {"merged": "merged digits", "array": "arrays of digits"}
Learned = Literal["tuning", "gradient_category", "gradient_balanced"]
Control = Literal["shuffled", "negated", "uniform"]
Placed = Literal["spatial", "spatial_and_tuning"]  # sources that need a place
SourceName = Literal[Learned, Control, Placed]


class Images(Section):
    """Ordinary images to learn on, hard ones to be tested on."""

    mnist: str = choice("", "folder of the full MNIST in IDX files; empty: 5,000 packaged digits")
    training: int = quantity(2000, "1", "digits that detectors are trained on", ge=100)
    gradients: int = quantity(200, "1", "other digits, that gradients are averaged over", ge=20)
    tasks: tuple[Literal["merged", "array"], ...] = choice(
        ("merged", "array"), "kinds of hard images", PAPER, min_length=1
    )
    per_category: int = quantity(
        40, "1", "hard images a category, half with it (150 in the paper)", ge=8
    )


class Attention(study.FormSection):
    """Sources, forms, sites and strengths of attention."""

    sources: tuple[SourceName, ...] = choice(
        (*get_args(Learned), "shuffled", "uniform", *get_args(Placed)),
        "what attention is applied by; controls included",
        PAPER,
        min_length=1,
    )
    strengths: tuple[Positive, ...] = quantity(
        (0.125, 0.25, 0.5, 1.0), "1", "beta", "within the paper's 0 to 11.85", min_length=1
    )
    plain_scale: float = quantity(1.0, "1", "additive form: input to a plain layer at 1", gt=0)
    all_layers_share: float = quantity(
        1 / 3, "1", "share of beta of each layer when all are attended", gt=0
    )
    spatial_strength: float = quantity(0.5, "1", "beta_s of the source spatial_and_tuning", ge=0)
    gradients_over: Literal["layer", "map"] = choice(
        "layer", "gradient values are divided by the largest of the layer, or of the map", PAPER
    )


class Settings(ex.ExperimentSettings):
    """Settings of `digits_detection`."""

    images: Images = Images()
    network: DigitNetworks = DigitNetworks()
    circuit: SSN = SSN()
    attention: Attention = Attention()
    solver: SolverSection = SolverSection()
    statistics: study.StatisticsSection = study.StatisticsSection()


def simulate(s: Settings, key: Array) -> xr.Dataset:
    """Both networks learn, are probed, and look at hard images with and without attention."""
    training, held_out = digit_images(s.images.mnist, "images.mnist")
    shown, known = digit_network().images(held_out), np.asarray(held_out.labels)
    hard = shown.__getitem__, known, s.images.per_category, CLASSES
    tasks = {
        name: MAKERS[name](jax.random.fold_in(key, number), *hard)
        for number, name in enumerate(s.images.tasks)
    }
    subjects, described = {}, []
    for variant in s.network.variants:
        with stage(f"{variant}: plain digits, detectors, attention values"):
            system = s.network.system(variant, s.circuit, s.solver, training)
            subjects[variant], about = prepare(s, system, training, shown, known, key)
            described.append(about)
    share = np.full(LAYERS, s.attention.all_layers_share)
    data = studies.detection_study(
        subjects,
        tasks,
        at={f"layer {n + 1}": np.eye(LAYERS)[n] for n in range(LAYERS)} | {"all": share},
        strengths=s.attention.strengths,
        placed=get_args(Placed),
    )
    more = to_dataset({"example": studies.examples(tasks)}), xr.concat(described, data["variant"])
    return xr.merge([data, *more], join="exact")


def prepare(
    s: Settings, system: VisualSystem, training: Digits, shown: Array, known: np.ndarray, key: Array
) -> tuple[studies.Subject, xr.Dataset]:
    """An observer with its sources of attention; what it knows and what its circuits compute."""
    ordinary = study.ordinary_digits(training, s.seed, s.images.training, s.images.gradients)
    kind = study.ValuesSection(gradients_normalised=s.attention.gradients_over)
    found = study.learn(system, ordinary, kind, key)
    forms = study.forms_of(s.attention, system, (s.attention.plain_scale,) * LAYERS)
    by = {name: studies.by_values(values, forms) for name, values in found.values.items()}
    place = studies.by_place(forms, fixed=s.attention.spatial_strength)
    by["spatial"] = studies.by_place(forms)
    by["spatial_and_tuning"] = studies.together(by["tuning"], place)
    subject = studies.Subject(found.observer, {name: by[name] for name in s.attention.sources})
    right = accuracy(system, shown, jnp.asarray(known))
    # Held-out digits c and, beside each, c + 5.
    rows = np.argsort(known, kind="stable")[np.linspace(0, len(known) - 1, 80).astype(int)]
    about = {
        "accuracy": label(right, "1", "plain held-out digits named correctly"),
        "values": studies.by_map({name: found.values[name] for name in get_args(Learned)}),
        **studies.probed(system, shown[rows[:40]], shown[rows[40:]]),
    }
    return subject, to_dataset(about)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Measures of detection, what attention gains, and how activity follows tuning."""
    attended, unattended = data["score"], data["score_unattended"]
    found = {"detection": yes_no(attended), "detection_unattended": yes_no(unattended)}
    with stage("what attention gains, and its intervals"):
        found |= attention_gains(
            attended, unattended, n=s.statistics.resamples, level=s.statistics.level, rng=rng
        )
    if "tuning" in s.attention.sources:
        found["activity_slope"] = studies.activity_slopes(data, s.attention.strengths[0])
    return found


def gain_by(d: xr.Dataset, source: str) -> xr.DataArray:
    """Gain in performance by a source at the last layer."""
    return d["gain"].sel(measure="performance", compared=source, site=f"layer {LAYERS}", drop=True)


def unattended_level(d: xr.Dataset, place: dict[str, str]) -> str:
    """How well the task is done without attention."""
    at = {"variant": place["variant"], "task": place["task"], "measure": "performance"}
    return (
        "Without attention these detectors, fitted to whole digits, are right on "
        f"{float(d['detection_unattended'].sel(at)):.1%} of {TASKS[place['task']]}."
    )


DIRECTION = Source("lindsay2018", "direction, on VGG-16 and photographs")
SIMILARITY = Source("treue1999", "direction of feature-similarity gain")
COMPUTES = Source(detail="required here: the circuits must compute, and the network still work")

TUNING = {"headline": True, "when": lambda s: "tuning" in s.attention.sources}

CLAIMS = (
    ex.Claim(
        "accuracy_lost_to_circuits",
        lambda d: d.accuracy.sel(variant="plain") - d.accuracy.sel(variant="circuits"),
        ex.AtMost(0.03),
        COMPUTES,
        "the network with circuits names digits almost as well as without",
        headline=True,
        when=lambda s: len(set(s.network.variants)) == 2,
    ),
    *studies.circuit_claims(),
    ex.Claim(
        "activity_slope",
        lambda d: d.activity_slope,
        ex.Above(0),
        SIMILARITY,
        "attention scales a map's activity by its tuning to what is sought",
        **TUNING,
    ),
    ex.Claim(
        "tuning_gain",
        lambda d: gain_by(d, "tuning"),
        ex.Above(0),
        DIRECTION,
        "feature attention helps to detect",
        known=unattended_level,
        **TUNING,
    ),
    ex.Claim(
        "tuning_minus_shuffled",
        lambda d: (gain_by(d, "tuning") - gain_by(d, "shuffled")).sel(bound="value"),
        ex.Above(0),
        DIRECTION,
        "tuning values help more than shuffled ones",
        headline=True,
        known=unattended_level,
        unit="1",
        when=lambda s: {"tuning", "shuffled"} <= set(s.attention.sources),
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    small={
        "images.per_category": 8,
        "images.training": 200,
        "images.gradients": 20,
        "images.tasks": ["array"],
        "attention.strengths": [0.5],
        "attention.sources": ["tuning", "shuffled", "spatial"],
        "network.variants": ["plain"],
        "statistics.resamples": 20,
    },
)
