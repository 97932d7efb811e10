"""The command `cortex movie`: the activity of an experiment's circuit over time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cortex.cli.shared import (
    NameOrFile,
    Precision,
    Settings,
    computing,
    short,
    shown_progress,
)
from cortex.errors import UserError


def movie(
    name_or_file: NameOrFile,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="New file, .gif or .mp4 [NAME.gif]."),
    ] = None,
    fps: Annotated[int, typer.Option("--fps", min=1, max=50, help="Frames a second.")] = 20,
) -> None:
    """Write activity over time as a GIF, or as MP4 with ffmpeg.

    For example: cortex movie sheet_orientation_map --set circuit.size=45 --out sheet.gif
    """
    from cortex.experiment import find, load_settings, names

    experiment, resolved = load_settings(name_or_file, settings or [])
    if experiment.course is None:
        able = ", ".join(name for name in names() if find(name).course is not None)
        raise UserError(f"{experiment.name}: has no course over time; those that have: {able}")
    target = _target(out or Path(f"{experiment.name}.gif"))
    with computing(None, Precision.single), shown_progress(quiet=False):
        from cortex.labelled import to_dataset
        from cortex.plot.movie import write_movie
        from cortex.progress import stage

        with stage("compiling and simulating"):
            course = experiment.course(resolved)
            rates = to_dataset({"rates": course.rates}).rates
        target.parent.mkdir(parents=True, exist_ok=True)
        # Under its name there is the whole movie or none.
        partial = target.with_name(f".{target.stem}.partial{target.suffix}")
        try:
            with stage("drawing", total=rates.time.size) as advance:
                title = experiment.name.replace("_", " ")
                write_movie(rates, course.shown, title, partial, fps, advance)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)
    typer.echo(f"movie    {short(target)}")


def _target(out: Path) -> Path:
    """The file; refused before any work if it cannot or should not be written."""
    if out.suffix not in (".gif", ".mp4"):
        raise UserError(f"--out {out}: allowed: a name that ends in .gif or .mp4")
    if out.suffix == ".mp4":
        from matplotlib.animation import FFMpegWriter

        if not FFMpegWriter.isAvailable():
            raise UserError(f"--out {out}: ffmpeg is not on PATH; allowed without it: .gif")
    if out.exists():
        raise UserError(f"--out {out}: is there and is not overwritten")
    from cortex.experiment.places import can_hold_files

    can_hold_files(out.parent)
    return out
