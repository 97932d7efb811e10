"""The command `cortex new`: a file to begin an experiment of one's own with."""

from __future__ import annotations

import keyword
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from cortex.errors import UserError


def new(
    name: Annotated[str, typer.Argument(help="Name of the experiment; the file is NAME.py.")],
) -> None:
    """Write the file of an experiment of your own, ready to run."""
    path = Path(name if name.endswith(".py") else f"{name}.py")
    if not path.stem.isidentifier() or keyword.iskeyword(path.stem):
        raise UserError(f"NAME: found '{path.stem}', allowed: letters, digits and underscores")
    if path.exists():
        raise UserError(f"{path}: is there and is not overwritten")
    if not path.parent.is_dir():
        raise UserError(f"{path}: {path.parent} is no folder")
    text = resources.files("cortex.cli").joinpath("new_experiment.txt").read_text(encoding="utf-8")
    path.write_text(text.replace("NAME", path.stem), encoding="utf-8")
    typer.echo(f"{path}\ntry: cortex run {path}")
