"""A shiftable window: found by its content, moved on command, kept sharp, in an E/I circuit.

Shown: a row of coloured items along a line in visual space, all of one contrast, one of them of
the colour that is sought. Simulated: a window of attention is set on the sought colour by content
and then shifted along the row, a few items at a time, by shift weights that are not exact; it is
sharpened after every shift, or not. At each step its weights are a gain on the drive of the
line's E/I circuit. Measured: whether E rates follow the command, and how wide the window gets.

Source: location-based addressing of Graves, Wayne & Danihelka 2014 ("Neural Turing machines",
section 3.3); the circuit of Rubin, Van Hooser & Miller 2015, Neuron 85:402, Fig. 2, as transcribed
by one other. That the window is a gain on a circuit, and the stimuli, are our design.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex.attention import Multiplicative, Query, State
from cortex.attention.inspection import entropy
from cortex.attention.location import Command, LocationWindow, gaussian_shift
from cortex.circuit import EI, Modulation, steady_state
from cortex.experiment import ExperimentConfig, Measure, Progress, Section, quantity
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.models import LineSection, SettlingSection, line_circuit, line_positions
from cortex.tasks import interval

HERE = "chosen here"
GRAVES = "Graves, Wayne & Danihelka 2014"
KINDS = ("sharpened", "not sharpened")


class ItemsSection(Section):
    """Rows of coloured items, the first of the colours in one of them alone."""

    scenes: int = quantity(40, "1", "rows of items, drawn at random", source=HERE, ge=4)
    items: int = quantity(11, "1", "items in a row", source=HERE, ge=3)
    size: int = quantity(9, "1", "units that an item covers", source=HERE, ge=3)
    colours: int = quantity(4, "1", "colours, each with a map of its own", source=HERE, ge=2)
    width: float = quantity(2.5, "1", "width of an item's colour, in units", source=HERE, gt=0)
    ground: float = quantity(0.5, "1", "of a map that sees all places alike", source=HERE, gt=0)
    noise: float = quantity(0.05, "1", "standard deviation added to every map", source=HERE, ge=0)
    contrast: float = quantity(20.0, "%", "of the whole row", source=HERE, gt=0)


class WindowSection(Section):
    """The window, and the commands that move it."""

    sharpness: float = quantity(30.0, "1", "of the weights by content", source=HERE, ge=0)
    steps: int = quantity(8, "1", "shifts after the window is set", source=HERE, ge=2)
    farthest: int = quantity(3, "1", "items that one shift moves it by, at most", source=HERE, ge=1)
    spread: float = quantity(
        1.5, "1", "standard deviation of the shift weights, in units", source=HERE, gt=0
    )
    power: float = quantity(1.5, "1", "of the sharpening", source=f"at least 1: {GRAVES}", ge=1)
    strength: float = quantity(
        1.5, "1", "sum of the gain over all units; a wider window is a lower one", source=HERE, gt=0
    )


class StatisticsSection(Section):
    """Bootstrap over scenes."""

    resamples: int = quantity(1000, "1", "bootstrap resamples", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `shiftable_window`."""

    circuit: LineSection = LineSection()
    items: ItemsSection = ItemsSection()
    window: WindowSection = WindowSection()
    solver: SettlingSection = SettlingSection()
    statistics: StatisticsSection = StatisticsSection()

    @model_validator(mode="after")
    def _fits(self) -> Config:
        wanted, units = self.items.items * self.items.size, self.circuit.units
        if wanted > units:
            raise ValueError(
                f"items.items: found {self.items.items} items of {self.items.size} units, "
                f"allowed: as many as fit on {units} units"
            )
        if self.window.farthest > self.items.items - 2:
            raise ValueError(
                f"window.farthest: found {self.window.farthest}, allowed: items.items - 2 or less"
            )
        return self


class Scenes(dict[str, np.ndarray]):
    """Drawn rows: `colour` (scene, item), `start` (scene), `by` (scene, step), in items."""


