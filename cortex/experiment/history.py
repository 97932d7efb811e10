"""The results folders there are, and two of them side by side."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from cortex.errors import UserError
from cortex.experiment import measures as measures_io
from cortex.experiment import results
from cortex.experiment.measures import Measure
from cortex.settings import ExperimentSettings, plain

_ABSENT = "—"


@dataclass(frozen=True)
class Run:
    """What is known of a results folder without its data.

    Attributes:
        path: the folder.
        experiment: name.
        started: when, as ISO 8601 in UTC; empty where that was not written.
        changed: settings that differ from the defaults, by dotted path.
        measures: rows of its claims.
    """

    path: Path
    experiment: str
    started: str
    changed: Mapping[str, Any]
    measures: tuple[Measure, ...]

    @property
    def held(self) -> tuple[int, int]:
        """How many of the rows that claim something hold, and how many there are."""
        claims = [m for m in self.measures if m.claims]
        return sum(m.holds is True for m in claims), len(claims)


def changed(config: ExperimentSettings) -> dict[str, Any]:
    """Settings that differ from the defaults of their experiment, by dotted path."""
    usual = dict(leaves(plain(type(config)(experiment=config.experiment))))
    return {path: v for path, v in leaves(plain(config)) if usual.get(path) != v}


def leaves(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Nested values by dotted path."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def runs(name: str = "*", root: Path = results.ROOT) -> list[Run]:
    """The complete results folders under `root`, the newest last.

    Args:
        name: of an experiment; by default all.
        root: where experiments have their folders.
    """
    folders = (path.parent for path in root.glob(f"{name}/*/measures.json"))
    found = [read(folder) for folder in folders if folder.name[0] != "."]
    return sorted(found, key=lambda run: run.started)


def read(folder: Path) -> Run:
    """A results folder without its data.

    Raises:
        UserError: it is none, or is damaged.
    """
    for name in ("config.toml", "measures.json", "provenance.json"):
        if not (folder / name).is_file():
            raise UserError(f"{folder}: not a results folder ({name} is missing)")
    origin = results.parsed(folder / "provenance.json", json.loads)
    rows = results.parsed(folder / "measures.json", measures_io.from_json)
    return Run(
        folder,
        str(origin.get("experiment", "")),
        str(origin.get("started", "")),
        origin.get("changed", {}),
        tuple(rows),
    )


class Pair(NamedTuple):
    """Something that two runs have: its name, and what it is in the one and in the other."""

    name: str
    one: Any
    other: Any


def compared(one: Run, other: Run) -> tuple[list[Pair], list[Pair]]:
    """Settings in which two runs differ, and the rows of claims of both.

    Returns:
        Values of settings ("—" where a run has no such setting), and measures by name (None where
        a run has none), those of the first in their order, then those of the second alone.
    """
    first, second = (dict(leaves(_settings(run.path))) for run in (one, other))
    paths = dict.fromkeys([*first, *second])
    settings = [Pair(p, first.get(p, _ABSENT), second.get(p, _ABSENT)) for p in paths]
    rows, others = ({m.name: m for m in run.measures} for run in (one, other))
    names = dict.fromkeys([*rows, *others])
    return (
        [pair for pair in settings if pair.one != pair.other],
        [Pair(name, rows.get(name), others.get(name)) for name in names],
    )


def _settings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = results.parsed(folder / "config.toml", tomllib.loads)
    return found
