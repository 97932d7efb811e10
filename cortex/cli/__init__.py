"""The command `cortex`: list, show, run, sweep, redraw and validate experiments; train networks
again; convert the weights of pretrained ones; look at an image.

The only place that touches JAX's configuration. Heavy modules are imported by the commands that
need them, so that help and listings answer at once.
"""

from __future__ import annotations

import io
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from cortex.cli import train, weights
from cortex.cli.data import data
from cortex.cli.explore import explore
from cortex.cli.look import look
from cortex.cli.movie import movie
from cortex.cli.new import new
from cortex.cli.results import compare, report, results
from cortex.cli.shared import (
    Device,
    Group,
    NameOrFile,
    Precision,
    Settings,
    all_devices,
    computing,
    gigabytes,
    limiting,
    short,
    shown_progress,
)
from cortex.cli.sweep import sweep
from cortex.errors import UserError

# More rows than this and the closing table shows only measures that are compared or headline.
_LONG_TABLE = 40

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(train.app, name="train", help="Train the networks of the package again.")
app.add_typer(weights.app, name="weights", help="Weights of pretrained networks.")


def _version(wanted: bool | None) -> None:
    if wanted:
        from importlib import metadata

        typer.echo(f"cortex {metadata.version('cortex')}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool | None,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = None,
) -> None:
    """Biologically detailed recurrent vision models with top-down attention."""


@app.command("list")
def list_experiments() -> None:
    """List the experiments by family, with their presets."""
    from cortex.experiment import registry
    from cortex.experiment.terminal import print_experiments

    for family, members in registry.families().items():
        typer.echo(typer.style(family, bold=True))
        rows = []
        for name, takes in members.items():
            needed = registry.needs(name)
            marked = f" (needs data: {', '.join(needed)})" if needed else ""
            rows.append((name, takes, registry.summary(name) + marked))
            rows += [(f"  {one.name}", "", one.summary) for one in registry.presets(name)]
        print_experiments(rows)


@app.command()
def show(
    name_or_file: NameOrFile,
    settings: Settings = None,
    toml: Annotated[
        bool, typer.Option("--toml", help="As a TOML file, with units and sources as comments.")
    ] = False,
) -> None:
    """Show the resolved settings, with units and sources."""
    from cortex.experiment import load_config
    from cortex.experiment.kept import kept
    from cortex.experiment.terminal import print_settings
    from cortex.settings import Row
    from cortex.settings import settings as rows_of

    def rows() -> list[Row]:
        return list(rows_of(load_config(name_or_file, settings or [])))

    if toml:
        from cortex.experiment.written import as_toml

        typer.echo(as_toml(load_config(name_or_file, settings or [])), nl=False)
    elif settings:
        print_settings(rows())
    else:
        print_settings([Row(*row) for row in kept("settings", name_or_file, rows)])


@app.command()
def run(
    name_or_file: NameOrFile,
    settings: Settings = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Results folder, new or empty [results/NAME/<UTC time>]."),
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of every random draw.")] = None,
    device: Annotated[Device | None, typer.Option("--device", help="Where to compute.")] = None,
    precision: Annotated[
        Precision, typer.Option("--precision", help="Bits of a floating-point number.")
    ] = Precision.single,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            metavar="BYTES",
            help="Most memory to take, such as 4GB: as many images at a time as fit.",
        ),
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the results folder only.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say where each expectation is from.")
    ] = False,
) -> None:
    """Run an experiment and save a results folder.

    `cortex show NAME` has the settings that --set can change. For example:

    cortex run ring_normalization --set circuit.k=0.03 --set contrasts=[5,20]
    """
    from cortex.experiment import load_settings
    from cortex.experiment.results import choose_target

    experiment, resolved = load_settings(name_or_file, settings or [], seed)
    choose_target(out, experiment.name)
    with computing(device, precision), limiting(memory), shown_progress(quiet):
        from cortex.experiment import run_experiment

        found = run_experiment(resolved, out, experiment=experiment)
    if quiet:
        typer.echo(str(found.path))
        return
    concluded = experiment.conclude is not None and not verbose
    _print_measures(found.measures, found.path, verbose, concluded)
    if experiment.conclude is not None:
        typer.echo(f"\n{experiment.conclude(found.config, found.data)}\n")
    if memory is not None:
        typer.echo(f"memory   {gigabytes(found.provenance['peak_memory_bytes'] or 0)} at the most")
    typer.echo(f"results  {short(found.path)}")
    if experiment.draw is not None:
        typer.echo(f"figure   {short(found.path / 'figure.png')}")


app.command("sweep")(sweep)
app.command("look")(look)
app.command("explore")(explore)
app.command("movie")(movie)
app.command("new")(new)
app.command("results")(results)
app.command("compare")(compare)
app.command("report")(report)
app.command("data")(data)


