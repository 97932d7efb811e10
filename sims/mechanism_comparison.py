"""Every mechanism of attention on one task with one readout, at one energy, side by side.

Shown: two digits merged into one image, and four in a 2 x 2 array. Simulated: the digit network
with an inhibition-stabilised circuit at every layer looks at each image once without attention,
and again with each mechanism as the source of gains on the drive of one layer. Patterns are
scaled to one root mean square, so that every source changes gains by the same energy. Those that
learn act at the layer that they were trained for, at that energy, on other digits: each for what
its own experiment says, which is not always this task. Left out are an encoder-decoder's alignment
and scan paths, which take their sense from a sequence. Measured: what each does to sensitivity and
criterion, to the activity of E and I units at every layer, and to noise correlations.

Source: the mechanisms are those of psychology, neuroscience and machine learning named in each
source (`cortex.attention`); tasks and detectors after Lindsay & Miller 2018, eLife 7:e38105.
That all act on the same circuits, and the measure of energy, are our design.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.analysis.yes_no import yes_no
from cortex.areas.digits import MAPS
from cortex.attention import AbstractSource, EnergyMatched, NoAttention
from cortex.labelled import Labelled, described, each, label
from cortex.models.learned import hard_digits
from cortex.models.learned.through_circuits import asked_logits, attend_to_all, unattended
from cortex.progress import stage
from cortex.settings import choice, quantity, require_distinct
from cortex.sources import Source
from cortex.studies.learned_source import LearnedSourceSettings, image_mean
from cortex.studies.mechanisms import MECHANISMS, Knowledge, ready
from cortex.studies.variability import AreaNoise, noise_correlations

TASKS = ("merged", "array")
LAYERS = len(MAPS)
# Tuning values, the same ones shuffled, and the place.
CONTROLS = T, S, P = ["tuning values", "shuffled values", "place"]


class Settings(LearnedSourceSettings):
    """Settings of `mechanism_comparison`; images are drawn anew for each seed of what learned."""

    per_category: int = quantity(
        20, "1", "hard images a category, half with it", ge=4, le=100_000, multiple_of=2
    )
    mechanisms: tuple[str, ...] = choice(tuple(MECHANISMS), "mechanisms compared", min_length=1)
    layers: tuple[Literal[1, 2, 3], ...] = quantity(
        (1, 2, 3), "1", "layers attended, one at a time; what learned acts at its own", min_length=1
    )
    window: tuple[float, float] = quantity(
        (0.3, 0.6), "1", "on a place: its width, as share of the map, and what is taken elsewhere"
    )
    noise: AreaNoise = AreaNoise()

    @model_validator(mode="after")
    def _known(self) -> Settings:
        require_distinct(self, "mechanisms")
        require_distinct(self, "layers")
        if unknown := [name for name in self.mechanisms if name not in MECHANISMS]:
            raise ValueError(f"mechanisms: found {unknown}, allowed: {', '.join(MECHANISMS)}")
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Every source looks again at the same first looks."""
    with stage("the network, its detectors, attention values"):
        system = hard_digits.circuits_system(s.network, s.circuit, s.solver)
        known = ready(system, hard_digits.split()[0], s.seed, s.detector_digits)
    return each(task=TASKS, seed=s.learned.seeds)(
        lambda task, seed: compare(s, known, key, task, seed)
    )


