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

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.attention import Additive, Arousal
from cortex.circuit import EI, Modulation
from cortex.experiment import ExperimentConfig, Measure, Positive, Progress, Section, quantity
from cortex.experiment.results import variable
from cortex.measures.arousal_rows import arousal_measures, summarise_arousal
from cortex.models.orientation_field import (
    NoiseSection,
    OrientationFieldSection,
    PatchSection,
    RelaxSection,
)
from cortex.models.patch_task import LinearReadout, PatchTask, TrialSection
from cortex.models.selectivity import (
    SOURCES,
    SelectivitySection,
    angle_drives,
    aroused,
    selectivity,
)
from cortex.models.study import StatisticsSection

HERE = "chosen here"
WAYS = ("gain", "gain on noise too", "input")
READOUTS = ("rates", "spikes", "spikes, refitted")
TASKS = ("detect", "identify")


class StimulusSection(PatchSection):
    """The patch, and how often it is shown."""

    contrast: float = quantity(4.0, "%", "of the patch", source=HERE, gt=0)
    trials: int = quantity(
        96, "1", "trials of each level of arousal in each repeat, half without a patch", source=HERE
    )
    training: int = quantity(
        256, "1", "trials at ordinary arousal that readouts are fitted to", source=HERE
    )
    repeats: int = quantity(
        3, "1", "observers: each with other noise and readouts of its own", source=HERE, ge=2
    )

    @model_validator(mode="after")
    def _balanced(self) -> StimulusSection:
        each = 8 * len(self.places)
        for name in ("trials", "training"):
            found = getattr(self, name)
            if found < 1 or found % each:
                raise ValueError(f"{name}: found {found}, allowed: multiples of {each}")
        return self


