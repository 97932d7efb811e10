"""The folder of a sweep: parts as they are computed, then one dataset; it outlives any death.

While a sweep is under way the folder holds ``sweep.json`` (what is swept), ``config.toml`` and
``parts/``, to which whole files are added, never changed. When all points are there they become
``result.zarr``, beside ``figure.png``, ``figure.pdf`` and ``provenance.json``, and the parts go.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import xarray as xr

from cortex.errors import UserError
from cortex.experiment import results
from cortex.experiment.registry import short_name
from cortex.experiment.sweeps.evaluate import CLAIMED, HOLDING, STATUS, Rows
from cortex.experiment.sweeps.plan import SAMPLE, Sweep
from cortex.experiment.written import as_toml
from cortex.labelled import variable
from cortex.settings import Row, settings

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None

PLAN, PARTS, DATA = "sweep.json", "parts", "result.zarr"
ROOT = results.ROOT / "sweeps"
_META, _POINTS = "meta", "points"
_LOCK = ".lock"
_OWN = {
    "status": ("1", "what became of the point"),
    HOLDING: ("1", "claims that hold"),
    CLAIMED: ("1", "claims that the experiment makes"),
}


def default_folder(sweep: Sweep) -> Path:
    """The same for the same sweep, so that the same command finds what it had."""
    return ROOT / f"{short_name(sweep.config.experiment)}-{sweep.digest()}"


def is_sweep(path: Path) -> bool:
    """Whether a folder is one of a sweep."""
    return (path / PLAN).is_file()


class SweepFolder:
    """The folder of one sweep; use `opened`."""

    def __init__(self, path: Path, sweep: Sweep) -> None:
        self.path, self.sweep = path, sweep

    @classmethod
    @contextmanager
    def opened(cls, path: Path, sweep: Sweep, facts: Mapping[str, Any]) -> Iterator[SweepFolder]:
        """Make the folder, or go on in it, for this process alone.

        Args:
            path: a new or empty folder, or one of the same sweep.
            sweep: the plan.
            facts: what else the numbers depend on, such as the precision.

        Raises:
            UserError: if the folder holds anything else, cannot be written to, or is in use.
        """
        identity = {**sweep.identity(), **facts}
        if is_sweep(path):
            _require_same(path, json.loads((path / PLAN).read_text(encoding="utf-8")), identity)
        elif not _only_begun(path):
            results.choose_target(path, "")
        path.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            if not is_sweep(path):
                text = json.dumps(identity, indent=2, ensure_ascii=False) + "\n"
                results.write_whole(path / PLAN, text)
            if not (path / "config.toml").exists():
                results.write_whole(path / "config.toml", as_toml(sweep.config))
            yield cls(path, sweep)

    @property
    def finished(self) -> bool:
        """Whether the dataset is there."""
        return (self.path / DATA).is_dir()

    def missing(self) -> np.ndarray:
        """Numbers of the points that are still to be computed, rising."""
        there = np.zeros(self.sweep.size, bool)
        for part in self._parts():
            with np.load(part) as stored:
                there[stored[_POINTS]] = True
        return np.flatnonzero(~there)

    def add(self, rows: Rows) -> None:
        """Store some points: wholly, or not at all if the power fails meanwhile."""
        meta = {
            "labels": rows.labels,
            "coordinates": rows.coordinates,
            "complaints": {str(point): text for point, text in rows.complaints.items()},
        }
        name = f"{rows.points[0]:010d}-{len(rows.points)}-{secrets.token_hex(4)}.npz"
        (self.path / PARTS).mkdir(exist_ok=True)
        partial = self.path / PARTS / f".{name}"
        with partial.open("wb") as file:
            packed: dict[str, Any] = {f"column {n}": c for n, c in rows.columns.items()}
            packed[_META] = np.frombuffer(json.dumps(meta).encode(), np.uint8)
            packed[_POINTS] = rows.points
            np.savez(file, **packed)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, partial.with_name(name))

    def assemble(self) -> xr.Dataset:
        """One dataset of all points, whose dimensions are the swept settings."""
        columns: dict[str, np.ndarray] = {}
        labels: dict[str, dict[str, Any]] = {}
        axes: dict[str, dict[str, Any] | None] = {}
        complaints: dict[str, str] = {}
        for part in self._parts():
            with np.load(part) as stored:
                meta = json.loads(stored[_META].tobytes())
                labels |= meta["labels"]
                for dim, axis in meta["coordinates"].items():
                    axes[dim] = axis if axes.setdefault(dim, axis) == axis else None
                complaints |= meta["complaints"]
                for key in stored.files:
                    if key.startswith("column "):
                        name = key.removeprefix("column ")
                        self._put(columns, name, stored[_POINTS], stored[key])
        return self._dataset(columns, labels, axes, complaints)

    def finish(self, data: xr.Dataset) -> None:
        """Put the dataset in its place, and take the parts away."""
        partial = self.path / f".{DATA}.{secrets.token_hex(4)}"
        results.write_data(data, partial)
        os.rename(partial, self.path / DATA)
        self.tidy()

    def tidy(self) -> None:
        """Take away what a finished sweep has no more use for."""
        for left in (self.path / PARTS, *self.path.glob(f".{DATA}.*")):
            shutil.rmtree(left, ignore_errors=True)
        for name in (PLAN, "config.toml", "provenance.json", "figure"):
            for left in self.path.glob(f".{name}.*"):
                left.unlink()

    def _parts(self) -> list[Path]:
        return sorted((self.path / PARTS).glob("[0-9]*.npz"))

    def _put(
        self, columns: dict[str, np.ndarray], name: str, points: np.ndarray, values: np.ndarray
    ) -> None:
        if name not in columns:
            shape = (self.sweep.size, *values.shape[1:])
            empty = np.nan if values.dtype.kind == "f" else values.dtype.type()
            columns[name] = np.full(shape, empty, values.dtype)
        if columns[name].shape[1:] != values.shape[1:]:
            raise UserError(
                f"--keep {name}: its shape changes within the sweep, from "
                f"{columns[name].shape[1:]} to {values.shape[1:]}; the parts are in {self.path}"
            )
        columns[name][points] = values

    def _dataset(
        self,
        columns: Mapping[str, np.ndarray],
        labels: Mapping[str, dict[str, Any]],
        axes: Mapping[str, dict[str, Any] | None],
        complaints: Mapping[str, str],
    ) -> xr.Dataset:
        sweep = self.sweep
        found = {}
        for name in sorted(columns, key=lambda n: (n in _OWN, n)):
            units, meaning = _OWN.get(name) or (labels[name]["units"], labels[name]["long_name"])
            own = () if name in _OWN else tuple(labels[name]["dims"])
            values = columns[name].reshape(*sweep.shape, *columns[name].shape[1:])
            found[_safe(name)] = variable((*sweep.dims, *own), values, units, meaning)
        rows = sweep.rows()
        coordinates = {a.path: _coordinate(a.path, a.values, rows[a.path]) for a in sweep.axes}
        for path, drawn in sweep.draws.items():
            coordinates[path] = _coordinate(SAMPLE, drawn, rows[path])
        for name, axis in axes.items():
            if axis is not None:
                coordinates[name] = variable(name, axis["values"], axis["units"], axis["long_name"])
        about = {
            "experiment": sweep.config.experiment,
            "logarithmic": " ".join(sweep.logarithmic),
            "measures": [_safe(name) for name, label in labels.items() if label["measure"]],
            "headlines": [_safe(name) for name, label in labels.items() if label["headline"]],
        }
        if complaints:
            about["complaints"] = json.dumps(complaints)
        data = xr.Dataset(found, coordinates, about)
        for row in settings(sweep.config):  # what each setting is where it is not swept
            if row.path in sweep.paths and isinstance(row.value, int | float | str):
                data[row.path].attrs["unswept"] = row.value
        flags = {"flag_values": list(STATUS), "flag_meanings": " ".join(STATUS.values())}
        data["status"].attrs.update(flags)
        return data


def _coordinate(dimension: str, values: tuple[Any, ...], row: Row) -> Any:
    plain = all(isinstance(value, int | float | str) for value in values)
    shown = list(values) if plain else [json.dumps(value) for value in values]
    return variable(dimension, shown, row.unit or "1", row.description or row.path)


def _safe(name: str) -> str:
    """A name that can be a file's."""
    return name.replace("/", " per ")


def _require_same(path: Path, there: Mapping[str, Any], here: Mapping[str, Any]) -> None:
    """Refuse to mix two sweeps; names the first setting in which they differ."""
    for key, was, now in _differences(there, here):
        raise UserError(
            f"--out {path}: holds another sweep ({key}: {was} there, {now} now), "
            "allowed: a new or empty folder, or the same sweep"
        )


def _differences(there: Any, here: Any, path: str = "") -> Iterator[tuple[str, str, str]]:
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        for key in dict.fromkeys([*there, *here]):
            inner = f"{path}.{key}".lstrip(".")
            yield from _differences(there.get(key), here.get(key), inner)
    elif there != here:
        yield path, _brief(there), _brief(here)


def _brief(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _only_begun(path: Path) -> bool:
    """Whether a folder holds nothing but what a sweep that was killed at its start left."""
    begun = (_LOCK, f".{PLAN}.")
    return path.is_dir() and all(item.name.startswith(begun) for item in path.iterdir())


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder; the lock goes with the process, however that ends."""
    with (path / _LOCK).open("w") as file:
        try:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise UserError(f"--out {path}: in use by another sweep that is running") from None
        yield
