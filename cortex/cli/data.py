"""The command `cortex data`: public data that experiments can use, and where they go."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer


def data(
    folder: Annotated[
        Path | None,
        typer.Option("--folder", help="Folder that holds one of each data set [$CORTEX_DATA]."),
    ] = None,
) -> None:
    """Public data sets: which are there, where to get them."""
    from cortex.stimuli.public_data import PUBLIC, VARIABLE, place

    for one in PUBLIC:
        at = folder / one.name if folder else place(one.name)
        there = at is not None and not one.missing(at)
        goes = f"in {at}" if there else f"goes to {at or Path(f'${VARIABLE}') / one.name}"
        state = "there" if there else "not there"
        line = (
            f"{one.name:<8} {state:<10} {one.what}, for {one.used}; {goes} "
            f"({', '.join(one.files)}); from {one.source}; {one.licence}; {one.citation}"
        )
        wide = shutil.get_terminal_size().columns if sys.stdout.isatty() else 0
        typer.echo(textwrap.fill(line, wide, subsequent_indent=" " * 20) if wide else line)
