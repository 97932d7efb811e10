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

import operator
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.analysis.onset import latency
from cortex.analysis.psychometric import SHAPES, paired, psychometric_functions
from cortex.circuit import EI, Epoch, Fixed, Modulation
from cortex.circuit import simulate as integrate
from cortex.experiment import Above, Below, Claim, Near
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models.orientation_field import FieldNoise, FixedPoint, OrientationField, Patches
from cortex.models.patch_task import LinearReadout, PatchTask, PlaceAttention, Trial
from cortex.settings import Contrasts, choice, contrasts, quantity
from cortex.settings import Settings as Section
from cortex.sources import Source
from cortex.tasks.cueing import CUES, cueing_trials

WICHMANN = Source("wichmann2001", "as there")
WEIBULL = "over the logarithm of contrast; d' that grows as a power of it fits the others worse"


class Epochs(Section):
    """The one simulation in time, without noise."""

    fixation: float = quantity(100.0, "ms", "the empty field, no attention", gt=0)
    cue: float = quantity(100.0, "ms", "a cue that these circuits do not see", gt=0)
    delay: float = quantity(300.0, "ms", "attention, nothing to see yet", gt=0)
    target: float = quantity(300.0, "ms", "attention and target", gt=0)
    contrast: float = quantity(6.0, "%", "contrast of the target", gt=0)
    every: float = quantity(2.0, "ms", "time between the times kept", gt=0)
    step: float = quantity(1.0, "ms", "step of Heun's method", gt=0)
    onset_share: float = quantity(0.25, "1", "onset: this share of the growth", gt=0, lt=1)

    def times(self) -> np.ndarray:
        """Times kept, from the start of fixation [ms]."""
        total = self.fixation + self.cue + self.delay + self.target
        return np.linspace(0.0, total, round(total / self.every) + 1)


