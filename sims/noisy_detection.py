"""Detection by a noisy network: what attention is worth when every circuit has noise on its input.

Shown: two digits merged into one image, and four in a 2 x 2 array, after a blank field. Simulated:
the digit network over time, an inhibition-stabilised circuit with noise at every layer, without
attention and with many kinds of it at the last layer. The noise has the size that makes half of
the variance of the logits noise; detectors are fitted without attention to noisy single digits
and stay; all kinds of attention raise the mean E rate alike. Measured: the area under the ROC
curve, early and late; noise of logits and of E units at the attended place; what of a gain is due
to mean rates, to variances, and to noise correlations; all of it at two contrasts.

Source: tasks and values after Lindsay & Miller 2018, eLife 7:e38105; correlations at the attended
place: Cohen & Maunsell 2009, Nat Neurosci 12:1594. Noise and circuits are our design.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.areas import Viewing
from cortex.areas.digits import CLASSES, SEEDS
from cortex.experiment import Above, AtMost, Below, Claim, Near
from cortex.labelled import Labelled, each, label
from cortex.models.learned import hard_digits
from cortex.models.networks import WeightsSection
from cortex.progress import stage
from cortex.settings import NonNegative, Positive, choice, kept, quantity
from cortex.sources import Source
from cortex.studies import noisy_attention as noisy_study
from cortex.studies.noisy_attention import NONE, Comparison
from cortex.studies.noisy_measures import known, measures, of
from cortex.studies.noisy_trials import BATCH, Noise, hard_trials, ordinary_trials

Task = Literal["merged", "array"]
SIZED_ON = 12  # images a category that the share of noise is measured on, to find its size


class Settings(ex.ExperimentSettings):
    """Settings of `noisy_detection`."""

    networks: tuple[Literal[0, 1, 2], ...] = quantity(SEEDS, "1", "digit networks", min_length=1)
    tasks: tuple[Task, ...] = choice(("merged", "array"), "kinds of hard images", min_length=1)
    compared: Comparison = Comparison()
    ordinary: int = quantity(500, "1", "noisy single digits that detectors are fitted to", ge=50)
    lessons: int = quantity(
        8, "1", "hard images a category to learn from", ge=4, le=100_000, multiple_of=2
    )
    per_category: int = quantity(8, "1", "of them to be tested on", ge=4, le=100_000, multiple_of=2)
    trials: int = quantity(3, "1", "trials of each of them", ge=2)
    noise: Noise = Noise()
    windows: tuple[tuple[NonNegative, Positive], ...] = quantity(
        ((10.0, 20.0), (30.0, 40.0), (70.0, 80.0), (100.0, 200.0)),
        "ms",
        "after the onset, over which rates are read; all but time is measured in the last",
        min_length=1,
    )
    before: float = quantity(50.0, "ms", "blank field before the onset", ge=0)
    step: float = quantity(2.5, "ms", "of Heun's method", gt=0)
    resamples: int = ex.bootstrap_resamples(300, "images")
    level: float = ex.interval_level()

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        self.viewing.weights()
        return self

    @property
    def viewing(self) -> Viewing:
        """The time of a trial."""
        return Viewing(self.windows, self.before, self.step)


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """The size of the noise is found once; then every network learns and does every task."""
    training, held_out = hard_digits.split()
    systems = {n: hard_digits.circuits_system(WeightsSection(weights_seed=n)) for n in s.networks}
    with stage("size of the noise"):
        noisy = s.noise.on(systems[s.networks[0]], s.noise.start, s.viewing)
        ordinary = ordinary_trials(training, key, s.tasks[0], s.ordinary)
        hard = hard_trials(training, key, s.tasks[0], SIZED_ON, 2)
        sd = noisy_study.noise_size(noisy, ordinary, hard, 2, s.noise.share, s.noise.rounds)

    def study(network: int, task: str) -> dict[str, np.ndarray]:
        noisy = s.noise.on(systems[network], sd, s.viewing)
        keys = jax.random.split(jax.random.fold_in(key, 2 * network + (task == "array")), 5)
        with stage(f"network {network}, {task}: detectors, values, strengths"):
            ordinary = ordinary_trials(training, keys[0], task, s.ordinary)
            hard = hard_trials(training, keys[1], task, s.lessons)
            lessons = noisy_study.learn(noisy, ordinary, hard, s.compared.contrasts, keys[2])
            few = np.asarray(jax.random.permutation(keys[3], len(hard.present)))[:BATCH]
            strengths = noisy_study.match(s.compared, noisy, hard.take(few), lessons, task)
        trials = hard_trials(held_out, keys[4], task, s.per_category, s.trials)
        with stage(f"network {network}, {task}: trials", total=len(trials.present)) as advance:
            found = noisy_study.attend_to_trials(
                s.compared, noisy, lessons, strengths, trials, s.trials, advance
            )
        shape = (CLASSES, s.per_category, s.trials)
        kept = {k: x.reshape(*shape, *x.shape[1:]) for k, x in found._asdict().items()}
        return kept | {"strength": strengths}

    found = each(network=s.networks, task=s.tasks)(study)
    conditions = {"contrast": s.compared.contrasts, "condition": tuple(s.compared.conditions)}
    trial = {"category": None, "image": None, "trial": None} | conditions
    windows = {"read": [end for _, end in s.windows]}
    words: dict[str, tuple[str, str, dict[str, Any]]] = {
        "score": ("1", "logit sought", trial | windows),
        "logits": ("1", "logits, last window", trial | {"answer": None}),
        "shuffled": ("1", "logit sought, trials shuffled", trial | {"shuffle": None}),
        "rate": ("Hz", "mean E rate, last window", trial),
        "units": ("Hz", "E rates at the attended place", trial | {"unit": None}),
        "strength": ("1", "strength of attention", conditions),
    }
    return {
        "sd": label(sd, "contrast", "standard deviation of the noise"),
        "present": label(np.arange(s.per_category) % 2 == 0, "1", "category shown", image=None),
    } | {name: found[name].named(unit, text, **axes) for name, (unit, text, axes) in words.items()}


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Areas, their gains and what they are due to, noise of logits and of units, with intervals."""
    with stage("intervals"):
        return measures(s.compared, data, n=s.resamples, level=s.level, rng=rng)


