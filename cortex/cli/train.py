"""The commands `cortex train ...`: the networks of the package, and what attention learns."""

from __future__ import annotations

import sys
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cortex.cli.shared import Precision, computing, short, shown_progress
from cortex.errors import UserError
from cortex.progress import stage

if TYPE_CHECKING:
    from cortex.areas.digit_networks import DigitNetwork
    from cortex.stimuli import Digits

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)


class Kind(StrEnum):
    """Kinds of digit network to train."""

    plain = "plain"
    circuits = "circuits"
    both = "both"


class Architecture(StrEnum):
    """Digit networks to train."""

    small = "small"
    vgg = "vgg"


@app.command("digits")
def train_digits(
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of the first weights and of every random draw.")
    ] = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder for the weight files.")] = Path(
        "weights"
    ),
    mnist: Annotated[
        Path | None,
        typer.Option("--mnist", help="Folder of MNIST in IDX files [the 5,000 packaged digits]."),
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--kind", help="With no circuit, with circuits, or both.")
    ] = Kind.both,
    network: Annotated[
        Architecture, typer.Option("--network", help="Three layers, or eight of VGG's kind.")
    ] = Architecture.small,
) -> None:
    """Train the digit networks as those of the package were.

    A seed takes about 6 minutes on 2 cores with the 5,000 digits; of the network of eight layers
    2 minutes without circuits and 40 with. The network with circuits starts from the plain one
    of the same seed: --kind circuits reads it from the folder. Experiments use the files with
    --set network.weights=FOLDER.
    """
    if seed < 0:
        raise UserError(f"--seed: found {seed}, allowed: a whole number >= 0")
    from cortex.experiment.places import can_hold_files

    can_hold_files(out)
    from cortex.stimuli import load_digits, split_digits

    digits = _network(network)
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
    with computing(None, Precision.single), shown_progress(quiet=False):
        if mnist is None:
            training, held_out = split_digits(load_digits(), 100, 0)
        else:
            training, held_out = load_digits(mnist), load_digits(mnist, part="t10k")
        for name in wanted:
            which = "" if network is Architecture.small else f" --network {network.value}"
            command = f"cortex train digits{which} --seed {seed}"
            command += " --mnist FOLDER" if mnist else ""
            facts = {"seed": seed, "command": command, "kind": name}
            right = _train_digits(digits, files, name, training, held_out, facts)
            typer.echo(f"{short(files[name])}  accuracy {right:.3f} on {len(held_out)} digits")


@app.command("attention")
def train_attention(
    name: Annotated[str, typer.Argument(help="What is trained; one of those in the package.")],
    seed: Annotated[
        int, typer.Option("--seed", help="Seed of the first weights and of every random draw.")
    ] = 0,
    out: Annotated[Path, typer.Option("--out", help="Folder for the weight file.")] = Path(
        "weights"
    ),
) -> None:
    """Train what a mechanism of attention learns, as that of the package was.

    Takes some minutes a seed on 2 cores. An experiment takes the folder by the setting that ends
    in `.weights`, which cortex show NAME explains.
    """
    if seed < 0:
        raise UserError(f"--seed: found {seed}, allowed: a whole number >= 0")
    from cortex.models.learned import trained_source

    thing = trained_source(name)
    from cortex.experiment.places import can_hold_files

    can_hold_files(out)
    file = thing.file(seed, out)
    if file.exists():
        raise UserError(f"--out {out}: {file.name} is there and is not overwritten")
    with computing(None, Precision.single), shown_progress(quiet=False):
        with stage(f"{name}, seed {seed}", total=thing.epochs) as advance:
            module, curve = thing.train(seed, _by_row(thing.epochs, advance))
        with stage("on held-out images"):
            facts = {"seed": seed, "command": f"cortex train attention {name} --seed {seed}"}
            score = thing.save(file, module, curve, facts)
        shown = ", ".join(f"{key} {value:.3f}" for key, value in score.items())
        typer.echo(f"{short(file)}  {shown}")


def _by_row(epochs: int, advance: Callable[[int], None]) -> Callable[[int, dict[str, float]], None]:
    """A line an epoch, above the bars where there are any."""

    def report(number: int, row: dict[str, float]) -> None:
        shown = ", ".join(f"{key} {value:.4f}" for key, value in row.items())
        print(f"epoch {number + 1:>2} of {epochs}: {shown}", file=sys.stderr, flush=True)
        advance(1)

    return report


def _network(architecture: Architecture) -> DigitNetwork:
    """What trains, keeps and finds the networks of an architecture."""
    from cortex.areas import digits, digits_vgg

    module = {Architecture.small: digits, Architecture.vgg: digits_vgg}[architecture]
    return module.digit_network()


def _train_digits(
    digits: DigitNetwork,
    files: dict[str, Path],
    kind: str,
    training: Digits,
    held_out: Digits,
    facts: dict[str, Any],
) -> float:
    """Train one kind of digit network and store it; returns its accuracy."""
    seed = facts["seed"]
    epochs = digits.epochs(kind)
    with stage(f"{kind}, seed {seed}", total=epochs) as advance:
        report = _by_row(epochs, advance)
        if kind == "plain":
            system, curve = digits.train_plain(training, seed, report)
        else:
            plain, _ = digits.load(files["plain"], "plain")
            system, curve = digits.train_circuits(plain, training, seed, report)
        right = digits.save(files[kind], system, curve, held_out, facts)
        return right
