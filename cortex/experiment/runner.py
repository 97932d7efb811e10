"""From a configuration to a results folder."""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cortex.errors import UserError
from cortex.experiment import provenance, registry, results
from cortex.experiment.experiment import Experiment
from cortex.experiment.history import changed
from cortex.experiment.results import Results
from cortex.experiment.written import as_toml
from cortex.progress import stage
from cortex.settings import ExperimentSettings


def run_experiment(
    settings: ExperimentSettings,
    out: Path | None = None,
    *,
    experiment: Experiment | None = None,
    command: Sequence[str] | None = None,
) -> Results:
    """Simulate, measure, draw and save one experiment.

    Args:
        settings: its checked settings.
        out: folder to write, new or empty; default ``results/NAME/<UTC time>``.
        experiment: the experiment; default the one that the settings name.
        command: the command line to record; default this process's.

    Raises:
        UserError: the place cannot be written to (before anything is computed, or after, and then
            the results are in the folder for temporary files, which is named), or, as
            `IncompleteError`, measuring or drawing failed and the data were saved without them.
    """
    experiment = experiment or registry.find(settings.experiment)
    out = results.choose_target(out, experiment.name)
    started, clock = datetime.now(UTC), time.perf_counter()
    # Compiling leaves a core free, on which to load what writes and draws.
    threading.Thread(target=_load, args=("zarr", "cortex.plot"), daemon=True).start()
    data = experiment.run(settings).assign_attrs(_about(experiment, settings))

    def saved(out: Path) -> Results:
        with results.Draft(out) as draft:
            results.write_config(settings, draft.path)
            origin = _origin(settings, started, clock, command)
            results.write_provenance(origin, draft.path)
            results.write_data(data, draft.path / "result.zarr")
            draft.keep()
            results.check_labels(data)
            rows = experiment.rows(settings, data)
            results.write_measures(rows, draft.path)
            if experiment.conclude is not None:
                conclusion = experiment.conclude(settings, data)
                results.write_whole(draft.path / results.CONCLUSION, conclusion + "\n")
            if experiment.draw is not None:
                with stage("drawing the figure"):
                    results.write_figure(experiment.draw(settings, data, rows), draft.path)
            origin |= _cost(clock)
            results.write_provenance(origin, draft.path)
        return Results(settings, data, rows, origin, draft.final or out)

    try:
        return saved(out)
    except OSError as error:  # the disk is full, or has gone
        found = saved(Path(tempfile.mkdtemp(prefix="cortex-")) / out.name)
        raise UserError(
            f"--out {out}: cannot be written ({error.strerror}); the results are in {found.path}"
        ) from error


def _load(*modules: str) -> None:
    with contextlib.suppress(ImportError):  # said where the module is needed
        for module in modules:
            importlib.import_module(module)


def redraw(path: Path) -> Results:
    """Draw the figure of a results folder again, from the folder alone.

    A folder left ``*.incomplete`` gets what it lacks and then its proper name.
    """
    found = results.load_results(path)
    experiment = registry.find(found.config.experiment)
    if experiment.draw is None:
        raise UserError(f"{path}: {experiment.name} has no figure")
    measures = found.measures
    if not (path / "measures.json").exists():
        results.check_labels(found.data)
        measures = experiment.rows(found.config, found.data)
        results.write_measures(measures, path)
    with stage("drawing the figure"):
        results.write_figure(experiment.draw(found.config, found.data, measures), path)
    if results.INCOMPLETE in path.name:
        path = results.finish(path)
    return Results(found.config, found.data, measures, found.provenance, path)


def _about(experiment: Experiment, settings: ExperimentSettings) -> dict[str, Any]:
    """What whoever opens the dataset alone should know."""
    return {
        "title": experiment.summary,
        "experiment": experiment.name,
        "seed": settings.seed,
        "cortex": provenance.versions()["cortex"],
        "settings": as_toml(settings),
        "references": "\n\n".join(experiment.references()),
    }


def _origin(
    settings: ExperimentSettings, started: datetime, clock: float, command: Sequence[str] | None
) -> dict[str, Any]:
    return {
        "experiment": settings.experiment,
        "seed": settings.seed,
        "changed": changed(settings),
        "started": started.isoformat(timespec="microseconds"),
        "command": list(sys.argv if command is None else command),
        **provenance.origin(),
        **_cost(clock),
    }


def _cost(clock: float) -> dict[str, Any]:
    return {
        "wall_time_s": round(time.perf_counter() - clock, 3),
        "peak_memory_bytes": provenance.peak_memory(),
    }