def draw(config: Config) -> Scenes:
    """Colours, the sought item, and shifts that keep clear of the outermost items."""
    rng, c = np.random.default_rng(config.seed), config.items
    start = rng.integers(1, c.items - 1, c.scenes)
    colour = rng.integers(1, c.colours, (c.scenes, c.items))
    colour[np.arange(c.scenes), start] = 0
    by, at = np.zeros((c.scenes, config.window.steps), int), start.copy()
    for step in range(config.window.steps):
        for scene in range(c.scenes):
            far = config.window.farthest
            allowed = [d for d in range(-far, far + 1) if d and 1 <= at[scene] + d < c.items - 1]
            by[scene, step] = rng.choice(allowed) if allowed else 0
        at = at + by[:, step]
    return Scenes(colour=colour, start=start, by=by)


def features(config: Config, colour: Array, key: Array) -> Array:
    """What the maps see of one row: one for each colour and one for all, (maps, 1, unit)."""
    c, units = config.items, config.circuit.units
    centres = item_centres(config)
    away = jnp.arange(units)[None, :] - centres[:, None]
    bumps = jnp.exp(-(away**2) / (2 * c.width**2))
    shown = (colour[:, None] == jnp.arange(c.colours)[None, :]).astype(bumps.dtype)
    maps = jnp.einsum("ic,iu->cu", shown, bumps)
    maps = jnp.concatenate([maps, jnp.full((1, units), c.ground)])
    return (maps + c.noise * jax.random.normal(key, maps.shape))[:, None]


def item_centres(config: Config) -> np.ndarray:
    """Of the items [units], in the middle of the line."""
    c = config.items
    return (config.circuit.units - 1) / 2 + (np.arange(c.items) - (c.items - 1) / 2) * c.size


def simulate(config: Config, scenes: Scenes, key: Array) -> dict[str, Array]:
    """All steps of all scenes, with and without sharpening.

    Returns
    -------
    dict of arrays
        ``weights`` (kind, scene, step, unit); ``rate_E``, ``rate_I`` [Hz] of the same axes;
        ``entropy`` [nat] (kind, scene, step); ``converged``; ``plain_E``, ``plain_I`` [Hz]
        (unit), without attention. Step 0 is the window by content.
    """
    w, circuit = config.window, line_circuit(config.circuit)
    units, solver = config.circuit.units, config.solver.integrate()
    drive = jnp.full(units, config.items.contrast, float)
    reach = (0, w.farthest * config.items.size + int(4 * w.spread) + 1)
    sought = jnp.zeros(config.items.colours + 1).at[0].set(1.0)
    plain = steady_state(circuit, EI(drive, drive), solver=solver)

    def attended(weights: Array) -> tuple[EI[Array], Array]:
        pattern = w.strength * weights
        modulation: Modulation = Multiplicative()(pattern)
        state = steady_state(
            circuit, EI(drive, drive), modulation, initial=plain.rates, solver=solver
        )
        return state.rates, state.converged

    def scene(colour: Array, by: Array, key: Array, power: Array) -> Array:
        """The window's patterns from step to step, (step, unit)."""
        seen = features(config, colour, key)
        state = State(plain.rates.map(lambda r: r[None, None]), jnp.zeros(config.items.colours))
        none = gaussian_shift((0, 0), 0.0, reach)
        find = Command(sought, w.sharpness, 1.0, none, 1.0)
        source = LocationWindow(jnp.full((1, units), 1 / units), find, 1.0)

        def shift(source: LocationWindow, items: Array) -> tuple[LocationWindow, Array]:
            shifts = gaussian_shift((0.0, items * config.items.size), w.spread, reach)
            source = source.moved(seen, Command(sought, w.sharpness, 0.0, shifts, power))
            return source, source.pattern(seen, state, Query())[0, 0]

        first = source.pattern(seen, state, Query())[0, 0]
        _, others = jax.lax.scan(shift, source, by)
        return jnp.concatenate([first[None], others])

    colour, by = jnp.asarray(scenes["colour"]), jnp.asarray(scenes["by"], float)
    keys = jax.random.split(key, len(colour))
    powers = jnp.array([w.power, 1.0])
    windows = jax.vmap(lambda p: jax.vmap(lambda c, b, k: scene(c, b, k, p))(colour, by, keys))(
        powers
    )
    flat = windows.reshape(-1, units)
    rates, converged = jax.lax.map(attended, flat, batch_size=90)
    shape = windows.shape
    return {
        "weights": windows,
        "rate_E": rates.E.reshape(shape),
        "rate_I": rates.I.reshape(shape),
        "entropy": entropy(windows),
        "converged": converged.reshape(shape[:-1]) & plain.converged,
        "plain_E": plain.rates.E,
        "plain_I": plain.rates.I,
    }


