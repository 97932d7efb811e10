"""Bottom-up saliency: an odd item pops out, a conjunction is searched for item by item.

Shown: displays of red and green, vertical and horizontal bars. The target, red and vertical, is
the only red one (colour search), the only vertical one (orientation search), or neither
(conjunction). Simulated: the saliency model with winner-take-all and inhibition of return; once
more for conjunctions with the weights of red and vertical raised (guided). And E/I circuits over
visual space that the displays drive through Gabor filters, with no attention and with a saliency
map as gain on their drive: that of the image, that of the filters' own maps, and, as a control,
that of another display; all of the same root mean square. Measured: fixations up to the target
against the number of bars, and rates at the target against those at the other bars.

Source: Itti & Koch 2000, Vision Res 40:1489 and 2001, Nat Rev Neurosci 2:194; feature and
conjunction search: Treisman & Gelade 1980. Displays, guidance and circuits are our design.
"""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.attention import AbstractSource, EnergyMatched, NoAttention, Query, State
from cortex.attention.saliency import (
    FeatureSaliency,
    Saliency,
    SaliencyWindow,
    ScanPath,
    Weights,
    WinnerTakeAll,
    scan_path,
)
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    NonNegative,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.labelled import variable
from cortex.measures.search_rows import search_measures, summarise_search
from cortex.models.image_circuits import at_places, image_circuits
from cortex.models.orientation_field import OrientationFieldSection, RelaxSection
from cortex.stimuli.search_displays import KINDS, Bars, Display, search_bars

HERE = "chosen here"
ITTI = "Itti, Koch & Niebur 1998"
SEARCHES = (*KINDS, "guided conjunction")
ATTENTION = ("none", "image saliency", "own saliency", "other display")


class DisplaySection(Section):
    """The displays."""

    set_sizes: tuple[int, ...] = quantity(
        (4, 8, 16, 32), "1", "bars in a display", source=HERE, min_length=2
    )
    displays: int = quantity(40, "1", "displays of each kind and size", source=HERE, ge=4)
    side: int = quantity(128, "px", "side of the images", source=HERE, ge=48)
    cells: int = quantity(6, "1", "cells of the grid, along each side", source=HERE, ge=2)
    jitter: float = quantity(
        0.15, "1", "largest distance from the cell's middle, of a cell", source=HERE, ge=0, le=0.2
    )

    @model_validator(mode="after")
    def _fits(self) -> DisplaySection:
        require_distinct(self, "set_sizes")
        if not all(2 <= size <= self.cells**2 for size in self.set_sizes):
            found = ", ".join(map(str, self.set_sizes))
            raise ValueError(
                f"set_sizes: found [{found}], allowed: 2 to {self.cells**2}, one bar a cell"
            )
        return self

    def display(self) -> Display:
        """How bars are drawn."""
        return Display(side=self.side, cells=self.cells, jitter=self.jitter)


class ScanSection(Section):
    """Winner-take-all and inhibition of return."""

    tau: float = quantity(500.0, "ms", "time constant of the units", source=HERE, gt=0)
    threshold: float = quantity(
        0.1, "1", "of the units, as a share of the saliency map's peak", source=HERE, gt=0, lt=1
    )
    recovery: float = quantity(
        900.0, "ms", "time constant of inhibition of return", source=f"500 to 900 ms: {ITTI}", gt=0
    )
    spread: float = quantity(
        1 / 12,
        "1",
        "of the inhibited Gaussian, as a share of the side",
        source=f"half the radius of the focus of {ITTI}",
        gt=0,
    )
    noise: float = quantity(
        0.2, "1", "SD of the logarithm of every place's input", source=HERE, ge=0
    )
    shifts: int = quantity(60, "1", "fixations after which a search is given up", source=HERE, ge=2)
    rest: float = quantity(
        0.1, "1", "weight of what the target does not have, in guided search", source=HERE, ge=0
    )

    def competition(self) -> WinnerTakeAll:
        """Who wins."""
        return WinnerTakeAll(self.tau, self.threshold, self.spread, self.recovery, self.noise)


class CircuitsSection(Section):
    """The circuits, what drives them, and the gain."""

    set_size: int = quantity(16, "1", "bars in the displays shown to them", source=HERE, ge=3)
    contrast: float = quantity(
        50.0, "%", "drive where a filter's amplitude is 1", source=HERE, gt=0
    )
    energy: float = quantity(
        0.2, "1", "root mean square of the change in gain over all units", source=HERE, gt=0
    )
    spread: float = quantity(
        0.03,
        "1",
        "of the Gaussian that rates at a bar are averaged by, of the side",
        source=HERE,
        gt=0,
    )
    energies: tuple[NonNegative, ...] = Field(
        default=(0.0, 0.05, 0.1, 0.2, 0.3),
        min_length=2,
        description="root mean squares of the curve over strength",
        json_schema_extra={"unit": "1", "source": HERE},
    )


