"""Spatial cueing: a valid cue helps to see, an invalid one hinders, and the circuits show why.

Shown: a small grating at one of four places, of one of two orientations, at contrasts from hard
to easy, after a cue that points to its place (valid), to all (neutral) or to another (invalid).
Simulated: E/I circuits over the visual field, driven by oriented Gabor filters, with noise on
their input; attention is a window of gain over the cued place, or a quarter of it over each.
Measured: psychometric functions of a fixed linear readout, fitted without attention, with
bootstrap intervals of threshold and slope; reaction times of an accumulator of the readout's
evidence, which is ours and no part of the circuits; and, as one simulation from fixation through
cue and delay to the target, the time courses of E and I at the cued and the uncued place.

All variability comes from the circuits' input noise, whose size is chosen here so that thresholds
lie at a few per cent contrast. Attention of a fixed total, shared among places, is chosen here.

Source: Posner 1980, Q J Exp Psychol 32:3 (cues); Buffalo, Fries, Landman, Liang & Desimone 2010,
PNAS 107:361 (time course of attention); Cameron, Tai & Carrasco 2002, Vision Res 42:949, found
psychometric functions of contrast shifted by a cue.
"""

from __future__ import annotations

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.analysis.psychometric import CUMULATIVE_GAUSSIAN, LOGISTIC, WEIBULL
from cortex.attention import AbstractForm, Additive, Multiplicative, Query, State
from cortex.attention.window import DividedWindow, SpatialWindow
from cortex.circuit import EI, Epoch, Fixed, Modulation
from cortex.circuit import simulate as integrate
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.experiment.results import variable
from cortex.measures.cueing_rows import cueing_measures, summarise_cueing
from cortex.models.orientation_field import (
    NoiseSection,
    OrientationFieldSection,
    PatchSection,
    RelaxSection,
    patch_image,
)
from cortex.models.patch_task import LinearReadout, PatchTask, TrialSection
from cortex.models.study import StatisticsSection
from cortex.tasks.accumulation import first_passage
from cortex.tasks.cueing import CUES, cueing_trials

HERE = "chosen here"
SITES = ("target", "opposite")  # places whose time courses are kept
WITHOUT = "no attention"
COURSES = (WITHOUT, *CUES)
SHAPES = {shape.name: shape for shape in (CUMULATIVE_GAUSSIAN, LOGISTIC, WEIBULL)}


class StimulusSection(PatchSection):
    """The patches, and how often each is shown."""

    contrasts: tuple[Positive, ...] = quantity(
        (0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0),
        "%",
        "contrasts of the targets, rising",
        source=HERE,
        min_length=3,
    )
    trials: int = quantity(
        96, "1", "trials of each cue and contrast, in each repeat", source=HERE, ge=2
    )
    repeats: int = quantity(
        3, "1", "observers: each with other noise and a readout of its own", source=HERE, ge=1
    )

    @model_validator(mode="after")
    def _balanced(self) -> StimulusSection:
        require_distinct(self, "contrasts")
        if list(self.contrasts) != sorted(self.contrasts):
            raise ValueError(f"contrasts: found {list(self.contrasts)}, allowed: rising [%]")
        places = len(self.places)
        each = 2 * places * (places - 1)
        if self.trials % each:
            raise ValueError(f"trials: found {self.trials}, allowed: multiples of {each}")
        return self


