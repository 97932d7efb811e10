"""Overt attention: on one and the same image the scan path depends on the task.

Shown: crowds of bars of four colours and four orientations, and two photographs. Simulated: the
saliency model with its channels weighted for a task (look around; look for what is red, green,
blue, vertical, horizontal), winner-take-all with noise and inhibition of return: several
observers, who differ in their noise alone. The saliency map of each task is also a gain on E/I
circuits that the crowds drive through Gabor filters. Measured: similarity of scan paths (the
correlation of their fixation densities) within and between tasks, with a permutation test; the
task decoded from the path; the share of fixations on bars that the task asks for; rates at those.

Source: Yarbus 1967, Eye movements and vision; top-down weights on the channels of saliency:
Navalpakkam & Itti 2005, Vision Res 45:205. Images, weights and measures are our design.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import bootstrap, estimate
from cortex.analysis.scan_paths import compare_tasks, decoded
from cortex.attention import EnergyMatched
from cortex.attention.saliency import Saliency, SaliencyWindow, Weights, scan_path
from cortex.experiment import Above, AtMost, Claim
from cortex.labelled import Labelled, label, over
from cortex.progress import stage
from cortex.settings import choice, quantity, require_distinct
from cortex.sources import Source
from cortex.stimuli.search_displays import COLOURS, Bars, Display, crowd
from cortex.stimuli.single_images import sample_photographs
from cortex.studies.saliency_gain import GainSettings, ScanSettings

FREE = "free"
ORIENTATIONS = {"horizontal": 0.0, "diagonal_up": 45.0, "vertical": 90.0, "diagonal_down": 135.0}
Task = Literal[
    "free", "red", "green", "blue", "yellow", "horizontal", "diagonal_up", "vertical",
    "diagonal_down",
]  # fmt: skip


class Settings(ex.ExperimentSettings):
    """Settings of `saccades_and_tasks`."""

    crowds: int = quantity(6, "1", "crowds of bars", ge=2, le=100_000)
    bars: int = quantity(32, "1", "bars in a crowd; 16 kinds", ge=16)
    cells: int = quantity(6, "1", "cells of the grid, along each side", ge=4)
    photograph: int = quantity(256, "px", "longer side of scikit-learn's photographs", ge=48)
    tasks: tuple[Task, ...] = choice(
        ("free", "red", "green", "blue", "vertical", "horizontal"),
        "features that are looked for; free: none",
        min_length=2,
    )
    rest: float = quantity(0.1, "1", "weight of features that are not asked for", ge=0)
    observers: int = quantity(12, "1", "observers of each task", ge=3)
    scan: ScanSettings = ScanSettings(tau=2400.0, recovery=3000.0, noise=0.3)
    fixations: int = quantity(8, "1", "fixations of each path", ge=2)
    circuits: GainSettings = GainSettings()
    spread: float = quantity(
        0.06, "1", "of the Gaussian around a fixation, as a share of the sides", gt=0
    )
    permutations: int = quantity(999, "1", "shuffles of the tasks, an image", ge=19, le=1_000_000)
    resamples: int = ex.bootstrap_resamples(1000, "observers")
    level: float = ex.interval_level()

    @model_validator(mode="after")
    def _fits(self) -> Settings:
        require_distinct(self, "tasks")
        if self.bars > self.cells**2:
            raise ValueError(f"bars: found {self.bars}, allowed: 16 to {self.cells**2}, one a cell")
        return self


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """All observers look at all images with every task; the circuits see the crowds."""
    display = Display(side=s.circuits.field.side, cells=s.cells)
    bars = jax.vmap(lambda one: crowd(one, display, s.bars))(jax.random.split(key, s.crowds))
    crowds, photographs = jax.vmap(display.image)(bars), sample_photographs(s.photograph)
    pictures = [*crowds, *(jnp.asarray(photo) for photo in photographs.values())]
    names = tuple(f"crowd {n + 1}" for n in range(s.crowds))
    with stage("saliency and scan paths"):
        keys = [jax.random.fold_in(key, 1000 + n) for n in range(len(pictures))]
        maps, *paths = zip(*map(partial(look, s), pictures, keys), strict=True)
        places, times = map(jnp.stack, paths)
    with stage("circuits"):
        rates, settled = respond(s, names, crowds, bars, jnp.stack(maps[: s.crowds]))
    photo = pictures[s.crowds]
    asked = jnp.stack([asked_for(task, bars) for task in s.tasks])
    path: dict[str, Any] = {"image": (*names, *photographs), "task": s.tasks, "observer": None}
    at: dict[str, Any] = {"crowd": names, "bar": None}
    return {
        "places": label(places, "1", "place fixated, 0 to 1", **path, fixation=None, axis=None),
        "times": label(times, "ms", "when the eye arrives", **path, fixation=None),
        "bar_places": label(bars.places, "1", "places of the bars", **at, axis=None),
        "bar_colour": label(bars.colours, "1", "number of the colour", **at),
        "bar_orientation": label(bars.orientations, "deg", "orientation", **at),
        "asked": label(asked, "1", "whether the task asks for the bar", task=s.tasks, **at),
        "rates": rates.named("Hz", "rate at the bar", bar=None),
        "settled": settled.named("1", "whether the circuits settled"),
        "crowd_image": label(crowds[0], "1", "first crowd", colour=None, y=None, x=None),
        "photograph": label(photo, "1", "first photograph", colour=None, v=None, u=None),
    }


@eqx.filter_jit
def look(s: Settings, image: Array, key: Array) -> tuple[Array, Array, Array]:
    """Saliency (task, y, x), fixations (task, observer, fixation, 2) and their times [ms]."""
    weights = [Weights.towards([] if task == FREE else [task], rest=s.rest) for task in s.tasks]
    models = jax.tree.map(lambda *leaves: jnp.stack(leaves), *map(Saliency, weights))
    maps = jax.lax.map(lambda model: model(image).saliency, models)
    keys = jax.random.split(key, (len(s.tasks), s.observers))

    def scan(saliency: Array, own: Array) -> tuple[Array, Array]:
        path = scan_path(s.scan.competition(), saliency, s.fixations, own)
        return jnp.where(path.made[:, None], path.places, jnp.nan), path.times

    return maps, *jax.vmap(jax.vmap(scan, (None, 0)))(maps, keys)


def asked_for(task: str, bars: Bars) -> Array:
    """Whether bars have what a task asks for; none has for `free`."""
    if task in COLOURS:
        return bars.colours == list(COLOURS).index(task)
    return bars.orientations == ORIENTATIONS.get(task, jnp.nan)


def respond(s: Settings, crowds: Any, images: Array, bars: Bars, saliency: Array) -> Any:
    """Rates at every bar without attention and with the gain of every task; if circuits settled."""
    area = s.circuits.area()
    axes = {"crowd": crowds, "state": ("none", *s.tasks)}

    @eqx.filter_jit
    def answers(maps: Array) -> Any:
        def one(n: Array, state: Array) -> Any:
            source = EnergyMatched(SaliencyWindow(maps[n, state]), s.circuits.energy)
            found = s.circuits.respond(area, source, images[n], bars.places[n])
            return found.rates, found.settled

        return over(sequential=tuple(axes), **axes)(one)

    return answers(jnp.concatenate([jnp.zeros_like(saliency[:, :1]), saliency], axis=1))


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> xr.Dataset:
    """Similarity of paths, decoding of tasks, and what becomes of the bars asked for."""
    options: dict[str, Any] = {"level": s.level, "rng": rng}
    near = nearest_bars(data)
    with stage("similarity and decoding"):
        more = {"permutations": s.permutations, "resamples": s.resamples}
        found = compare_tasks(data.places, s.spread, **more, **options)
        told = told_elsewhere(data, near)
        # Which crowds there are matters more here than which observers.
        crowd = rng.integers(s.crowds, size=(s.resamples, s.crowds))
        observer = rng.integers(s.observers, size=(s.resamples, s.observers))
        drawn = {"crowd": (("resample", "crowd"), crowd)}
        again = told.isel(drawn | {"observer": (("resample", "observer"), observer)})
        elsewhere = estimate(told.mean(), again.mean(told.dims), s.level)
        accuracy = xr.concat([found.accuracy, elsewhere], "on", combine_attrs="override")
        found["accuracy"] = accuracy.assign_coords(on=["same image", "new image"])
        sought = what_is_sought(data, near).stack(pair=("crowd", "task"), create_index=False)
        mean = bootstrap(lambda one: one.mean("pair"), sought, "pair", n=s.resamples, **options)
    words = {
        "share": "share of fixations on bars that are sought",
        "gained": "that share less the one in free viewing",
        "contrast_change": "change of the contrast of rates, sought against other bars",
    }
    return found.assign({n: mean[n].assign_attrs(units="1", long_name=w) for n, w in words.items()})


def nearest_bars(data: xr.Dataset) -> xr.DataArray:
    """Number of the bar nearest to every fixation on a crowd (crowd, task, observer, fixation)."""
    places = data.places.fillna(0).isel(image=slice(data.sizes["crowd"])).rename(image="crowd")
    apart = ((places - data.bar_places) ** 2).sum("axis")
    return apart.argmin("bar").transpose("crowd", "task", "observer", "fixation")


def told_elsewhere(data: xr.Dataset, near: xr.DataArray) -> xr.DataArray:
    """Whether colours and orientations fixated tell the task, from paths on the other crowds."""
    kinds = [
        (kind.isel(bar=near) == one).mean("fixation")
        for kind in (data.bar_colour, data.bar_orientation)
        for one in np.unique(kind)
    ]
    by = ("crowd", "task", "observer")
    features = xr.concat(kinds, "kind").transpose(*by, "kind")
    crowd, task, _ = np.indices(features.shape[:3]).reshape(3, -1)
    told = decoded(features.values.reshape(len(task), -1), task, fold=crowd)
    return features[..., 0].copy(data=(told == task).reshape(features.shape[:3]).astype(float))


def what_is_sought(data: xr.Dataset, near: xr.DataArray) -> xr.Dataset:
    """Fixations on, and rates at, bars that the task asks for, beside free viewing and none."""
    asked = data.asked.sel(task=data.asked.any(("crowd", "bar")))
    share = asked.isel(bar=near.sel(task=asked.task)).mean(("observer", "fixation"))
    idle = asked.mean("bar")
    if FREE in data.task:
        idle = asked.isel(bar=near.sel(task=FREE, drop=True)).mean(("observer", "fixation"))
    sought, others = (data.rates.where(which).mean("bar") for which in (asked, ~asked))
    total = sought + others
    contrast = (sought - others) / total.where(total > 0, 1)
    change = contrast.sel(state=asked.task).drop_vars("state") - contrast.sel(
        state="none", drop=True
    )
    return xr.Dataset({"share": share, "gained": share - idle, "contrast_change": change})


YARBUS = Source("yarbus1967", "direction; task read from human paths: Borji & Itti 2014")
PURPOSE = Source(detail="expected here: the purpose of the weights")

ABOVE_ZERO = (
    ("within_minus_between", lambda d: d.mean_difference, YARBUS),
    ("task_decoded_beyond_chance", lambda d: d.accuracy - 1 / d.sizes["task"], YARBUS),
    ("sought_bars_fixated", lambda d: d.gained, PURPOSE),
    ("sought_bars_stand_out", lambda d: d.contrast_change, PURPOSE),
)
EFFECTS = (
    "on one image, scan paths with one task are more alike than with different tasks",
    "the task is read from the scan path; on another crowd, from what was fixated",
    "what the task asks for is fixated more than in free viewing",
    "the task's saliency as gain raises rates at what is sought",
)
EVERY = "so on each of the images, by permutation of the tasks"

CLAIMS = (
    *(
        Claim(name, value, Above(0), source, effect, headline=True)
        for (name, value, source), effect in zip(ABOVE_ZERO, EFFECTS, strict=True)
    ),
    Claim("largest_p", lambda d: d.p.max(), AtMost(0.05), YARBUS, EVERY, headline=True),
    ex.settled_claim(),
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small={"crowds": 2, "bars": 16, "cells": 4, "photograph": 64, "observers": 4, "fixations": 4}
    | {"tasks": ["free", "red", "vertical"], "permutations": 99, "resamples": 50}
    | {"circuits.field.side": 64, "circuits.field.orientations": 4},
)
