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

from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jax import Array
from pydantic import Field, model_validator

from cortex.attention import EnergyMatched
from cortex.attention.saliency import Saliency, SaliencyWindow, Weights, scan_path
from cortex.attention.source import Query, State
from cortex.experiment import (
    ExperimentConfig,
    Measure,
    Progress,
    Section,
    quantity,
    require_distinct,
)
from cortex.labelled import variable
from cortex.measures.scan_rows import scan_measures, summarise_scans
from cortex.models.image_circuits import at_places, image_circuits
from cortex.models.orientation_field import OrientationFieldSection, RelaxSection
from cortex.stimuli.search_displays import COLOURS, Bars, Display, crowd
from cortex.stimuli.single_images import sample_photographs
from cortex.studies.saliency_gain import ScanSettings

HERE = "chosen here"
ORIENTATIONS = {"horizontal": 0.0, "diagonal_up": 45.0, "vertical": 90.0, "diagonal_down": 135.0}
Task = Literal[
    "free", "red", "green", "blue", "yellow", "horizontal", "diagonal_up", "vertical",
    "diagonal_down",
]  # fmt: skip


class ImagesSection(Section):
    """What is looked at."""

    crowds: int = quantity(6, "1", "crowds of bars", source=HERE, ge=2)
    bars: int = quantity(32, "1", "bars in a crowd; 16 kinds", source=HERE, ge=16)
    side: int = quantity(128, "px", "side of the crowds", source=HERE, ge=48)
    cells: int = quantity(6, "1", "cells of the grid, along each side", source=HERE, ge=4)
    photograph: int = quantity(
        256, "px", "longer side of the photographs of scikit-learn", source=HERE, ge=48
    )

    @model_validator(mode="after")
    def _fits(self) -> ImagesSection:
        if self.bars > self.cells**2:
            raise ValueError(f"bars: found {self.bars}, allowed: 16 to {self.cells**2}, one a cell")
        return self

    def display(self) -> Display:
        """How bars are drawn."""
        return Display(side=self.side, cells=self.cells)


class TasksSection(Section):
    """What is asked of the observers."""

    tasks: tuple[Task, ...] = Field(
        default=("free", "red", "green", "blue", "vertical", "horizontal"),
        min_length=2,
        description="features that are looked for; free: none",
        json_schema_extra={"unit": "1", "source": HERE},
    )
    rest: float = quantity(
        0.1, "1", "weight of features and channels that are not asked for", source=HERE, ge=0
    )
    observers: int = quantity(12, "1", "for each task", source=HERE, ge=3)

    @model_validator(mode="after")
    def _distinct(self) -> TasksSection:
        require_distinct(self, "tasks")
        return self


class SaccadesSection(ScanSettings):
    """Winner-take-all and inhibition of return, at the pace of eye movements."""

    tau: float = quantity(
        2400.0, "ms", "of the units; the strongest wins after 0.105 tau", source=HERE, gt=0
    )
    recovery: float = quantity(
        3000.0, "ms", "time constant of inhibition of return", source=HERE, gt=0
    )
    noise: float = quantity(
        0.3, "1", "SD of the logarithm of every place's input", source=HERE, ge=0
    )
    fixations: int = quantity(8, "1", "of each path", source=HERE, ge=2)


class CircuitsSection(Section):
    """The gain on the circuits' drive."""

    contrast: float = quantity(
        50.0, "%", "drive where a filter's amplitude is 1", source=HERE, gt=0
    )
    energy: float = quantity(0.2, "1", "root mean square of the change in gain", source=HERE, gt=0)
    spread: float = quantity(
        0.03, "1", "of the Gaussian that rates are averaged by, of the side", source=HERE, gt=0
    )


