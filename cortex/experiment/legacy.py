"""Experiments that are still modules of functions, seen as an `Experiment`."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cortex.experiment.experiment import Experiment
from cortex.experiment.progress import Progress
from cortex.progress import stage


@dataclass(frozen=True)
class ModuleExperiment(Experiment):
    """A module with ``Config``, ``run``, ``measure`` and perhaps ``simulate`` and ``label``."""

    module: Any = None

    def run(self, settings: Any) -> Any:
        return _one_name(self.module.run(settings, _Told()))

    def labelled(self, settings: Any, found: Any) -> Any:
        return _one_name(self.module.label(settings, found))

    def rows(self, settings: Any, data: Any) -> Any:
        return self.module.measure(settings, data)


def of_module(module: ModuleType, draw: Any) -> ModuleExperiment:
    """The experiment that a module of functions is."""
    pure = _takes(module, "simulate", 2) and _takes(module, "label", 2)
    return ModuleExperiment(
        module.Config,
        getattr(module, "simulate", module.run),
        draw=draw,
        compiled=pure,
        name=module.__name__.rpartition(".")[2],
        module=module,
    )


def _takes(module: ModuleType, name: str, count: int) -> bool:
    function = getattr(module, name, None)
    return function is not None and len(inspect.signature(function).parameters) == count


def _one_name(data: Any) -> Any:
    """Whether states were reached has one name: ``settled``."""
    if "settled" not in data and "converged" in data:
        return data.assign(settled=data["converged"])
    return data


class _Told(Progress):
    """Passes stages on to `cortex.progress`."""

    def stage(self, text: str, total: int | float | None = None) -> Any:
        return _Stage(stage(text, total))


class _Stage:
    def __init__(self, told: Any) -> None:
        self._told = told

    def __enter__(self) -> _Stage:
        self._advance = self._told.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._told.__exit__(*error)

    def advance(self, steps: int | float = 1) -> None:
        """Steps done; as often as it is called."""
        self._advance(steps)
