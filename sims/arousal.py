"""Overall arousal: the same gain everywhere selects nothing, and there can be too much of it.

Shown: a small faint grating at one of four places, of one of two orientations, or nothing.
Simulated: E/I circuits over the visual field, driven by oriented Gabor filters, with noise on
their input, from drowsy to overexcited: one gain on all feed-forward drive (the field's background
included), the same with noise that it amplifies as it does the drive, or one input to all E and I
units. Measured: what arousal changes in responses by preference and by place, against attention
to an orientation and to a place of the same energy; and how well linear readouts detect the grating
and tell which it was: fitted at ordinary arousal and kept, with the rates themselves and with
spike counts drawn from them, and fitted anew at every level, which shows what there is to be read.

Three measures are kept apart: right answers at the fixed criterion, sensitivity whatever the
criterion, and right answers about the orientation, which have no criterion. Each may or may not be
an inverted U. What was fitted at ordinary arousal is best off there by construction, its criterion
above all; what was fitted anew at every level is not.

Source: uniform gain as overall arousal: G. W. Lindsay's lecture on attention; the inverted U:
Yerkes & Dodson 1908, J Comp Neurol Psychol 18:459. Circuits, task, noise and levels chosen here.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import estimate, tuning_width
from cortex.analysis.signal_detection import bootstrap_counts, detection_rates, free_sensitivity
from cortex.attention import Arousal, EnergyMatched, FeatureSimilarity, SpatialWindow
from cortex.circuit import EI, Modulation
from cortex.experiment import Above, Below, Claim, Near
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models.orientation_field import FieldNoise, OrientationField, Patches, Relax
from cortex.models.patch_task import LinearReadout, PatchTask, Trial
from cortex.settings import Axis, Positive, axis, quantity
from cortex.sources import Source

WAYS = ("gain", "gain on noise too", "input")
READOUTS = ("rates", "spikes", "spikes, refitted")
MEASURES = ("performance", "sensitivity", "identification", "criterion")
INVERTED = MEASURES[:3]  # those that may be an inverted U
GAINS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
INPUTS = (-2.0, -1.0, 0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0)


class Settings(ex.ExperimentSettings):
    """Settings of `arousal`."""

    field: OrientationField = OrientationField()
    noise: FieldNoise = FieldNoise()
    patches: Patches = Patches()
    contrast: float = quantity(4.0, "%", "contrast of the patch", gt=0)
    trials: int = quantity(96, "1", "trials of each level and repeat, half without a patch", ge=1)
    training: int = quantity(256, "1", "trials at ordinary arousal to fit readouts to", ge=1)
    repeats: int = quantity(3, "1", "observers: each with noise and readouts of its own", ge=2)
    gains: tuple[Positive, ...] = quantity(
        GAINS, "1", "levels of arousal as gains on the drive; 1 is ordinary", min_length=3
    )
    inputs: tuple[float, ...] = quantity(
        INPUTS, "%", "as many levels as inputs to E and I; 0 is ordinary", min_length=3
    )
    trial: Trial = Trial(step=1.0)
    neurons: int = quantity(100, "1", "neurons whose spikes a feature of a readout counts", ge=1)
    strong_contrast: float = quantity(16.0, "%", "contrast where selectivity is measured", gt=0)
    tuning_gains: Axis = axis(0.5, 0.71, 1.0, 1.41, 2.0, unit="1", description="gain on the drive")
    orientations: int = quantity(12, "1", "orientations of tuning curves", ge=6)
    energy: float = quantity(0.25, "1", "root mean square of the gain that sources add", gt=0)
    window: float = quantity(0.125, "1", "width of attention to a place, of the side", gt=0)
    settle: Relax = Relax(step=1.0)
    resamples: int = quantity(500, "1", "bootstrap resamples over trials", ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", gt=0, lt=1)

    @model_validator(mode="after")
    def _possible(self) -> Settings:
        each, shown = 8 * len(self.patches.places), self.field.orientations
        for name, unit in (("trials", each), ("training", each), ("orientations", shown)):
            if (found := getattr(self, name)) % unit:
                raise ValueError(f"{name}: found {found}, allowed: multiples of {unit}")
        for name, ordinary in (("gains", 1.0), ("inputs", 0.0)):
            values = list(getattr(self, name))
            if values != sorted(set(values)) or ordinary not in values:
                allowed = f"rising, with {ordinary:g} among them"
                raise ValueError(f"{name}: found {values}, allowed: {allowed}")
        if len(self.gains) != len(self.inputs):
            found = f"{len(self.inputs)}, allowed: {len(self.gains)}, as many as gains"
            raise ValueError(f"inputs: found {found}")
        return self


def blocks(s: Settings, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Presence, place and target of so many trials, all balanced."""
    number, places = np.arange(count), len(s.patches.places)
    return number % 2 == 0, number // 2 % places, number // (2 * places) % 2


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """What arousal selects, steady states at every level, and what readouts see in noisy trials."""
    task = PatchTask.of(s.field, s.patches, s.noise)
    faint, empty = s.contrast * task.drives, task.empty()
    gains, inputs = (jnp.stack([jnp.asarray(x, float) for x in v]) for v in (s.gains, s.inputs))
    # By way, in the order of `WAYS`: gain on the drive, input to E and I, gain on the noise.
    strengths = jnp.stack([gains, gains, inputs])
    loudness = jnp.stack([jnp.ones_like(gains), gains, jnp.ones_like(gains)])

    def arouse(way: Any, level: Any) -> Modulation:
        strength = strengths[way, level]
        gain = task.modulation(Arousal(jnp.where(way < 2, strength - 1.0, 0.0)))
        put_in = jnp.broadcast_to(jnp.where(way < 2, 0.0, strength), task.circuit.shape)
        return Modulation(drive_gain=gain.drive_gain, input=EI(put_in, put_in))

    def steady(way: Any, level: Any) -> tuple[Any, Any, Any]:
        given = arouse(way, level)
        states = [task.settle(empty + shown, given, s.settle()) for shown in (0.0, faint[0, 0])]
        here = [
            st.rates.map(lambda r: jnp.mean(task.features(r)[: s.field.orientations]))
            for st in states
        ]
        pair = EI(*(jnp.stack([getattr(h, name) for h in here]) for name in "EI"))
        return states[0].rates, pair, jax.tree.map(lambda *x: jnp.stack(x), *states)

    levels = np.arange(len(s.gains))
    starts, pairs, states = over(way=WAYS, level=levels, sequential=("way",))(steady)

    def trials(key: Array, way: Any, level: Any, count: int) -> Array:
        """Means over the readout's window (trial, feature)."""
        present, place, target = (jnp.asarray(x) for x in blocks(s, count))
        noisy = eqx.tree_at(lambda t: t.noise.sd, task, task.noise.sd * loudness[way, level])
        given, start = arouse(way, level), EI(*starts.values[way, level])

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
        lambda keys: trials(keys[0], 0, s.gains.index(1.0), s.training)
    )
    selected, searched = selectivity(s, task)
    present, _, target = blocks(s, s.trials)
    shown = ("without", "with")
    return {
        **selected,
        "steady": pairs.named("Hz", "rate at the first place", patch=shown),
        "strength": label(strengths, "1 or %", "gain, or input", way=WAYS, level=levels),
        "present": label(present, "1", "whether there is a patch", trial=None),
        "target": label(target, "1", "which patch it is", trial=None),
        "seen": seen.named("Hz", "mean E rate, orientation by place", trial=None, feature=None),
        "learning": learning.named("Hz", "the same, to learn from", learned=None, feature=None),
        **quality(states, *searched),
    }