class StatisticsSection(Section):
    """Similarity of paths, and how sure it is."""

    spread: float = quantity(
        0.06, "1", "of the Gaussian around every fixation, of the sides", source=HERE, gt=0
    )
    permutations: int = quantity(999, "1", "of the tasks, for each image", source=HERE, ge=19)
    resamples: int = quantity(1000, "1", "bootstrap resamples of observers", source=HERE, ge=10)
    level: float = quantity(0.95, "1", "level of the intervals", source=HERE, gt=0, lt=1)


class Config(ExperimentConfig):
    """Configuration of `saccades_and_tasks`."""

    images: ImagesSection = ImagesSection()
    tasks: TasksSection = TasksSection()
    saccades: SaccadesSection = SaccadesSection()
    circuits: CircuitsSection = CircuitsSection()
    field: OrientationFieldSection = OrientationFieldSection(side=128, stride=4)
    solver: RelaxSection = RelaxSection()
    statistics: StatisticsSection = StatisticsSection()

    @model_validator(mode="after")
    def _fits(self) -> Config:
        if self.field.side != self.images.side:
            raise ValueError(
                f"field.side: found {self.field.side}, allowed: {self.images.side}, that of the "
                "crowds"
            )
        return self


def models(config: Config) -> Saliency:
    """The saliency model of every task; leaves have a leading axis of tasks."""
    made = [
        Saliency(Weights.towards([] if task == "free" else [task], rest=config.tasks.rest))
        for task in config.tasks.tasks
    ]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *made)


@eqx.filter_jit
def look(config: Config, model: Saliency, image: Array, key: Array) -> tuple[Array, Array, Array]:
    """Saliency (task, y, x), places (task, observer, fixation, 2) and times [ms] on one image.

    Shifts that were not made have NaN as place.
    """
    saliency = jax.lax.map(lambda one: one(image).saliency, model)
    competition = config.saccades.competition()
    keys = jax.random.split(key, (len(config.tasks.tasks), config.tasks.observers))

    def one(map_of_task: Array, own: Array) -> tuple[Array, Array]:
        path = scan_path(competition, map_of_task, config.saccades.fixations, own)
        return jnp.where(path.made[:, None], path.places, jnp.nan), path.times

    places, times = jax.vmap(jax.vmap(one, (None, 0)))(saliency, keys)
    return saliency, places, times


def run(config: Config, progress: Progress) -> xr.Dataset:
    """All observers look at all images with every task; the circuits see the crowds."""
    seed, shown = jax.random.key(config.seed), config.images
    keys = jax.random.split(seed, shown.crowds)
    bars = jax.vmap(lambda key: crowd(key, shown.display(), shown.bars))(keys)
    crowds = jax.vmap(shown.display().image)(bars)
    photographs = sample_photographs(shown.photograph)
    names = [f"crowd {n + 1}" for n in range(shown.crowds)] + list(photographs)
    pictures = [*crowds, *(jnp.asarray(photo) for photo in photographs.values())]
    model = models(config)
    found: dict[str, list[Any]] = {"saliency": [], "places": [], "times": []}
    with progress.stage("scan paths", total=len(pictures)) as stage:
        for n, picture in enumerate(pictures):
            parts = look(config, model, picture, jax.random.fold_in(seed, 1000 + n))
            for name, part in zip(found, parts, strict=True):
                found[name].append(np.asarray(part))
            stage.advance()
    with progress.stage("circuits"):
        maps = jnp.asarray(np.stack(found["saliency"][: shown.crowds]))
        seen = respond(config, crowds, bars, maps)
    data = label(config, names, pictures, bars, found, seen)
    with progress.stage("similarity and decoding"):
        s = config.statistics
        summary = summarise_scans(data, s.spread, s.permutations, s.resamples, s.level, config.seed)
    return data.merge(summary)