class AttentionSection(Section):
    """Attention to places: windows of one total strength, whatever they are shared among."""

    form: Literal["gain on drive", "input to E"] = Field(
        "gain on drive",
        description="how attention reaches the circuits",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    gain: float = quantity(
        1.0, "1", "relative gain on the drive at the peak of an undivided window", source=HERE, gt=0
    )
    input: float = quantity(3.0, "%", "instead, input to E at that peak", source=HERE, gt=0)
    width: float = quantity(
        0.125, "1", "standard deviation, as a share of the field's side", source=HERE, gt=0
    )

    def made(self) -> tuple[AbstractForm, float]:
        """The form, and the strength of the patterns it is given."""
        if self.form == "gain on drive":
            return Multiplicative(), self.gain
        return Additive(scale=self.input), 1.0


class TimeSection(Section):
    """Epochs of the one simulation in time, without noise; the target follows."""

    fixation: float = quantity(100.0, "ms", "the empty field, no attention", source=HERE, gt=0)
    cue: float = quantity(
        100.0, "ms", "a cue that these circuits do not see; no attention yet", source=HERE, gt=0
    )
    delay: float = quantity(300.0, "ms", "attention, nothing to see yet", source=HERE, gt=0)
    target: float = quantity(300.0, "ms", "attention and target", source=HERE, gt=0)
    contrast: float = quantity(6.0, "%", "of the target", source=HERE, gt=0)
    every: float = quantity(2.0, "ms", "between times kept", source=HERE, gt=0)
    step: float = quantity(1.0, "ms", "of Heun's method", source=HERE, gt=0)
    onset_share: float = quantity(
        0.25,
        "1",
        "onset: the effect has grown by this share of its growth",
        source=HERE,
        gt=0,
        lt=1,
    )


class DecisionSection(Section):
    """The accumulator that reaction times are read from; no part of the circuits."""

    bound: float = quantity(0.3, "log odds s", "of the readout's added evidence", source=HERE, gt=0)


class FitSection(StatisticsSection):
    """Psychometric functions and their bootstrap.

    The shape is the usual one for contrast and two alternatives. The other two describe these
    circuits worse: a readout whose d' grows as a power of contrast follows none of the three
    exactly, and Weibull's most closely.
    """

    shape: Literal["Weibull", "cumulative Gaussian", "logistic"] = Field(
        "Weibull",
        description="of psychometric functions, over the logarithm of contrast",
        json_schema_extra={"unit": "1", "source": HERE},
    )

    resamples: int = quantity(300, "1", "bootstrap resamples", source=HERE, ge=10)
    most_lapses: float = quantity(
        0.06, "1", "largest lapse rate", source="as Wichmann & Hill 2001", ge=0, lt=0.5
    )


class Config(ExperimentConfig):
    """Configuration of `cueing`."""

    field: OrientationFieldSection = OrientationFieldSection()
    noise: NoiseSection = NoiseSection()
    stimulus: StimulusSection = StimulusSection()
    attention: AttentionSection = AttentionSection()
    trial: TrialSection = TrialSection()
    time: TimeSection = TimeSection()
    decision: DecisionSection = DecisionSection()
    solver: RelaxSection = RelaxSection()
    statistics: FitSection = FitSection()


def modulations(config: Config, task: PatchTask) -> Modulation:
    """Attention to each place, to all of them, and to none: leaves (places + 2, ...)."""
    form, strength = config.attention.made()
    places = jnp.asarray(config.stimulus.places, float)
    width = config.attention.width
    nothing = jnp.zeros(task.circuit.shape)
    state = State(EI(nothing, nothing), jnp.zeros(2))
    alone = SpatialWindow(strength, width, form=form)
    shared = DividedWindow(places, strength, width, form=form)
    found = [alone(nothing, state, Query(place=place)) for place in places]
    found += [
        shared(nothing, state, Query()),
        SpatialWindow(0.0, form=form)(nothing, state, Query()),
    ]
    filled = [jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, nothing.shape), m) for m in found]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *filled)


def modulation_map(given: Modulation, number: int) -> Array:
    """What one of them adds to the gain of one, or puts in, at every place: (row, column)."""
    return (given.drive_gain.E - 1.0 + given.input.E)[number, 0]


def attended(places: int, cued: np.ndarray) -> np.ndarray:
    """Number, in `modulations`, of the attention after a cue to these places or nowhere."""
    return np.where(cued >= 0, cued, places)


