"""The command `cortex look`: where attention goes on any image, and what the circuits answer."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated

import typer

from cortex.cli.shared import Precision, computing, short, shown_progress
from cortex.errors import UserError


def look(
    image: Annotated[Path, typer.Argument(metavar="IMAGE", help="An image file.")],
    task: Annotated[
        str,
        typer.Option(
            "--task",
            help="What is looked for: a feature or a channel, or some with commas between.",
        ),
    ] = "free",
    fixations: Annotated[int, typer.Option("--fixations", help="How many.")] = 8,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="New figure, .png or .pdf [NAME_TASK.png]."),
    ] = None,
) -> None:
    """Draw where attention goes on an image, and the circuits' answer.

    Saliency after Itti & Koch: intensity, colour opponency and orientation, centre against
    surround over scales, winner-take-all with inhibition of return. A task weights the channels:
    free, bright, dark, red, green, blue, yellow, horizontal, diagonal_up, vertical, diagonal_down,
    intensity, colour, orientation; with commas, more than one. E/I circuits see the image through
    Gabor filters, without attention and with a gain at the place looked at first.
    """
    names, target = _names(task), _target(image, task, out)
    if not 1 <= fixations <= 100:
        raise UserError(f"--fixations: found {fixations}, allowed: 1 to 100")
    with computing(None, Precision.single), shown_progress(quiet=False):
        from cortex.models.image_look import LONGEST, look_at
        from cortex.progress import stage
        from cortex.stimuli.single_images import read_image

        seen = look_at(read_image(image, LONGEST), names, fixations)
        with stage("drawing the figure"):
            drawn = importlib.import_module("cortex.figures.look").draw(seen, task, image.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            # Under its name there is the whole figure or none.
            partial = target.with_name(f".{target.stem}.partial{target.suffix}")
            try:
                drawn.savefig(partial, dpi=300)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
    typer.echo("fixation   row (%)   column (%)   time (ms)")
    for number, (place, time) in enumerate(zip(seen.path.places, seen.path.times, strict=True), 1):
        row, column = 100 * place
        typer.echo(f"{number:>8}{row:>10.1f}{column:>13.1f}{time:>12.0f}")
    if len(seen.path.times) < fixations:
        typer.echo("nothing else is salient")
    if not seen.settled.all():
        typer.echo("the circuits did not settle: their rates are not steady ones")
    typer.echo(f"figure   {short(target)}")


def _names(task: str) -> list[str]:
    """Features and channels that a task asks for; one line of error for others."""
    from cortex.attention.saliency import STILL_TASKS

    names = [name.strip() for name in task.split(",")]
    unknown = [name for name in names if name not in STILL_TASKS]
    if unknown:
        allowed = ", ".join(STILL_TASKS)
        raise UserError(f"--task: found {unknown[0]!r}, allowed: some of {allowed}")
    return [name for name in names if name != "free"]


def _target(image: Path, task: str, out: Path | None) -> Path:
    """The figure's file; refused before any work if it cannot or should not be written."""
    target = out or Path(f"{image.stem}_{task.replace(',', '_').replace(' ', '')}.png")
    if target.suffix.lower() not in (".png", ".pdf"):
        raise UserError(f"--out {target}: allowed: a name that ends in .png or .pdf")
    if target.exists():
        raise UserError(f"--out {target}: is there and is not overwritten")
    from cortex.experiment.places import can_hold_files

    can_hold_files(target.parent)
    return target
