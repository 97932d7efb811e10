"""The experiments there are: one for every TOML file in `cortex.configs`.

An experiment is one name in four rooms; finding it is listing a folder, so that adding one
touches nothing else. Nothing heavy is imported until an experiment is asked for its parts.
"""

from __future__ import annotations

import ast
import functools
import importlib
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


@functools.cache
def names() -> tuple[str, ...]:
    """Names of all experiments, sorted."""
    files = (item.name for item in resources.files("cortex.configs").iterdir())
    return tuple(sorted(name.removesuffix(".toml") for name in files if name.endswith(".toml")))


def find(name: str) -> Experiment:
    """The experiment of this name; `UserError` with close matches if there is none."""
    if name not in names():
        raise UserError(unknown(name, names(), "experiment"))
    return Experiment(name)


def config_bytes(name: str) -> Callable[[], bytes]:
    """Reader of the packaged configuration of an experiment."""
    return resources.files("cortex.configs").joinpath(f"{name}.toml").read_bytes
