"""The results folder: complete or absent, and readable without the run that made it.

A folder holds ``config.toml``, ``result.zarr``, ``measures.json``, ``figure.png``,
``figure.pdf`` and ``provenance.json``, and of some experiments ``conclusion.txt``. It is written
under a hidden name next to its target and renamed at the end. What was computed is not lost: once
the data are on disk, a failure later on leaves them in a folder named ``*.incomplete``, which
``cortex figure`` can finish.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import traceback
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import xarray as xr

from cortex.errors import UserError
from cortex.experiment import measures as measures_io
from cortex.experiment.loading import config_from_file
from cortex.experiment.measures import Measure
from cortex.experiment.places import can_hold_files
from cortex.experiment.written import as_toml
from cortex.settings import ExperimentSettings

INCOMPLETE = ".incomplete"
CONCLUSION = "conclusion.txt"
ROOT = Path("results")


@dataclass(frozen=True)
class Results:
    """A results folder in memory."""

    config: ExperimentSettings
    data: xr.Dataset
    measures: list[Measure]
    provenance: dict[str, Any]
    path: Path


class IncompleteError(UserError):
    """Data were saved, but what should follow failed; the message says where they are."""


def check_labels(data: xr.Dataset) -> None:
    """Raise ValueError naming the variables that have no ``units`` or no ``long_name``."""
    bare = [
        str(name)
        for name, item in data.variables.items()
        if not item.attrs.get("units") or not item.attrs.get("long_name")
    ]
    if bare:
        raise ValueError(f"variables without units or long_name: {', '.join(bare)}")


def write_data(data: xr.Dataset, path: Path) -> None:
    """Write a dataset as Zarr version 3, which xarray opens without a warning."""
    with _quiet_about_zarr():
        data.to_zarr(path, mode="w-", zarr_format=3, consolidated=True)


def read_data(path: Path) -> xr.Dataset:
    """Read a dataset written by `write_data` into memory."""
    # Folders of before are not consolidated.
    with (
        _quiet_about_zarr(),
        xr.open_dataset(path, engine="zarr", chunks=None, consolidated=False) as data,
    ):
        return data.load()


@contextmanager
def _quiet_about_zarr() -> Iterator[None]:
    """Zarr warns that text and consolidated metadata are extensions; reading them is tested."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*data type .* does not have a Zarr V3.*")
        warnings.filterwarnings(
            "ignore", message=".*not (in|part in) the Zarr (version|format) 3 specification.*"
        )
        yield


