"""Hard attention: a network that looks by glimpses learns where to look, and circuits follow it.

Shown: a handwritten digit somewhere on a canvas, among pieces of other digits. Simulated: a
recurrent network that sees a small, coarse-edged patch at a time, with places of glimpses that it
chooses (trained by REINFORCE), with random places, and with one glimpse at the centre, each
network trained with its own kind of places. Then the digit network with circuits sees what was
chosen, covertly: the canvas, halved, with attention as a spatial window at the place of the last
glimpse; and overtly: a cut around that place. Random places, the centre and the digit's own place
are what it is compared with. Measured: accuracy against the number of glimpses, where they go,
what the window does to E and I rates on the digit and off it, and to detection.

Source: Mnih, Heess, Graves & Kavukcuoglu 2014, "Recurrent models of visual attention". Sizes, the
training, and that a glimpse becomes a gain on circuits are our design.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field

from cortex.areas import VisualSystem
from cortex.areas.digits import CLASSES
from cortex.attention import AbstractSource, EnergyMatched, NoAttention, Query, SpatialWindow
from cortex.attention.glimpses import Retina
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
from cortex.measures.glimpse_rows import glimpse_measures
from cortex.models.learned import glimpses as learned
from cortex.models.learned.hard_digits import circuits_system
from cortex.models.networks import CircuitSection, SolverSection, WeightsSection
from cortex.stimuli import halve, load_digits, split_digits
from cortex.stimuli.cluttered_digits import Canvas, ClutteredDigits, cluttered_digits
from cortex.tasks import (
    Detectors,
    FirstLook,
    Observer,
    first_looks,
    in_batches,
    respond_to_all,
    second_looks,
)

HERE = "chosen here"
POLICIES = ("learned", "random")
WINDOWS = ("none", "learned", "random", "digit")
CUTS = ("centre", "learned", "random", "digit")
BATCH = 50
DIGIT = 28  # px


class ImagesSection(Section):
    """Cluttered held-out digits."""

    images: int = quantity(
        1000, "1", "images, each of another held-out digit", source=HERE, ge=20, le=1000
    )
    circuits: int = quantity(
        200, "1", "of them also seen by the network with circuits", source=HERE, ge=10
    )
    on_digit: float = quantity(
        10.0, "px", "a glimpse this near a digit's middle is on it", source=HERE, gt=0
    )


class LearnedSection(Section):
    """The trained networks."""

    weights: str = Field(
        default="",
        description="folder of weight files; empty: those of the package",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    seeds: tuple[int, ...] = quantity((0, 1, 2), "1", "which of them", source=HERE, min_length=1)


class WindowSection(Section):
    """Attention to the place of the last glimpse, in the network with circuits."""

    layer: int = quantity(1, "1", "layer attended, 1 the lowest", source=HERE, ge=1, le=3)
    width: float = quantity(
        0.2, "1", "standard deviation of the window, as a share of the image", source=HERE, gt=0
    )
    surround: float = quantity(
        0.25, "1", "taken from the whole map, as a share of the peak", source=HERE, ge=0
    )
    size: float = quantity(
        0.5, "1", "root mean square of what is added to gains of one", source=HERE, gt=0
    )
    training: int = quantity(
        2000, "1", "single digits without clutter that detectors learn from", source=HERE, ge=100
    )
    penalty: float = quantity(
        0.1, "1", "inverse of the L2 penalty on the detectors' weights", source=HERE, gt=0
    )


class StatisticsSection(Section):
    """Bootstrap over images."""

    resamples: int = quantity(1000, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `glimpses`."""

    images: ImagesSection = ImagesSection()
    learned: LearnedSection = LearnedSection()
    window: WindowSection = WindowSection()
    network: WeightsSection = WeightsSection()
    circuit: CircuitSection = CircuitSection()
    solver: SolverSection = SolverSection()
    statistics: StatisticsSection = StatisticsSection()


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Every trained network looks; then the circuits look at the places chosen."""
    require_distinct(config.learned, "seeds")
    shown = held_out_images(config)
    seeds = config.learned.seeds
    with progress.stage("looking by glimpses", total=len(seeds)) as stage:
        rows = []
        for seed in seeds:
            rows.append(one_seed(config, seed, shown))
            stage.advance()
    found = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
    count = min(config.images.circuits, config.images.images)
    few = jax.tree.map(lambda leaf: leaf[:count], shown)
    places = {name: found["place"][:, k, :count, -1] for k, name in enumerate(POLICIES)}
    places["digit"] = np.broadcast_to(np.asarray(few.places), places["learned"].shape)
    places["centre"] = np.full_like(places["learned"], 0.5)
    system = circuits_system(config.network, config.circuit, config.solver)
    with progress.stage("detectors for small digits anywhere"):
        observer = fitted_observer(config, system, learned.CANVAS.side)
        clean = look_at_clean(config, observer, count)
    looks = count * (1 + len(WINDOWS[1:]) * len(seeds))
    with progress.stage("circuits with a window at the place", total=looks) as stage:
        seen = look_with_circuits(config, observer, few, places, stage.advance)
    with progress.stage("detectors for digits in the middle"):
        centred = fitted_observer(config, system, DIGIT)
    with progress.stage("circuits at cuts around the place", total=looks) as stage:
        seen |= look_at_cuts(config, centred, few, places, stage.advance)
    return label(config, shown, found, seen | {"clean": clean})


def held_out_images(config: Config, canvas: Canvas = learned.CANVAS) -> ClutteredDigits:
    """One image of each of so many held-out digits; their places do not depend on the clutter."""
    _, held_out = split_digits(load_digits())
    order = np.random.default_rng(config.seed).permutation(len(held_out))[: config.images.images]
    key = jax.random.key(config.seed)
    return cluttered_digits(key, held_out, jnp.asarray(order), canvas)


def one_seed(config: Config, seed: int, shown: ClutteredDigits) -> dict[str, np.ndarray]:
    """What the three networks of a seed make of all images; see `label`."""
    try:
        trained, facts = learned.trained_source().load(seed, config.learned.weights or None)
    except UserError as error:
        raise ConfigError(f"learned.weights, learned.seeds: {error}") from error
    key = jax.random.fold_in(jax.random.key(config.seed), 1 + seed)
    right, place = [], []
    for name in POLICIES:
        glimpser, places = learned.POLICIES[name](trained)
        seen = _look(glimpser, shown.images, places, learned.GLIMPSES, key)
        right.append(np.argmax(seen.logits, axis=-1) == np.asarray(shown.labels)[:, None])
        place.append(np.asarray(seen.place))
    glimpser, places = learned.POLICIES["centre"](trained)
    once = _look(glimpser, shown.images, places, 1, key)
    names = ("learned", "random", "centre")
    return {
        "right": np.stack(right),
        "place": np.stack(place),
        "right_centre": np.argmax(once.logits[:, 0], axis=-1) == np.asarray(shown.labels),
        "curve": np.array([[row[f"accuracy_{n}"] for row in facts["curve"]] for n in names]),
    }


_look = eqx.filter_jit(learned.look_at_all)


@jax.jit
def halved(images: Array) -> Array:
    """Canvases at half their size, as the digit network expects images."""
    return jax.vmap(halve)(images)[:, None]


def fitted_observer(config: Config, system: VisualSystem, side: int) -> Observer:
    """Detectors fitted on single digits without clutter, as those to be detected are otherwise.

    Args:
        config: how many, and the penalty.
        system: the digit network with circuits.
        side: of the canvas, that of a digit or twice that, which is then halved [px].
    """
    training, _ = split_digits(load_digits())
    rng = np.random.default_rng(config.seed)
    order = rng.permutation(len(training))[: config.window.training]
    key = jax.random.fold_in(jax.random.key(config.seed), 0)
    shown = cluttered_digits(key, training, jnp.asarray(order), Canvas(side=side, pieces=0))
    images = shown.images[:, None] if side == DIGIT else halved(shown.images)
    units = respond_to_all(system, in_batches(lambda n: images[n], len(images), BATCH)).units
    found = Detectors.fit(units, np.asarray(shown.labels), CLASSES, config.window.penalty)
    return Observer(system, found)


def look_at_clean(config: Config, observer: Observer, count: int) -> np.ndarray:
    """Whether the digit's detector has the largest logit when there is no clutter, (case,)."""
    shown = held_out_images(config, Canvas(side=learned.CANVAS.side, pieces=0))
    images, right = halved(shown.images[:count]), []
    for start in range(0, count, BATCH):
        index = np.minimum(np.arange(start, start + BATCH), count - 1)
        seen = first_looks(observer, images[index], config.window.layer - 1)
        right.append(np.argmax(seen.logits, axis=-1)[: count - start])
    return np.concatenate(right) == np.asarray(shown.labels)[:count]