class Settings(ex.ExperimentSettings):
    """Settings of `cueing`."""

    field: OrientationField = OrientationField()
    noise: FieldNoise = FieldNoise()
    patches: Patches = Patches()
    contrasts: Contrasts = contrasts(0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 14.0)
    trials: int = quantity(96, "1", "trials of each cue and contrast, in each repeat", ge=2)
    repeats: int = quantity(3, "1", "observers: each with noise and a readout of its own", ge=1)
    attention: PlaceAttention = PlaceAttention()
    trial: Trial = Trial()
    epochs: Epochs = Epochs()
    bound: float = quantity(0.3, "log odds s", "bound of an accumulator on the readout", gt=0)
    settle: FixedPoint = FixedPoint()
    shape: Literal["Weibull", "cumulative Gaussian", "logistic"] = choice("Weibull", WEIBULL)
    most_lapses: float = quantity(0.06, "1", "largest lapse rate", WICHMANN, ge=0, lt=0.5)
    resamples: int = ex.bootstrap_resamples(300, "trials")
    level: float = ex.interval_level()

    @model_validator(mode="after")
    def _balanced(self) -> Settings:
        each = 2 * (places := len(self.patches.places)) * (places - 1)
        if self.trials % each:
            raise ValueError(f"trials: found {self.trials}, allowed: multiples of {each}")
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """From fixation to target without noise, and what the readout would see in noisy trials."""
    task = PatchTask.of(s.field, s.patches, s.noise)
    places, empty = len(s.patches.places), task.empty()
    given = s.attention.modulations(task, s.patches.places)

    def attend(number: Any) -> Modulation:
        return jax.tree.map(lambda leaf: leaf[number], given)

    states = over(focus=np.arange(places + 2))(lambda n: task.settle(empty, attend(n), s.settle()))
    starts = states.rates.values  # (focus, population, ...)

    def course(number: Array) -> tuple[EI[Array], Array]:
        """Fixation, cue, delay and target as one simulation; means over orientations."""
        e, dark = s.epochs, EI(empty, empty)
        shown = empty + e.contrast * task.drives[0, 0]
        before, after = attend(places + 1), attend(number)
        epochs = [Epoch(e.fixation, dark, before), Epoch(e.cue, dark, before)]
        epochs += [Epoch(e.delay, dark, after), Epoch(e.target, EI(shown, shown), after)]
        start, save = EI(*starts[places + 1]), lambda t, rates, _: rates.map(at_sites)
        rules = {"save": save, "initial": start, "stepping": Fixed(dt=e.step)}
        found = integrate(task.circuit, epochs, jnp.asarray(e.times()), **rules)
        return found.values, found.finished

    def at_sites(rates: Array) -> Array:
        return task.mean_rates(rates)[jnp.array([0, -1])]

    # The target is at the first place; an invalid cue points to the last.
    cued = {"no attention": places + 1, "valid": 0, "neutral": places, "invalid": places - 1}
    rates, finished = over(attention=cued)(course)

    trials = [cueing_trials(cue, places, s.trials) for cue in CUES]
    place, target = jnp.asarray(trials[0].place), jnp.asarray(trials[0].target)

    def block(keys: Array, cue: tuple[Array, Array]) -> Labelled:
        """All contrasts of one block of one observer, (contrast, trial, sample, feature)."""
        which, numbers = cue

        def trial(key: Array, place: Array, target: Array, number: Array, contrast: Any) -> Array:
            drive = empty + contrast * task.drives[place, target]
            return task.trial(key, drive, EI(*starts[number]), attend(number), s.trial)

        def at(one: tuple[Array, Array]) -> Array:
            keys = jax.random.split(one[0], s.trials)
            return jax.vmap(trial, (0, 0, 0, 0, None))(keys, place, target, numbers, one[1])

        seen = jax.lax.map(at, (keys[which], jnp.asarray(s.contrasts.array(), float)))
        axes = {"contrast": s.contrasts, "trial": None, "sample": None, "feature": None}
        return label(seen, "Hz", "mean E rate around each place, by orientation", **axes)

    # Within an observer all cues meet the same noise; the readout learns from other noise, without
    # attention. A neutral cue, to nowhere, is to all places.
    blocks = {"learning": (0, np.full(s.trials, places + 1))}
    for cue, one in zip(CUES, trials, strict=True):
        blocks[cue] = (1, np.where(one.cued >= 0, one.cued, places))
    keys = jax.random.split(key, (s.repeats, 2, len(s.contrasts.array())))
    seen = over(repeat=keys, block=blocks, sequential=("repeat", "block"))(block)
    since = s.epochs.times() - (s.epochs.fixation + s.epochs.cue + s.epochs.delay)
    time, sites = coordinate(since, "ms", "time after the target's onset"), ("target", "opposite")
    window = given.drive_gain.E[0, 0] - 1.0 + given.input.E[0, 0]
    return {
        "course": rates.named("Hz", "mean rate", time=time, site=sites),
        "finished": finished.named("1", "whether the course was integrated to its end"),
        "display": label(s.patches.display(s.field), "1", "luminance of targets", y=None, x=None),
        "window": label(window, "1", "attention after a cue to a place", row=None, column=None),
        "seen": seen,
        **quality(states),
    }


def decide(s: Settings, seen: xr.DataArray) -> xr.Dataset:
    """Each observer's readout, fitted to its unattended trials, on those after a cue."""
    target = cueing_trials("valid", len(s.patches.places), s.trials).target
    right, times = [], []
    for one in seen.transpose("repeat", ...):
        learning = one.sel(block="learning").isel(sample=s.trial.window).mean("sample").values
        readout = LinearReadout.fit(learning, target, s.trial.penalty)
        after = one.sel(block=list(CUES)).values
        right.append((2.0 * target - 1.0) * readout(after)[..., s.trial.window].mean(axis=-1) > 0)
        times.append(readout.decide(after, s.trial, s.bound).time)
    dims, along = ("repeat", "cue", "contrast", "trial"), {"cue": list(CUES)}
    words = {"units": "1", "long_name": "whether the answer is right"}
    correct = xr.DataArray(right, along | {"contrast": seen.contrast}, dims, attrs=words)
    reaction = correct.copy(data=times)
    reaction.attrs = {"units": "ms", "long_name": "time of the decision"}
    return xr.Dataset({"correct": correct, "reaction": reaction})