def mismatch(d: xr.Dataset) -> xr.DataArray:
    """Largest relative distance of a mean rate from the one wanted, over conditions."""
    match = d.rate_match.sel(bound="value", drop=True).drop_sel(condition=NONE)
    return np.abs(match - 1).max("condition")


def left_over(d: xr.Dataset) -> xr.DataArray:
    """Largest distance of a gain from the sum of its parts, over conditions."""
    parts = d.part_of_gain.sum("part", skipna=False) - d.gain.isel(read=-1, drop=True)
    return np.abs(parts.sel(bound="value", drop=True)).max("condition")


def finite(d: xr.Dataset) -> xr.DataArray:
    """Share of what was tried that gave a finite logit."""
    return d.score.notnull().where(d.strength.notnull()).mean()


PLACE = "place, gain", "place, input to E"
TUNING = "tuning, gain", "tuning, input to E"
SELECTIVE = (*TUNING, "gradient, gain", "positive, gain", *PLACE)
STATED = Source(detail="stated here before it was run")
COHEN = Source("cohen2009", "direction, in V4, at the attended place")
NEEDED = Source(detail="required here of the comparison")

SEES = "attention helps a noisy network to see"
SELECTS = "attention that selects helps more than a uniform rise of equal rate"
DECORRELATES = "what attention does to noise correlations helps to see"
LOWERS = "attention lowers noise correlations at the attended place"
EARLY = "attention helps soon after the onset"
LOW, HIGH = "input to E does not quench variability at low contrast", "it does at high contrast"
HALF, ALIKE = "about half of the logits' variance is noise", "mean E rates are raised alike"
ADD_UP, FINITE = "parts add up to the gain: logits are nearly normal", "no circuit ran away"


BLIND = known(
    "Mean rates give {:+.3f}, variances {:+.3f}, correlations {:+.3f}: detectors stay as fitted "
    "without attention, and more drive up the power law passes more of the noise on.",
    "part_of_gain",
)
MORE = known(
    "It gains {:+.3f}. At one mean rate a uniform rise lifts the drive over the circuit's own "
    "noise as much, and keeps the proportions that the fixed detectors read.",
    "gain",
)
FEW = known(
    "Without attention the mean correlation of pairs is {:.3f}: little to lower.",
    "unit_correlation",
    condition=NONE,
)
SOON = known("Without attention the area is {:.2f} by then.", "auc", condition=NONE)
DRIVEN = (
    "These units are driven far above what their neighbours give: input to E moves each up its "
    "power law, where noise counts for more, and recurrence does not take that back."
)
UNREACHED = "Where no strength reaches the rate, the one that comes nearest is taken."
ROUGH = "Few trials of few images: the mean area of single trials is itself this uncertain."
EVERY, EARLIER = slice(None), slice(1, -1)
ABOVE, BELOW, headline = Above(0), Below(0), functools.partial(Claim, headline=True)
half = of("noise_share", NONE, bound=0)
CLAIMS = (
    Claim("noise_share", half, Near(0.5, atol=0.12), NEEDED, HALF, when=kept("noise")),
    Claim("rate_mismatch", mismatch, AtMost(0.05), NEEDED, ALIKE, unit="1", known=UNREACHED),
    headline("attention_gain", of("gain", *SELECTIVE), ABOVE, STATED, SEES, known=BLIND),
    headline("over_uniform", of("over_uniform", *SELECTIVE), ABOVE, STATED, SELECTS, known=MORE),
    headline(
        "by_correlations",
        of("part_of_gain", *PLACE, part=-1),
        ABOVE,
        COHEN,
        DECORRELATES,
        known=FEW,
    ),
    headline(
        "correlation",
        of("correlation_change", *PLACE, contrast=EVERY),
        BELOW,
        COHEN,
        LOWERS,
        known=FEW,
    ),
    Claim("input_at_low_contrast", of("ratio_change", PLACE[1]), ABOVE, STATED, LOW),
    headline(
        "input_at_high_contrast",
        of("ratio_change", PLACE[1], contrast=-1),
        BELOW,
        STATED,
        HIGH,
        known=DRIVEN,
    ),
    Claim(
        "early_gain", of("gain", *TUNING, *PLACE, read=EARLIER), ABOVE, STATED, EARLY, known=SOON
    ),
    Claim("gain_left_over", left_over, AtMost(0.02), NEEDED, ADD_UP, unit="1", known=ROUGH),
    Claim("finite_share", finite, Near(1.0), NEEDED, FINITE, unit="1"),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse,
    compiled=False,
    only_analysed=("logits", "shuffled", "units", "rate"),
    small={
        "networks": [0],
        "tasks": ["array"],
        "compared.contrasts": [1.0],
        "compared.sources": ["uniform", "place"],
        "compared.everywhere": ["place", "uniform"],
        "ordinary": 50,
        "lessons": 4,
        "per_category": 4,
        "trials": 2,
        "noise.rounds": 1,
        "windows": [[10.0, 20.0], [30.0, 60.0]],
        "before": 10.0,
        "resamples": 20,
    },
)
