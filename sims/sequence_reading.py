"""Reading the digits of a strip in the order asked for: alignment, and what it does to circuits.

Shown: four handwritten digits side by side at jittered places, among fragments of others.
Simulated: the circuits of the digit network see the whole strip; a reader encodes the columns of
the topmost circuits' E rates, the memory holds them, and at each step an exploiter attends to the
memory and names a digit: left to right, right to left, ends first, or every other. It attends by
learned additive scores, to all columns alike, or not at all (the reader's last states); the three
were trained alike. Then its weights at each step act as a gain on the circuits. Measured: the
alignment, accuracy with each kind of access, the entropy of the weights where answers are wrong;
E and I rates at the digit that is read against the others, and which digit a readout of the whole
strip names.

Source: Bahdanau, Cho & Bengio 2015 (encoder-decoder with additive scores); the task, the circuits
as what is read, and the gain on them are our design.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.analysis.reading import on_asked, rate_changes
from cortex.analysis.signal_detection import interval
from cortex.attention.encoder_decoder import EncoderDecoder, Evenly, Exploited
from cortex.attention.inspection import entropy, relative_entropy
from cortex.errors import UserError
from cortex.experiment import (
    ConfigError,
    ExperimentConfig,
    Measure,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.labelled import variable
from cortex.models.learned import sequence_reading as learned
from cortex.models.strip_network import StripLook, look_again
from cortex.stimuli.digit_strips import Strips

HERE = "chosen here"
READERS = ("content", "even", "last", "flattened")
WORDS = {
    "content": "learned attention",
    "even": "all columns alike",
    "last": "last states alone",
    "flattened": "learned, its weights made even",
}


class StripsSection(Section):
    """What is read."""

    count: int = quantity(100, "1", "strips of held-out digits", source=HERE, ge=10, le=250)


class LearnedSection(Section):
    """The trained encoder-decoders."""

    weights: str = Field(
        default="",
        description="folder of weight files; empty: those of the package",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    seeds: tuple[int, ...] = quantity(
        (0, 1, 2), "1", "which of them, each with its own digit network", source=HERE, min_length=1
    )

    @model_validator(mode="after")
    def _distinct(self) -> LearnedSection:
        require_distinct(self, "seeds")
        return self


class AttentionSection(Section):
    """The exploiter's weights as a gain on the circuits."""

    strength: float = quantity(
        1.0, "1", "gain where the weights peak, less the mean", source=HERE, ge=0
    )
    order: int = quantity(
        3, "1", "order in which the strips are attended, 1 the first", source=HERE, ge=1, le=4
    )


