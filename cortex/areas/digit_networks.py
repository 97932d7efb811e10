"""A network that names handwritten digits: how it is trained, with and without circuits, and kept.

What the digit networks of the package differ in is one `DigitNetwork` each, see
`cortex.areas.digits` and `cortex.areas.digits_vgg`.
"""

from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.circuit import AbstractSteadyStateSolver
from cortex.frontends.conv import ConvNetwork
from cortex.frontends.weights import load_weights, save_weights
from cortex.stimuli import Digits
from cortex.trainer import Curve, Report

from .area import AbstractArea, CircuitArea
from .fidelity import measure_fidelity
from .gradients import map_shapes
from .insert import insert_circuits
from .output import AbstractOutputMap, IsotonicMap, PowerMap
from .refit import refit_readout
from .ssn import SSN
from .system import VisualSystem, as_network
from .training import TrainingSettings, accuracy, train

CALIBRATION_IMAGES = 400
Images = Float[Array, "images 1 height width"]


class DigitNetwork(NamedTuple):
    """What one digit network is made of, and how it is trained.

    Attributes:
        name: the first part of its files' names.
        side: of its images [px]; digits are put in their middle, on a margin of zeros.
        untrained: the network with random weights.
        circuit: of every layer that has one.
        circuits: layers with a circuit when trained with circuits, 0 the lowest.
        plain_training: how it is trained without circuits.
        circuit_training: and from there with circuits, one round after another; each starts at
            its full learning rate again.
        solver: how steady states are found.
    """

    name: str
    side: int
    untrained: Callable[[PRNGKeyArray], ConvNetwork]
    circuit: SSN
    circuits: tuple[int, ...]
    plain_training: TrainingSettings
    circuit_training: tuple[TrainingSettings, ...]
    solver: AbstractSteadyStateSolver

    def images(self, digits: Digits) -> Images:
        """Digits as the network expects them, of the precision in use."""
        found = jnp.asarray(digits.images, jnp.result_type(float))
        margins = [divmod(self.side - length, 2) for length in found.shape[1:]]
        pads = [(0, 0), *((half, half + odd) for half, odd in margins)]
        return jnp.pad(found, pads)[:, None]

    def calibration_images(self, training: Digits, seed: int) -> Images:
        """A fixed random sample of the training images."""
        rows = np.random.default_rng(seed).permutation(len(training))[:CALIBRATION_IMAGES]
        return self.images(training.take(np.sort(rows)))

    def train_plain(
        self, training: Digits, seed: int, report: Report | None = None
    ) -> tuple[VisualSystem, Curve]:
        """The network without circuits, and its training curve."""
        key, train_key = jax.random.split(jax.random.key(seed))
        system = VisualSystem.plain(self.untrained(key))
        labels = jnp.asarray(training.labels)
        return train(system, self.images(training), labels, train_key, self.plain_training, report)

    def insert_at(
        self,
        network: ConvNetwork,
        training: Digits,
        seed: int,
        layers: Sequence[int],
        output_map: type[AbstractOutputMap] = IsotonicMap,
        circuit: SSN | None = None,
        solver: AbstractSteadyStateSolver | None = None,
    ) -> VisualSystem:
        """Circuits at some layers (0 the lowest) of a trained network, calibrated on digits."""
        return insert_circuits(
            network,
            at=[layer + 1 for layer in layers],
            circuit=circuit or self.circuit,
            images=self.calibration_images(training, seed),
            output_map=output_map,
            held_out=self.images(training.take(np.arange(0))),  # what comes next changes it
            solver=solver or self.solver,
        )

    def insert_and_refit(
        self, network: ConvNetwork, training: Digits, seed: int, layers: Sequence[int], **how: Any
    ) -> VisualSystem:
        """As `insert_at`, with the readout refitted to what the circuits send.

        Its fidelity is that on training images, most of them not calibrated on.
        """
        system = self.insert_at(network, training, seed, layers, **how)
        key = jax.random.fold_in(jax.random.key(seed), 2)
        fitted = refit_readout(system, self.images(training), jnp.asarray(training.labels), key)
        fidelity = measure_fidelity(fitted, network, self.calibration_images(training, seed + 1))
        return VisualSystem(fitted.areas, fitted.readout, fitted.names, fidelity)

    def train_circuits(
        self, plain: VisualSystem, training: Digits, seed: int, report: Report | None = None
    ) -> tuple[VisualSystem, Curve]:
        """The plain network with its circuits, trained through their steady states."""
        system = self.insert_at(as_network(plain), training, seed, self.circuits, PowerMap)
        labels = jnp.asarray(training.labels)
        key = jax.random.fold_in(jax.random.key(seed), 1)
        curve: list[dict[str, float]] = []
        for number, settings in enumerate(self.circuit_training):
            own = jax.random.fold_in(key, number) if number else key
            told = _after(len(curve), report)
            system, rows = train(system, self.images(training), labels, own, settings, told)
            curve += rows
        return system, curve

    def epochs(self, kind: str) -> int:
        """Of the training of one kind: "plain" or "circuits"."""
        rounds = (self.plain_training,) if kind == "plain" else self.circuit_training
        return sum(settings.epochs for settings in rounds)

    def weights_file(self, kind: str, seed: int, folder: Path | None = None) -> Path:
        """Where the weights are: `kind` is "plain" or "circuits"."""
        place = Path(str(resources.files("cortex.frontends"))) / "weights"
        return (folder or place) / f"{self.name}_{kind}_{seed}.safetensors"

    def save(
        self,
        path: Path,
        system: VisualSystem,
        curve: Curve,
        held_out: Digits,
        facts: dict[str, Any],
    ) -> float:
        """Store a trained system with its training curve and its accuracy, which it returns."""
        right = accuracy(system, self.images(held_out), jnp.asarray(held_out.labels))
        facts = facts | {
            "accuracy": right,
            "held_out_digits": len(held_out),
            "loss_by_epoch": [round(row["loss"], 5) for row in curve],
            "unsettled_by_epoch": [round(max(row["unsettled"], 0.0), 6) for row in curve],
        }
        save_weights(path, system, facts)
        return right

    def load(self, path: Path, kind: str) -> tuple[VisualSystem, dict[str, Any]]:
        """A stored network and what was stored with it.

        Raises:
            UserError: the file is missing, unreadable, or of another architecture.
        """
        build = VisualSystem.plain if kind == "plain" else self._with_circuits
        # Shapes are all that is needed: nothing is drawn or compiled for them.
        like = eqx.filter_eval_shape(lambda key: build(self.untrained(key)), jax.random.key(0))
        return load_weights(path, like)

    def _with_circuits(self, network: ConvNetwork) -> VisualSystem:
        """A system of the right shapes, whose numbers mean nothing."""
        plain = VisualSystem.plain(network)
        areas: list[AbstractArea] = list(plain.areas)
        shapes = map_shapes(plain, jnp.zeros((1, self.side, self.side)))
        for layer in self.circuits:
            maps = np.ones((shapes[layer][0], 2))
            areas[layer] = CircuitArea(
                stage=network.stages[layer],
                drive_scale=jnp.ones(()),
                circuit=self.circuit.circuit(jnp.ones((1, *shapes[layer]))),
                output_map=PowerMap.fit(maps, maps),
                solver=self.solver,
            )
        return VisualSystem(areas, network.readout, network.names)


def _after(done: int, report: Report | None) -> Report | None:
    """Numbers epochs on from those of earlier rounds."""
    if report is None:
        return None
    tell = report
    return lambda number, row: tell(done + number, row)
