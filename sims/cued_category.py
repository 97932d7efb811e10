"""A word before a hard image: does cueing a digit help to see it in noise?

Shown: a digit in strong pixel noise, noise alone, or another digit in noise. Simulated: a
convolutional network, and the same trained with an inhibition-stabilised circuit at every layer;
the cue names a digit and becomes feature attention, gain by tuning values for it, at one layer:
valid (the digit shown), invalid (another), or none. Measured, against the level of noise:
sensitivity d' and criterion in three tasks: was there this digit (against noise alone, or against
another digit), and was there any digit (against noise alone).

Who answers is fixed before any cue: detectors of an observer who knows ordinary digits alone, and
of one who has learned from digits in such noise. Sensitivity is given at the fixed criterion and,
which claims are about, whatever the criterion (from the area under the ROC curve).

Source: Lupyan & Ward 2013, PNAS 110:14196 (a valid word raised d' for images suppressed from
awareness, an invalid one lowered it); the network, noise in place of suppression, and the tasks
are chosen here. Layer and strength were chosen on training digits.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field

from cortex import experiment as ex
from cortex import tasks
from cortex.analysis.bootstrap import bootstrap
from cortex.analysis.yes_no import yes_no
from cortex.areas import SSN, VisualSystem
from cortex.areas.digits import CLASSES, MAPS, digit_network
from cortex.attention import Multiplicative
from cortex.labelled import coordinate, each, label
from cortex.models.digit_images import HeldOutDigits
from cortex.models.networks import DigitNetworks, SolverSection
from cortex.models.study import StatisticsSection
from cortex.progress import stage
from cortex.settings import Axis, axis, choice, quantity
from cortex.sources import Source
from cortex.stimuli import Digits, NoisyTrials, gaussian_noise_each, load_digits, split_digits
from cortex.stimuli.trials import KINDS
from cortex.studies import attend, by_values, look

# By task: the question, and what is shown where the answer should be no.
TASKS = {
    "this digit or noise": ("this", "nothing"),
    "this digit or another": ("this", "other"),
    "any digit or noise": ("any", "nothing"),
}
# To noise alone, too, one of the detectors from ordinary digits answers.
ASKED = {"ordinary": list(TASKS)[:2], "noisy": list(TASKS)}
WHY = {
    "ordinary": "What a cue adds, it adds to noise and other digits too: it shifts the criterion.",
    "noisy": "Fitted to noise as it is without a cue; any gain takes these detectors out of that.",
}
CONTRASTS = ("valid less uncued", "uncued less invalid", "valid less invalid")


class Settings(HeldOutDigits):
    """Settings of `cued_category`."""

    noise: Axis = axis(0.4, 0.7, 1.0, unit="1", description="SD of the pixel noise")
    ordinary: int = quantity(600, "1", "clean digits, for detectors and tuning values", ge=50)
    noisy: int = quantity(600, "1", "noisy images for detectors, a third noise alone", ge=60)
    per_category: int = quantity(
        24, "1", "images of each digit and noise, half with it", ge=8, le=100_000, multiple_of=4
    )
    observers: tuple[int, ...] = quantity((0, 1, 2), "1", "seeds of networks", min_length=1)
    layer: Literal[1, 2, 3] = choice(3, "layer attended, 1 the lowest")
    strength: float = quantity(0.5, "1", "beta: gain is 1 + beta times tuning value", gt=0)
    invalid: tuple[Annotated[int, Field(ge=1, lt=CLASSES)], ...] = quantity(
        (3, 5, 7), "1", "digits from the one shown to that of an invalid cue, by observer in turn"
    )
    network: DigitNetworks = DigitNetworks()
    circuit: SSN = SSN()
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def simulate(s: Settings, key: Array) -> dict[str, Any]:
    """Every network learns, and looks at held-out digits in noise after each cue and after none."""
    training, held_out = split_digits(load_digits())[0], s.test_digits()
    shown, known = digit_network().images(held_out), np.asarray(held_out.labels)
    noise = coordinate(s.noise)
    singles = shown.__getitem__, known, s.per_category, CLASSES

    def trials_of(seed: int) -> list[NoisyTrials]:
        key_of = jax.random.split(jax.random.fold_in(key, seed))[1]
        return [
            NoisyTrials(jax.random.fold_in(key_of, n), *singles, sd)
            for n, sd in enumerate(s.noise.array())
        ]

    def observe(variant: str, seed: int) -> dict[str, Any]:
        trials, name = trials_of(seed), f"{variant}, network {seed}"
        network = s.network.model_copy(update={"weights_seed": seed})
        with stage(f"{name}: learns from digits in noise"):
            system = network.system(variant, s.circuit, s.solver, training)
            learn_key = jax.random.split(jax.random.fold_in(key, seed))[0]
            observer, values = learn(s, system, training, learn_key)
        ahead = s.invalid[s.observers.index(seed) % len(s.invalid)]
        other = tuple(jnp.roll(of_layer, -ahead, axis=0) for of_layer in values)
        named = [by_values(one, (Multiplicative(),) * len(MAPS)) for one in (values, other)]
        cues, seen = [attend(one, np.eye(len(MAPS))[s.layer - 1], s.strength) for one in named], []
        with stage(f"{name}: cues", total=sum(map(len, trials)) * (1 + len(cues))) as advance:
            for one in trials:
                uncued, cued = look(observer, one, cues, answer="all", advance=advance)
                seen.append([cued[0], uncued, cued[1]])
        score = np.asarray([[evidence(one.answers) for one in row] for row in seen])
        settled = np.asarray([[one.settled.all() for one in row] for row in seen])
        axes = {"noise": noise, "cue": ("valid", "uncued", "invalid")}
        asked = {"readout": tuple(WHY), "question": ("this", "any"), "category": None}
        return {
            "score": label(score, "1", "evidence for yes", **axes, **asked, image=None),
            "settled": label(settled, "1", "whether all circuits settled", **axes),
        }

    trials = trials_of(s.observers[-1])
    # A three, and nothing, at each level of noise.
    example = np.stack([np.asarray(one.images(3, 0, 2))[:, 0] for one in trials])
    return {
        **each(variant=s.network.variants, observer=s.observers)(observe),
        "kind": label(trials[0].kind[0], "1", f"which is shown of {', '.join(KINDS)}", image=None),
        "example": label(example, "1", "luminance", noise=noise, shown=KINDS[:2], y=None, x=None),
    }


def learn(s: Settings, system: VisualSystem, training: Digits, key: Array) -> tuple[Any, Any]:
    """An observer with detectors of both readouts, and tuning values, all without a cue.

    From ordinary digits: ten detectors. From noisy ones, each with noise of a level drawn at
    random: ten, and one of noise alone, which is shown in every third image.
    """
    rows = np.random.default_rng(s.seed).permutation(len(training))
    images, labels = digit_network().images(training), np.asarray(training.labels)
    clean, noisy = np.sort(rows[: s.ordinary]), np.resize(rows[s.ordinary :], s.noisy)
    seen = tasks.respond_to_all(system, tasks.in_batches(lambda n: images[clean[n]], len(clean)))
    values = tasks.all_tuning_values(seen.means, labels[clean], CLASSES)
    ordinary = tasks.Detectors.fit(seen.units, labels[clean], CLASSES)
    drawn = np.random.default_rng(s.seed + 1)
    levels = jnp.asarray(drawn.permutation(np.resize(s.noise.array(), s.noisy)), jnp.float32)
    empty = np.arange(s.noisy) % 3 == 2

    def with_noise(n: np.ndarray) -> Array:
        singles = images[noisy[n]] * jnp.asarray(~empty[n])[:, None, None, None]
        return gaussian_noise_each(key, jnp.asarray(n), singles, levels[n])

    seen = tasks.respond_to_all(system, tasks.in_batches(with_noise, s.noisy))
    answers = np.where(empty, CLASSES, labels[noisy])
    other = tasks.Detectors.fit(seen.units, answers, CLASSES + 1)
    both = jax.tree.map(lambda *parts: jnp.concatenate(parts), ordinary, other)
    return tasks.Observer(system, both), values


def evidence(logits: np.ndarray) -> np.ndarray:
    """For this digit and for any, of both readouts: (readout, question, category, image).

    From logits (categories sought, images, detectors as of `learn`). For this digit: its own
    detector. For any digit: the highest of the ten detectors, or, having learned what noise alone
    is like, the detector of that, turned around.
    """
    ordinary, noisy, own = logits[..., :CLASSES], logits[..., CLASSES:], np.arange(CLASSES)
    this = [one[own, :, own] for one in (ordinary, noisy)]
    return np.stack([this, [ordinary.max(axis=-1), -noisy[..., CLASSES]]], axis=1)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Sensitivity and criterion after every cue, and what cues change, mean over noise.

    Rates and areas under the curve are means over digits and observers. Images are resampled
    within observer, noise, digit and kind, the same ones for all cues, layers and networks.
    """
    kind = np.asarray(KINDS)[data["kind"].values]

    def of_all(scores: xr.DataArray) -> xr.Dataset:
        pooled = scores.drop_vars("observer").rename(category="digit")
        pooled = pooled.stack(category=("observer", "digit"), create_index=False)
        found = by_task(pooled, kind)
        return xr.Dataset({"detection": found, "change": changes(found)})

    with stage("sensitivity, criterion and their intervals"):
        found = bootstrap(
            of_all,
            data["score"].assign_coords(kind=("image", kind)),
            "image",
            within=("kind", "observer", "noise", "category"),
            n=s.statistics.resamples,
            level=s.statistics.level,
            rng=rng,
        )
    words = {"detection": "sensitivity and criterion", "change": "change by cues, mean over noise"}
    return {n: found[n].assign_attrs(units="1", long_name=text) for n, text in words.items()}


