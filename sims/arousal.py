"""Overall arousal: is performance an inverted U of a gain that is the same everywhere?

Shown: a small faint grating at one of four places, of one of two orientations, or nothing.
Simulated: E/I circuits over the visual field, driven by oriented Gabor filters, with noise on
their input, from drowsy to overexcited: one gain on all feed-forward drive, the same with noise
that it amplifies as well, or one input to all E and I units. Measured: how well linear readouts
detect the grating and tell which it was: fitted to rates or spike counts at ordinary arousal, or
anew at every level, which shows what there is to be read. Right answers at the fixed criterion,
sensitivity whatever the criterion, and right answers about the orientation are kept apart; what was
fitted at ordinary arousal is best off there by construction.

Source: uniform gain as overall arousal: G. W. Lindsay's lecture on attention; the inverted U:
Yerkes & Dodson 1908, J Comp Neurol Psychol 18:459. Circuits, task, noise and levels chosen here.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator
from scipy.special import ndtri

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.analysis.yes_no import yes_no
from cortex.attention import Arousal
from cortex.circuit import EI, Modulation, SteadyState
from cortex.experiment import Above, Claim
from cortex.labelled import Labelled, label, over, quality
from cortex.models.orientation_field import FieldNoise, FixedPoint, OrientationField, Patches
from cortex.models.patch_task import LinearReadout, PatchTask, Trial
from cortex.settings import Positive, quantity
from cortex.sources import Source

WAYS = ("gain", "gain on noise too", "input")
READOUTS = ("rates", "spikes", "spikes, refitted")
TASKS = ("detect", "identify")
MEASURES = ("performance", "sensitivity", "identification")
ORDINARY = (1.0, 0.0)  # gain and input
LEVELS = ((0.25, -2.0), (0.5, -1.0), ORDINARY, *((x, x) for x in (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)))


class Settings(ex.ExperimentSettings):
    """Settings of `arousal`."""

    field: OrientationField = OrientationField()
    noise: FieldNoise = FieldNoise()
    patches: Patches = Patches()
    contrast: float = quantity(4.0, "%", "contrast of the patch", gt=0)
    trials: int = quantity(96, "1", "trials of each level and repeat, half without a patch", ge=1)
    training: int = quantity(256, "1", "trials at ordinary arousal to fit readouts to", ge=1)
    repeats: int = quantity(3, "1", "observers: each with noise and readouts of its own", ge=2)
    levels: tuple[tuple[Positive, float], ...] = quantity(
        LEVELS, "1, %", "of arousal: gain on the drive, or input to E and I", min_length=3
    )
    trial: Trial = Trial(step=1.0)
    neurons: int = quantity(100, "1", "neurons whose spikes a feature of a readout counts", ge=1)
    settle: FixedPoint = FixedPoint(step=1.0)
    resamples: int = ex.bootstrap_resamples(500, "trials")
    level: float = ex.interval_level()

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        each = 8 * len(self.patches.places)
        for name in ("trials", "training"):
            if (found := getattr(self, name)) % each:
                raise ValueError(f"{name}: found {found}, allowed: multiples of {each}")
        if list(self.levels) != sorted(set(self.levels)) or ORDINARY not in self.levels:
            allowed = "rising, with [1, 0] among them"
            raise ValueError(f"levels: found {list(self.levels)}, allowed: {allowed}")
        return self


def blocks(s: Settings, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Presence, place and target of so many trials, all balanced."""
    number, places = np.arange(count), len(s.patches.places)
    return number % 2 == 0, number // 2 % places, number // (2 * places) % 2


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Steady states at every level, and what readouts see in noisy trials."""
    task = PatchTask.of(s.field, s.patches, s.noise)
    faint, empty = s.contrast * task.drives, task.empty()
    gains, inputs = jnp.asarray(s.levels, float).T
    strengths = jnp.stack([gains, gains, inputs])  # in the order of `WAYS`
    loudness = jnp.stack([jnp.ones_like(gains), gains, jnp.ones_like(gains)])

    def arouse(way: Any, level: Any) -> Modulation:
        strength = strengths[way, level]
        gain = task.modulation(Arousal(jnp.where(way < 2, strength - 1.0, 0.0)))
        put_in = jnp.broadcast_to(jnp.where(way < 2, 0.0, strength), task.circuit.shape)
        return Modulation(drive_gain=gain.drive_gain, input=EI(put_in, put_in))

    def steady(way: Any, level: Any, shown: Any) -> tuple[SteadyState, EI[Array]]:
        state = task.settle(empty + shown * faint[0, 0], arouse(way, level), s.settle())
        return state, state.rates.map(lambda r: jnp.mean(task.features(r)[: s.field.orientations]))

    levels, patch = np.arange(len(s.levels)), {"without": 0.0, "with": 1.0}
    states, first = over(way=WAYS, level=levels, patch=patch, sequential=("way",))(steady)
    starts = states.rates.sel(patch="without").values  # (way, level, population, ...)

    def trials(key: Array, way: Any, level: Any, count: int) -> Array:
        """Means over the readout's window (trial, feature)."""
        present, place, target = (jnp.asarray(x) for x in blocks(s, count))
        noisy = eqx.tree_at(lambda t: t.noise.sd, task, task.noise.sd * loudness[way, level])
        given, start = arouse(way, level), EI(*starts[way, level])

        def trial(key: Array, present: Array, place: Array, target: Array) -> Array:
            drive = empty + present * faint[place, target]
            series = noisy.trial(key, drive, start, given, s.trial)
            return jnp.mean(series[jnp.asarray(np.flatnonzero(s.trial.window))], axis=0)

        return jax.vmap(trial)(jax.random.split(key, count), present, place, target)

    # Every level and way of a repeat meets the same noise; the readout learns from other.
    keys = jax.random.split(key, (s.repeats, 2))
    seen = over(repeat=keys, way=WAYS, level=levels, sequential=("repeat", "way", "level"))(
        lambda keys, way, level: trials(keys[1], way, level, s.trials)
    )
    learning = over(repeat=keys, sequential=("repeat",))(
        lambda keys: trials(keys[0], 0, s.levels.index(ORDINARY), s.training)
    )
    present, _, target = blocks(s, s.trials)
    return {
        "steady": first.named("Hz", "rate at the first place"),
        "strength": label(strengths, "1 or %", "gain, or input", way=WAYS, level=levels),
        "present": label(present, "1", "whether there is a patch", trial=None),
        "target": label(target, "1", "which patch it is", trial=None),
        "seen": seen.named("Hz", "mean E rate, orientation by place", trial=None, feature=None),
        "learning": learning.named("Hz", "the same, to learn from", learned=None, feature=None),
        **quality(states),
    }