class StatisticsSection(Section):
    """Bootstrap over strips."""

    resamples: int = quantity(1000, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `sequence_reading`."""

    strips: StripsSection = StripsSection()
    learned: LearnedSection = LearnedSection()
    attention: AttentionSection = AttentionSection()
    statistics: StatisticsSection = StatisticsSection()


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Every seed's network sees the strips; its encoder-decoders read them in every order."""
    strips = learned.held_out_strips(config.seed, config.strips.count)
    rows = []
    with progress.stage("networks that read", total=len(config.learned.seeds)) as stage:
        for seed in config.learned.seeds:
            try:
                trained, facts = learned.trained_source().load(seed, config.learned.weights or None)
            except UserError as error:
                raise ConfigError(f"learned.weights, learned.seeds: {error}") from error
            rows.append(one_seed(config, trained, strips) | curves(facts))
            stage.advance(1)
    found = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    return labelled(config, found, strips)


def curves(facts: dict[str, Any]) -> dict[str, np.ndarray]:
    """Accuracy on training strips, by reader and epoch."""
    return {
        "curve": np.array(
            [[row[f"accuracy_{name}"] for row in facts["curve"]] for name in READERS[:3]]
        )
    }


def one_seed(config: Config, trained: learned.Trained, strips: Strips) -> dict[str, np.ndarray]:
    """What one network with its encoder-decoders makes of all strips; see `labelled`."""
    system = learned.strip_system(int(trained.network_seed))
    look = learned.seen(system, strips)
    named = trained.readers.named()
    named["flattened"] = flattened(named["content"])
    right, read = [], []
    for number in range(len(learned.ORDERS)):
        asked = learned.Asked(
            learned.as_items(look), jnp.asarray(strips.labels), jnp.full(len(strips.labels), number)
        )
        answers = {name: learned.read(one, asked) for name, one in named.items()}
        right.append([_right(answers[name], asked) for name in READERS])
        read.append(answers["content"].weights)
    weights = jnp.stack(read)  # (orders, strips, steps, columns)
    order = config.attention.order - 1
    return {
        "right": np.moveaxis(np.array(right), 0, 1),
        "share": np.asarray(_shares(weights, strips)),
        "entropy": np.asarray(entropy(weights)),
        "spread": np.asarray(relative_entropy(weights)),
        "sum": np.asarray(weights.sum(axis=-1)),
        "lowest": np.asarray(weights.min(axis=-1)),
        "weights": np.asarray(weights[order]),
        "settled": np.asarray(look.settled),
        **attended(config, trained, system, look, strips, weights[order]),
    }


def flattened(reader: EncoderDecoder) -> EncoderDecoder:
    """The same with its attention taken away: every column weighs alike."""
    return eqx.tree_at(lambda r: r.exploiter.access, reader, Evenly())


def _right(answers: Exploited, asked: learned.Asked) -> np.ndarray:
    return np.asarray(jnp.argmax(answers.logits, axis=-1) == asked.wanted)


def _shares(weights: Array, strips: Strips) -> Array:
    """Of the weights, by digit of the strip from left to right."""
    on = jnp.asarray(strips.on_columns(weights.shape[-1]), weights.dtype)
    return jnp.einsum("ontc,ndc->ontd", weights, on, precision="highest")


def attended(
    config: Config,
    trained: learned.Trained,
    system: Any,
    look: StripLook,
    strips: Strips,
    weights: Array,
) -> dict[str, np.ndarray]:
    """The circuits with each step's weights as a gain, and what a readout of the strip names.

    Weights are spread over the windows that the items were read from.

    Rates are means over the maps and places in each digit's box.
    """
    on = jnp.asarray(strips.on_columns(weights.shape[-1]), weights.dtype)
    on = on / on.sum(axis=-1, keepdims=True)
    places = jnp.asarray(list(learned.ORDERS.values())[config.attention.order - 1])
    wanted = jnp.asarray(strips.labels)[:, places]

    def by_digit(rates: Array) -> Array:
        return jnp.einsum("nmhc,ndc->nd", rates, on) / (rates.shape[1] * rates.shape[2])

    def name(seen: StripLook) -> Array:
        return jnp.argmax(learned.names(trained.namer, seen), axis=-1)

    before = name(look)
    found: dict[str, list[Array]] = {"E": [], "I": [], "named": [], "columns": [], "settled": []}
    for step in range(weights.shape[1]):
        strength = jnp.asarray(config.attention.strength, float)
        own = learned.on_windows(weights[:, step])
        after = look_again(system, look, own, strength)
        found["E"].append(by_digit(after.rates.E))
        found["I"].append(by_digit(after.rates.I))
        found["named"].append(name(after) == wanted[:, step])
        found["columns"].append(after.rates.E.mean(axis=(1, 2)))
        found["settled"].append(after.settled)
    stacked = {key: np.stack([np.asarray(x) for x in rows], 1) for key, rows in found.items()}
    return {
        "E_before": np.asarray(by_digit(look.rates.E)),
        "I_before": np.asarray(by_digit(look.rates.I)),
        "E": stacked["E"],
        "I": stacked["I"],
        "named_before": np.asarray(before[:, None] == wanted),
        "named": stacked["named"],
        "columns_before": np.asarray(look.rates.E.mean(axis=(1, 2))),
        "columns": stacked["columns"],
        "settled_attended": stacked["settled"],
    }


def labelled(config: Config, found: dict[str, np.ndarray], strips: Strips) -> xr.Dataset:
    """The results with their axes and units."""
    digits = strips.labels.shape[1]
    label = {
        "right": (("reader", "order", "strip", "step"), "1", "the answer is right"),
        "share": (("order", "strip", "step", "digit"), "1", "share of the weights on a digit"),
        "entropy": (("order", "strip", "step"), "nat", "entropy of the weights"),
        "spread": (("order", "strip", "step"), "1", "entropy relative to that of even weights"),
        "sum": (("order", "strip", "step"), "1", "sum of the weights"),
        "lowest": (("order", "strip", "step"), "1", "lowest weight"),
        "weights": (("strip", "step", "column"), "1", "weights in the order attended"),
        "settled": (("strip",), "1", "circuits settled, unattended"),
        "E_before": (("strip", "digit"), "Hz", "E rate at a digit, unattended"),
        "I_before": (("strip", "digit"), "Hz", "I rate at a digit, unattended"),
        "E": (("strip", "step", "digit"), "Hz", "E rate at a digit, attended"),
        "I": (("strip", "step", "digit"), "Hz", "I rate at a digit, attended"),
        "named_before": (("strip", "step"), "1", "strip is named as the asked digit, unattended"),
        "named": (("strip", "step"), "1", "strip is named as the asked digit, attended"),
        "columns_before": (("strip", "column"), "Hz", "E rate of a column, unattended"),
        "columns": (("strip", "step", "column"), "Hz", "E rate of a column, attended"),
        "settled_attended": (("strip", "step"), "1", "circuits settled, attended"),
        "curve": (("trained", "epoch"), "1", "accuracy on training strips"),
    }
    columns = found["columns"].shape[-1]
    chance = strips.on_columns(columns).sum(axis=-1) / columns
    data = xr.Dataset(
        {
            name: variable(("seed", *dims), found[name], unit, words)
            for name, (dims, unit, words) in label.items()
        }
        | {
            "labels": variable(("strip", "digit"), strips.labels, "1", "digit"),
            "left": variable(("strip", "digit"), strips.left, "px", "first column of its box"),
            "even_share": variable(
                ("strip", "digit"), chance, "1", "share of even weights on a digit"
            ),
            "image": variable(("strip", "y", "x"), strips.images, "1", "strip"),
            "places": variable(
                ("order", "step"), list(learned.ORDERS.values()), "1", "place asked for"
            ),
        }
    )
    height, width = strips.images.shape[1:]
    axes = {
        "seed": (config.learned.seeds, "1", "seed of the network and of its reader"),
        "reader": (list(READERS), "1", "how the memory is got at"),
        "trained": (list(READERS[:3]), "1", "how the memory is got at"),
        "order": (list(learned.ORDERS), "1", "order asked for"),
        "strip": (np.arange(len(strips.labels)), "1", "strip"),
        "step": (np.arange(1, digits + 1), "1", "step of the output"),
        "digit": (np.arange(1, digits + 1), "1", "digit, from left to right"),
        "column": ((np.arange(columns) + 0.5) * width / columns, "px", "middle of a column"),
        "epoch": (np.arange(1, found["curve"].shape[-1] + 1), "1", "epoch"),
        "y": (np.arange(height), "px", "row"),
        "x": (np.arange(width), "px", "column of pixels"),
    }
    return data.assign_coords({name: variable(name, *given) for name, given in axes.items()})


def statistics(config: Config, data: xr.Dataset) -> dict[str, tuple[float, float, float]]:
    """Values with the ends of their intervals, strips being drawn again, all seeds together."""
    rng = np.random.default_rng(config.seed)
    strips, seeds = data.sizes["strip"], data.sizes["seed"]
    right = data["right"].values.astype(float).mean(axis=(2, 4))  # (seed, reader, strip)
    by = {name: right[:, n] for n, name in enumerate(READERS)}
    share = on_asked(data, "share").mean(axis=(1, 3))
    even = data["even_share"].values.mean(axis=1)
    named = data["named"].values.astype(float).mean(axis=2)
    named_before = data["named_before"].values.astype(float).mean(axis=2)
    rows = {f"accuracy[{name}]": by[name] for name in READERS}
    rows |= {
        "accuracy_gain[content,even]": by["content"] - by["even"],
        "accuracy_gain[even,last]": by["even"] - by["last"],
        "accuracy_gain[content,last]": by["content"] - by["last"],
        "accuracy_gain[content,flattened]": by["content"] - by["flattened"],
        "share_over_even": share - even[None, :],
        "share_asked": share,
        "named[unattended]": named_before,
        "named[attended]": named,
        "named_gain": named - named_before,
    }
    for population in ("E", "I"):
        asked, others = rate_changes(data, population, config.attention.order - 1)
        rows |= {
            f"change_{population}[asked]": asked,
            f"change_{population}[others]": others,
            f"change_{population}[asked-others]": asked - others,
        }
    drawn = rng.integers(0, strips, (config.statistics.resamples, strips))
    found = {}
    for name, values in rows.items():
        assert values.shape == (seeds, strips)
        found[name] = _ends(float(values.mean()), values.mean(axis=0)[drawn].mean(axis=1), config)
    found["entropy_wrong_right"] = _entropy_of_errors(config, data, drawn)
    return found


def _ends(value: float, samples: np.ndarray, config: Config) -> tuple[float, float, float]:
    low, high = interval(samples, config.statistics.level)
    return float(value), float(low), float(high)


def _entropy_of_errors(
    config: Config, data: xr.Dataset, drawn: np.ndarray
) -> tuple[float, float, float]:
    """Mean entropy of the weights where answers are wrong, less that where they are right."""
    wrong = ~data["right"].sel(reader="content").values.astype(bool)
    spread = data["entropy"].values
    sums = [
        np.stack([(kept * spread).sum(axis=(0, 1, 3)), kept.sum(axis=(0, 1, 3))])
        for kept in (wrong, ~wrong)
    ]  # of both kinds, (sum and count, strip)
    drawn_sums = [kind[:, drawn].sum(axis=2) for kind in sums]
    samples = np.subtract(*(total / np.maximum(count, 1) for total, count in drawn_sums))
    value = np.subtract(*(s[0].sum() / max(s[1].sum(), 1) for s in sums))
    return _ends(float(value), samples, config)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """The alignment, learned against unlearned against none, and the circuits."""
    found = statistics(config, data)
    level = f"{100 * config.statistics.level:g} % interval over strips"

    def reported(name: str, unit: str = "1", headline: bool = False) -> Measure:
        value, low, high = found[name]
        note = f"{level}: {low:.3f} to {high:.3f}"
        return Measure.reported(name, value, unit, note=note, headline=headline)

    def above(name: str, effect: str, provenance: str, unit: str = "1") -> Measure:
        value, low, high = found[name]
        note = f"value {value:.3f}, {level}: {low:.3f} to {high:.3f}"
        return Measure.expecting(
            f"{name}[lower end]",
            low,
            unit,
            expected="> 0",
            provenance=provenance,
            effect=effect,
            note=note,
            headline=True,
        )

    paper = "Bahdanau et al. 2015: soft alignment, and a fixed vector as the bottleneck"
    design = "our design: an aligned gain selects"
    by_seed = data["right"].astype(float).mean(("order", "strip", "step"))
    least = (by_seed.sel(reader="content") - by_seed.sel(reader="even")).min()
    off = float(np.abs(data["sum"] - 1).max())
    settled = min(float(data["settled"].min()), float(data["settled_attended"].min()))
    share = float(data["settled_attended"].mean())
    return [
        *(reported(f"accuracy[{name}]", headline=True) for name in READERS),
        above(
            "accuracy_gain[content,even]",
            "learned attention reads better than even weights",
            paper,
        ),
        above("accuracy_gain[even,last]", "even weights read better than no attention", paper),
        above("accuracy_gain[content,last]", "learned attention reads better than none", paper),
        above(
            "accuracy_gain[content,flattened]",
            "the learned reader needs its weights",
            "our control",
        ),
        Measure.expecting(
            "accuracy_gain[content,even,worst seed]",
            float(least),
            "1",
            expected="> 0",
            provenance=paper,
            effect="and at every seed",
        ),
        reported("share_asked"),
        Measure.reported(
            "share_asked[where wrong]",
            on_asked(data, "share")[
                ~data["right"].sel(reader="content").values.astype(bool)
            ].mean(),
            "1",
            note="errors are of naming rather than of looking where this is high",
        ),
        above("share_over_even", "weights lie on the digit that is read", paper),
        Measure.expecting(
            "weights_off_one",
            off,
            "1",
            expected="< 1e-5",
            provenance="softmax; single precision",
            effect="weights sum to one",
        ),
        Measure.expecting(
            "lowest_weight",
            float(data["lowest"].min()),
            "1",
            expected=">= 0",
            provenance="softmax",
            effect="no weight lies below zero",
        ),
        above(
            "entropy_wrong_right",
            "weights are wider where answers are wrong",
            "chosen here: diffuse attention would be a sign of not knowing where",
            "nat",
        ),
        *(
            row
            for population in ("E", "I")
            for row in (
                reported(f"change_{population}[asked]"),
                reported(f"change_{population}[others]"),
                above(
                    f"change_{population}[asked-others]",
                    f"{population} rates rise at the digit that is read against the others",
                    design,
                ),
            )
        ),
        reported("named[unattended]"),
        reported("named[attended]"),
        above("named_gain", "the strip is named as the digit that is read", design),
        Measure.reported(
            "settled_share", share, "1", note="" if settled == 1 else "some circuits did not settle"
        ),
    ]
