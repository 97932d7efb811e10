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

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.attention import Multiplicative, Query, State
from cortex.attention.inspection import entropy
from cortex.attention.location import Command, LocationWindow, gaussian_shift
from cortex.circuit import EI, SteadyState, steady_state
from cortex.experiment import Above, Below, Claim, Near
from cortex.labelled import Labelled, coordinate, label, over, quality
from cortex.models.line import Line
from cortex.models.settling import Settle
from cortex.settings import kept, quantity
from cortex.sources import Source

SHARPENED, BLURRED = "sharpened", "not sharpened"
AT_LEAST_ONE = Source("graves2014", "at least 1")


class Settings(ex.ExperimentSettings):
    """Settings of `shiftable_window`."""

    circuit: Line = Line()
    scenes: int = quantity(40, "1", "rows of items, drawn at random", ge=4)
    items: int = quantity(11, "1", "items in a row", ge=3)
    size: int = quantity(9, "1", "units that an item covers", ge=3)
    colours: int = quantity(4, "1", "colours, each with a map of its own", ge=2)
    item_width: float = quantity(2.5, "1", "width of an item's colour, in units", gt=0)
    ground: float = quantity(0.5, "1", "response of a map that sees all places alike", gt=0)
    noise: float = quantity(0.05, "1", "standard deviation added to every map", ge=0)
    contrast: float = quantity(20.0, "%", "contrast of the whole row", gt=0)
    sharpness: float = quantity(30.0, "1", "sharpness of the weights by content", ge=0)
    steps: int = quantity(8, "1", "shifts after the window is set", ge=2)
    farthest: int = quantity(3, "1", "items that one shift moves the window by, at most", ge=1)
    spread: float = quantity(1.5, "1", "standard deviation of the shift weights, in units", gt=0)
    power: float = quantity(1.5, "1", "power of the sharpening", AT_LEAST_ONE, ge=1)
    strength: float = quantity(1.5, "1", "sum of the gain over all units, however wide", gt=0)
    settle: Settle = Settle()
    resamples: int = ex.bootstrap_resamples(1000, "scenes")
    level: float = ex.interval_level()

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        if self.items * self.size > (units := self.circuit.units):
            found = f"{self.items} items of {self.size} units"
            raise ValueError(f"items: found {found}, allowed: as many as fit on {units} units")
        if self.farthest > self.items - 2:
            raise ValueError(f"farthest: found {self.farthest}, allowed: items - 2 or less")
        return self

    def centres(self) -> np.ndarray:
        """Middles of the items, in units from the middle of the line."""
        return (np.arange(self.items) - (self.items - 1) / 2) * self.size


def draw_scenes(s: Settings, seed: int) -> tuple[np.ndarray, ...]:
    """Colours (scene, item), the sought item (scene), and shifts that keep clear of the outermost
    items (scene, step).
    """
    rng = np.random.default_rng(seed)
    start = rng.integers(1, s.items - 1, s.scenes)
    colour = rng.integers(1, s.colours, (s.scenes, s.items))
    colour[np.arange(s.scenes), start] = 0
    by, at = np.zeros((s.scenes, s.steps), int), start.copy()
    for step in range(s.steps):
        for scene in range(s.scenes):
            far = range(-s.farthest, s.farthest + 1)
            allowed = [d for d in far if d and 1 <= at[scene] + d < s.items - 1]
            by[scene, step] = rng.choice(allowed) if allowed else 0
        at = at + by[:, step]
    return tuple(array.astype(np.int32) for array in (colour, start, by))


def scenes_of(s: Settings, key: Array) -> Any:
    """The scenes of a random key, drawn by NumPy from the seed that made it."""
    shapes = ((s.scenes, s.items), (s.scenes,), (s.scenes, s.steps))
    out = tuple(jax.ShapeDtypeStruct(shape, jnp.int32) for shape in shapes)
    seed = jax.random.key_data(key)[-1]
    return jax.pure_callback(lambda x: draw_scenes(s, int(x)), out, seed, vmap_method="sequential")


