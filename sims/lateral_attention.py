"""Lateral attention: the places of a circuit attend to one another, and gain from what they find.

Shown: a handwritten digit anywhere in an image, among fragments of others. Simulated: the digit
network with circuits; the places of its second layer attend to one another, each with its vector
of features, and what they find is a gain on the drive of the same circuits. Self-attention goes
from every place to every place, graph attention along the circuit's own connections; each by
similarity or activity alone (unlearned), and trained to set digits apart from clutter. Measured,
at one energy of the gain: weights between places of the digit against weights from there to
clutter at the same displacements, gain and E and I rates on the digit against the clutter,
detection, and rollout of attention over two layers of circuits.

Source: Vaswani et al. 2017 (self-attention), Velickovic et al. 2018 (graph attention), Abnar &
Zuidema 2020 (rollout); as lateral gains on circuits, our design.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.analysis.detection import quantities
from cortex.analysis.grouping import matched_ratio, pair_counts, pair_sums
from cortex.areas.digits import MAPS
from cortex.attention import AbstractSource, EnergyMatched
from cortex.attention.inspection import on_image, relative_entropy, rollout
from cortex.attention.lateral import AbstractLateral, as_tokens
from cortex.attention.self_attention import multi_head, similarity_attention
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
from cortex.experiment.results import variable
from cortex.models.learned import lateral
from cortex.models.learned.hard_digits import HardImages
from cortex.models.learned.through_circuits import asked_logits, look_again, standard_observer
from cortex.tasks.signal_detection import bootstrap_counts, interval

HERE = "chosen here"
LAYER = lateral.LAYER
SHAPE = lateral.SHAPE  # of the maps of the second and third layer
SOURCES = ("self", "graph")
WORDS = {"self": "self-attention", "graph": "graph attention"}
# What is claimed, for each kind of row; of E and I rates for learned attention alone.
CLAIMS = {
    "grouping": "the digit's places attend to the digit rather than to clutter",
    "gain_apart": "gain on the digit exceeds that on clutter",
    "E_apart": "E rates rise on the digit against clutter",
    "I_apart": "I rates rise on the digit against clutter",
    "auc_gain": "larger area under the ROC curve",
}
LEARNED_ALONE = ("E_apart", "I_apart")
UNLEARNED = "; clutter is made of digits: alike or active features do not tell it from the digit"


class ImagesSection(Section):
    """Digits among clutter."""

    per_category: int = quantity(
        20, "1", "held-out images a category, half with it", source=HERE, ge=4
    )

    @model_validator(mode="after")
    def _even(self) -> ImagesSection:
        if self.per_category % 2:
            raise ValueError(f"per_category: found {self.per_category}, allowed: an even number")
        return self


class LearnedSection(Section):
    """The trained sources."""

    weights: str = Field(
        default="",
        description="folder of weight files; empty: those of the package",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    seeds: tuple[int, ...] = quantity(
        (0, 1, 2), "1", "seeds of the trainings", source=HERE, min_length=1
    )

    @model_validator(mode="after")
    def _distinct(self) -> LearnedSection:
        require_distinct(self, "seeds")
        return self


class AttentionSection(Section):
    """How strongly attention acts."""

    size: float = quantity(
        0.5, "1", "root mean square of the change in gain, of every source", source=HERE, gt=0
    )


class StatisticsSection(Section):
    """Bootstrap over images."""

    resamples: int = quantity(500, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `lateral_attention`."""

    images: ImagesSection = ImagesSection()
    learned: LearnedSection = LearnedSection()
    attention: AttentionSection = AttentionSection()
    statistics: StatisticsSection = StatisticsSection()


def run(config: Config, progress: Progress) -> xr.Dataset:
    """The images are seen without attention, then with every source, unlearned and learned."""
    with progress.stage("detectors, and first looks"):
        observer = standard_observer(str(jnp.result_type(float)))
        trials, shown = lateral.cluttered(
            observer, config.seed, config.images.per_category, held_out=True
        )
    made = [lateral.unlearned()]
    curves = []
    for seed in config.learned.seeds:
        try:
            trained, facts = lateral.learned().load(seed, config.learned.weights or None)
        except UserError as error:
            raise ConfigError(f"learned.weights, learned.seeds: {error}") from error
        made.append(trained)
        curves.append([[row[f"right_{name}"] for row in facts["curve"]] for name in SOURCES])
    on, off = lateral.digit_and_clutter(trials)
    graph = lateral.connections(observer)
    before = look_again(observer, shown, EnergyMatched(_nothing(graph), 0.0), LAYER)[-1]
    found: dict[str, list[Any]] = {}
    looks = len(SOURCES) * len(made) * len(shown)
    with progress.stage("looks with attention", total=looks) as stage:
        for name in SOURCES:
            rows = [
                attended(
                    config, observer, shown, one.sources(graph)[name], (on, off), stage.advance
                )
                for one in made
            ]
            for key in rows[0]:
                found.setdefault(key, []).append(np.stack([row[key] for row in rows]))
    arrays = {key: np.stack(rows) for key, rows in found.items()}
    arrays |= {
        "curve": np.moveaxis(np.array(curves), 0, 1),
        "scores_before": asked_logits(before.logits, shown),
        **{f"{key}_before": value for key, value in rates(before.states, on, off).items()},
    }
    return labelled(config, arrays, shown, (on, off))


