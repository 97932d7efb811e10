"""The digit networks that come with the package: how they are built, trained and loaded."""

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.circuit import EI, AbstractSettling, Circuit, Populations, Projections, Relax
from cortex.frontends.conv import ConvNetwork, ConvStage, Readout
from cortex.frontends.weights import load_weights, save_weights
from cortex.stimuli import Digits

from .insert import CircuitParameters, insert_circuits
from .output import AbstractOutputMap, IsotonicMap, PowerMap
from .refit import refit_readout
from .system import VisualSystem
from .training import Epoch, TrainingSettings, accuracy, train

SEEDS = (0, 1, 2)
SIDE = 28  # px
MAPS = (8, 16, 32)
HIDDEN = 128
CLASSES = 10
CALIBRATION_IMAGES = 400
PLAIN_TRAINING = TrainingSettings(epochs=40, learning_rate=3e-3)
CIRCUIT_TRAINING = TrainingSettings(epochs=12, learning_rate=1.5e-3)
SETTLING = Relax(dt=2.0, duration=300.0, rtol=5e-4, atol=5e-4)


def inhibition_stabilised() -> CircuitParameters:
    """The circuit of every layer: inhibition-stabilised once the layer is driven.

    k and n, tau as on the orientation ring (Rubin et al. 2015, as transcribed by others);
    the weights and widths are ours, found by trial: inhibition onto E must not be narrower
    than its recruitment, and J_IE / J_EE at least 1.7, or sparse images let E run away.
    """
    return CircuitParameters(
        populations=Populations(tau=EI(20.0, 10.0), k=EI(0.04, 0.04), n=EI(2.0, 2.0)),
        J=Projections(EE=6.0, EI=4.5, IE=11.0, II=2.2),
        sigma=Projections(EE=1.0, EI=1.5, IE=1.5, II=1.5),
        feature_width=28.0,
        contrast=50.0,
    )


def untrained_network(key: PRNGKeyArray) -> ConvNetwork:
    """Three stages, 14 x 14, 7 x 7 and 7 x 7 places; a hidden layer; ten classes."""
    keys = jax.random.split(key, 4)
    first, second, third = MAPS
    stages = (
        ConvStage.random(keys[0], first, 1, 5, pool=2),
        ConvStage.random(keys[1], second, first, 3, pool=2),
        ConvStage.random(keys[2], third, second, 3, pool=1),
    )
    readout = Readout.random(keys[3], third * 9, HIDDEN, CLASSES, pool=2)
    return ConvNetwork(stages, readout)


def as_images(digits: Digits) -> Float[Array, "images 1 height width"]:
    """With the axis of channels, and of the precision, that networks expect."""
    return jnp.asarray(digits.images, jnp.result_type(float))[:, None]


def calibration_images(training: Digits, seed: int) -> Float[Array, "images 1 height width"]:
    """A fixed random sample of the training images."""
    rows = np.random.default_rng(seed).permutation(len(training))[:CALIBRATION_IMAGES]
    return as_images(training)[np.sort(rows)]


def train_plain(
    training: Digits, seed: int, report: Callable[[int, Epoch], None] | None = None
) -> tuple[VisualSystem, list[Epoch]]:
    """The network without circuits."""
    key, train_key = jax.random.split(jax.random.key(seed))
    system = VisualSystem.plain(untrained_network(key))
    labels = jnp.asarray(training.labels)
    return train(system, as_images(training), labels, train_key, PLAIN_TRAINING, report)


def as_network(system: VisualSystem) -> ConvNetwork:
    """The filters and the readout of a system, without its circuits."""
    stages = tuple(area.stage for area in system.areas if isinstance(area.stage, ConvStage))
    return ConvNetwork(stages, system.readout)


def insert_at(
    network: ConvNetwork,
    training: Digits,
    seed: int,
    layers: Sequence[int],
    output_map: type[AbstractOutputMap] = IsotonicMap,
    configure: Callable[[Circuit], Circuit] = lambda circuit: circuit,
    settling: AbstractSettling = SETTLING,
) -> VisualSystem:
    """Circuits at some layers (0 the lowest) of a trained network, calibrated on digits."""
    return insert_circuits(
        network,
        {layer: inhibition_stabilised() for layer in layers},
        calibration_images(training, seed),
        output_map=output_map,
        settling=settling,
        configure=configure,
    )


def insert_and_refit(
    network: ConvNetwork, training: Digits, seed: int, layers: Sequence[int], **how: Any
) -> VisualSystem:
    """As `insert_at`, with the readout refitted to what the circuits send."""
    system = insert_at(network, training, seed, layers, **how)
    key = jax.random.fold_in(jax.random.key(seed), 2)
    return refit_readout(system, as_images(training), jnp.asarray(training.labels), key)


def train_circuits(
    plain: VisualSystem,
    training: Digits,
    seed: int,
    report: Callable[[int, Epoch], None] | None = None,
) -> tuple[VisualSystem, list[Epoch]]:
    """Circuits at every layer of the plain network, trained through their steady states."""
    layers = range(len(plain.areas))
    system = insert_at(as_network(plain), training, seed, layers, PowerMap)
    labels = jnp.asarray(training.labels)
    key = jax.random.fold_in(jax.random.key(seed), 1)
    return train(system, as_images(training), labels, key, CIRCUIT_TRAINING, report)


def weights_file(kind: str, seed: int, folder: Path | None = None) -> Path:
    """Where the weights of a digit network are: `kind` is "plain" or "circuits"."""
    place = Path(str(resources.files("cortex.frontends"))) / "weights"
    return (folder or place) / f"digits_{kind}_{seed}.safetensors"


def save_digits_system(
    path: Path,
    system: VisualSystem,
    curve: list[Epoch],
    held_out: Digits,
    facts: dict[str, Any],
) -> float:
    """Store a trained system with its training curve and its accuracy, which it returns."""
    right = accuracy(system, as_images(held_out), jnp.asarray(held_out.labels))
    facts = facts | {
        "accuracy": right,
        "held_out_digits": len(held_out),
        "loss_by_epoch": [round(row.loss, 5) for row in curve],
        "unsettled_by_epoch": [round(max(row.unsettled, 0.0), 6) for row in curve],
    }
    save_weights(path, system, facts)
    return right


def load_digits_system(path: Path, kind: str) -> tuple[VisualSystem, dict[str, Any]]:
    """A stored digit network and what was stored with it.

    Raises:
        UserError: the file is missing, unreadable, or of another architecture.
    """
    network = untrained_network(jax.random.key(0))
    if kind == "plain":
        return load_weights(path, VisualSystem.plain(network))
    blank = jnp.linspace(0.0, 1.0, SIDE * SIDE).reshape(1, 1, SIDE, SIDE)
    layers = {layer: inhibition_stabilised() for layer in range(len(network.stages))}
    like = insert_circuits(network, layers, blank, output_map=PowerMap, settling=SETTLING)
    return load_weights(path, like)