def choose_target(out: Path | None, name: str, now: datetime | None = None) -> Path:
    """Where a run's results will go; refuses what is taken or cannot be written.

    Args:
        out: the folder asked for, or None for ``results/NAME/<UTC time>``.
        name: name of the experiment.
        now: the time to use (default: now).

    Raises:
        UserError: if `out` exists and is not an empty folder, or its place cannot be written to.
    """
    if out is None:
        stamp = (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H-%M-%SZ")
        out = _unused(ROOT / name / stamp)
    if out.exists() or out.is_symlink():
        if not out.is_dir():
            raise UserError(f"--out {out}: is a file, allowed: a new or empty folder")
        if any(out.iterdir()):
            raise UserError(f"--out {out}: exists and is not empty, allowed: a new or empty folder")
    can_hold_files(out)
    return out


class Draft:
    """A results folder being written, as a context manager.

    Leaving it renames the folder to its target. Leaving it by an error removes the folder, or,
    once `keep` was called, renames it to ``*.incomplete``, with the traceback in ``error.txt``,
    and raises `IncompleteError`.
    """

    def __init__(self, target: Path) -> None:
        self.target = target.absolute()
        self.path = self.target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial")
        self.final: Path | None = None
        self._kept = False

    def __enter__(self) -> Draft:
        self.path.mkdir(parents=True)
        return self

    def keep(self) -> None:
        """From here on the folder is worth keeping, whatever happens."""
        self._kept = True

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.final = _publish(self.path, self.target)
        elif self._kept:
            lines = traceback.format_exception(kind, error, trace)
            with suppress(OSError):  # of a full disk, too
                (self.path / "error.txt").write_text("".join(lines), encoding="utf-8")
            self.final = _publish(self.path, self.target.with_name(self.target.name + INCOMPLETE))
            error.add_note(f"the data are saved in {self.final}")
            if isinstance(error, Exception):
                raise IncompleteError(_incomplete(error, self.final)) from error
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def _incomplete(error: Exception, path: Path) -> str:
    return (
        f"the data are saved in {path}, but finishing failed "
        f"({type(error).__name__}: {error}); mend that and run: cortex figure {path}"
    )


def _unused(path: Path) -> Path:
    candidate, number = path, 1
    while candidate.exists() or candidate.with_name(candidate.name + INCOMPLETE).exists():
        number += 1
        candidate = path.with_name(f"{path.name}-{number}")
    return candidate


def _publish(path: Path, target: Path) -> Path:
    """Rename to the target, or beside it if someone else took it meanwhile."""
    for number in range(1, 1000):
        place = target if number == 1 else target.with_name(f"{target.name}-{number}")
        try:
            # Refuses a folder that is not empty; replaces one that is.
            os.rename(path, place)
        except OSError:
            if not place.exists():
                raise
            continue
        return place
    raise UserError(f"{target}: no free name beside it; the results are in {path}")


def finish(path: Path) -> Path:
    """Give a folder left incomplete, and now complete, its proper name; returns that."""
    (path / "error.txt").unlink(missing_ok=True)
    name = path.absolute().name.partition(INCOMPLETE)[0]
    return _publish(path, path.absolute().with_name(name))


def write_config(config: ExperimentSettings, folder: Path) -> None:
    """Write all settings, with units and sources; ``cortex run FOLDER/config.toml`` repeats it."""
    (folder / "config.toml").write_text(as_toml(config), encoding="utf-8")


def write_measures(measures: Iterable[Measure], folder: Path) -> None:
    """Write the measures as a flat JSON list."""
    (folder / "measures.json").write_text(measures_io.to_json(measures), encoding="utf-8")


def write_provenance(provenance: dict[str, Any], folder: Path) -> None:
    """Write where the result comes from."""
    text = json.dumps(provenance, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / "provenance.json", text)


def write_whole(path: Path, text: str) -> None:
    """Under its name there is the whole file or none."""
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, path)


def write_figure(figure: Any, folder: Path) -> None:
    """Write ``figure.png`` (200 dpi) and ``figure.pdf``, replacing old ones only by whole ones."""
    import matplotlib as mpl

    token = secrets.token_hex(4)
    drawn = {kind: folder / f".figure.{token}.{kind}" for kind in ("png", "pdf")}
    try:
        with mpl.rc_context({"pdf.fonttype": 42}):
            figure.savefig(drawn["png"], dpi=200)
            figure.set_layout_engine("none")  # in the second file everything stands where it stood
            # No date: the same results give the same file.
            figure.savefig(drawn["pdf"], metadata={"CreationDate": None})
        # The PNG last: where it is, both are.
        for kind in ("pdf", "png"):
            os.replace(drawn[kind], folder / f"figure.{kind}")
    finally:
        for path in drawn.values():
            path.unlink(missing_ok=True)


def load_results(path: str | Path) -> Results:
    """Read a results folder.

    Raises:
        UserError: if it is no results folder, or one that lacks its data.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise UserError(f"{folder}: no such results folder")
    for name in ("config.toml", "result.zarr", "provenance.json"):
        if not (folder / name).exists():
            raise UserError(f"{folder}: not a results folder ({name} is missing)")
    config = config_from_file(folder / "config.toml")
    try:
        data = read_data(folder / "result.zarr")
    except Exception as error:  # whatever the reader's layers raise for damaged data
        raise UserError(f"{folder / 'result.zarr'}: cannot be read ({error})") from error
    provenance = parsed(folder / "provenance.json", json.loads)
    measured = folder / "measures.json"
    measures = parsed(measured, measures_io.from_json) if measured.exists() else []
    return Results(config, data, measures, provenance, folder)


def parsed(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{path}: cannot be read ({error})") from None


def newest_results(name: str, root: Path = ROOT) -> Path:
    """The newest results folder of an experiment under ``./results``."""
    folders = [path.parent for path in (root / name).glob("*/provenance.json")]
    complete = [path for path in folders if INCOMPLETE not in path.name and path.name[0] != "."]
    if not complete:
        raise UserError(f"{name}: no results under {root / name}; run it first: cortex run {name}")
    return max(complete, key=_started)


def _started(folder: Path) -> str:
    provenance = parsed(folder / "provenance.json", json.loads)
    return str(provenance.get("started", "")) if isinstance(provenance, dict) else ""