def courses(config: Config, task: PatchTask, given: Modulation) -> dict[str, Array]:
    """Fixation, cue, delay and target as one simulation, for every state of attention.

    Returns
    -------
    dict of arrays
        ``E``, ``I`` [Hz] (attention, time, place), means over orientations, in the order of
        `COURSES` and `SITES`; ``finished`` (attention).
    """
    time = config.time
    places = len(config.stimulus.places)
    numbers = jnp.array([places + 1, 0, places, places - 1])
    empty = task.empty()
    shown = empty + time.contrast * task.drives[0, 0]
    before = jax.tree.map(lambda leaf: leaf[places + 1], given)
    start = task.settle(empty, before, config.solver.relax()).rates

    def one(number: Array) -> tuple[EI[Array], Array]:
        after = jax.tree.map(lambda leaf: leaf[number], given)
        found = integrate(
            task.circuit,
            [
                Epoch(time.fixation, EI(empty, empty), before),
                Epoch(time.cue, EI(empty, empty), before),
                Epoch(time.delay, EI(empty, empty), after),
                Epoch(time.target, EI(shown, shown), after),
            ],
            jnp.asarray(times(time)),
            save=lambda t, rates, dynamics: rates.map(lambda r: seen(task, r)),
            initial=start,
            stepping=Fixed(dt=time.step),
        )
        return found.values, found.finished

    rates, finished = jax.vmap(one)(numbers)
    return {"E": rates.E, "I": rates.I, "finished": finished}


def seen(task: PatchTask, rates: Array) -> Array:
    """Mean rate over orientations at the target's place and the last one."""
    found = task.features(rates).reshape(len(task.pooling), -1)
    return jnp.mean(found, axis=1)[jnp.array([0, -1])]


def times(time: TimeSection) -> np.ndarray:
    """Of the courses, from the start of fixation [ms]."""
    total = time.fixation + time.cue + time.delay + time.target
    return np.linspace(0.0, total, round(total / time.every) + 1)