def _nothing(graph: Any) -> AbstractSource:
    return lateral.unlearned().sources(graph)["self"]


def attended(
    config: Config,
    observer: Any,
    shown: HardImages,
    source: AbstractLateral,
    places: tuple[np.ndarray, np.ndarray],
    report: Any,
) -> dict[str, np.ndarray]:
    """What one source does to all images; see `labelled`."""
    on, off = places
    matched = EnergyMatched(source, config.attention.size)
    look = look_again(observer, shown, matched, LAYER, report=report)[-1]
    features = np.asarray(shown.seen.features)
    weights = np.asarray(_exchanged(source, jnp.asarray(features)))
    mean = weights.mean(axis=1)
    above = _above(jnp.asarray(look.states[1].E)).mean(axis=1, keepdims=True)
    rolled = np.asarray(_rolled(jnp.asarray(mean)[:, None], above))
    gain = np.maximum(1 + look.pattern, 0) * features
    return {
        "scores": asked_logits(look.logits, shown),
        "settled": look.settled.astype(float),
        "same_sums": pair_sums(mean, on, on, SHAPE),
        "different_sums": pair_sums(mean, on, off, SHAPE),
        "spread": np.asarray(relative_entropy(jnp.asarray(mean))).mean(axis=1),
        "gain_on": _mean_over(gain, on) / _mean_over(features, on),
        "gain_off": _mean_over(gain, off) / _mean_over(features, off),
        "gain": gain.sum(axis=1) / np.maximum(features.sum(axis=1), 1e-6),
        "rollout_sum": rolled.sum(axis=2),
        "rollout": _mean_rows(rolled, on),
        "weights_on": _mean_rows(mean, on),
        **rates(look.states, on, off),
    }


@jax.jit
def _rolled(below: Array, above: Array) -> Array:
    """Rollout over both layers, by image."""
    return jax.vmap(lambda one, other: rollout(jnp.stack([one, other])))(below, above)


def _exchanged(source: AbstractLateral, features: Array) -> Array:
    """Weights of the attended layer, (images, heads, places, places)."""
    return jax.lax.map(lambda one: source.exchange(as_tokens(one)).weights, features)


def _above(states: Array) -> Array:
    """Weights of the layer above, by similarity of E rates, with as many heads."""
    attention = similarity_attention(MAPS[LAYER + 1], lateral.HEADS, lateral.SHARPNESS)
    return jax.lax.map(lambda one: multi_head(attention, as_tokens(one))[1], states)