def look_with_circuits(
    config: Config,
    observer: Observer,
    shown: ClutteredDigits,
    places: dict[str, np.ndarray],
    advance: Any,
) -> dict[str, np.ndarray]:
    """Logits and rates for every window, by seed; the window `none` is the same for all."""
    w, images = config.window, halved(shown.images)
    window = EnergyMatched(SpatialWindow(width=w.width, surround=w.surround), w.size)
    seeds, count = places["learned"].shape[:2]
    found: dict[str, list[np.ndarray]] = {name: [] for name in ("logits", "E", "I", "settled")}
    for start in range(0, count, BATCH):
        # The last batch is filled up, so that nothing is compiled for it.
        index = np.minimum(np.arange(start, start + BATCH), count - 1)
        own = min(BATCH, count - start)
        first = first_looks(observer, images[index], w.layer - 1)
        rows = []
        for seed in range(seeds):
            for name in WINDOWS:
                if name == "none" and seed:
                    rows.append(rows[0])
                    continue
                source: AbstractSource = NoAttention() if name == "none" else window
                at = np.full((count, 2), 0.5) if name == "none" else places[name][seed]
                rows.append(_second(observer, first, w.layer - 1, source, at[index], own))
                advance(own)
        for name in found:
            joined = np.stack([row[name] for row in rows])
            found[name].append(joined.reshape(seeds, len(WINDOWS), *joined.shape[1:]))
    return {name: np.concatenate(parts, axis=2) for name, parts in found.items()}