def simulate(config: Config, task: PatchTask, key: Array) -> dict[str, Array]:
    """Time courses, and what the readout would see in every noisy trial.

    Parameters
    ----------
    config
        The configuration.
    task
        Circuit, noise and drives of the configuration: `PatchTask.of`.
    key
        Of the noise.

    Returns
    -------
    dict of arrays
        Those of `courses`; ``settled`` (places + 2): whether the empty field's states were
        reached; ``seen`` [Hz] (repeat, block, contrast, trial, sample, feature), the blocks
        being one without attention, to fit the readout, and one a cue; within a repeat all cues
        meet the same noise.
    """
    shown, time = config.stimulus, config.trial
    places = len(shown.places)
    given = modulations(config, task)
    settle = jax.vmap(lambda m: task.settle(task.empty(), m, config.solver.relax()))
    states = settle(given)
    found = courses(config, task, given)
    blocks = [cueing_trials(cue, places, shown.trials) for cue in CUES]
    numbers = [np.full(shown.trials, places + 1)]
    numbers += [attended(places, block.cued) for block in blocks]
    place, target = jnp.asarray(blocks[0].place), jnp.asarray(blocks[0].target)

    def trial(key: Array, place: Array, target: Array, number: Array, contrast: Array) -> Array:
        start, modulation = jax.tree.map(lambda leaf: leaf[number], (states.rates, given))
        drive = task.empty() + contrast * task.drives[place, target]
        return task.trial(key, drive, start, modulation, time)

    def block(given: tuple[Array, Array, Array]) -> Array:
        key, number, contrast = given
        keys = jax.random.split(key, shown.trials)
        return jax.vmap(trial, (0, 0, 0, 0, None))(keys, place, target, number, contrast)

    # Noise by repeat and contrast; the readout learns from other noise than it is tested with.
    shape = (shown.repeats, 2, len(shown.contrasts))
    keys = jax.random.split(key, shape)[:, np.array([0, *[1] * len(CUES)])]
    size = keys.shape
    contrasts = jnp.broadcast_to(jnp.asarray(shown.contrasts, float)[None, None], size)
    which = jnp.broadcast_to(jnp.asarray(np.stack(numbers))[None, :, None], (*size, shown.trials))
    flat = (keys.reshape(-1), which.reshape(-1, shown.trials), contrasts.reshape(-1))
    series = jax.lax.map(block, flat)
    return {
        **found,
        "window": modulation_map(given, 0),
        "settled": states.converged,
        "seen": series.reshape(*size, *series.shape[1:]),
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate; fit the readout and let it decide; fit psychometric functions."""
    shown, statistics = config.stimulus, config.statistics
    count = shown.repeats * (1 + len(CUES)) * len(shown.contrasts) * shown.trials
    with progress.stage(f"one simulation from cue to target, and {count} noisy trials"):
        task = PatchTask.of(config.field, shown, config.noise)
        key = jax.random.key(config.seed)
        found = eqx.filter_jit(lambda task, key: simulate(config, task, key))(task, key)
        found = {name: np.asarray(array) for name, array in found.items()}
    with progress.stage("readout, decisions, psychometric functions"):
        data = label(config, found, decide(config, found["seen"]))
        summary = summarise_cueing(
            data,
            statistics.resamples,
            statistics.level,
            (SHAPES[statistics.shape], statistics.most_lapses),
            config.time.onset_share,
            config.seed,
        )
    return data.merge(summary, compat="no_conflicts", join="exact")


def decide(config: Config, seen: np.ndarray) -> dict[str, np.ndarray]:
    """Each repeat's readout, fitted to its unattended trials, on those after a cue.

    Returns
    -------
    dict of arrays
        ``evidence`` [log odds], for what was shown, ``reaction`` [ms] and ``reached`` (repeat,
        cue, contrast, trial).
    """
    shown, time = config.stimulus, config.trial
    target = cueing_trials("valid", len(shown.places), shown.trials).target
    sign = 2.0 * target - 1.0
    evidence, reaction, reached = [], [], []
    for unattended, *cued in seen:
        means = unattended[:, :, time.window].mean(axis=2)
        labels = np.tile(target, len(shown.contrasts))
        readout = LinearReadout.fit(means.reshape(len(labels), -1), labels, time.penalty)
        course = readout(np.stack(cued))
        evidence.append(sign * course[..., time.window].mean(axis=-1))
        passage = first_passage(course, time.sample, config.decision.bound)
        reaction.append(passage.time)
        reached.append(passage.reached)
    return {
        "evidence": np.stack(evidence),
        "reaction": np.stack(reaction),
        "reached": np.stack(reached),
    }


def label(
    config: Config, found: dict[str, np.ndarray], decided: dict[str, np.ndarray]
) -> xr.Dataset:
    """Time courses and decisions as a dataset with dimensions, units and long names."""
    shown, time = config.stimulus, config.time
    since = times(time) - (time.fixation + time.cue + time.delay)
    trial = ("repeat", "cue", "contrast", "trial")
    course = ("attention", "time", "site")
    return xr.Dataset(
        {
            "evidence": variable(
                trial, decided["evidence"], "log odds", "evidence for what was shown"
            ),
            "correct": variable(trial, decided["evidence"] > 0, "1", "whether the answer is right"),
            "reaction": variable(trial, decided["reaction"], "ms", "time of the decision"),
            "reached": variable(trial, decided["reached"], "1", "whether evidence met the bound"),
            "course_E": variable(course, found["E"], "Hz", "E rate, mean over orientations"),
            "course_I": variable(course, found["I"], "Hz", "I rate, mean over orientations"),
            "display": variable(
                ("y", "x"), display(config), "1", "luminance of targets at all places"
            ),
            "window": variable(
                ("row", "column"), found["window"], "1", "attention after a cue to the first place"
            ),
            "finished": variable("attention", found["finished"], "1", "course was integrated"),
            "converged": variable("focus", found["settled"], "1", "whether the state was reached"),
        },
        {
            "cue": variable("cue", list(CUES), "1", "cue"),
            "contrast": variable("contrast", shown.contrasts, "%", "contrast of the target"),
            "attention": variable("attention", list(COURSES), "1", "cue, or no attention"),
            "site": variable("site", list(SITES), "1", "place"),
            "time": variable("time", since, "ms", "time after the target's onset"),
            "onset_of_attention": variable((), -time.delay, "ms", "when attention begins"),
        },
    )


def display(config: Config) -> np.ndarray:
    """Targets at all places at once, of both orientations in turn; luminance."""
    field, shown = config.field, config.stimulus
    each = [
        np.asarray(patch_image(field, shown, place, shown.orientations[number % 2]))
        for number, place in enumerate(shown.places)
    ]
    return np.sum(each, axis=0) - 0.5 * (len(each) - 1)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Order of the three cues in every measure, and what attention does over time."""
    return cueing_measures(data)