def decide(s: Settings, d: xr.Dataset, rng: np.random.Generator) -> xr.DataArray:
    """Evidence of all readouts: (task, repeat, readout, way, level, trial).

    Two are fitted at ordinary arousal, to rates and to spike counts; one anew at each level, to the
    spike counts of the other repeats. To detect is to tell patches from nothing, to identify is to
    tell the two patches; positive evidence is for a patch, and for the second one.
    """
    seen, learned_from = d.seen.values, d.learning.values
    seconds = s.trial.sample * s.trial.window.sum() / 1000.0 * s.neurons

    def counted(rates: np.ndarray) -> np.ndarray:
        known = rates * seconds < 1e9  # beyond it the circuit has run away
        counts = rng.poisson(np.where(known, np.maximum(rates, 0.0) * seconds, 0.0))
        return np.where(known, counts, np.nan) / seconds

    def readout(features: np.ndarray, task: str) -> LinearReadout:
        """Fitted to trials (..., trial, feature) in the order of `blocks`."""
        present, _, target = blocks(s, features.shape[-2])
        shown, labels = (present | True, present) if task == "detect" else (present, target)
        return LinearReadout.fit(features[..., shown, :], labels[shown], s.trial.penalty)

    spikes = counted(seen)
    evidence = np.empty((len(TASKS), s.repeats, len(READOUTS), *spikes.shape[1:-1]))
    for (number, task), repeat in itertools.product(enumerate(TASKS), range(s.repeats)):
        rates, counts, anew = evidence[number, repeat]
        rates[:] = readout(learned_from[repeat], task)(seen[repeat])
        counts[:] = readout(counted(learned_from[repeat]), task)(spikes[repeat])
        for at in np.ndindex(spikes.shape[1:3]):
            others = np.delete(spikes[:, *at], repeat, axis=0)
            known = np.isfinite(others).all()
            anew[at] = readout(others, task)(spikes[repeat, *at]) if known else np.nan
    evidence[~np.isfinite(evidence).all(axis=-1)] = np.nan  # a trial that ran away is no answer
    dims = ("task", "repeat", "readout", "way", "level", "trial")
    along = {"task": list(TASKS), "readout": list(READOUTS), "way": list(WAYS)}
    along |= {"present": d.present.astype(bool), "target": d.target}
    return xr.DataArray(evidence, along, dims)