def compare(s: Settings, known: Any, key: Array, task: str, seed: int) -> dict[str, Labelled]:
    """Every source at every layer on the hard images of one task and seed; NaN where none acts."""
    (observer, values), area = known, known[0].system.areas[-1]
    key = jax.random.fold_in(jax.random.fold_in(key, 100 + seed), TASKS.index(task))
    drawn = observer, s.test_digits(), key, task, s.per_category
    looks = {n: hard_digits.hard_images(*drawn, layer=n - 1) for n in s.layers}

    def measured(look: Any, source: AbstractSource, layer: int) -> dict[str, Labelled]:
        score = asked_logits(look.logits, looks[layer]).reshape(-1, s.per_category)
        # What circuits that did not settle do in between says nothing.
        settled = np.asarray(look.settled) & np.asarray(looks[layer].seen.settled)
        rates = [[np.mean(np.asarray(x)[settled]) for x in (one.E, one.I)] for one in look.rates]
        every = np.pad(np.transpose(rates), ((0, 0), (layer - 1, 0)), constant_values=np.nan)
        correlation: Any = np.full(s.noise.images, np.nan)
        if layer == LAYERS:
            correlation = noise_correlations(area, looks[layer], source, s.noise, key)
        layers, words = np.arange(1, LAYERS + 1), "mean noise correlation of pairs of E units"
        return {
            "score": label(score, "1", "logit of the digit sought", category=None, image=None),
            "settled": label(settled, "1", "whether the circuits settled", shown=None),
            "rates": label(every, "Hz", "mean rate", population=("E", "I"), layer=layers),
            "correlation": label(correlation, "1", words, noisy_image=None),
        }

    def attend(name: str, layer: int) -> dict[str, Labelled]:
        mechanism = MECHANISMS[name]
        if not mechanism.acts(task, layer):
            return nothing
        own = {kind: of_layers[layer - 1] for kind, of_layers in values.items()}
        built = mechanism.build(Knowledge(observer, own, s.window, s.learned, seed))
        source = EnergyMatched(built, s.learned.size)
        look = attend_to_all(observer, looks[layer], source, mechanism.passes)[-1]
        return measured(look, source, layer)

    before = [measured(unattended(looks[n]), NoAttention(), n) for n in sorted(s.layers)]
    nothing = jax.tree.map(
        lambda x: np.ones_like(x) if x.dtype == bool else np.full_like(x, np.nan), before[0]
    )
    kept = before[0] | {"correlation": before[-1]["correlation"]}
    there = looks[max(looks)].present[: s.per_category]
    present = label(there, "1", "whether the digit is there", image=None)
    with stage(f"{task}, seed {seed}: looks with attention"):
        found = each(source=s.mechanisms, attended=s.layers)(attend)
    return found | {f"{name}_unattended": kept[name] for name in kept} | {"present": present}


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """What attention changes, over the images of all seeds, with intervals."""
    scores = data[["score", "score_unattended"]]
    scores = scores.assign_coords(present=data.present.isel(task=0, seed=0, drop=True))
    pooled = scores.stack(all=("seed", "image"), create_index=False).rename(all="image")

    def changes(drawn: xr.Dataset) -> xr.Dataset:
        after = yes_no(drawn.score)
        control = after.reindex(source=CONTROLS).rename(source="control")
        change = after - yes_no(drawn.score_unattended)
        return xr.Dataset({"change": change, "advantage": after - control})

    strata = ("present", "category")
    with stage("intervals"):
        found: xr.Dataset = bootstrap(
            changes, pooled, "image", within=strata, n=s.resamples, level=s.level, rng=rng
        )
        moved = data.correlation - data.correlation_unattended
        moved = moved.stack(image=("seed", "noisy_image"), create_index=False)
        correlation = image_mean(s, moved, rng, "change of the noise correlation")
    highest = [MECHANISMS[name].highest(s.layers) for name in s.mechanisms]
    acts_at = xr.DataArray(highest, {"source": data.source})
    return {"correlation_change": correlation} | described(
        change=(found.change, "change by attention"),
        advantage=(found.advantage, "change by one source minus that by another"),
        rate_change=(data.rates / data.rates_unattended - 1, "change of the mean rate"),
        acts_at=(acts_at, "highest of the attended layers at which a source acts"),
    )