def by_task(scores: xr.DataArray, kind: np.ndarray) -> xr.DataArray:
    """What `yes_no` measures in each of the `TASKS`."""
    found = []
    for question, other in TASKS.values():
        rows = np.flatnonzero((kind == "sought") | (kind == other))
        asked = scores.sel(question=question, drop=True).isel(image=rows)
        found.append(yes_no(asked.assign_coords(present=("image", kind[rows] == "sought"))))
    return xr.concat(found, xr.Variable("task", list(TASKS)), coords="minimal")


def changes(found: xr.DataArray) -> xr.DataArray:
    """The `CONTRASTS` of cues, mean over noise."""
    pairs = [contrast.split(" less ") for contrast in CONTRASTS]
    rows = [found.sel(cue=one, drop=True) - found.sel(cue=other, drop=True) for one, other in pairs]
    return xr.concat(rows, xr.Variable("contrast", list(CONTRASTS))).mean("noise")


FREE = "sensitivity_free"
PAPER = Source("lupyan2013", "direction, for images suppressed from awareness")

CLAIMS = (
    *(
        ex.Claim(
            "change_in_sensitivity",
            lambda d, of=readout: d["change"].sel(readout=[of], task=ASKED[of], measure=FREE),
            ex.Above(0),
            PAPER,
            f"a valid cue raises d', an invalid one lowers it: detectors from {readout} digits",
            headline=True,
            known=why,
        )
        for readout, why in WHY.items()
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
        "noise": [0.5],
        "ordinary": 60,
        "noisy": 60,
        "per_category": 8,
        "network.variants": ["plain"],
        "observers": [0],
        "statistics.resamples": 20,
    },
)
