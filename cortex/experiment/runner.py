"""From a configuration to a results folder."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cortex.experiment import provenance, registry, results
from cortex.experiment.config import ExperimentConfig
from cortex.experiment.progress import Progress
from cortex.experiment.results import Results


def run_experiment(
    config: ExperimentConfig,
    out: Path | None = None,
    *,
    progress: Progress | None = None,
    command: Sequence[str] | None = None,
) -> Results:
    """Simulate, measure, draw and save one experiment.

    Parameters
    ----------
    config
        The resolved configuration.
    out
        Folder to write, new or empty; default ``results/NAME/<UTC time>``.
    progress
        Whom to tell how far it is; default nobody.
    command
        The command line to record; default this process's.

    Raises
    ------
    UserError
        If the place cannot be written to (before anything is computed), or as `IncompleteError`
        if measuring or drawing failed and the data were saved without them.
    """
    experiment = registry.find(config.experiment)
    progress = progress or Progress()
    out = results.choose_target(out, config.experiment)
    started, clock = datetime.now(UTC), time.perf_counter()
    data = experiment.run(config, progress)
    with results.Draft(out) as draft:
        results.write_config(config, draft.path)
        origin = _origin(config, started, clock, command)
        results.write_provenance(origin, draft.path)
        results.write_data(data, draft.path / "result.zarr")
        draft.keep()
        results.check_labels(data)
        measures = experiment.measure(config, data)
        results.write_measures(measures, draft.path)
        with progress.stage("drawing the figure"):
            results.write_figure(experiment.draw(config, data, measures), draft.path)
        origin |= _cost(clock)
        results.write_provenance(origin, draft.path)
    return Results(config, data, measures, origin, draft.final or out)


def redraw(path: Path) -> Results:
    """Draw the figure of a results folder again, from the folder alone.

    A folder left ``*.incomplete`` gets what it lacks and then its proper name.
    """
    found = results.load_results(path)
    experiment = registry.find(found.config.experiment)
    measures = found.measures
    if not (path / "measures.json").exists():
        results.check_labels(found.data)
        measures = experiment.measure(found.config, found.data)
        results.write_measures(measures, path)
    results.write_figure(experiment.draw(found.config, found.data, measures), path)
    if results.INCOMPLETE in path.name:
        path = results.finish(path)
    return Results(found.config, found.data, measures, found.provenance, path)


def _origin(
    config: ExperimentConfig, started: datetime, clock: float, command: Sequence[str] | None
) -> dict[str, Any]:
    return {
        "experiment": config.experiment,
        "seed": config.seed,
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
