"""Putting circuits into a trained network: calibration on ordinary images."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from cortex.circuit import (
    AbstractSteadyStateSolver,
    FixedPointIteration,
)
from cortex.errors import UserError
from cortex.frontends.checks import check_layers
from cortex.frontends.conv import ConvNetwork
from cortex.memory import Kept

from .area import AbstractArea, CircuitArea, PlainArea
from .fidelity import measure_fidelity, warn_of_lost_work
from .forward import handed_on, output_of, rectified, settled, through
from .output import AbstractOutputMap, IsotonicMap
from .ssn import SSN
from .system import VisualSystem

# Places that each map is sampled at: 20,000, or 2 million over the maps of a layer if that is
# more, so that the layers of a small network are taken whole.
SAMPLES = 20_000
SAMPLES_OF_LAYER = 2_000_000


def insert_circuits(
    network: Any,
    *,
    at: str | int | Sequence[str | int],
    circuit: Any,
    images: Any,
    output_map: type[AbstractOutputMap] = IsotonicMap,
    held_out: Any = None,
    solver: AbstractSteadyStateSolver | None = None,
    batch: int = 100,
    advance: Callable[[int], object] | None = None,
) -> VisualSystem:
    """A visual system with circuits at the given layers of a trained network.

    From the lowest layer upwards: the drive is scaled so that the 99th percentile of the
    layer's rectified outputs, zeros included, meets the stated contrast, maps are coupled by
    the angle between their mean responses, and an output map is fitted from the circuit's E
    rates to the layer's own outputs, given what the network below, circuits included, now
    sends. Percentile and fit see at most `SAMPLES` places of each map of a large layer, drawn
    with a fixed seed.
    The readout is left as it was; refit it afterwards.

    `VisualSystem.fidelity` then says how much of its work the network still does, on images that
    nothing was fitted to; a `FidelityWarning` says where that is little.

    Memory holds, for all images, what enters the layer at work and its rates (in files, where
    `cortex.memory.limited`); of the plain layers nothing but a batch.

    Args:
        network: the trained front end, a `ConvNetwork`.
        at: one layer or several, each by its name or its number from 1.
        circuit: an `SSN`, the circuit of all these layers, or a list with that of each.
        images: ordinary training images to calibrate on, 50 or more, (images, channels, height,
            width).
        output_map: a class with `fit(rates, outputs)`: `IsotonicMap`, a curve for each map, or
            `LinearMap`, which takes the mixing of maps back, for pretrained networks.
        held_out: ordinary images that fidelity is measured on; every fifth of `images` by default,
            which circuits are then not calibrated on. Of an empty array nothing is measured.
        solver: how steady states are found.
        batch: images at a time.
        advance: told how many images have settled, for each layer with a circuit anew.

    Raises:
        UserError: one line: an argument that does not fit, or a circuit that runs away on some
            of the images.
    """
    if not isinstance(network, ConvNetwork):
        raise UserError(f"network: found {type(network).__name__}, allowed: a ConvNetwork")
    parameters = _by_layer(network, at, circuit)
    check_layers(network, images)
    if held_out is None:
        last = np.arange(len(images)) % 5 == 4
        images, held_out = images[~last], images[last]
    elif len(held_out):
        check_layers(network, held_out)
    solver = FixedPointIteration() if solver is None else solver
    areas: list[AbstractArea] = [PlainArea(stage) for stage in network.stages]
    starts = range(0, len(images), batch)
    # What enters the stage number `reached`: as in the plain network, and with the circuits.
    plain = Kept(images[start : start + batch] for start in starts)
    actual = Kept(images[start : start + batch] for start in starts)
    reached = 0
    for layer in sorted(parameters):
        given, stage = parameters[layer], network.stages[layer]
        below = network.stages[reached:layer]
        altered = reached > 0  # by circuits below
        sample = _Sample(len(images), layer)
        means, targets, drives = [], [], []
        for number, start in enumerate(starts):
            expected = through(below, plain[number])
            found = through(below, actual[number]) if altered else expected
            plain[number], actual[number] = expected, found
            target = rectified(stage, expected)
            means.append(np.asarray(jnp.mean(target, axis=(2, 3))))
            targets.append(sample(start, target))
            if altered:
                drives.append(sample(start, rectified(stage, found)))
        shape = target.shape[1:]
        area = CircuitArea(
            stage=stage,
            drive_scale=given.contrast / _percentile(drives or targets, target.dtype),
            circuit=given.circuit_of(jnp.asarray(np.concatenate(means)), shape),
            output_map=output_map.fit(np.ones((1, 2)), np.ones((1, 2))),
            solver=solver,
            baseline=given.baseline,
        )
        rates = Kept()
        seen, lost, above = [], 0, layer < max(parameters)
        for number, start in enumerate(starts):
            found = settled(area, actual[number])
            lost += int(np.sum(~np.isfinite(np.asarray(found)).all(axis=(1, 2, 3))))
            seen.append(sample(start, found))
            if above:
                rates[number] = found
            if advance is not None:
                advance(len(found))
        if lost:
            raise UserError(
                f"circuit at {network.names[layer]}: runs away on {lost} of {len(images)} images, "
                "allowed: none; a larger J_IE or a smaller J_EE, k or contrast holds it"
            )
        fitted = output_map.fit(_by_map(seen), _by_map(targets))
        areas[layer] = eqx.tree_at(lambda a: a.output_map, area, fitted)
        for number in range(len(starts) if above else 0):
            plain[number] = through((stage,), plain[number])
            actual[number] = handed_on(stage, actual[number], output_of(fitted, rates[number]))
            del rates[number]
        reached = layer + 1
    system = VisualSystem(areas, network.readout, network.names)
    if not parameters or not len(held_out):
        return system
    fidelity = measure_fidelity(system, network, held_out, batch)
    warn_of_lost_work(fidelity)
    return VisualSystem(areas, network.readout, network.names, fidelity)


def _by_layer(network: ConvNetwork, at: Any, circuit: Any) -> dict[int, SSN]:
    """The circuits by layer, 0 the lowest."""
    layers = [network.index(layer) for layer in ([at] if isinstance(at, str | int) else at)]
    circuits = list(circuit) if isinstance(circuit, list | tuple) else [circuit] * len(layers)
    if len(set(layers)) != len(layers) or len(circuits) != len(layers):
        raise UserError(
            f"at, circuit: found layers {', '.join(network.names[n] for n in layers)} and "
            f"{len(circuits)} circuits, allowed: different layers, and one circuit for all or one "
            "for each"
        )
    for one in circuits:
        if not isinstance(one, SSN):
            raise UserError(f"circuit: found {type(one).__name__}, allowed: an SSN")
    return dict(zip(layers, circuits, strict=True))


class _Sample:
    """Some places of each image of a layer, the same for its outputs, drives and rates."""

    def __init__(self, images: int, layer: int) -> None:
        self.images, self.layer = images, layer
        self.places: np.ndarray | None = None

    def __call__(self, start: int, values: Array) -> np.ndarray:
        """(images of a batch, maps, places), the batch's first image being number `start`."""
        flat = np.asarray(values).reshape(*values.shape[:2], -1)
        _, maps, places = flat.shape
        each = -(-max(SAMPLES, SAMPLES_OF_LAYER // maps) // self.images)
        if each >= places:
            return flat
        if self.places is None:
            rows = np.tile(np.arange(places, dtype=np.int32), (self.images, 1))
            rng = np.random.default_rng(self.layer)
            self.places = np.sort(rng.permuted(rows, axis=1)[:, :each], axis=1)
        chosen = self.places[start : start + len(flat)]
        return np.take_along_axis(flat, chosen[:, None, :], axis=2)


def _percentile(drives: Sequence[np.ndarray], dtype: Any) -> Array:
    return jnp.asarray(np.percentile(np.concatenate(drives), 99), dtype)


def _by_map(samples: Sequence[np.ndarray]) -> np.ndarray:
    whole = np.concatenate(samples)
    return np.moveaxis(whole, 1, 0).reshape(whole.shape[1], -1)


def over_batches(function: Any, inputs: Array, batch: int) -> Array:
    """`vmap(function)` compiled once and applied to `batch` inputs at a time."""
    compiled = eqx.filter_jit(eqx.filter_vmap(function))
    parts: Sequence[Array] = [
        compiled(inputs[start : start + batch]) for start in range(0, len(inputs), batch)
    ]
    return jnp.concatenate(parts)