def _second(
    observer: Observer,
    first: FirstLook,
    layer: int,
    source: AbstractSource,
    at: np.ndarray,
    own: int,
) -> dict[str, np.ndarray]:
    """One batch under one window; rates are means over the maps of the attended area."""
    queries = jax.vmap(lambda place: Query(0, place))(jnp.asarray(at, float))
    look = second_looks(observer, first, layer, source, queries)
    rates = look.states[0]
    return {
        "logits": np.asarray(look.logits)[:own],
        "E": np.asarray(rates.E).mean(1)[:own],
        "I": np.asarray(rates.I).mean(1)[:own],
        "settled": np.asarray(look.settled)[:own],
    }


@jax.jit
def cut(images: Array, places: Array) -> Array:
    """What lies within a digit's size of the places, as the digit network expects images."""
    see = Retina(DIGIT, 1)
    return jax.vmap(see)(images, places)


def look_at_cuts(
    config: Config,
    observer: Observer,
    shown: ClutteredDigits,
    places: dict[str, np.ndarray],
    advance: Any,
) -> dict[str, np.ndarray]:
    """Logits for cuts around the places, by seed; centre and digit are the same for all."""
    seeds, count = places["learned"].shape[:2]
    found: dict[str, list[np.ndarray]] = {"cut_logits": [], "cut_settled": []}
    for start in range(0, count, BATCH):
        index = np.minimum(np.arange(start, start + BATCH), count - 1)
        own = min(BATCH, count - start)
        rows = []
        for seed in range(seeds):
            for number, name in enumerate(CUTS):
                if seed and name in ("centre", "digit"):
                    rows.append(rows[number])
                    continue
                at = jnp.asarray(places[name][seed][index])
                seen = first_looks(observer, cut(shown.images[index], at), config.window.layer - 1)
                rows.append((np.asarray(seen.logits)[:own], np.asarray(seen.settled)[:own]))
                advance(own)
        for name, parts in zip(found, zip(*rows, strict=True), strict=True):
            joined = np.stack(parts)
            found[name].append(joined.reshape(seeds, len(CUTS), *joined.shape[1:]))
    return {name: np.concatenate(parts, axis=2) for name, parts in found.items()}