def selectivity(s: Settings, task: PatchTask) -> tuple[dict[str, Labelled], tuple[Any, ...]]:
    """Steady E rates with and without arousal, and with attention that selects; their states."""
    places, maps = len(s.patches.places), s.field.orientations
    first = s.patches.model_copy(update={"places": s.patches.places[:1]})
    angles = np.arange(s.orientations) * 180.0 / s.orientations
    with jax.ensure_compile_time_eval():
        drives = first.drives(s.field, angles.tolist())[0]
    everywhere, own = jnp.sum(task.drives[:, 0], axis=0), drives[:: s.orientations // maps]
    values = jnp.cos(2 * jnp.deg2rad(s.field.preferred - s.field.preferred[maps // 2]))
    sources = {
        "arousal": Arousal(),
        "place": SpatialWindow(width=jnp.asarray(s.window)),
        "orientation": FeatureSimilarity(values=values[None]),
    }
    attended = {
        name: task.modulation(EnergyMatched(one, s.energy)) for name, one in sources.items()
    }
    attended |= {"none": task.modulation(Arousal(strength=jnp.zeros(())))}

    def respond(drive: Array, given: Modulation) -> tuple[Array, Any]:
        state = task.settle(task.empty() + s.strong_contrast * drive, given, s.settle())
        return task.features(state.rates.E).reshape(places, -1), state

    def tuned(gain: Array, orientation: Array) -> tuple[Array, Any]:
        rates, state = respond(drives[orientation], task.modulation(Arousal(gain - 1.0)))
        return rates[0, maps // 2], state

    def at_places(given: Modulation) -> tuple[Array, Any]:
        rates, state = respond(everywhere, given)
        return jnp.sum(rates, axis=1), state

    def at_own(given: Modulation, number: Array) -> tuple[Array, Any]:
        rates, state = respond(own[number], given)
        return rates[0, number], state

    curves, one = over(gain=s.tuning_gains, turn=np.arange(s.orientations))(tuned)
    by_place, two = over(condition=attended)(at_places)
    by_preference, three = over(condition=attended, map=np.arange(maps))(at_own)
    turned = coordinate(angles, "deg", "orientation of the patch")
    tuning = curves.apply(lambda r: r, "turn", to={"orientation": turned})
    preferred = coordinate(s.field.preferred, "deg", "preferred orientation")
    own_response = by_preference.apply(lambda r: r, "map", to={"preferred": preferred})
    widths = tuning.apply(lambda curve: tuning_width(curve, 180.0), "orientation")
    found = {
        "tuning": tuning.named("Hz", "E rate of one map"),
        "tuning_width": widths.named("deg", "width of the tuning curve at half"),
        "by_place": by_place.named("Hz", "E rate by place, patches at all", place=None),
        "by_preference": own_response.named("Hz", "E rate of each map to its own"),
    }
    return found, (one, two, three)


def decide(s: Settings, d: xr.Dataset, rng: np.random.Generator) -> np.ndarray:
    """Evidence of all readouts: (task, repeat, readout, way, level, trial).

    Two are fitted at ordinary arousal, to rates and to spike counts; one to the spike counts of
    the other repeats at each level of its own, and so shows what there is to be read. To detect
    is to tell patches from nothing, to identify is to tell the two patches, which is learned from
    trials with one; positive evidence is for a patch, and for the second one.
    """
    seen, learned_from = d.seen.values, d.learning.values
    seconds = s.trial.sample * s.trial.window.sum() / 1000.0 * s.neurons

    def counted(rates: np.ndarray) -> np.ndarray:
        return rng.poisson(np.maximum(rates, 0.0) * seconds) / seconds

    def readout(features: np.ndarray, task: str) -> LinearReadout:
        """Fitted to trials (..., trial, feature) in the order of `blocks`."""
        present, _, target = blocks(s, features.shape[-2])
        wanted = np.ones_like(present) if task == "detect" else present
        labels = (present.astype(int) if task == "detect" else target)[wanted]
        chosen = features[..., wanted, :]
        repeated = np.broadcast_to(labels, chosen.shape[:-1]).ravel()
        return LinearReadout.fit(chosen.reshape(-1, chosen.shape[-1]), repeated, s.trial.penalty)

    spikes = counted(seen)
    evidence = []
    for task in ("detect", "identify"):
        rows = [
            np.stack([readout(a, task)(b) for a, b in zip(learning, tested, strict=True)])
            for learning, tested in ((learned_from, seen), (counted(learned_from), spikes))
        ]
        anew = np.empty(spikes.shape[:-1])
        for repeat, way, level in np.ndindex(spikes.shape[:3]):
            others = np.delete(spikes[:, way, level], repeat, axis=0)
            anew[repeat, way, level] = readout(others, task)(spikes[repeat, way, level])
        evidence.append(np.stack([*rows, anew], axis=1))
    return np.stack(evidence)


def scores(evidence: Any, present: Any, target: Any, counts: np.ndarray) -> xr.DataArray:
    """Each of `MEASURES`, (measure, repeat, resample, readout, way, level).

    Args:
        evidence: (task, repeat, readout, way, level, trial).
        present, target: (trial,).
        counts: how often each trial counts, (repeat, resample, trial).
    """
    rows = []
    for detect, identify, weights in zip(*evidence, counts, strict=True):
        wide = weights[:, None, None, None, :]
        rates, right = detection_rates(detect[None], present, wide), (identify > 0) == (target == 1)
        shown = wide * present
        told_apart = (right[None] * shown).sum(-1) / shown.sum(-1)
        free = free_sensitivity(detect, present, weights)
        rows.append(np.stack([rates.performance, free, told_apart, rates.criterion]))
    dims = ("measure", "repeat", "resample", "readout", "way", "level")
    return xr.DataArray(np.stack(rows, axis=1), dims=dims)


def analyse(s: Settings, d: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Decisions of all readouts, performance at every level, and whether it peaks in between."""
    present, target = d.present.values.astype(bool), d.target.values.astype(int)
    return peaks(s, decide(s, d, rng), present, target)


def peaks(s: Settings, evidence: Any, present: Any, target: Any) -> dict[str, xr.DataArray]:
    """Performance at every level with intervals, and whether it peaks in between.

    The level with the best performance is chosen on the first half of each repeat's trials; the
    peak's height above the higher of the two ends, ``drop``, is that of the other half.
    """
    rng = np.random.default_rng(s.seed)
    early, repeats = np.arange(present.size) < present.size // 2, range(s.repeats)
    drawn = np.stack([bootstrap_counts(rng, present, s.resamples) for _ in repeats])
    late = np.zeros_like(drawn)
    late[..., ~early] = [bootstrap_counts(rng, present[~early], s.resamples) for _ in repeats]

    def scored(counts: np.ndarray) -> xr.DataArray:
        counts = np.broadcast_to(counts.astype(int), (s.repeats, *counts.shape[-2:]))
        return scores(evidence, present, target, counts)

    def drop(curve: xr.DataArray) -> xr.DataArray:
        curve = curve.isel(measure=slice(3)).rename(measure="inverted")
        ends = curve.isel(level=[0, -1], drop=True).max("level")
        return curve.isel(level=peak) - ends

    once = [scored(chosen[None]).isel(resample=0) for chosen in (early | ~early, early, ~early)]
    best = once[1].mean("repeat").isel(measure=slice(3)).rename(measure="inverted")
    peak = best.argmax("level")
    found = {
        "score": estimate(once[0].mean("repeat"), scored(drawn).mean("repeat"), s.level),
        "drop": estimate(drop(once[2].mean("repeat")), drop(scored(late).mean("repeat")), s.level),
        "each_drop": drop(once[2]),
        "peak": peak,
    }
    along = {"measure": MEASURES, "inverted": INVERTED, "readout": READOUTS, "way": WAYS}
    for name, array in found.items():
        known = {dim: list(words) for dim, words in along.items() if dim in array.dims}
        words = "measure of performance" if name == "score" else "peak above the higher end"
        found[name] = array.assign_coords(known).assign_attrs(units="1", long_name=words)
    return found


def spread_ratio(d: xr.Dataset) -> xr.DataArray:
    """How unequally arousal changes log rates, relative to attention that selects."""
    ratios = []
    for source, name, dim in (("place", "by_place", "place"), ("orientation", *BY_PREFERENCE)):
        change = np.log(d[name]) - np.log(d[name].sel(condition="none"))
        spread = change.std(dim)
        ratios.append(float(spread.sel(condition="arousal") / spread.sel(condition=source)))
    return xr.DataArray(ratios, {"by": ["place", "preference"]}, ("by",))


def width_ratio(d: xr.Dataset) -> xr.DataArray:
    """Tuning width at other gains over that at the ordinary one."""
    return (d.tuning_width / d.tuning_width.sel(gain=1)).sel(gain=d.gain != 1)


def why(d: xr.Dataset, place: Any) -> str:
    """In words, what a drop and its interval say."""
    value, low = (float(d["drop"].sel(place).sel(bound=end)) for end in ("value", "low"))
    single = d.each_drop.sel(place).values
    text = f"Above 0 in {int((single > 0).sum())} of {single.size} repeats: "
    if low > 0:
        return f"{text}it falls off on both sides of the peak."
    if (place["inverted"], place["readout"], place["way"]) == ("sensitivity", "rates", "gain"):
        return text + NOISELESS
    if place["readout"].endswith("refitted") and value <= 0:
        return f"{text}what there is to be read has no peak in between."
    if value > 0:
        return f"{text}a peak, but no higher than chance might make it with so many trials."
    return f"{text}no peak in between, or an end that is as good."


NOISELESS = (
    "rates carry no noise of their own, and gain leaves that of the input behind: at the highest "
    "gains differences of a thousandth of a Hz are still told apart, which no spikes would carry."
)
BY_PREFERENCE = ("by_preference", "preferred")
LECTURE = "direction: Lindsay's lecture on attention (overall arousal)"
WIDTH, BOUND = (Source(detail=f"{LECTURE}; {what} ours") for what in ("tolerance", "bound"))
YERKES = Source("yerkes1908", "direction")
SHARPER = "Tuning sharpens as drive grows, for the circuit turns from summing to suppression."
ALIKE = "arousal scales responses alike, unlike attention of the same energy"
SAME, U = "tuning is as wide at other gains", "performance is an inverted U of arousal"

CLAIMS = (
    Claim("width_ratio", width_ratio, Near(1.0, rtol=0.1), WIDTH, SAME, known=SHARPER, unit="1"),
    Claim("spread_ratio", spread_ratio, Below(0.1), BOUND, ALIKE, headline=True),
    Claim("drop", lambda d: d["drop"], Above(0), YERKES, U, headline=True, known=why),
    ex.settled_claim(),
)

SMALL = {"field.side": 24, "field.orientations": 4, "patches.places": [[0.5, 0.25], [0.5, 0.75]]}
SMALL |= {"trials": 16, "training": 32, "repeats": 2, "trial.duration": 100.0, "resamples": 20}
SMALL |= {"gains": [0.5, 1.0, 8.0], "inputs": [-1.0, 0.0, 8.0], "orientations": 8}
LARGE = ("seen", "learning")
experiment = ex.Experiment(Settings, simulate, CLAIMS, analyse, only_analysed=LARGE, small=SMALL)
