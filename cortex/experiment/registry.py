"""The experiments there are: one for every TOML file in `cortex.configs` that names itself.

An experiment is one name in four rooms; finding it is listing a folder, so that adding one
touches nothing else. A TOML file that names another experiment is a preset of that one: other
settings under a name of their own. Nothing heavy is imported until an experiment is asked for its
parts.
"""

from __future__ import annotations

import ast
import functools
import importlib
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from types import ModuleType
from typing import Any

from cortex.errors import UserError
from cortex.experiment.complaints import unknown
from cortex.experiment.config import ExperimentConfig


@dataclass(frozen=True)
class Experiment:
    """One experiment; its modules are imported when first needed."""

    name: str

    @property
    def summary(self) -> str:
        """First line of the module's docstring, read without importing it."""
        source = resources.files("cortex.sims").joinpath(f"{self.name}.py")
        if not source.is_file():
            return ""
        text = ast.get_docstring(ast.parse(source.read_text(encoding="utf-8"))) or ""
        return text.partition("\n")[0]

    @property
    def config(self) -> type[ExperimentConfig]:
        """The model of its configuration."""
        return self._simulation.Config

    @property
    def run(self) -> Callable[..., Any]:
        """``run(config, progress) -> xarray.Dataset``."""
        return self._simulation.run

    @property
    def measure(self) -> Callable[..., Any]:
        """``measure(config, data) -> list[Measure]``."""
        return self._simulation.measure

    @property
    def draw(self) -> Callable[..., Any]:
        """``draw(config, data, measures) -> matplotlib.figure.Figure``."""
        return importlib.import_module(f"cortex.figures.{self.name}").draw

    @property
    def _simulation(self) -> ModuleType:
        return importlib.import_module(f"cortex.sims.{self.name}")


@dataclass(frozen=True)
class Preset:
    """Packaged settings of an experiment under a name of their own."""

    name: str
    experiment: str

    @property
    def summary(self) -> str:
        """What the first line of its file, a comment, says."""
        first = config_bytes(self.name)().decode().partition("\n")[0]
        return f"{self.experiment}, preset: {first.lstrip('# ').rstrip()}"


@functools.cache
def _files() -> dict[str, str]:
    """The experiment that each packaged file names, by the file's name without `.toml`, sorted."""
    found = {}
    for item in resources.files("cortex.configs").iterdir():
        name, dot, _ = item.name.rpartition(".toml")
        if dot:
            try:
                values = tomllib.loads(item.read_text(encoding="utf-8"))
            except tomllib.TOMLDecodeError:  # whoever loads it is told
                values = {}
            found[name] = str(values.get("experiment", name))
    return dict(sorted(found.items()))


def names() -> tuple[str, ...]:
    """Names of all experiments, sorted."""
    return tuple(name for name, experiment in _files().items() if name == experiment)


def presets(experiment: str | None = None) -> tuple[Preset, ...]:
    """All presets, or those of an experiment, sorted by name."""
    found = (Preset(*row) for row in _files().items() if row[0] != row[1])
    return tuple(preset for preset in found if experiment in (None, preset.experiment))


def packaged() -> tuple[str, ...]:
    """Names of all packaged configurations: experiments and presets, sorted."""
    return tuple(_files())


def find(name: str) -> Experiment:
    """The experiment of this name; `UserError` with close matches if there is none."""
    if name not in names():
        raise UserError(unknown(name, names(), "experiment"))
    return Experiment(name)


def config_bytes(name: str) -> Callable[[], bytes]:
    """Reader of the packaged configuration of an experiment, or of a preset."""
    return resources.files("cortex.configs").joinpath(f"{name}.toml").read_bytes
