"""Networks by name: those of this package, and pretrained ones."""

from pathlib import Path
from typing import Any

from cortex.errors import UserError
from cortex.frontends.conv import ConvNetwork
from cortex.frontends.pretrained import FAMILIES, load_pretrained

from . import digits, digits_vgg
from .system import VisualSystem, as_network

PACKAGED = {"digits": digits.digit_network, "digits_vgg": digits_vgg.digit_network}


def load_network(
    name: str, *, circuits: bool = False, seed: int = 0, weights: str | Path | None = None
) -> Any:
    """A trained network.

    Args:
        name: `digits` (three layers, trained here on handwritten digits, in the package),
            `digits_vgg` (eight layers, likewise), `vgg16` or `efficientnet_lite0` (trained on
            ImageNet; weights from elsewhere, see `cortex weights`).
        circuits: the network as it was trained with a circuit at every layer; of digits only.
        seed: which of the trained networks of digits.
        weights: file of a pretrained network, or folder of those of digits; by default where
            they are expected.

    Returns:
        A `ConvNetwork`, or with circuits a `VisualSystem`. What a pretrained network expects of
        its images is its `preprocessing`.

    Raises:
        UserError: no such network, or no weights of it.
    """
    if name in PACKAGED:
        network, kind = PACKAGED[name](), "circuits" if circuits else "plain"
        folder = None if weights is None else Path(weights).expanduser()
        system: VisualSystem = network.load(network.weights_file(kind, seed, folder), kind)[0]
        return system if circuits else as_network(system)
    if name not in FAMILIES:
        raise UserError(f"name: found {name!r}, allowed: {', '.join((*PACKAGED, *FAMILIES))}")
    if circuits:
        raise UserError(
            f"circuits: found True for {name}, allowed: False; insert_circuits puts them in"
        )
    found = load_pretrained(name, weights)
    return ConvNetwork(
        found.network.stages, found.network.readout, found.layers, found.preprocessing
    )
