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
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import bootstrap
from cortex.attention import AbstractSource, EnergyMatched, NoAttention
from cortex.attention.saliency import (
    FeatureSaliency,
    Saliency,
    SaliencyWindow,
    Weights,
    scan_path,
)
from cortex.labelled import Labelled, coordinate, each, label
from cortex.progress import stage
from cortex.settings import NonNegative, quantity, require_distinct
from cortex.sources import Source
from cortex.stimuli.search_displays import KINDS, Bars, Display, search_bars
from cortex.studies.saliency_gain import GainSettings, ScanSettings

SEARCHES = (*KINDS, "guided conjunction")
PICTURE: dict[str, Any] = {"colour": None, "y": None, "x": None}


class Settings(ex.ExperimentSettings):
    """Settings of `saliency_search`."""

    set_sizes: tuple[int, ...] = quantity((4, 8, 16, 32), "1", "bars in a display", min_length=2)
    displays: int = quantity(40, "1", "displays of each kind and size", ge=4)
    cells: int = quantity(6, "1", "cells of the grid, along each side", ge=2)
    jitter: float = quantity(0.15, "1", "largest shift of a bar, of a cell", ge=0, le=0.2)
    scan: ScanSettings = ScanSettings()
    shifts: int = quantity(60, "1", "fixations after which a search is given up", ge=2)
    rest: float = quantity(0.1, "1", "guided: weight of what the target does not have", ge=0)
    shown_size: int = quantity(16, "1", "bars in the displays shown to the circuits", ge=3)
    circuits: GainSettings = GainSettings()
    energies: tuple[NonNegative, ...] = quantity(
        (0.0, 0.05, 0.1, 0.2, 0.3), "1", "changes in gain of the curve", min_length=2
    )
    resamples: int = ex.bootstrap_resamples(2000, "displays")
    level: float = ex.interval_level()

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        require_distinct(self, "set_sizes")
        sizes = sorted((*self.set_sizes, self.shown_size))
        if sizes[0] < 2 or sizes[-1] > self.cells**2:
            found, allowed = f"{sizes[0]} to {sizes[-1]}", f"2 to {self.cells**2}, one bar a cell"
            raise ValueError(f"set_sizes, shown_size: found {found}, allowed: {allowed}")
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """Search all displays; show some to the circuits."""
    plain, sizes = Saliency(), s.set_sizes
    guided = Saliency(Weights.towards(["red", "vertical"], rest=s.rest))
    with stage("searches", total=len(SEARCHES) * len(sizes) * s.displays) as advance:

        def search_all(name: str, size: int) -> dict[str, Labelled]:
            kind, model = (name, plain) if name in KINDS else ("conjunction", guided)
            # Guided search is through the same displays as unguided.
            own = jax.random.fold_in(key, 100 * KINDS.index(kind) + sizes.index(size))
            bars, images = displays_of(s, kind, size, own)
            target, look_key = bars.places[:, 0], jax.random.fold_in(own, 1)
            saliency, path, (count, time, found) = search(s, model, images, target, look_key)
            advance(s.displays)
            return {
                "fixations": label(count, "1", "fixations up to the target", display=None),
                "search_time": label(time, "ms", "time up to the target", display=None),
                "found": label(found, "1", "whether the target was found", display=None),
                "image": label(images[0], "1", "a display", **PICTURE),
                "saliency": label(saliency[0], "1", "its saliency", v=None, u=None),
                "path": label(path.places[0], "1", "its fixations", shift=None, axis=None),
                "target": label(target[0], "1", "place of its target", axis=None),
            }

        bars = coordinate(sizes, "1", "bars in the display")
        found = each(search=SEARCHES, set_size=bars)(search_all)
    with stage("circuits"):
        return found | respond(s, plain, jax.random.fold_in(key, 7))


@eqx.filter_jit
def displays_of(s: Settings, kind: str, size: int, key: Array) -> tuple[Bars, Array]:
    """Bars of all displays of a kind and size, and their images (display, 3, y, x)."""
    drawn = Display(side=s.circuits.field.side, cells=s.cells, jitter=s.jitter)
    keys = jax.random.split(key, s.displays)
    bars = jax.vmap(lambda one: search_bars(one, drawn, kind, size))(keys)
    return bars, jax.vmap(drawn.image)(bars)


@eqx.filter_jit
def search(s: Settings, model: Saliency, images: Array, target: Array, key: Array) -> Any:
    """Saliency (display, y, x), paths of attention over it, and `ScanPath.until` the target."""

    def one(given: tuple[Array, ...]) -> Any:
        saliency = model(given[0]).saliency
        path = scan_path(s.scan.competition(), saliency, s.shifts, given[2])
        return saliency, path, path.until(given[1], 0.5 / s.cells)

    return jax.lax.map(one, (images, target, jax.random.split(key, len(images))))