def _mean_over(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Mean over maps and some places of each image; NaN where there are none."""
    flat = values.reshape(*values.shape[:2], -1).mean(axis=1)
    count = places.sum(axis=1)
    total = (flat * places).sum(axis=1)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _mean_rows(weights: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Mean of the rows of some places, by image."""
    count = np.maximum(places.sum(axis=1), 1)
    return np.asarray(np.einsum("np,npq->nq", places, weights) / count[:, None])


def rates(states: Any, on: np.ndarray, off: np.ndarray) -> dict[str, np.ndarray]:
    """E and I rates of the attended layer on the digit and on clutter, by image [Hz]."""
    return {
        f"{population}_{where}": _mean_over(np.asarray(getattr(states[0], population)), places)
        for population in ("E", "I")
        for where, places in (("on", on), ("off", off))
    }


def labelled(
    config: Config,
    found: dict[str, np.ndarray],
    shown: HardImages,
    places: tuple[np.ndarray, np.ndarray],
) -> xr.Dataset:
    """The results with their axes and units."""
    on, off = places
    each = ("source", "training", "image")
    label: dict[str, tuple[tuple[str, ...], str, str]] = {
        "scores": (each, "1", "logit of the category asked for"),
        "settled": (each, "1", "circuits settled"),
        "same_sums": ((*each, "move"), "1", "weights from the digit to the digit"),
        "different_sums": ((*each, "move"), "1", "weights from the digit to clutter"),
        "spread": (each, "1", "entropy of the weights relative to even ones"),
        "gain_on": (each, "1", "gain of the drive on the digit"),
        "gain_off": (each, "1", "gain of the drive on clutter"),
        "gain": ((*each, "row", "column"), "1", "gain of the drive of a place"),
        "rollout_sum": ((*each, "place"), "1", "sum of a row of the rollout"),
        "rollout": ((*each, "place"), "1", "rollout from the digit's places"),
        "weights_on": ((*each, "place"), "1", "weights of the digit's places"),
        "curve": (("source", "seed", "epoch"), "1", "places set apart rightly, training images"),
        "scores_before": (("image",), "1", "logit of the category asked for, unattended"),
    }
    for population in ("E", "I"):
        for where, words in (("on", "digit"), ("off", "clutter")):
            text = f"{population} rate on the {words}"
            label[f"{population}_{where}"] = (each, "Hz", text)
            label[f"{population}_{where}_before"] = (("image",), "Hz", f"{text}, unattended")
    images, rows, columns = len(on), *SHAPE
    same, different = (pair_counts(on, other, SHAPE) for other in (on, off))
    count = config.images.per_category
    data = xr.Dataset(
        {name: variable(dims, found[name], *words) for name, (dims, *words) in label.items()}
        | {
            "same_pairs": variable(("image", "move"), same, "1", "pairs on the digit"),
            "different_pairs": variable(("image", "move"), different, "1", "digit to clutter"),
            "on": variable(("image", "place"), on, "1", "place is on the digit"),
            "off": variable(("image", "place"), off, "1", "place is on clutter"),
            "present": variable("image", np.asarray(shown.present), "1", "category is there"),
            "shown": variable(("image", "y", "x"), np.asarray(shown.images)[:, 0], "1", "image"),
        }
    )
    side = data.sizes["y"]
    axes = {
        "source": (list(SOURCES), "1", "kind of attention"),
        "training": (
            ["unlearned", *(f"seed {seed}" for seed in config.learned.seeds)],
            "1",
            "unlearned, or seed of the training",
        ),
        "seed": (config.learned.seeds, "1", "seed of the training"),
        "image": (np.arange(images), "1", f"image, {count} a category in turn"),
        "move": (np.arange(data.sizes["move"]), "1", "displacement of the place attended"),
        "place": (np.arange(rows * columns), "1", "place, in the order of a page"),
        "row": (np.arange(rows), "1", "row of places"),
        "column": (np.arange(columns), "1", "column of places"),
        "epoch": (np.arange(1, data.sizes["epoch"] + 1), "1", "epoch"),
        "y": (np.arange(side), "px", "row"),
        "x": (np.arange(side), "px", "column of pixels"),
    }
    return data.assign_coords({name: variable(name, *given) for name, given in axes.items()})


def rollout_on_image(data: xr.Dataset, source: str, training: str, image: int) -> np.ndarray:
    """Rollout from the digit's places, over the pixels of the image."""
    one = data["rollout"].sel(source=source, training=training).values[image]
    return np.asarray(on_image(jnp.asarray(one).reshape(SHAPE), data["shown"].shape[1:]))


def grouping(data: xr.Dataset, drawn: np.ndarray | None = None) -> np.ndarray:
    """Weight to the digit over weight to clutter: (source, training), or (resamples, ...)."""
    names = ("same_sums", "different_sums", "same_pairs", "different_pairs")
    if drawn is None:
        parts = [data[name].sum("image").values for name in names]
    else:
        # How often each image is drawn, rather than the images themselves.
        times = np.stack([np.bincount(row, minlength=drawn.shape[1]) for row in drawn])
        parts = [
            np.einsum("ri,...im->r...m", times.astype(np.float32), data[name].values)
            for name in names
        ]
        parts[2:] = [part[:, None, None] for part in parts[2:]]
    return matched_ratio((parts[0], parts[2]), (parts[1], parts[3]))


def statistics(config: Config, data: xr.Dataset) -> dict[str, tuple[float, float, float]]:
    """Values with the ends of their intervals; learned ones are means over the trainings."""
    rng = np.random.default_rng(config.seed)
    images = data.sizes["image"]
    drawn = rng.integers(0, images, (config.statistics.resamples, images))
    rows: dict[str, tuple[np.ndarray, np.ndarray]] = {"grouping": (
        grouping(data) - 1, grouping(data, drawn) - 1
    )}  # fmt: skip
    pairs = {"gain": (data["gain_on"].values, data["gain_off"].values)}
    for population in ("E", "I"):
        pairs[population] = tuple(
            data[f"{population}_{where}"].values / data[f"{population}_{where}_before"].values - 1
            for where in ("on", "off")
        )
    for name, (on, off) in pairs.items():
        for key, values in ((f"{name}_on", on), (f"{name}_off", off), (f"{name}_apart", on - off)):
            again = np.nanmean(values[..., drawn], axis=-1)
            rows[key] = (np.nanmean(values, axis=-1), np.moveaxis(again, -1, 0))
    found = {}
    for key, (value, samples) in rows.items():
        for s, source in enumerate(SOURCES):
            for kind, take in (("unlearned", slice(0, 1)), ("learned", slice(1, None))):
                own = samples[:, s, take].mean(axis=1)
                found[f"{key}[{source},{kind}]"] = _ends(float(value[s, take].mean()), own, config)
            more = value[s, 1:].mean() - value[s, 0]
            mores = samples[:, s, 1:].mean(axis=1) - samples[:, s, 0]
            found[f"{key}[{source},learned-unlearned]"] = _ends(float(more), mores, config)
    return found | detection(config, data)


def _ends(value: float, samples: np.ndarray, config: Config) -> tuple[float, float, float]:
    low, high = interval(samples, config.statistics.level)
    return float(value), float(low), float(high)


def detection(config: Config, data: xr.Dataset) -> dict[str, tuple[float, float, float]]:
    """d' and the area under the ROC curve, and what attention and learning add to them."""
    count = config.images.per_category
    present = data["present"].values.astype(bool).reshape(-1, count)
    rng = np.random.default_rng(config.seed)
    counts = np.stack([bootstrap_counts(rng, row, config.statistics.resamples) for row in present])
    before = data["scores_before"].values.reshape(-1, count)
    after = data["scores"].values.reshape(*data["scores"].shape[:2], -1, count)
    found = {}
    for name in ("auc", "sensitivity"):
        values = [quantities(x, present)[name] for x in (before, after)]
        again = [quantities(x, present, counts)[name] for x in (before, after)]
        found[f"{name}[none]"] = _ends(float(values[0]), again[0], config)
        for s, source in enumerate(SOURCES):
            raw, learned = values[1][s, 0], values[1][s, 1:].mean()
            raws, learneds = again[1][:, s, 0], again[1][:, s, 1:].mean(axis=1)
            for key, value, samples in (
                (f"{name}[{source},unlearned]", raw, raws),
                (f"{name}[{source},learned]", learned, learneds),
                (f"{name}_gain[{source},unlearned-none]", raw - values[0], raws - again[0]),
                (f"{name}_gain[{source},learned-unlearned]", learned - raw, learneds - raws),
                (f"{name}_gain[{source},learned-none]", learned - values[0], learneds - again[0]),
            ):
                found[key] = _ends(float(value), samples, config)
    return found


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Grouping, gain, rates and detection, unlearned and learned; and the rollout."""
    found = statistics(config, data)
    level = f"{100 * config.statistics.level:g} % interval over images"
    design = "our design: what belongs together gains together"
    rows = []
    for name, (value, low, high) in found.items():
        kind, _, condition = name.rstrip("]").partition("[")
        source, _, how = condition.partition(",")
        note = f"{level}: {low:.3f} to {high:.3f}"
        if kind not in CLAIMS or (how == "unlearned" and kind in LEARNED_ALONE):
            rows.append(Measure.reported(name, value, "1", note=note))
            continue
        rows.append(
            Measure.expecting(
                f"{name}[lower end]",
                low,
                "1",
                expected="> 0",
                provenance=design,
                effect=f"{how.replace('-', ' against ')} {WORDS[source]}: {CLAIMS[kind]}",
                note=f"value {value:.3f}, {note}{UNLEARNED if how.startswith('unlearned') else ''}",
                headline=True,
            )
        )
    rows.append(
        Measure.expecting(
            "rollout_off_one",
            float(np.abs(data["rollout_sum"] - 1).max()),
            "1",
            expected="< 1e-5",
            provenance="Abnar & Zuidema 2020; single precision",
            effect="rows of the rollout sum to one",
        )
    )
    rows.append(Measure.reported("settled_share", float(data["settled"].mean()), "1"))
    return rows