@app.command()
def figure(
    name_or_results: Annotated[
        str, typer.Argument(help="A results folder, or an experiment (its newest results).")
    ],
    of: Annotated[
        list[str] | None,
        typer.Option("--of", metavar="MEASURE", help="Of a sweep: what to draw; may be repeated."),
    ] = None,
) -> None:
    """Draw the figure of a run or a sweep again."""
    from cortex.experiment import names, newest_results, redraw
    from cortex.experiment.sweeps import is_sweep, redraw_sweep

    path = Path(name_or_results)
    if is_sweep(path):
        with shown_progress(quiet=False):
            drawn = redraw_sweep(path, of or []).path
        typer.echo(str(short(drawn / "figure.png")))
        return
    if of:
        raise UserError(f"--of: allowed with the folder of a sweep, found {name_or_results}")
    if not path.is_dir() and (name_or_results in names() or path.suffix == ".py"):
        path = newest_results(path.stem)
    with shown_progress(quiet=False):
        found = redraw(path)
    typer.echo(str(short(found.path / "figure.png")))


@app.command()
def validate(
    experiments: Annotated[
        list[str] | None, typer.Argument(help="Experiments [all].", show_default=False)
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder, new or empty [results/validation/<UTC time>]."),
    ] = None,
    device: Annotated[Device | None, typer.Option("--device", help="Where to compute.")] = None,
) -> None:
    """Run experiments as shipped; table of what holds.

    A row that does not hold is shown as it is. The exit code is 1 only if an experiment could
    not run; those whose public data are not there (`cortex data`) are left out, unless named.
    """
    from cortex.experiment import names, registry
    from cortex.experiment.terminal import print_validated
    from cortex.stimuli.public_data import absent

    wanted = list(dict.fromkeys(experiments or names()))
    left_out = [] if experiments else [one for one in wanted if absent(registry.needs(one))]
    with computing(device, Precision.single), shown_progress(quiet=False):
        from cortex.experiment.validation import summary
        from cortex.experiment.validation import validate as validated

        done, folder = validated([one for one in wanted if one not in left_out], out)
    print_validated(done)
    typer.echo(summary(done))
    if left_out:
        typer.echo(f"left out {', '.join(left_out)}: their data are not there (cortex data)")
    typer.echo(f"table    {short(folder / 'validation.md')}")
    if any(one.failure for one in done):
        raise typer.Exit(1)


@app.command()
def cite(name_or_file: NameOrFile) -> None:
    """Print the BibTeX of what an experiment stands on."""
    from cortex.experiment import load_settings
    from cortex.experiment.kept import kept

    entries = kept("papers", name_or_file, lambda: load_settings(name_or_file)[0].references())
    typer.echo("\n\n".join(entries))


@app.command()
def info() -> None:
    """Print versions, devices and memory."""
    import jax

    from cortex.experiment import provenance
    from cortex.memory import total_memory

    for name, version in provenance.versions().items():
        typer.echo(f"{name:<14}{version}")
    typer.echo(f"{'processors':<14}{os.cpu_count()}")
    typer.echo(f"{'memory':<14}{gigabytes(total_memory())}")
    for device in all_devices():
        stats = device.memory_stats() or {} if device.platform != "cpu" else {}
        memory = f", {gigabytes(stats['bytes_limit'])}" if "bytes_limit" in stats else ""
        mark = " (default)" if device == jax.devices()[0] else ""
        typer.echo(
            f"{'device':<14}{device.platform}:{device.id} {device.device_kind}{memory}{mark}"
        )


def main() -> None:
    """Entry point of the command."""
    # XLA says of each program read again that it prefers no gather, which is no fault of anybody's.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for number in (signal.SIGINT, signal.SIGTERM):  # Ctrl-C, and a queue's way to end a job
        signal.signal(number, _stop)
    for stream in (sys.stdout, sys.stderr):  # a terminal that knows ASCII only gets a "?"
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    app()


def _stop(number: int, frame: FrameType | None) -> None:
    """End the command by an exception, so that it cleans up."""
    while frame is not None:
        if frame.f_code.co_name == "_xla_gc_callback":
            # What is raised in JAX's hook of the garbage collector is printed and lost, and
            # while a program compiles that is where signals arrive: a moment later, then.
            again = threading.Timer(0.05, signal.raise_signal, (number,))
            again.daemon = True
            again.start()
            return
        frame = frame.f_back
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(128 + number)


def _print_measures(measures: list[Any], path: Path, sourced: bool, concluded: bool) -> None:
    from cortex.experiment.terminal import print_measures

    hidden = print_measures(measures, _LONG_TABLE, sourced, concluded)
    if hidden:
        typer.echo(f"{hidden} more measures in {short(path / 'measures.json')}")
