"""Experiments that are still modules of functions, seen as an `Experiment`."""

from __future__ import annotations

import importlib
import inspect
from types import ModuleType
from typing import Any

from cortex.experiment.progress import Progress
from cortex.progress import stage


class ModuleExperiment:
    """A module with ``Config``, ``run``, ``measure`` and perhaps ``simulate`` and ``label``."""

    def __init__(self, module: ModuleType) -> None:
        self._module = module
        self.name = module.__name__.rpartition(".")[2]
        self.settings = module.Config
        self.small: dict[str, Any] = {}

    @property
    def compiled(self) -> bool:
        """Whether the simulation is one pure function of settings and key."""
        return self._takes("simulate", 2) and self._takes("label", 2)

    def _takes(self, name: str, count: int) -> bool:
        function = getattr(self._module, name, None)
        return function is not None and len(inspect.signature(function).parameters) == count

    def simulate(self, settings: Any, key: Any) -> Any:
        return self._module.simulate(settings, key)

    def run(self, settings: Any) -> Any:
        return _one_name(self._module.run(settings, _Told()))

    def dataset(self, settings: Any, found: Any) -> Any:
        return _one_name(self._module.label(settings, found))

    labelled = dataset
    analyse = None

    def rows(self, settings: Any, data: Any) -> Any:
        return self._module.measure(settings, data)

    def draw(self, settings: Any, data: Any, rows: Any) -> Any:
        figure = importlib.import_module(f"cortex.figures.{self.name}")
        return figure.draw(settings, data, rows)


def _one_name(data: Any) -> Any:
    """Whether states were reached has one name: ``settled``."""
    if "settled" not in data and "converged" in data:
        return data.assign(settled=data["converged"])
    return data


class _Told(Progress):
    """Passes stages on to `cortex.progress`."""

    def stage(self, text: str, total: float | None = None) -> Any:
        return _Stage(stage(text, total))


class _Stage:
    def __init__(self, told: Any) -> None:
        self._told = told

    def __enter__(self) -> _Stage:
        self._advance = self._told.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._told.__exit__(*error)

    def advance(self, steps: float = 1) -> None:
        """Steps done; as often as it is called."""
        self._advance(steps)