def respond(s: Settings, model: Saliency, key: Array) -> dict[str, Labelled]:
    """What the circuits do for displays of orientation search, under every state of attention."""
    area = s.circuits.area()
    bars, images = displays_of(s, "orientation", s.shown_size, key)
    saliency = search(s, model, images, bars.places[:, 0], key)[0]

    @eqx.filter_jit
    def answers(sources: AbstractSource) -> Any:
        given = (sources, images, bars.places)
        found = jax.lax.map(lambda one: s.circuits.respond(area, *one), given)
        roles = found.rates.map(lambda at: jnp.stack([at[:, 0], at[:, 1:].mean(axis=1)], axis=1))
        return roles, found.settled, found.activity[0], found.pattern[0]

    def by(maps: Array, energy: float = s.circuits.energy) -> AbstractSource:
        return jax.vmap(lambda one: EnergyMatched(SaliencyWindow(one), energy))(maps)

    many = jnp.zeros(len(images))
    sources = {
        "none": jax.vmap(lambda _: NoAttention())(many),
        "image saliency": by(saliency),
        "own saliency": jax.vmap(lambda _: EnergyMatched(FeatureSaliency(), s.circuits.energy))(
            many
        ),
        "other display": by(jnp.roll(saliency, 1, axis=0)),
    }
    found = each(attention=tuple(sources))(lambda name: answers(sources[name]))
    rates, settled, maps, patterns = found
    energies = coordinate(s.energies, "1", "root mean square change in gain")
    strong = each(energy=energies)(lambda energy: answers(by(saliency, energy))[0])
    roles: dict[str, Any] = {"display": None, "role": ("target", "others")}
    return {
        "rates": rates.named("Hz", "rate at bars", **roles),
        "strong": strong.named("Hz", "rate at bars, by image saliency", **roles),
        "settled": settled.named("1", "whether the circuits settled", display=None),
        "map_E": maps.named("Hz", "E rate, mean over orientations", row=None, column=None),
        "pattern": patterns.named("1", "change in gain", row=None, column=None),
        "shown": label(images[0], "1", "a display shown to the circuits", **PICTURE),
        "shown_target": label(bars.places[0, 0], "1", "place of its target", axis=None),
    }


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Slopes of search, and how the target stands out, with intervals over displays."""

    def slopes(drawn: xr.DataArray) -> xr.Dataset:
        mean = drawn.mean("display")
        size = mean.set_size - mean.set_size.mean()
        slope = (mean * size).sum("set_size") / (size**2).sum()
        saved = slope.sel(search="conjunction") - slope.sel(search="guided conjunction")
        return xr.Dataset({"mean_fixations": mean, "slope": slope, "slope_saved": saved})

    def standing_out(drawn: xr.DataArray) -> xr.Dataset:
        target, others = (drawn.sel(role=role) for role in ("target", "others"))
        total = drawn.sum("role")
        mean = ((target - others) / total.where(total > 0, 1)).mean("display")
        return xr.Dataset({"contrast": mean, "contrast_change": mean - mean.sel(attention="none")})

    options: dict[str, Any] = {"n": s.resamples, "level": s.level, "rng": rng}
    with stage("intervals"):
        apart = {"within": ("search", "set_size")}
        both = dict(bootstrap(slopes, data.fixations, "display", **apart, **options))
        both |= bootstrap(standing_out, data.rates, "display", **options)
    words = {
        "mean_fixations": "fixations to the target",
        "slope": "fixations for each further bar",
        "slope_saved": "fixations for each further bar, saved by guidance",
        "contrast": "contrast of rates, target against others",
        "contrast_change": "contrast of rates minus that without attention",
    }
    return {n: both[n].assign_attrs(units="1", long_name=text) for n, text in words.items()}


FLAT = 0.05  # fixations a bar; below, a search counts as parallel
TREISMAN = Source("treisman1980", "direction; in the saliency model: Itti & Koch 2000")
GUIDED = Source("wolfe1994", "direction; in the saliency model: Navalpakkam & Itti 2005")
PURPOSE = Source(detail="expected here: the purpose of a gain by saliency")

CLAIMS = (
    ex.Claim(
        "slope",
        lambda d: d.slope.sel(search=["colour", "orientation"]),
        ex.AtMost(FLAT),
        TREISMAN,
        "an odd item pops out: fixations hardly grow with the number of bars",
        True,
    ),
    ex.Claim(
        "slope_of_conjunction",
        lambda d: d.slope.sel(search="conjunction"),
        ex.Above(FLAT),
        TREISMAN,
        "a conjunction takes the more fixations, the more bars there are",
        True,
    ),
    ex.Claim(
        "slope_saved_by_guidance",
        lambda d: d.slope_saved,
        ex.Above(0),
        GUIDED,
        "weights for red and vertical make conjunction search more efficient",
        True,
    ),
    ex.Claim(
        "contrast_change",
        lambda d: d.contrast_change.sel(attention=["image saliency", "own saliency"]),
        ex.Above(0),
        PURPOSE,
        "saliency as gain makes the target stand out of the rates",
        True,
    ),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small={"set_sizes": [4, 12], "displays": 6, "cells": 4, "shown_size": 12, "shifts": 30}
    | {"circuits.field.side": 64, "circuits.field.orientations": 4}
    | {"energies": [0.0, 0.2], "resamples": 200},
)