def respond(config: Config, images: Array, bars: Bars, saliency: Array) -> dict[str, np.ndarray]:
    """Rates at every bar of every crowd, without attention and with the gain of every task.

    Returns:
        ``rate_E``, ``rate_I`` (image, state, bar) [Hz] with the states none and the tasks;
        ``settled`` (image, state).
    """
    given, side = config.circuits, config.images.side
    area = image_circuits(config.field, side, side, given.contrast, config.solver.relax())
    nothing = jnp.zeros_like(saliency[:, :1])
    maps = jnp.concatenate([nothing, saliency], axis=1)

    @eqx.filter_jit
    def one(image: Array, places: Array, map_of_task: Array) -> tuple[Array, Array, Array]:
        source = EnergyMatched(SaliencyWindow(map_of_task), given.energy)
        features = jnp.maximum(area.stage(image), 0.0)
        silent = jax.tree.map(jnp.zeros_like, area.circuit.silence())
        modulation = source(features, State(silent, jnp.zeros(1)), Query())
        state = area.settle(image, modulation)
        at = [at_places(rate, places, given.spread) for rate in (state.rates.E, state.rates.I)]
        return at[0], at[1], state.converged

    found = [
        [one(image, places, own) for own in all_maps]
        for image, places, all_maps in zip(images, bars.places, maps, strict=True)
    ]
    parts = [
        np.stack([np.stack([np.asarray(state[n]) for state in image]) for image in found])
        for n in range(3)
    ]
    return dict(zip(("rate_E", "rate_I", "settled"), parts, strict=True))


def asked_for(tasks: tuple[str, ...], bars: Bars) -> np.ndarray:
    """Whether a bar has what the task asks for: (image, task, bar); none has for `free`."""
    colours, angles = np.asarray(bars.colours), np.asarray(bars.orientations)
    rows = []
    for task in tasks:
        if task in COLOURS:
            rows.append(colours == list(COLOURS).index(task))
        else:
            rows.append(angles == ORIENTATIONS.get(task, np.nan))
    return np.stack(rows, axis=1)


def label(
    config: Config,
    names: list[str],
    pictures: list[Array],
    bars: Bars,
    found: dict[str, list[Any]],
    seen: dict[str, np.ndarray],
) -> xr.Dataset:
    """Everything with dimensions, units and long names."""
    tasks, crowds = config.tasks.tasks, names[: config.images.crowds]
    by = ("image", "task", "observer", "fixation")
    coordinates = {
        "image": variable("image", names, "1", "what is looked at"),
        "crowd": variable("crowd", crowds, "1", "crowd of bars"),
        "task": variable("task", list(tasks), "1", "what is looked for"),
        "state": variable("state", ["none", *tasks], "1", "whose saliency is the gain"),
    }
    at_bar = ("crowd", "bar")
    kept = {
        "places": variable((*by, "axis"), np.stack(found["places"]), "1", "fixations"),
        "times": variable(by, np.stack(found["times"]), "ms", "when the eye arrives"),
        "bar_places": variable((*at_bar, "axis"), bars.places, "1", "places of the bars"),
        "bar_colour": variable(at_bar, bars.colours, "1", "number of the colour"),
        "bar_orientation": variable(at_bar, bars.orientations, "deg", "orientation"),
        "asked": variable(
            ("crowd", "task", "bar"), asked_for(tasks, bars), "1", "whether the task asks for it"
        ),
        "rate_E": variable(("crowd", "state", "bar"), seen["rate_E"], "Hz", "E rate at the bar"),
        "rate_I": variable(("crowd", "state", "bar"), seen["rate_I"], "Hz", "I rate at the bar"),
        "settled": variable(("crowd", "state"), seen["settled"], "1", "whether they settled"),
        "crowd_image": variable(("colour", "y", "x"), pictures[0], "1", "the first crowd"),
        "photograph": variable(
            ("colour", "v", "u"), pictures[config.images.crowds], "1", "the first photograph"
        ),
    }
    return xr.Dataset(kept, coordinates)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """How alike paths are within and between tasks, and what tells the task."""
    return scan_measures(data)