def scores(evidence: xr.DataArray) -> xr.DataArray:
    """Each of `MEASURES` from evidence (task, ..., trial), with what was shown along ``trial``."""
    detect, identify = (evidence.sel(task=task, drop=True) for task in TASKS)
    present = evidence.present
    rates = yes_no(detect.rename(trial="image").expand_dims("category"))
    # Areas of 0 and 1 are moved in by half of one pair's weight, so that d' is finite.
    least = 0.5 / (present.sum("trial") * (~present).sum("trial"))
    area = rates.sel(measure="auc", drop=True).clip(least, 1 - least)
    right = ((identify > 0) == (evidence.target == 1)).where(present & identify.notnull())
    free = np.sqrt(2) * xr.apply_ufunc(ndtri, area)
    rows = (rates.sel(measure="performance", drop=True), free, right.mean("trial"))
    return xr.concat(rows, xr.Variable("measure", list(MEASURES)), coords="minimal")


def analyse(s: Settings, d: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Performance at every level with intervals, and whether it peaks in between."""
    return peaks(s, decide(s, d, rng), rng)


def peaks(s: Settings, evidence: xr.DataArray, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Scores, the peak's level, and its height above the higher of the two ends (``drop``).

    The level is chosen on the first half of each repeat's trials, its height is that of the other.
    """
    half = evidence.sizes["trial"] // 2
    early, late = (evidence.isel(trial=part) for part in (slice(half), slice(half, None)))
    peak = scores(early).mean("repeat", skipna=False).fillna(-np.inf).argmax("level")

    def drop(curve: xr.DataArray) -> xr.DataArray:
        return curve.isel(level=peak) - curve.isel(level=[0, -1], drop=True).max("level")

    resampled = functools.partial(
        bootstrap, over="trial", within=("repeat", "present"), n=s.resamples, level=s.level, rng=rng
    )
    found = {
        "score": resampled(lambda e: scores(e).mean("repeat", skipna=False), evidence),
        "drop": resampled(lambda e: drop(scores(e).mean("repeat", skipna=False)), late),
        "each_drop": drop(scores(late)),
        "peak": peak,
    }
    return {name: array.assign_attrs(units="1", long_name=name) for name, array in found.items()}


def why(d: xr.Dataset, place: Any) -> str:
    """In words, what a drop and its interval say."""
    at, single = d["drop"].sel(place), d.each_drop.sel(place).values
    text = f"Above 0 in {int((single > 0).sum())} of {single.size} repeats: "
    if at.sel(bound="low") > 0:
        return f"{text}it falls off on both sides of the peak."
    if (place["measure"], place["readout"], place["way"]) == ("sensitivity", "rates", "gain"):
        return text + NOISELESS
    if at.sel(bound="value") > 0:
        return f"{text}a peak, but no higher than chance might make it with so many trials."
    return f"{text}no peak in between, or an end that is as good."


NOISELESS = (
    "rates carry no noise of their own, and gain leaves that of the input behind: at the highest "
    "gains differences of a thousandth of a Hz are still told apart, which no spikes would carry."
)
YERKES = Source("yerkes1908", "direction")
U = "performance is an inverted U of arousal"
DROP = Claim("drop", lambda d: d["drop"], Above(0), YERKES, U, headline=True, known=why)
CLAIMS = (DROP, ex.settled_claim())

SMALL = {"field.side": 24, "field.orientations": 4, "patches.places": [[0.5, 0.25], [0.5, 0.75]]}
SMALL |= {"trials": 16, "training": 32, "repeats": 2, "trial.duration": 100.0, "resamples": 20}
SMALL |= {"levels": [[0.5, -1.0], [1.0, 0.0], [8.0, 8.0]]}
LARGE = ("seen", "learning")
experiment = ex.Experiment(Settings, simulate, CLAIMS, analyse, only_analysed=LARGE, small=SMALL)