ABOVE, BELOW = ex.Above(0), ex.Below(0)
LINDSAY = Source("lindsay2018", "direction, on VGG-16 and photographs")
COHEN = Source("cohen2009", "direction, in V4")
LEARNED = Source(detail="asked of what was trained on such images, at this energy, on other digits")
CONTROL = Source(detail="required of a control")
AROUSAL = Source(detail="follows from what it is: a gain without selectivity")
WHY = {
    "soft attention": "It was trained to point at the digit, not to detect it; see soft_attention.",
    "glimpse": "It was trained on the probability of the right choice; see cortex.models.learned.",
    "tuning values": "In this network tuning values move the criterion; see digits_detection.",
}
EFFECTS = {
    "learned_gain": "what was learned helps to see",
    "learned_over_tuning": "what was learned helps more than tuning values do",
    "place_gain": "attention to the place helps to see",
    "criterion_over_place": "feature attention lowers the criterion more than that to the place",
    "tuning_over_shuffled": "tuning values help more than the same ones shuffled",
    "arousal_beyond_zero": "the same gain everywhere buys no sensitivity",
    "noise_correlation_change": "attention lowers noise correlations",
}
LEARNED_ON = [(task, name) for name, one in MECHANISMS.items() for task in one.tasks]
PLACE, TUNING = [("array", P)], [(task, T) for task in TASKS]
SEES, COSTS = {"measure": "sensitivity_free"}, {"measure": "criterion"}


def of(variable: str, cases: list[tuple[str, str]], **at: str) -> Any:
    """A variable of some sources on some kinds of images, where they act, each at its layer."""

    def value(d: xr.Dataset) -> xr.DataArray:
        own = d[variable].sel(attended=d.acts_at, **at).stack(case=("task", "source"))
        own = own.isel(case=[case in cases for case in own.case.values]).dropna("case")
        names = [", ".join(case) for case in own.case.values]
        return own.drop_vars(("case", "task", "source")).assign_coords(case=names)

    return value


def beyond_zero(d: xr.Dataset) -> xr.DataArray:
    """How far zero lies outside the interval of what arousal does to d'; negative inside."""
    change = of("change", [(task, "arousal") for task in TASKS], **SEES)(d)
    return np.maximum(change.sel(bound="low", drop=True), -change.sel(bound="high", drop=True))


def why(d: xr.Dataset, place: Mapping[str, str]) -> str:
    """What is known of a source."""
    return WHY.get(place["case"].partition(", ")[2], "")


def uncorrelated(d: xr.Dataset, place: Mapping[str, str]) -> str:
    """The noise correlation without attention."""
    before = d.correlation_unattended.sel(task=place["case"].partition(", ")[0])
    return f"Without attention the mean over pairs is {float(before.mean()):.2g}."


def claim(name: str, value: Any, expect: Any, source: Source, known: Any = why) -> ex.Claim:
    """A claim with the words of `EFFECTS`."""
    return ex.Claim(name, value, expect, source, EFFECTS[name], headline=True, known=known)


CLAIMS = (
    claim("learned_gain", of("change", LEARNED_ON, **SEES), ABOVE, LEARNED),
    claim("learned_over_tuning", of("advantage", LEARNED_ON, control=T, **SEES), ABOVE, LEARNED),
    claim("place_gain", of("change", PLACE, **SEES), ABOVE, LINDSAY),
    claim("criterion_over_place", of("advantage", TUNING, control=P, **COSTS), BELOW, LINDSAY),
    claim("tuning_over_shuffled", of("advantage", TUNING, control=S, **SEES), ABOVE, CONTROL),
    claim("arousal_beyond_zero", beyond_zero, ex.AtMost(0, "the interval holds 0"), AROUSAL),
    claim(
        "noise_correlation_change",
        of("correlation_change", PLACE + TUNING),
        BELOW,
        COHEN,
        uncorrelated,
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small={
        "per_category": 4,
        "detector_digits": 200,
        "resamples": 20,
        "learned.seeds": [0],
        "mechanisms": ["place"],
        "layers": [3],
        "noise": {"images": 2, "trials": 2, "duration": 40.0},
    },
)