def label(
    config: Config,
    shown: ClutteredDigits,
    found: dict[str, np.ndarray],
    seen: dict[str, np.ndarray],
) -> xr.Dataset:
    """All results as a dataset with dimensions, units and long names."""
    side, count = learned.CANVAS.side, seen["E"].shape[2]
    at = np.asarray(shown.places)
    away = np.sqrt(((found["place"] - at[None, None, :, None]) ** 2).sum(-1)) * side
    mine = np.asarray(shown.labels)[:count]
    height, width = seen["E"].shape[3:]
    inside = _inside(at[:count], (height, width), DIGIT / side)
    rates = {}
    for name in "EI":
        for where, mask in (("on", inside), ("off", ~inside)):
            total = np.where(mask[None, None], seen[name], 0).sum((3, 4))
            rates[f"rate_{name}_{where}"] = total / mask.sum((1, 2))[None, None]
    look, case = ("seed", "policy", "image", "glimpse"), ("seed", "window", "case")
    overt = ("seed", "fixated", "case")
    kept = {
        "right": (look, found["right"], "1", "whether the class is right"),
        "right_centre": (("seed", "image"), found["right_centre"], "1", "from one central glimpse"),
        "place": ((*look, "axis"), found["place"], "1", "place looked at, as a share of the side"),
        "distance": (look, away, "px", "from the glimpse to the digit's middle"),
        "on_digit": (look, away < config.images.on_digit, "1", "whether it is on the digit"),
        "digit": (("image", "axis"), at, "1", "the digit's middle, as a share of the side"),
        "label": ("image", np.asarray(shown.labels), "1", "class"),
        "curve": (("seed", "network", "epoch"), found["curve"], "1", "accuracy in training"),
        **_answers("", case, seen["logits"], mine, "with a window"),
        **_answers("cut_", overt, seen["cut_logits"], mine, "to a cut"),
        "clean": ("case", seen["clean"], "1", "the same without clutter and attention"),
        "settled": (case, seen["settled"], "1", "whether all circuits settled"),
        "cut_settled": (overt, seen["cut_settled"], "1", "whether all circuits settled"),
        "example": (
            ("drawn", "y", "x"),
            np.asarray(shown.images)[:EXAMPLES],
            "1",
            "some images, 0 to 1",
        ),
        "example_E": (
            ("seed", "window", "drawn", "row", "column"),
            seen["E"][:, :, :EXAMPLES],
            "Hz",
            "E rate of the attended area, mean over maps",
        ),
    }
    for name, values in rates.items():
        population, where = name.split("_")[1:]
        words = f"{population} rate {where} the digit, attended area"
        kept[name] = (case, values, "Hz", words)
    names = {
        "seed": (config.learned.seeds, "seed of the training"),
        "policy": (POLICIES, "where glimpses go"),
        "network": (("learned", "random", "centre"), "network"),
        "window": (WINDOWS, "where attention goes"),
        "fixated": (CUTS, "what the cut is around"),
        "glimpse": (np.arange(1, learned.GLIMPSES + 1), "glimpses"),
        "epoch": (np.arange(1, found["curve"].shape[-1] + 1), "epoch of the training"),
        "axis": (["row", "column"], "axis"),
    }
    coordinates = {name: variable(name, list(v), "1", words) for name, (v, words) in names.items()}
    return xr.Dataset({name: variable(*one) for name, one in kept.items()}, coordinates)


EXAMPLES = 8


def _answers(
    before: str, dims: tuple[str, ...], logits: np.ndarray, labels: np.ndarray, words: str
) -> dict[str, tuple[Any, ...]]:
    """What detectors say, from logits (seed, window, case, categories)."""
    own = (labels[:, None] == np.arange(CLASSES)[None, :])[None, None]
    yes = logits > 0
    false = (yes & ~own).sum(-1) / (CLASSES - 1)
    return {
        f"{before}hit": (dims, (yes & own).any(-1), "1", f"the digit's detector says yes {words}"),
        f"{before}false_alarms": (dims, false, "1", f"share of the others that say yes {words}"),
        f"{before}chosen": (
            dims,
            logits.argmax(-1) == labels[None, None],
            "1",
            f"the digit's detector has the largest logit {words}",
        ),
    }


def _inside(places: np.ndarray, shape: tuple[int, int], share: float) -> np.ndarray:
    """Which places of a map lie within the square of the digit, (images, height, width)."""
    rows, columns = (
        np.abs((np.arange(n) + 0.5)[None, :] / n - places[:, axis, None]) < share / 2
        for axis, n in enumerate(shape)
    )
    return rows[:, :, None] & columns[:, None, :]


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Learned places against random ones and none; what windows there do to circuits."""
    s = config.statistics
    return glimpse_measures(data, s.resamples, s.level, config.seed)