def features(s: Settings, colour: Array, key: Array) -> Array:
    """What the maps see of one row: one for each colour and one for all, (maps, 1, unit)."""
    units = s.circuit.units
    away = jnp.arange(units)[None, :] - (s.centres() + (units - 1) / 2)[:, None]
    bumps = jnp.exp(-(away**2) / (2 * s.item_width**2))
    shown = (colour[:, None] == jnp.arange(s.colours)[None, :]).astype(bumps.dtype)
    maps = jnp.einsum("ic,iu->cu", shown, bumps)
    maps = jnp.concatenate([maps, jnp.full((1, units), s.ground)])
    return (maps + s.noise * jax.random.normal(key, maps.shape))[:, None]


def windows(s: Settings, seen: Array, rates: EI[Array], by: Array, power: Array) -> Array:
    """The window's weights by content, and after each shift: (step, unit)."""
    units = s.circuit.units
    reach = (0, s.farthest * s.size + int(4 * s.spread) + 1)  # of the shift weights
    sought = jnp.zeros(s.colours + 1).at[0].set(1.0)
    state = State(rates.map(lambda r: r[None, None]), jnp.zeros(s.colours))
    find = Command(sought, s.sharpness, 1.0, gaussian_shift((0, 0), 0.0, reach), 1.0)
    source = LocationWindow(jnp.full((1, units), 1 / units), find, 1.0)

    def shift(source: LocationWindow, items: Array) -> tuple[LocationWindow, Array]:
        shifts = gaussian_shift((0.0, items * s.size), s.spread, reach)
        source = source.moved(seen, Command(sought, s.sharpness, 0.0, shifts, power))
        return source, source.pattern(seen, state, Query())[0, 0]

    first = source.pattern(seen, state, Query())[0, 0]
    _, others = jax.lax.scan(shift, source, by)
    return jnp.concatenate([first[None], others])


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """All steps of all scenes, with and without sharpening; step 0 is the window by content."""
    circuit, places = s.circuit.circuit(), s.circuit.positions()
    drive = jnp.full(s.circuit.units, s.contrast, float)
    (colour, start, by), keys = scenes_of(s, key), jax.random.split(key, s.scenes)
    item = jnp.cumsum(jnp.concatenate([start[:, None], by], axis=1), axis=1)
    commanded = jnp.asarray(s.centres(), float)[item] * s.circuit.spacing
    plain = steady_state(circuit, EI(drive, drive), solver=s.settle())
    middle = slice(s.circuit.units // 4, -(s.circuit.units // 4))
    usual = plain.rates.map(lambda r: jnp.mean(r[middle]))

    def respond(weights: Array) -> SteadyState:
        gain = Multiplicative()(s.strength * weights)
        return steady_state(circuit, EI(drive, drive), gain, initial=plain.rates, solver=s.settle())

    def look(scene: Array, power: Array) -> tuple[SteadyState, dict[str, Any]]:
        seen = features(s, colour[scene], keys[scene])
        weights = windows(s, seen, plain.rates, by[scene].astype(float), power)
        states, at = jax.vmap(respond)(weights), commanded[scene]
        own = jnp.argmin(jnp.abs(places[None, :] - at[:, None]), axis=1)[:, None]
        rise = jnp.maximum(states.rates.E - plain.rates.E[None], 0)
        mean = weights @ places
        variance = jnp.sum(weights * (places[None] - mean[:, None]) ** 2, axis=1)
        return states, {
            "weights": weights,
            "entropy": entropy(weights),
            "width": jnp.sqrt(variance),
            "centre_E": (rise @ places) / rise.sum(1),
            "at": states.rates.map(lambda r, u: jnp.take_along_axis(r, own, 1)[:, 0] / u, usual),
        }

    kinds = {SHARPENED: s.power, BLURRED: 1.0}
    states, found = over(scene=np.arange(s.scenes), kind=kinds, sequential=("scene",))(look)
    step = coordinate(np.arange(s.steps + 1), "1", "shifts done")
    place, row = s.circuit.places(), np.arange(s.scenes)
    item = coordinate(s.centres() * s.circuit.spacing, "deg", "middle of an item")
    words = {
        "entropy": ("nat", "entropy of the window"),
        "width": ("deg", "width of the window (SD)"),
        "centre_E": ("deg", "centre of the rise of E rates"),
        "at": ("1", "rate at the commanded place, to unattended"),
    }
    return {
        "weights": found.pop("weights").named("1", "weights of the window", step=step, place=place),
        "rates": states.rates.named("Hz", "rate", step=step, place=place),
        "plain": label(plain.rates, "Hz", "rate without attention", place=place),
        "commanded": label(commanded, "deg", "commanded place", scene=row, step=step),
        "colour": label(colour, "1", "colour of an item; 0 is sought", scene=row, item=item),
        **{name: found[name].named(*words[name], step=step) for name in words},
        **quality(states, without=plain.converged),
    }


def analyse(s: Settings, d: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Means over scenes with intervals: following the command, and what sharpening saves."""
    sharp, blurred = d.sel(kind=SHARPENED, drop=True), d.sel(kind=BLURRED, drop=True)
    moves = sharp.centre_E.diff("step") - d.commanded.diff("step")
    widening = d.width.diff("step").isel(step=-1, drop=True)
    last = {"step": -1, "drop": True}
    by_scene = xr.Dataset(
        {
            "distance_from_item": abs(sharp.centre_E - d.commanded).isel(step=0, drop=True),
            "distance_from_command": abs(moves).mean("step"),
            "widening": widening.sel(kind=BLURRED, drop=True),
            "widening_saved": widening.sel(kind=BLURRED, drop=True)
            - widening.sel(kind=SHARPENED, drop=True),
            "entropy_saved": (blurred.entropy - sharp.entropy).isel(**last),
            "E_saved": (sharp["at"] - blurred["at"]).sel(population="E", drop=True).isel(**last),
        }
    )
    means = bootstrap(
        lambda d: d.mean("scene"), by_scene, "scene", n=s.resamples, level=s.level, rng=rng
    )
    for name, array in means.items():
        units = {"E_saved": "1", "entropy_saved": "nat"}.get(str(name), "deg")
        array.attrs = {"units": units, "long_name": str(name).replace("_", " ")}
    return means


DIRECTION = Source("graves2014", "what both are for; acting on a circuit, expected here")
CLOSED = Source(detail="closed form for a Gaussian window: spread / sqrt(power - 1)")
ONE_UNIT, SPACING = Below(1 / 3, "one unit"), kept("circuit.spacing")
LIMIT, NARROW = Near(1.5 / 3 / 0.5**0.5, rtol=0.1), "sharpening keeps the window from widening"
LIMITED = kept("circuit.spacing", "spread", "power")
STAYS = "the width settles where sharpening undoes a shift's blur"


def claim(name: str, expect: Any, effect: str, when: Any = None) -> Claim:
    """What the mean over scenes is expected to be."""
    return Claim(name, lambda d: d[name], expect, DIRECTION, effect, headline=True, when=when)


def last_width(d: xr.Dataset) -> xr.DataArray:
    """Width of the sharpened window after the last shift, mean over scenes."""
    return d.width.sel(kind=SHARPENED).isel(step=-1).mean()


CLAIMS = (
    claim("distance_from_item", ONE_UNIT, "E rates rise at the item sought", SPACING),
    claim("distance_from_command", ONE_UNIT, "E rates follow the command", SPACING),
    claim("widening", Above(0), "without sharpening every shift widens the window"),
    claim("widening_saved", Above(0), NARROW),
    claim("entropy_saved", Above(0), "sharpening keeps the window's entropy lower"),
    claim("E_saved", Above(0), "E rates at the commanded place stay higher with sharpening"),
    Claim("width_limit", last_width, LIMIT, CLOSED, STAYS, unit="deg", when=LIMITED),
    ex.settled_claim(),
)

SMALL = {"circuit.units": 65, "scenes": 4, "items": 7, "steps": 3, "farthest": 2, "resamples": 50}
experiment = ex.Experiment(Settings, simulate, CLAIMS, analyse, small=SMALL)
