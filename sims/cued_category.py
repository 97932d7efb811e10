"""A word before a hard image: does cueing a digit help to see it in noise?

Shown: a digit in strong pixel noise, noise alone, or another digit in noise. Simulated: a
convolutional network, and the same trained with an inhibition-stabilised circuit at every layer;
the cue names a digit and becomes feature attention, gain by tuning values for it, at one layer:
valid (the digit shown), invalid (another), or none. Measured, against the level of noise:
sensitivity d' and criterion in three tasks: was there this digit (against noise alone, or against
another digit), and was there any digit (against noise alone).

Who answers is fixed before any cue: detectors of an observer who knows ordinary digits alone, as in
the package's other experiments, and of one who has learned from digits in such noise. Sensitivity
is given at the fixed criterion (z of hits less z of false alarms) and, which claims are about,
whatever the criterion (from the area under the ROC curve).

Source: Lupyan & Ward 2013, PNAS 110:14196 (a valid word raised d' for images suppressed from
awareness, an invalid one lowered it); the network, noise in place of suppression, and the tasks
are chosen here. Layer and strength were chosen on training digits.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.areas import VisualSystem
from cortex.areas.digits import CLASSES, MAPS, digit_network
from cortex.attention import Attention, Multiplicative
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Positive,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.labelled import variable
from cortex.measures.cued_category_rows import (
    QUESTIONS,
    cued_category_measures,
    summarise_categories,
)
from cortex.models.networks import (
    CircuitSection,
    SolverSection,
    load_digits_network,
    with_settings,
)
from cortex.models.networks import VariantsSection as Networks
from cortex.models.study import StatisticsSection
from cortex.stimuli import Digits, gaussian_noise, load_digits, split_digits
from cortex.stimuli.noisy_trials import KINDS, NoisyTrials
from cortex.studies import attend, by_values, look
from cortex.tasks import (
    Detectors,
    LayerValues,
    Observer,
    all_tuning_values,
    in_batches,
    respond_to_all,
)

HERE = "chosen here"
CUES = ("valid", "invalid")
READOUTS = ("ordinary", "noisy")
LAYERS = len(MAPS)
NOTHING = CLASSES  # the category of noise alone, for the detectors


class ImagesSection(Section):
    """Digits in noise: to learn from, and to be tested on."""

    noise: tuple[Positive, ...] = quantity(
        (0.4, 0.7, 1.0),
        "1",
        "standard deviations of the pixels' noise, before clipping to 0 to 1; rising",
        source=HERE,
        min_length=1,
    )
    ordinary: int = quantity(
        600, "1", "clean training digits, for detectors and tuning values", source=HERE, ge=50
    )
    noisy: int = quantity(
        600, "1", "noisy training images for detectors, a third noise alone", source=HERE, ge=60
    )
    per_category: int = quantity(
        24, "1", "held-out images of each digit and level of noise, half with it", source=HERE, ge=8
    )

    @model_validator(mode="after")
    def _checked(self) -> ImagesSection:
        require_distinct(self, "noise")
        if list(self.noise) != sorted(self.noise):
            raise ValueError(f"noise: found {list(self.noise)}, allowed: rising")
        if self.per_category % 4:
            raise ValueError(f"per_category: found {self.per_category}, allowed: multiples of 4")
        return self


class NetworkSection(Networks):
    """The networks compared; those of several seeds are the observers."""

    seeds: tuple[int, ...] = quantity(
        (0, 1, 2), "1", "which of the networks of digits", source=HERE, min_length=1
    )

    @model_validator(mode="after")
    def _trained(self) -> NetworkSection:
        if self.how != "trained":
            raise ValueError(f"how: found '{self.how}', allowed: 'trained'")
        require_distinct(self, "seeds")
        return self


class AttentionSection(Section):
    """What a word does: gain 1 + strength times tuning value, at one layer."""

    layers: tuple[int, ...] = quantity(
        (3,), "1", "layers attended, one at a time, 1 the lowest", source=HERE, min_length=1
    )
    strength: float = quantity(0.5, "1", "beta", source=HERE, gt=0)
    invalid: tuple[int, ...] = Field(
        (3, 5, 7),
        min_length=1,
        description="an invalid cue names the digit so many further on, by observer in turn",
        json_schema_extra={"unit": "1", "source": HERE},
    )

    @model_validator(mode="after")
    def _checked(self) -> AttentionSection:
        require_distinct(self, "layers")
        if not set(self.layers) <= set(range(1, LAYERS + 1)):
            raise ValueError(f"layers: found {list(self.layers)}, allowed: some of 1 to {LAYERS}")
        if any(step % CLASSES == 0 for step in self.invalid):
            raise ValueError(f"invalid: found {list(self.invalid)}, allowed: 1 to {CLASSES - 1}")
        return self


class Config(ExperimentConfig):
    """Configuration of `cued_category`."""

    images: ImagesSection = ImagesSection()
    network: NetworkSection = NetworkSection()
    circuit: CircuitSection = CircuitSection()
    attention: AttentionSection = AttentionSection()
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def build(config: Config, variant: str, seed: int) -> VisualSystem:
    """One of the networks, its circuits set to the configuration."""
    section = config.network.model_copy(update={"weights_seed": seed})
    system, _ = load_digits_network(digit_network(), section, variant)
    return system if variant == "plain" else with_settings(system, config.circuit, config.solver)


def learn(
    config: Config, system: VisualSystem, training: Digits, key: Array
) -> tuple[Observer, LayerValues]:
    """Detectors of both readouts, one after the other, and tuning values, all without a cue.

    From ordinary digits: ten detectors. From noisy ones, each with noise of a level drawn at
    random: ten, and one of noise alone, which is shown in every third image.
    """
    chosen = config.images
    rows = np.random.default_rng(config.seed).permutation(len(training))
    images, labels = digit_network().images(training), np.asarray(training.labels)
    clean = np.sort(rows[: chosen.ordinary])
    responses = respond_to_all(system, in_batches(lambda n: images[clean[n]], len(clean)))
    values = all_tuning_values(responses.means, labels[clean], CLASSES)
    ordinary = Detectors.fit(responses.units, labels[clean], CLASSES)

    noisy = np.resize(rows[chosen.ordinary :], chosen.noisy)
    empty = np.arange(chosen.noisy) % 3 == 2
    drawn = np.random.default_rng(config.seed + 1)
    levels = drawn.permutation(np.resize(chosen.noise, chosen.noisy)).astype(np.float32)
    there = np.where(empty, 0.0, 1.0).astype(np.float32)

    def spoilt(n: np.ndarray) -> Array:
        keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(n)
        one = jax.vmap(lambda k, x, t, sd: gaussian_noise(k, t * x, sd))
        return one(keys, images[noisy[n]], there[n], levels[n])

    responses = respond_to_all(system, in_batches(spoilt, chosen.noisy))
    answers = np.where(empty, NOTHING, labels[noisy])
    other = Detectors.fit(responses.units, answers, CLASSES + 1)
    both = jax.tree.map(lambda *parts: jnp.concatenate(parts), ordinary, other)
    return Observer(system, both), values


def cues(config: Config, values: LayerValues, step: int) -> list[Attention]:
    """Valid and invalid cues, each at every layer attended; cue outermost."""
    forms = (Multiplicative(),) * LAYERS
    named = {
        "valid": by_values(values, forms),
        "invalid": by_values(tuple(jnp.roll(v, -step, axis=0) for v in values), forms),
    }
    return [
        attend(named[cue], np.eye(LAYERS)[layer - 1], config.attention.strength)
        for cue in CUES
        for layer in config.attention.layers
    ]


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Every network learns, and looks at held-out digits in noise after each cue and after none."""
    training, held_out = split_digits(load_digits())
    shown, known = digit_network().images(held_out), np.asarray(held_out.labels)
    network, chosen = config.network, config.images
    cued = (len(CUES), len(config.attention.layers))
    shape = (len(network.variants), len(network.seeds), len(chosen.noise))
    images = (CLASSES, chosen.per_category)
    asked_of = (len(READOUTS), len(QUESTIONS))
    score = np.zeros((*shape, *cued, *asked_of, *images), np.float32)
    uncued = np.zeros((*shape, *asked_of, *images), np.float32)
    rates = np.zeros((*shape, *cued, 2), np.float32)
    settled = np.ones(shape)
    key = jax.random.key(config.seed)
    for s, seed in enumerate(network.seeds):
        learn_key, trial_key = jax.random.split(jax.random.fold_in(key, seed))
        trials = [
            NoisyTrials(
                jax.random.fold_in(trial_key, n),
                lambda rows: shown[rows],
                known,
                chosen.per_category,
                CLASSES,
                sd,
            )
            for n, sd in enumerate(chosen.noise)
        ]
        step = config.attention.invalid[s % len(config.attention.invalid)]
        for v, variant in enumerate(network.variants):
            with progress.stage(f"{variant}, network {seed}: learns from digits in noise"):
                observer, values = learn(config, build(config, variant, seed), training, learn_key)
                asked = cues(config, values, step)
            looks = len(trials) * trials[0].present.size * (1 + len(asked))
            with progress.stage(f"{variant}, network {seed}: cues", total=looks) as stage:
                for n, one in enumerate(trials):
                    before, after = look(observer, one, asked, answer="all", advance=stage.advance)
                    uncued[v, s, n] = evidence(before.answers)
                    found = np.stack([evidence(outcome.answers) for outcome in after])
                    score[v, s, n] = found.reshape(*cued, *found.shape[1:])
                    plain, *top = (
                        [o.rates[-1].E.mean(), o.rates[-1].I.mean()] for o in (before, *after)
                    )
                    ratio = np.asarray(top) / np.where(np.asarray(plain) > 0, plain, np.nan)
                    rates[v, s, n] = ratio.reshape(*cued, 2)
                    settled[v, s, n] = min(o.settled.mean() for o in (before, *after))
    where = ("variant", "observer", "noise")
    picture = ("readout", "question", "category", "image")
    data = xr.Dataset(
        {
            "score": variable((*where, "cue", "layer", *picture), score, "1", "evidence, cued"),
            "score_uncued": variable((*where, *picture), uncued, "1", "evidence, no cue"),
            "kind": variable(("category", "image"), trials[0].kind, "1", "number in `KINDS`"),
            "rate_ratio": variable(
                (*where, "cue", "layer", "population"), rates, "1", "rate at the top over uncued"
            ),
            "settled": variable(where, settled, "1", "share of looks that settled"),
            "example": variable(
                ("noise", "shown", "y", "x"), examples(trials), "1", "luminance of images"
            ),
        },
        {
            "variant": variable("variant", network.variants, "1", "network"),
            "observer": variable("observer", list(network.seeds), "1", "seed of the network"),
            "noise": variable("noise", chosen.noise, "1", "standard deviation of the noise"),
            "cue": variable("cue", list(CUES), "1", "cue"),
            "layer": variable("layer", list(config.attention.layers), "1", "layer attended"),
            "readout": variable("readout", list(READOUTS), "1", "what detectors were fitted to"),
            "question": variable("question", list(QUESTIONS), "1", "what evidence is for"),
            "population": variable("population", ["E", "I"], "1", "population"),
            "shown": variable("shown", list(KINDS[:2]), "1", "what is shown"),
        },
    )
    with progress.stage("sensitivity, criterion and their intervals"):
        s = config.statistics
        summary = summarise_categories(data, s.resamples, s.level, config.seed)
    return data.merge(summary, compat="no_conflicts", join="exact")


def evidence(logits: np.ndarray) -> np.ndarray:
    """For this digit and for any, of both readouts: (readout, question, category, image).

    For this digit: its own detector. For any digit: the highest of the ten detectors, or, having
    learned what noise alone is like, the detector of that, turned around.

    Args:
        logits: (categories sought, images, detectors), detectors as of `learn`.
    """
    ordinary, noisy = logits[..., :CLASSES], logits[..., CLASSES:]
    own = [np.stack([one[c, :, c] for c in range(len(one))]) for one in (ordinary, noisy)]
    anything = [ordinary.max(axis=-1), -noisy[..., NOTHING]]
    return np.stack([np.stack(pair) for pair in zip(own, anything, strict=True)])


def examples(trials: list[NoisyTrials]) -> np.ndarray:
    """A three, and nothing, at each level of noise: (noise, shown, y, x)."""
    return np.stack([np.asarray(one.images(3, 0, 2))[:, 0] for one in trials])


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """What a valid and an invalid cue do to sensitivity and criterion."""
    return cued_category_measures(data)