class StatisticsSection(Section):
    """Bootstrap over displays."""

    resamples: int = quantity(2000, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `saliency_search`."""

    display: DisplaySection = DisplaySection()
    scan: ScanSection = ScanSection()
    circuits: CircuitsSection = CircuitsSection()
    field: OrientationFieldSection = OrientationFieldSection(side=128, stride=4)
    solver: RelaxSection = RelaxSection()
    statistics: StatisticsSection = StatisticsSection()

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.circuits.set_size > self.display.cells**2:
            raise ValueError(
                f"circuits.set_size: found {self.circuits.set_size}, allowed: 3 to "
                f"{self.display.cells**2}, one bar a cell"
            )
        if self.field.side != self.display.side:
            raise ValueError(
                f"field.side: found {self.field.side}, allowed: {self.display.side}, that of the "
                "displays"
            )
        return self


@eqx.filter_jit
def displays_of(config: Config, kind: str, size: int, key: Array) -> tuple[Bars, Array]:
    """Bars of all displays of a kind and size, and their images (display, 3, y, x)."""
    drawn, keys = config.display.display(), jax.random.split(key, config.display.displays)
    bars = jax.vmap(lambda k: search_bars(k, drawn, kind, size))(keys)
    return bars, jax.vmap(drawn.image)(bars)


@eqx.filter_jit
def search(config: Config, model: Saliency, images: Array, key: Array) -> tuple[Array, ScanPath]:
    """Saliency maps (display, y, x) of displays, and the paths of attention over them."""
    competition = config.scan.competition()

    def one(given: tuple[Array, Array]) -> tuple[Array, ScanPath]:
        saliency = model(given[0]).saliency
        return saliency, scan_path(competition, saliency, config.scan.shifts, given[1])

    return jax.lax.map(one, (images, jax.random.split(key, len(images))))


def found_after(config: Config, path: ScanPath, target: np.ndarray) -> tuple[np.ndarray, ...]:
    """Fixations up to the target's cell, their time [ms], and whether it was found.

    A search that is given up counts one fixation more than there were.
    """
    place, made = np.asarray(path.places), np.asarray(path.made)
    near = np.abs(place - target[:, None, :]).max(-1) <= 0.5 / config.display.cells
    hit = near & made
    found, first = hit.any(1), hit.argmax(1)
    count = np.cumsum(made, axis=1)
    rows = np.arange(len(target))
    fixations = np.where(found, count[rows, first], count[:, -1] + 1)
    times = np.where(found, np.asarray(path.times)[rows, first], np.asarray(path.times)[:, -1])
    return fixations, times, found


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Search all displays; show some to the circuits; bootstrap over displays."""
    seed = jax.random.key(config.seed)
    model = Saliency()
    guided = Saliency(Weights.towards(["red", "vertical"], rest=config.scan.rest))
    sizes = config.display.set_sizes
    shape = (len(SEARCHES), len(sizes), config.display.displays)
    fixations, times, found = np.zeros(shape), np.zeros(shape), np.zeros(shape, bool)
    example: dict[str, Any] = {"image": [], "saliency": [], "path": [], "target": []}
    shown = int(np.argmin([abs(size - config.circuits.set_size) for size in sizes]))
    with progress.stage("searches", total=fixations.size) as stage:
        for k, name in enumerate(SEARCHES):
            kind = KINDS[min(k, len(KINDS) - 1)]
            for n, size in enumerate(sizes):
                # Guided search is through the same displays as unguided.
                own = jax.random.fold_in(seed, 100 * KINDS.index(kind) + n)
                bars, images = displays_of(config, kind, size, own)
                own_model = model if name in KINDS else guided
                saliency, path = search(config, own_model, images, jax.random.fold_in(own, 1))
                target = np.asarray(bars.places[:, 0])
                fixations[k, n], times[k, n], found[k, n] = found_after(config, path, target)
                if n == shown:
                    example["image"].append(np.asarray(images[0]))
                    example["saliency"].append(np.asarray(saliency[0]))
                    example["path"].append(np.asarray(path.places[0]))
                    example["target"].append(target[0])
                stage.advance(config.display.displays)
    with progress.stage("circuits"):
        seen = respond(config, model, jax.random.fold_in(seed, 7))
    data = label(config, {"fixations": fixations, "times": times, "found": found}, example, seen)
    with progress.stage("intervals"):
        s = config.statistics
        return data.merge(summarise_search(data, s.resamples, s.level, config.seed))


def respond(config: Config, model: Saliency, key: Array) -> dict[str, np.ndarray]:
    """What the circuits do for displays of orientation search, under every state of attention.

    Returns:
        ``rate_E``, ``rate_I`` (attention, display, role): at the target, and the mean at the
        other bars [Hz]; ``strong_E`` (energy, display, role) by image saliency of other
        energies; ``settled`` (attention, display); ``map_E`` (attention, y, x), mean over
        orientations of the first display, and ``pattern`` (attention, y, x).
    """
    given, side = config.circuits, config.display.side
    area = image_circuits(config.field, side, side, given.contrast, config.solver.relax())
    bars, images = displays_of(config, "orientation", given.set_size, key)
    saliency = search(config, model, images, key)[0]
    others = jnp.roll(saliency, 1, axis=0)

    @eqx.filter_jit
    def answers(sources: Any) -> tuple[Array, Array, Array, Array, Array]:
        def one(each: tuple[AbstractSource, Array, Bars]) -> tuple[Array, ...]:
            source, image, items = each
            features = jnp.maximum(area.stage(image), 0.0)
            silent = jax.tree.map(jnp.zeros_like, area.circuit.silence())
            pattern = source.pattern(features, State(silent, jnp.zeros(1)), Query())
            state = area.settle(image, source.form(pattern))
            at = [at_places(r, items.places, given.spread) for r in (state.rates.E, state.rates.I)]
            roles = [jnp.stack([rate[0], jnp.mean(rate[1:])]) for rate in at]
            return *roles, state.converged, jnp.mean(state.rates.E, axis=0), pattern[0]

        return jax.lax.map(one, (sources, images, bars))

    def each(make: Any, maps: Array) -> Any:
        return jax.vmap(make)(maps)

    many = jnp.zeros(len(images))
    sources = (
        each(lambda _: NoAttention(), many),
        each(lambda s: EnergyMatched(SaliencyWindow(s), given.energy), saliency),
        each(lambda _: EnergyMatched(FeatureSaliency(), given.energy), many),
        each(lambda s: EnergyMatched(SaliencyWindow(s), given.energy), others),
    )
    found = [answers(source) for source in sources]
    rate_E, rate_I, settled, maps, patterns = (
        np.stack([np.asarray(f[n]) for f in found]) for n in range(5)
    )
    strong = [
        answers(each(lambda s, e=energy: EnergyMatched(SaliencyWindow(s), e), saliency))[0]
        for energy in given.energies
    ]
    return {
        "rate_E": rate_E,
        "rate_I": rate_I,
        "settled": settled,
        "map_E": maps[:, 0],
        "pattern": patterns[:, 0],
        "strong_E": np.stack([np.asarray(rates) for rates in strong]),
        "shown": np.asarray(images[0]),
        "shown_target": np.asarray(bars.places[0, 0]),
    }


def label(
    config: Config,
    found: dict[str, np.ndarray],
    example: dict[str, Any],
    seen: dict[str, np.ndarray],
) -> xr.Dataset:
    """Everything with dimensions, units and long names."""
    by = ("search", "set_size", "display")
    coordinates = {
        "search": variable("search", list(SEARCHES), "1", "kind of search"),
        "set_size": variable("set_size", config.display.set_sizes, "1", "bars in the display"),
        "attention": variable("attention", list(ATTENTION), "1", "gain on the drive"),
        "role": variable("role", ["target", "others"], "1", "which bars"),
        "energy": variable("energy", config.circuits.energies, "1", "RMS change in gain"),
    }
    picture, where = ("colour", "y", "x"), ("axis",)
    kept = {
        "fixations": variable(by, found["fixations"], "1", "fixations up to the target"),
        "search_time": variable(by, found["times"], "ms", "time up to the target"),
        "found": variable(by, found["found"], "1", "whether the target was found"),
        "image": variable(("search", *picture), example["image"], "1", "a display"),
        "saliency": variable(("search", "v", "u"), example["saliency"], "1", "its saliency"),
        "path": variable(("search", "shift", *where), example["path"], "1", "its fixations"),
        "target": variable(("search", *where), example["target"], "1", "place of its target"),
        "shown": variable(picture, seen["shown"], "1", "a display shown to the circuits"),
        "shown_target": variable(where, seen["shown_target"], "1", "place of its target"),
    }
    words = {
        "rate_E": (("attention", "display", "role"), "Hz", "E rate at bars"),
        "rate_I": (("attention", "display", "role"), "Hz", "I rate at bars"),
        "settled": (("attention", "display"), "1", "whether the circuits settled"),
        "map_E": (("attention", "row", "column"), "Hz", "E rates, mean over orientations"),
        "pattern": (("attention", "row", "column"), "1", "change in gain"),
        "strong_E": (("energy", "display", "role"), "Hz", "E rate at bars, by image saliency"),
    }
    for name, (dims, units, long_name) in words.items():
        kept[name] = variable(dims, seen[name], units, long_name)
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Search slopes, and how much more the target stands out of the circuits' activity."""
    return search_measures(data)
