"""Detecting a digit in hard images: does attention help to see it, or to say yes?

Shown: two digits merged into one image; and, if asked for, four or two in a 2 x 2 array.
Simulated: three networks of three layers, each without circuits, with an inhibition-stabilised
circuit at every layer, and with these circuits lacking recurrence; looking with no attention and
with attention to the digit sought, from several sources, at one layer or at all, at several
strengths. Measured: detection, its criterion and its sensitivity; what a better threshold would
have gained; and how much sensitivity there is to gain.

Source: the design of Lindsay & Miller 2018, eLife 7:e38105, on handwritten digits; circuits in
the network are our design.
"""

from __future__ import annotations

from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array

from cortex import experiment as ex
from cortex import studies
from cortex.areas import SSN, VisualSystem, accuracy, as_network
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
from cortex.stimuli.trials import hard_trials
from cortex.studies import detection_rows as rows

PAPER = Source("lindsay2018")
LAYERS = 3
ORDINARY = 200  # digits that gradients over ordinary images are averaged over
PLACED = ("spatial", "spatial_and_tuning")  # sources that need a place
SourceName = Literal[
    "tuning",
    "gradient",
    "gradient_ordinary",
    "shuffled",
    "negated",
    "uniform",
    "spatial",
    "spatial_and_tuning",
]


class Images(Section):
    """Ordinary images to learn on, hard ones to learn on, and hard ones to be tested on."""

    mnist: str = choice("", "folder of the full MNIST in IDX files; empty: 5,000 packaged digits")
    training: int = quantity(1000, "1", "digits that detectors are trained on", ge=100)
    detectors: Literal["half-size", "whole"] = choice(
        "half-size",
        "for arrays, detectors, tuning values and ceilings are of digits of half the size in any "
        "quadrant, or of whole ones",
    )
    hard: int = quantity(
        60, "1", "hard images of training digits a category, for gradients (45 in the paper)", ge=8
    )
    tasks: tuple[Literal["merged", "array", "array of two"], ...] = choice(
        ("merged",), "kinds of hard images", PAPER, min_length=1
    )
    per_category: int = quantity(
        60, "1", "hard images a category, half with it (150 in the paper)", ge=8, le=100_000
    )


class Attention(study.StudyAttentionSection):
    """Sources, forms, sites and strengths of attention."""

    sources: tuple[SourceName, ...] = choice(  # type: ignore[assignment]
        ("tuning", "shuffled"),
        "what attention is applied by; controls included",
        PAPER,
        min_length=1,
    )
    control_layers: tuple[int, ...] = quantity((3,), "1", "layers that controls are applied to")
    all_layers: bool = choice(False, "also to all layers of the network at once", PAPER)
    all_layers_share: float = quantity(
        1 / 3, "1", "share of beta of each layer when all are attended", gt=0
    )
    strengths: tuple[Positive, ...] = quantity(
        (0.125, 0.25, 0.5, 1.0, 2.0), "1", "beta", "within the paper's 0 to 11.85", min_length=1
    )
    plain_scale: float = quantity(1.0, "1", "additive form: input to a plain layer at 1", gt=0)
    spatial_strength: float = quantity(0.5, "1", "beta_s of the source spatial_and_tuning", ge=0)


class Settings(ex.ExperimentSettings):
    """Settings of `digits_detection`."""

    images: Images = Images()
    networks: int = quantity(3, "1", "networks, from network.weights_seed on", ge=1, le=100)
    network: DigitNetworks = DigitNetworks(variants=("plain", "no recurrence", "circuits"))
    circuit: SSN = SSN()
    values: study.ValuesSection = study.ValuesSection()
    attention: Attention = Attention()
    ceilings: studies.CeilingSection = studies.CeilingSection()
    # A longer step than elsewhere, stable in these circuits: states are found in half the time.
    solver: SolverSection = SolverSection(step=6.0, check_every=4)
    statistics: study.StatisticsSection = study.StatisticsSection(resamples=300)


def simulate(s: Settings, key: Array) -> xr.Dataset:
    """Every network learns, is probed, and looks at hard images with and without attention."""
    digits = digit_images(s.images.mnist, "images.mnist")
    seeds = [s.network.weights_seed + number for number in range(s.networks)]
    found = {n: one_network(s, n, *digits, jax.random.fold_in(key, n)) for n in seeds}
    return studies.over_networks(found)


