"""From a plan to a finished folder, now or in as many sittings as it takes."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cortex.errors import UserError
from cortex.experiment import provenance, results
from cortex.experiment.sweeps.evaluate import STATUS, Evaluator
from cortex.experiment.sweeps.pace import Engine, Local
from cortex.experiment.sweeps.plan import Sweep
from cortex.experiment.sweeps.store import DATA, SweepFolder, default_folder, is_sweep
from cortex.progress import stage

SITTINGS = "sittings.jsonl"  # when and where each start of the same sweep computed


@dataclass(frozen=True)
class SweepResults:
    """A finished sweep in memory.

    Attributes:
        data: its dimensions are the swept settings; see `status` for points that went wrong.
        provenance: versions, device, time.
        path: the folder.
        computed: points computed now; the others were there.
    """

    data: xr.Dataset
    provenance: dict[str, Any]
    path: Path
    computed: int = 0

    @property
    def outcomes(self) -> dict[str, int]:
        """How many points settled, did not, ran away or failed."""
        counted = Counter(self.data["status"].values.ravel().tolist())
        return {name: counted[number] for number, name in STATUS.items() if counted[number]}

    @property
    def complaints(self) -> dict[int, str]:
        """Why points failed, by their number."""
        stored = json.loads(self.data.attrs.get("complaints", "{}"))
        return {int(point): text for point, text in stored.items()}


def run_sweep(
    sweep: Sweep,
    out: Path | None = None,
    *,
    engine: Engine | None = None,
    chunk: int | None = None,
    command: Sequence[str] | None = None,
) -> SweepResults:
    """Compute the points that a folder lacks, and make one dataset and its figure of all.

    Args:
        sweep: the plan.
        out: a new or empty folder, or one of the same sweep, which is then gone on with; default
            ``results/sweeps/NAME-<digest of the plan>``.
        engine: where to compute; default this process.
        chunk: points between two writes to the folder; default about ten seconds' worth.
        command: the command line to record; default this process's.

    Raises:
        UserError: if a point's configuration is not allowed (before anything is computed), or the
            folder holds something else.
    """
    sweep.check()
    evaluator = Evaluator(sweep, chunk)
    command = list(sys.argv if command is None else command)
    path = out or default_folder(sweep)
    if not is_sweep(path):
        evaluator.check_kept()
    with SweepFolder.opened(path, sweep, {"precision": provenance.precision()}) as folder:
        missing = np.zeros(0, int) if folder.finished else folder.missing()
        if len(missing):
            with (folder.path / SITTINGS).open("a", encoding="utf-8") as file:
                file.write(json.dumps(_sitting(command, len(missing))) + "\n")
            with stage("points", total=sweep.size) as advance:
                advance(sweep.size - len(missing))
                for rows in (engine or Local(chunk))(evaluator, missing):
                    folder.add(rows)
                    advance(len(rows.points))
        if not folder.finished:
            folder.finish(folder.assemble())
        folder.tidy()
        found = _completed(folder.path, sweep.config.experiment)
    return SweepResults(found.data, found.provenance, found.path, len(missing))


def load_sweep(path: Path) -> SweepResults:
    """Read a finished sweep's folder; `UserError` if it is none."""
    if not is_sweep(path):
        raise UserError(f"{path}: not the folder of a sweep (sweep.json is missing)")
    if not (path / DATA).is_dir():
        raise UserError(f"{path}: the sweep is not finished; give the same command again")
    data = results.read_data(path / DATA)
    stored = path / "provenance.json"
    origin = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    return SweepResults(data, origin, path)


def redraw_sweep(path: Path, chosen: Sequence[str] = ()) -> SweepResults:
    """Draw the figure of a finished sweep again, of the chosen measures (default: headlines)."""
    figure = importlib.import_module("cortex.figures.sweep")
    found = load_sweep(path)
    with stage("drawing the figure"):
        results.write_figure(figure.draw(found.data, chosen), path)
    return found


def _completed(path: Path, name: str) -> SweepResults:
    """Give a folder that has its data what else belongs in it."""
    if not (path / "provenance.json").exists():
        kept = path / SITTINGS
        lines = kept.read_text(encoding="utf-8").splitlines() if kept.exists() else []
        sittings = [json.loads(line) for line in lines]
        origin = {
            "experiment": name,
            **(sittings[-1] if sittings else {}),
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "sittings": sittings,
        }
        results.write_provenance(origin, path)
        kept.unlink(missing_ok=True)
    if not (path / "figure.png").exists():
        with stage("drawing the figure"):
            return redraw_sweep(path)
    return load_sweep(path)


def _sitting(command: list[str], missing: int) -> dict[str, Any]:
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "missing": missing,
        **provenance.origin(),
    }
