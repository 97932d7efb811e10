"""The commands about results that are there: `cortex results`, `compare` and `report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortex.cli.shared import short
from cortex.errors import UserError

Folder = Annotated[Path, typer.Argument(help="A results folder.", show_default=False)]


def results(
    name: Annotated[str, typer.Argument(help="An experiment.", show_default="all")] = "*",
) -> None:
    """List the results folders under ./results."""
    from cortex.experiment import history
    from cortex.experiment.terminal import print_runs

    found = history.runs(name)
    if not found:
        wanted = "" if name == "*" else f" of {name}"
        raise UserError(f"no results{wanted} under {history.results.ROOT}; cortex run makes some")
    print_runs(found)


def compare(one: Folder, other: Folder) -> None:
    """Put two runs side by side: settings and claims."""
    from cortex.experiment import history
    from cortex.experiment.terminal import print_compared

    first, second = history.read(one), history.read(other)
    print_compared((str(one), str(other)), *history.compared(first, second))


def report(
    folder: Annotated[
        Path, typer.Argument(help="Folder of a run, a sweep or a validation.", show_default=False)
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="The file to write [FOLDER/report.html].")
    ] = None,
) -> None:
    """Write one HTML page with all of a results folder."""
    from cortex.experiment.report import write_report

    typer.echo(str(short(write_report(folder, out))))