def one_network(
    s: Settings, seed: int, training: Digits, held_out: Digits, key: Array
) -> xr.Dataset:
    """One network in all its variants, with hard images of its own."""
    counts = (held_out, s.images.per_category), (training, s.images.hard)
    tested, learned = (
        hard_trials(
            jax.random.fold_in(key, number),
            s.images.tasks,
            digit_network().images(digits).__getitem__,
            np.asarray(digits.labels),
            n,
            CLASSES,
        )
        for number, (digits, n) in enumerate(counts)
    )
    network = s.network.model_copy(update={"weights_seed": seed})
    subjects: dict[str, dict[str, studies.Subject]] = {}
    about = []
    for variant in s.network.variants:
        with stage(f"network {seed}, {variant}: detectors, attention values"):
            system = network.system(variant, s.circuit, s.solver, training)
            subjects[variant] = {
                task: prepare(s, system, task, training, hard, key)
                for task, hard in learned.items()
            }
            about.append(describe(s, system, variant, held_out))
    data = studies.detection_study(
        subjects,
        tested,
        at=dict(study.sites(s.attention, LAYERS)),
        strengths=s.attention.strengths,
        asked=lambda task, source, site: s.attention.asked(source, site),
    )
    ceiling = studies.ceilings_of(
        s.ceilings,
        s.values.penalty,
        subjects,
        learned,
        tested,
        np.asarray(training.labels),
        s.seed,
    )
    return xr.merge(
        [
            data,
            xr.concat(about, data["variant"]),
            ceiling,
            to_dataset({"example": studies.examples(tested)}),
        ],
        join="exact",
    )


def prepare(
    s: Settings, system: VisualSystem, task: str, training: Digits, hard: Any, key: Array
) -> studies.Subject:
    """An observer of one task with its sources of attention."""
    half = task != "merged" and s.images.detectors == "half-size"
    counts = s.images.training, ORDINARY
    ordinary = study.ordinary_digits(training, s.seed, *counts, half_size=half)
    found = study.learn(system, ordinary, s.values, key)
    values = dict(found.values)
    if "gradient" in s.attention.sources:
        values["gradient"] = study.hard_gradients(found.observer, hard, s.values)
    if "gradient_ordinary" in s.attention.sources:
        rng = np.random.default_rng(s.seed)
        ordinarily = study.ordinary_gradients(found.observer, ordinary, s.values, rng)
        values["gradient_ordinary"] = ordinarily
    forms = study.forms_of(s.attention, system, (s.attention.plain_scale,) * LAYERS)
    by = {name: studies.by_values(of_layers, forms) for name, of_layers in values.items()}
    place = studies.by_place(forms, fixed=s.attention.spatial_strength)
    by["spatial"] = studies.by_place(forms)
    by["spatial_and_tuning"] = studies.together(by["tuning"], place)
    there = [x for x in s.attention.sources if task != "merged" or x not in PLACED]
    return studies.Subject(found.observer, {x: by[x] for x in there}, values["tuning"])


def describe(s: Settings, system: VisualSystem, variant: str, held_out: Digits) -> xr.Dataset:
    """How well a network names whole digits, and what its circuits compute."""
    shown, known = digit_network().images(held_out), np.asarray(held_out.labels)
    right = accuracy(system, shown, jnp.asarray(known))
    # Held-out digits c and, beside each, c + 5.
    pairs = np.argsort(known, kind="stable")[np.linspace(0, len(known) - 1, 24).astype(int)]
    probed = system if variant == "circuits" else VisualSystem.plain(as_network(system))
    about = studies.probed(probed, shown[pairs[:12]], shown[pairs[12:]])
    about["accuracy"] = label(right, "1", "held-out digits named correctly")
    return to_dataset(about)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Measures of detection, what attention gains, and what is compared, over networks."""
    return rows.detection_results(data, s.statistics, rng)


COMPUTES = Source(detail="required here: the circuits must compute, and the network still work")

CLAIMS = (
    ex.Claim(
        "accuracy_lost_to_circuits",
        lambda d: (d.accuracy.sel(variant="plain") - d.accuracy.sel(variant="circuits")).mean(),
        ex.AtMost(0.03),
        COMPUTES,
        "the network with circuits names digits almost as well as without",
        when=rows.variants("plain", "circuits"),
    ),
    *studies.circuit_claims(),
    *rows.GAIN_CLAIMS,
    ex.settled_claim(),
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
        "images.training": 200,
        "images.hard": 8,
        "images.tasks": ["merged"],
        "networks": 2,
        "attention.strengths": [0.5, 1.0],
        "attention.sources": ["tuning", "shuffled"],
        "network.variants": ["plain"],
        "statistics.resamples": 20,
    },
)
