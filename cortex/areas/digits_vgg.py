"""A digit network of VGG's kind, with eight layers to attend in: built, trained and loaded.

Groups of 3 x 3 layers with pooling between them and three full layers on top, as in VGG-16, so
that what Lindsay & Miller 2018 did in that network can be done in one that is trained here.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jaxtyping import Array, Float, PRNGKeyArray

from cortex.circuit import Relax
from cortex.frontends.conv import ConvNetwork
from cortex.frontends.vgg import random_vgg
from cortex.stimuli import Digits

from .digit_networks import DigitNetwork, as_network
from .digits import inhibition_stabilised
from .system import VisualSystem
from .training import Epoch, TrainingSettings

__all__ = [
    "CIRCUIT_SEEDS",
    "CIRCUIT_TRAINING",
    "CLASSES",
    "LAYERS",
    "PLAIN_TRAINING",
    "SEEDS",
    "SIDE",
    "as_images",
    "as_network",
    "digit_network",
    "load_digits_system",
    "save_digits_system",
    "train_circuits",
    "train_plain",
    "weights_file",
]

SEEDS = (0, 1, 2)
CIRCUIT_SEEDS = (0,)
SIDE = 32  # px
WIDTHS = ((8, 8), (16, 16, 16), (32, 32, 32))
LAYERS = tuple(
    f"conv{group}_{layer}"
    for group, widths in enumerate(WIDTHS, 1)
    for layer in range(1, len(widths) + 1)
)
UNITS = 128
CLASSES = 10
CONTRAST = 65.0  # more drive than in three layers, for all eight to be inhibition-stabilised
PLAIN_TRAINING = TrainingSettings(epochs=40, learning_rate=2e-3)
# The loss still falls at the end: more rounds would bring the circuits nearer to the plain network.
CIRCUIT_TRAINING = (TrainingSettings(epochs=5, learning_rate=2e-3),) * 2
SETTLING = Relax(dt=3.0, duration=400.0, rtol=1e-3, atol=1e-3)


def untrained_network(key: PRNGKeyArray) -> ConvNetwork:
    """Layers of 32 x 32, 16 x 16 and 8 x 8 places; two of 128 units; ten classes."""
    return random_vgg(key, WIDTHS, UNITS, CLASSES, SIDE, channels=1)


def digit_network() -> DigitNetwork:
    """This network's part in `DigitNetwork`."""
    return DigitNetwork(
        name="digits_vgg",
        side=SIDE,
        untrained=untrained_network,
        circuit=inhibition_stabilised(CONTRAST),
        circuits=tuple(range(len(LAYERS))),
        plain_training=PLAIN_TRAINING,
        circuit_training=CIRCUIT_TRAINING,
        settling=SETTLING,
    )


def as_images(digits: Digits) -> Float[Array, "images 1 height width"]:
    """Digits of 28 px in the middle of 32 px, zeros around them."""
    return digit_network().images(digits)


def train_plain(
    training: Digits, seed: int, report: Callable[[int, Epoch], None] | None = None
) -> tuple[VisualSystem, list[Epoch]]:
    """See `DigitNetwork.train_plain`."""
    return digit_network().train_plain(training, seed, report)


def train_circuits(
    plain: VisualSystem,
    training: Digits,
    seed: int,
    report: Callable[[int, Epoch], None] | None = None,
) -> tuple[VisualSystem, list[Epoch]]:
    """See `DigitNetwork.train_circuits`."""
    return digit_network().train_circuits(plain, training, seed, report)


def weights_file(kind: str, seed: int, folder: Path | None = None) -> Path:
    """See `DigitNetwork.weights_file`; with circuits there are those of `CIRCUIT_SEEDS`."""
    return digit_network().weights_file(kind, seed, folder)


def save_digits_system(
    path: Path, system: VisualSystem, curve: list[Epoch], held_out: Digits, facts: dict[str, Any]
) -> float:
    """See `DigitNetwork.save`."""
    return digit_network().save(path, system, curve, held_out, facts)


def load_digits_system(path: Path, kind: str) -> tuple[VisualSystem, dict[str, Any]]:
    """See `DigitNetwork.load`."""
    return digit_network().load(path, kind)