def analyse(s: Settings, d: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Decisions, psychometric functions, means with intervals, effects over time."""
    found, drawn = decide(s, d.seen), {"level": s.level, "rng": rng}
    rules = {"shape": SHAPES[s.shape], "most_lapses": s.most_lapses, "resamples": s.resamples}
    fitted = psychometric_functions(found.correct, "cue", "repeat", **rules, **drawn)

    # All cues met the same noise: a resample has the same trials of each.
    def means(trials: xr.Dataset) -> xr.Dataset:
        mean = trials.mean(("repeat", "contrast", "trial"))
        steps = paired(mean, "cue", operator.sub)
        return mean.merge(steps.rename({name: f"{name}_difference" for name in steps}))

    answers = xr.Dataset({"accuracy": found.correct * 1.0, "mean_reaction": found.reaction})
    drawn |= {"n": s.resamples, "within": ("repeat", "contrast")}
    estimates = bootstrap(means, answers, "trial", **drawn)
    for name, array in estimates.items():
        words = str(name).replace("_", " ")
        array.attrs = {"units": "ms" if "reaction" in words else "1", "long_name": words}
    return xr.merge([found, fitted, estimates, effects(s, d.course)])


def effects(s: Settings, course: xr.DataArray) -> xr.Dataset:
    """What a valid cue adds at the target, at the end of delay and target, and when it begins."""
    here = course.sel(site="target", drop=True)
    effect = here.sel(attention="valid", drop=True) - here.sel(attention="invalid", drop=True)
    sizes, onsets = [], []
    for start, stop in ((-s.epochs.delay, 0.0), (0.0, s.epochs.target)):
        part = effect.sel(time=slice(start - 1e-3, stop + 1e-3))
        growth = part - part.isel(time=0, drop=True)
        sizes.append(part.isel(time=-1, drop=True))
        goal = s.epochs.onset_share * growth.isel(time=-1, drop=True)
        onsets.append(latency(growth, goal) - start)
    size, onset = (xr.concat(x, xr.Variable("epoch", ["delay", "target"])) for x in (sizes, onsets))
    size.attrs = {"units": "Hz", "long_name": "effect of attention at the end of the epoch"}
    onset.attrs = {"units": "ms", "long_name": "onset of the effect, or of its growth"}
    return xr.Dataset({"effect": size.T, "onset": onset.T})


POSNER, BUFFALO = Source("posner1980", "direction"), Source("buffalo2010", "direction")
FITS = Source(detail="required here: the deviance is one that the fitted function would give")
WHOLE = Source(detail="required here: every course was integrated to its end")
EFFECT = "attention raises rates at the target's place, even with nothing to see"


def by_cue(name: str, expect: Any, effect: str) -> Claim:
    """What a better cue does."""
    return Claim(name, lambda d: d[name], expect, POSNER, f"{effect} after a better cue", True)


CLAIMS = (
    by_cue("accuracy_difference", Above(0), "answers are more often right"),
    by_cue("threshold_ratio", Below(1), "the threshold is lower"),
    by_cue("steepness_ratio", Above(1), "the psychometric function is steeper"),
    by_cue("mean_reaction_difference", Below(0), "decisions are faster"),
    Claim("fit_probability", lambda d: d.fit_probability, Above(0.01), FITS, "functions fit"),
    Claim("effect", lambda d: d.effect, Above(0), BUFFALO, EFFECT, headline=True),
    Claim("finished", lambda d: d.finished.mean(), Near(1.0), WHOLE, "courses are whole"),
    ex.settled_claim(),
)

SMALL = {"field.side": 24, "field.orientations": 4, "patches.places": [[0.5, 0.25], [0.5, 0.75]]}
SMALL |= {"contrasts": [1.0, 4.0, 16.0], "trials": 24, "repeats": 2, "trial.duration": 120.0}
SMALL |= {"epochs.delay": 60.0, "epochs.target": 400.0, "resamples": 20, "attention.width": 0.2}
experiment = ex.Experiment(
    Settings, simulate, CLAIMS, analyse, only_analysed=("seen",), small=SMALL
)