class ArousalSection(Section):
    """Levels of arousal, from low to high, as many of one kind as of the other."""

    gains: tuple[Positive, ...] = quantity(
        (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
        "1",
        "gains on the drive of E and I; 1 is ordinary",
        source=HERE,
        min_length=3,
    )
    inputs: tuple[float, ...] = quantity(
        (-2.0, -1.0, 0.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0),
        "%",
        "inputs to E and I; 0 is ordinary",
        source=HERE,
        min_length=3,
    )

    @model_validator(mode="after")
    def _rising(self) -> ArousalSection:
        for name in ("gains", "inputs"):
            found = list(getattr(self, name))
            if found != sorted(set(found)):
                raise ValueError(f"{name}: found {found}, allowed: rising")
        if 1.0 not in self.gains:
            raise ValueError(f"gains: found {list(self.gains)}, allowed: with 1 among them")
        if len(self.gains) != len(self.inputs):
            raise ValueError(
                f"inputs: found {len(self.inputs)}, allowed: {len(self.gains)}, as many as gains"
            )
        return self


class SpikesSection(Section):
    """Spike counts: Poisson, independent, given the mean rate over the window."""

    neurons: int = quantity(
        100, "1", "neurons whose spikes each feature of the readout counts", source=HERE, ge=1
    )


class Config(ExperimentConfig):
    """Configuration of `arousal`."""

    field: OrientationFieldSection = OrientationFieldSection()
    noise: NoiseSection = NoiseSection()
    stimulus: StimulusSection = StimulusSection()
    arousal: ArousalSection = ArousalSection()
    spikes: SpikesSection = SpikesSection()
    selectivity: SelectivitySection = SelectivitySection()
    trial: TrialSection = TrialSection(step=1.0)
    solver: RelaxSection = RelaxSection(step=1.0)
    statistics: StatisticsSection = StatisticsSection()

    @model_validator(mode="after")
    def _own_orientations(self) -> Config:
        found, each = self.selectivity.orientations, self.field.orientations
        if found % each:
            raise ValueError(
                f"selectivity.orientations: found {found}, allowed: multiples of {each}, as many "
                "as the field prefers"
            )
        return self


def levels(config: Config, task: PatchTask) -> Modulation:
    """Arousal in each way, at every level: leaves (way, level, ...); the first two ways agree."""
    gains = [aroused(task, Arousal(gain - 1.0)) for gain in config.arousal.gains]
    both = Additive(to_I=1.0)
    inputs = [aroused(task, Arousal(level, both)) for level in config.arousal.inputs]
    rows = [jax.tree.map(lambda *x: jnp.stack(x), *row) for row in (gains, gains, inputs)]
    return jax.tree.map(lambda *x: jnp.stack(x), *rows)


def noise_levels(config: Config) -> np.ndarray:
    """What the noise is multiplied by: (way, level)."""
    gains = np.asarray(config.arousal.gains)
    return np.stack([np.ones_like(gains), gains, np.ones_like(gains)])


def blocks(shown: StimulusSection, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Presence, place and target of so many trials, all balanced."""
    number, places = np.arange(count), len(shown.places)
    return number % 2 == 0, number // 2 % places, number // (2 * places) % 2


def simulate(config: Config, task: PatchTask, angles: Array, key: Array) -> dict[str, Array]:
    """Steady states at every level, and what the readouts would see in every noisy trial.

    Parameters
    ----------
    config
        The configuration.
    task
        Circuit, noise and drives of the configuration: `PatchTask.of`.
    angles
        Drives of the patches of `selectivity`: `angle_drives`.
    key
        Of the noise.

    Returns
    -------
    dict of arrays
        Those of `selectivity`; ``steady_E``, ``steady_I`` [Hz] (way, level, 2): mean over the
        features of the first place, without and with the patch; ``level_settled`` of the same;
        ``seen`` [Hz] (repeat, way, level, trial, feature) and ``learned_from`` (repeat, trial,
        feature), means over the readout's window.
    """
    shown, time, solver = config.stimulus, config.trial, config.solver.relax()
    given = levels(config, task)
    loudness = jnp.asarray(noise_levels(config), float)
    faint = shown.contrast * task.drives

    def steady(one: Modulation) -> tuple[EI[Array], EI[Array], Array]:
        empty = task.settle(task.empty(), one, solver)
        lit = task.settle(task.empty() + faint[0, 0], one, solver)
        features = len(config.field.preferred)
        pairs = empty.rates.map(
            lambda a, b: jnp.stack([jnp.mean(task.features(r)[:features]) for r in (a, b)]),
            lit.rates,
        )
        return empty.rates, pairs, jnp.stack([empty.converged, lit.converged])

    starts, pairs, reached = jax.lax.map(jax.vmap(steady), given)

    def several(key: Array, one: Modulation, start: EI[Array], loud: Array, count: int) -> Array:
        present, place, target = (jnp.asarray(x) for x in blocks(shown, count))
        noisy = eqx.tree_at(lambda t: t.noise.sd, task, task.noise.sd * loud)

        def trial(key: Array, present: Array, place: Array, target: Array) -> Array:
            drive = task.empty() + present * faint[place, target]
            series = noisy.trial(key, drive, start, one, time)
            return jnp.mean(series[jnp.asarray(np.flatnonzero(time.window))], axis=0)

        return jax.vmap(trial)(jax.random.split(key, count), present, place, target)

    def level(given: tuple[Array, Modulation, EI[Array], Array]) -> Array:
        return several(*given, shown.trials)

    ways, count = loudness.shape
    keys = jax.random.split(key, (shown.repeats, 2))

    def repeat(pair: Array) -> tuple[Array, Array]:
        # Every level and way of a repeat meets the same noise; the readout learns from other.
        same = jnp.broadcast_to(pair[1][None], (ways * count,))
        flat = jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), (given, starts, loudness))
        found = jax.lax.map(level, (same, *flat))
        ordinary = config.arousal.gains.index(1.0)
        one, start, loud = jax.tree.map(lambda x: x[0, ordinary], (given, starts, loudness))
        learning = several(pair[0], one, start, loud, shown.training)
        return found.reshape(ways, count, *found.shape[1:]), learning

    seen, learned_from = jax.lax.map(repeat, keys)
    return {
        **selectivity(config.selectivity, task, angles, config.solver.relax()),
        "steady_E": pairs.E,
        "steady_I": pairs.I,
        "level_settled": reached,
        "seen": seen,
        "learned_from": learned_from,
    }


def decide(config: Config, found: dict[str, np.ndarray]) -> np.ndarray:
    """Evidence of all readouts: (task, readout, repeat, way, level, trial).

    Two are fitted at ordinary arousal, to rates and to spike counts; one to the spike counts of
    the other repeats at each level of its own, and so shows what there is to be read. To detect
    is to tell patches from nothing, to identify is to tell the two patches, which is learned from
    trials with one; positive evidence is for a patch, and for the second one.
    """
    shown, time = config.stimulus, config.trial
    rng = np.random.default_rng(config.seed)
    seconds = time.sample * time.window.sum() / 1000.0 * config.spikes.neurons

    def counted(rates: np.ndarray) -> np.ndarray:
        return rng.poisson(np.maximum(rates, 0.0) * seconds) / seconds

    seen, learned_from = found["seen"], found["learned_from"]
    spikes = counted(seen)
    evidence = []
    for task in TASKS:
        rows = [
            [
                _readout(one, task, shown, time.penalty)(test)
                for one, test in zip(learning, tested, strict=True)
            ]
            for learning, tested in ((learned_from, seen), (counted(learned_from), spikes))
        ]
        anew = np.empty(spikes.shape[:-1])
        for repeat, way, level in np.ndindex(spikes.shape[:3]):
            others = np.delete(spikes[:, way, level], repeat, axis=0)
            readout = _readout(others, task, shown, time.penalty)
            anew[repeat, way, level] = readout(spikes[repeat, way, level])
        evidence.append(np.stack([np.stack(rows[0]), np.stack(rows[1]), anew]))
    return np.stack(evidence)


def _readout(
    features: np.ndarray, task: str, shown: StimulusSection, penalty: float
) -> LinearReadout:
    """Fitted to trials (..., trial, feature) in the order of `blocks`."""
    present, _, target = blocks(shown, features.shape[-2])
    wanted = np.ones_like(present) if task == "detect" else present
    labels = (present.astype(int) if task == "detect" else target)[wanted]
    chosen = features[..., wanted, :]
    repeated = np.broadcast_to(labels, chosen.shape[:-1]).ravel()
    return LinearReadout.fit(chosen.reshape(-1, chosen.shape[-1]), repeated, penalty)


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Simulate, decide, and find intervals and inverted U's."""
    shown, statistics = config.stimulus, config.statistics
    count = len(WAYS) * len(config.arousal.gains) * shown.repeats * shown.trials
    with progress.stage(f"steady states, and {count} noisy trials"):
        task = PatchTask.of(config.field, shown, config.noise)
        key = jax.random.key(config.seed)
        angles = angle_drives(config.selectivity, config.field, shown)
        run = eqx.filter_jit(lambda *given: simulate(config, *given))
        found = run(task, angles, key)
        found = {name: np.asarray(array) for name, array in found.items()}
    with progress.stage("readouts, and inverted U's"):
        data = label(config, found, decide(config, found))
        summary = summarise_arousal(data, statistics.resamples, statistics.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact")


def label(config: Config, found: dict[str, np.ndarray], evidence: np.ndarray) -> xr.Dataset:
    """Steady states and decisions as a dataset with dimensions, units and long names."""
    present, _, target = blocks(config.stimulus, config.stimulus.trials)
    chosen, field = config.selectivity, config.field
    steady = ("way", "level", "patch")
    values = np.stack([config.arousal.gains, config.arousal.gains, config.arousal.inputs])
    settled = np.concatenate([found["settled"], found["level_settled"].ravel()])
    angles = np.arange(chosen.orientations) * 180.0 / chosen.orientations
    return xr.Dataset(
        {
            "evidence": variable(
                ("task", "readout", "repeat", "way", "level", "trial"),
                evidence,
                "log odds",
                "evidence for a patch, or for the second one",
            ),
            "present": variable("trial", present, "1", "whether there is a patch"),
            "target": variable("trial", target, "1", "which patch it is"),
            "steady_E": variable(steady, found["steady_E"], "Hz", "E rate at the first place"),
            "steady_I": variable(steady, found["steady_I"], "Hz", "I rate at the first place"),
            "arousal": variable(("way", "level"), values, "1 or %", "gain, or input"),
            "tuning": variable(("gain", "orientation"), found["tuning"], "Hz", "E rate of one map"),
            "by_place": variable(
                ("condition", "place"), found["by_place"], "Hz", "E rate by place, patches at all"
            ),
            "by_preference": variable(
                ("condition", "preferred"),
                found["by_preference"],
                "Hz",
                "E rate of each map to its own",
            ),
            "converged": variable("state", settled, "1", "whether the state was reached"),
        },
        {
            "task": variable("task", list(TASKS), "1", "task"),
            "readout": variable("readout", list(READOUTS), "1", "what the readout sees"),
            "way": variable("way", list(WAYS), "1", "what arousal acts on"),
            "patch": variable("patch", ["without", "with"], "1", "without or with the patch"),
            "gain": variable("gain", chosen.gains, "1", "gain on the drive"),
            "orientation": variable("orientation", angles, "deg", "orientation of the patch"),
            "condition": variable("condition", [*SOURCES, "none"], "1", "source of attention"),
            "preferred": variable("preferred", field.preferred, "deg", "preferred orientation"),
        },
    )


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """What arousal selects, and which measures of performance are inverted U's."""
    return arousal_measures(data, config.selectivity.tolerance)