def run(config: Config, progress: Progress) -> xr.Dataset:
    """Draw the scenes, simulate them, and name the axes and units of what comes out."""
    scenes = draw(config)
    looks = len(KINDS) * config.items.scenes * (config.window.steps + 1)
    with progress.stage(f"{looks} steady states"):
        made = jax.jit(lambda key: simulate(config, scenes, key))
        found = jax.device_get(made(jax.random.key(config.seed)))
    return label(config, scenes, found)


def label(config: Config, scenes: Scenes, found: dict[str, Any]) -> xr.Dataset:
    """The arrays as a dataset, with what follows from them."""
    places = np.asarray(line_positions(config.circuit))
    steps = np.arange(config.window.steps + 1)
    items = scenes["start"][:, None] + np.cumsum(
        np.concatenate([np.zeros((len(scenes["by"]), 1), int), scenes["by"]], axis=1), axis=1
    )
    commanded = (item_centres(config) - (config.circuit.units - 1) / 2) * config.circuit.spacing
    at = commanded[items]
    change = found["rate_E"] - found["plain_E"][None, None, None]
    risen = np.maximum(change, 0)
    centre = (risen @ places) / risen.sum(-1)
    own = np.abs(places[None, None, :] - at[..., None]).argmin(-1)[None, ..., None]
    weights = found["weights"]
    mean = weights @ places
    variance = weights @ places**2 - mean**2
    axes = ("kind", "scene", "step")
    e, i = (np.take_along_axis(found[f"rate_{n}"], own, -1)[..., 0] for n in "EI")
    middle = slice(config.circuit.units // 4, -(config.circuit.units // 4))
    plain = {n: float(found[f"plain_{n}"][middle].mean()) for n in "EI"}
    kept = {
        "weights": ((*axes, "place"), weights, "1", "weights of the window"),
        "rate_E": ((*axes, "place"), found["rate_E"], "Hz", "E rate"),
        "rate_I": ((*axes, "place"), found["rate_I"], "Hz", "I rate"),
        "plain_E": ("place", found["plain_E"], "Hz", "E rate without attention"),
        "plain_I": ("place", found["plain_I"], "Hz", "I rate without attention"),
        "entropy": (axes, found["entropy"], "nat", "entropy of the window"),
        "width": (axes, np.sqrt(np.maximum(variance, 0)), "deg", "width of the window (SD)"),
        "centre": (axes, mean, "deg", "mean place of the window"),
        "centre_E": (axes, centre, "deg", "centre of the rise of E rates"),
        "at_E": (axes, e / plain["E"], "1", "E rate at the commanded place, to unattended"),
        "at_I": (axes, i / plain["I"], "1", "I rate at the commanded place, to unattended"),
        "lowest_E": (
            axes,
            found["rate_E"][..., middle].min(-1) / plain["E"],
            "1",
            "lowest E rate in the middle half of the line, to unattended",
        ),
        "commanded": (("scene", "step"), at, "deg", "commanded place"),
        "colour": (("scene", "item"), scenes["colour"], "1", "colour of an item; 0 is sought"),
        "converged": (axes, found["converged"], "1", "whether the circuit settled"),
    }
    coordinates = {
        "kind": variable("kind", list(KINDS), "1", "what follows a shift"),
        "step": variable("step", steps, "1", "shifts done"),
        "place": variable("place", places, "deg", "place on the line"),
        "item": variable("item", commanded, "deg", "middle of an item"),
    }
    return xr.Dataset({name: variable(*one) for name, one in kept.items()}, coordinates)


DIRECTION = f"what sharpening and shifting are for: {GRAVES}; acting on a circuit, expected here"


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """Following the command, staying narrow, and what the circuit makes of it."""
    sharp, blurred = data.sel(kind=KINDS[0]), data.sel(kind=KINDS[1])
    last, spacing = data["step"].values[-1], config.circuit.spacing
    rows = []

    def bounded(name: str, values: Any, unit: str, end: int, expected: str, effect: str) -> None:
        mean, ends = _interval(config, np.asarray(values, float))
        words = f"mean {mean:.4g}, {config.statistics.level:.0%} interval over scenes "
        rows.append(
            Measure.expecting(
                f"{name}_{'low' if end == 0 else 'high'}",
                ends[end],
                unit,
                expected=expected,
                provenance=DIRECTION,
                headline=True,
                effect=effect,
                note=f"{words}[{ends[0]:.4g}, {ends[1]:.4g}]",
            )
        )

    off = np.abs(sharp["centre_E"].values[:, 0] - data["commanded"].values[:, 0])
    bounded(
        "found_off",
        off,
        "deg",
        1,
        f"< {spacing:.4g} (one unit)",
        "the window set by content raises E rates at the item sought",
    )
    moves = np.diff(sharp["centre_E"].values, axis=1) - np.diff(data["commanded"].values, axis=1)
    bounded(
        "shift_off",
        np.abs(moves).mean(1),
        "deg",
        1,
        f"< {spacing:.4g} (one unit)",
        "the rise of E rates moves by what is commanded",
    )
    growth = {k: data["width"].sel(kind=k).diff("step").isel(step=-1) for k in KINDS}
    bounded(
        "widening_by_the_last_shift[not sharpened]",
        growth[KINDS[1]],
        "deg",
        0,
        "> 0",
        "without sharpening every shift widens the window",
    )
    bounded(
        "widening_saved",
        growth[KINDS[1]] - growth[KINDS[0]],
        "deg",
        0,
        "> 0",
        "sharpening keeps the window from widening",
    )
    bounded(
        "entropy_saved",
        (blurred["entropy"] - sharp["entropy"]).sel(step=last),
        "nat",
        0,
        "> 0",
        "sharpening keeps the window's entropy lower",
    )
    bounded(
        "E_saved",
        (sharp["at_E"] - blurred["at_E"]).sel(step=last),
        "1",
        0,
        "> 0",
        "E rates at the commanded place stay higher with sharpening",
    )
    for name in ("at_E", "at_I", "lowest_E"):
        for kind, here in zip(KINDS, (sharp, blurred), strict=True):
            rows.append(Measure.reported(f"{name}[{kind}]", here[name].sel(step=last).mean(), "1"))
    if config.window.power > 1:
        limit = config.window.spread * spacing / np.sqrt(config.window.power - 1)
        rows.append(
            Measure.compared(
                "width_limit",
                sharp["width"].sel(step=last).mean(),
                "deg",
                reference=limit,
                relative=0.1,
                provenance="closed form for a Gaussian window: spread / sqrt(power - 1)",
                effect="the width settles where sharpening undoes a shift's blur",
            )
        )
    return [*rows, converged_share(data)]


def _interval(config: Config, values: np.ndarray) -> tuple[float, tuple[float, float]]:
    """Mean over scenes, with its bootstrap interval."""
    rng = np.random.default_rng(config.seed)
    drawn = rng.integers(0, len(values), (config.statistics.resamples, len(values)))
    low, high = interval(values[drawn].mean(1), config.statistics.level)
    return float(values.mean()), (float(low), float(high))
