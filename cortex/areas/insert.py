"""Putting circuits into a trained network: calibration on ordinary images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cortex.circuit import (
    AbstractSettling,
    Circuit,
    GaussianCoupling,
    Populations,
    Projections,
    Relax,
    learned_features,
)
from cortex.frontends.conv import ConvNetwork, carried

from .area import AbstractArea, CircuitArea, PlainArea
from .output import AbstractOutputMap, IsotonicMap
from .system import VisualSystem


class CircuitParameters(eqx.Module):
    """What a circuit in a layer is made of, before it is fitted to the layer's maps.

    Attributes:
        populations: tau [ms], k, n.
        J: total weight of each projection.
        sigma: width of each projection [px of the layer's maps].
        feature_width: falloff of the coupling over the angle between maps [deg].
        contrast: drive that the layer's 99th percentile is scaled to.
    """

    populations: Populations
    J: Projections[Any]
    sigma: Projections[Any]
    feature_width: Any = 32.0
    contrast: Any = 40.0


def insert_circuits(
    network: ConvNetwork,
    parameters: Mapping[int, CircuitParameters],
    images: Float[Array, "images channels height width"],
    *,
    output_map: type[AbstractOutputMap] = IsotonicMap,
    settling: AbstractSettling | None = None,
    configure: Callable[[Circuit], Circuit] = lambda circuit: circuit,
    batch: int = 100,
) -> VisualSystem:
    """A visual system with circuits at the given layers of a trained network.

    From the lowest layer upwards: the drive is scaled so that the 99th percentile of the
    layer's rectified outputs, zeros included, meets the stated contrast, maps are coupled by
    the angle between their mean responses, and an output map is fitted from the circuit's E
    rates to the layer's own outputs, given what the network below, circuits included, now
    sends.
    The readout is left as it was; refit it afterwards.

    Args:
        network: the trained front end.
        parameters: by layer number, 0 the lowest.
        images: ordinary training images to calibrate on.
        output_map: a class with `fit(rates, outputs)`.
        settling: how steady states are found.
        configure: last change to each circuit before it is used.
        batch: images at a time.
    """
    settling = Relax() if settling is None else settling
    areas: list[AbstractArea] = []
    plain = images  # what the layer's plain input would have been
    actual = images  # what it is with the circuits below
    for layer, stage in enumerate(network.stages):
        target = over_batches(lambda x, s=stage: jnp.maximum(s(x), 0.0), plain, batch)
        sent = eqx.filter_vmap(lambda x, y, s=stage: carried(s, x, y))
        if layer not in parameters:
            areas.append(PlainArea(stage))
            plain = sent(plain, target)
            actual = over_batches(lambda x, a=areas[-1]: a(x).sent, actual, batch)
            continue
        given = parameters[layer]
        drives = over_batches(lambda x, s=stage: jnp.maximum(s(x), 0.0), actual, batch)
        area = CircuitArea(
            stage=stage,
            drive_scale=given.contrast / _percentile(drives),
            circuit=configure(layer_circuit(given, target)),
            output_map=output_map.fit(np.ones((1, 2)), np.ones((1, 2))),
            settling=settling,
        )
        rates = over_batches(lambda x, a=area: a.settle(x).rates.E, actual, batch)
        fitted = output_map.fit(_by_map(rates), _by_map(target))
        areas.append(eqx.tree_at(lambda a: a.output_map, area, fitted))
        plain = sent(plain, target)
        actual = sent(actual, over_batches(lambda r, f=fitted: f(r), rates, batch))
    return VisualSystem(tuple(areas), network.readout)


def layer_circuit(
    parameters: CircuitParameters, outputs: Float[Array, "images maps height width"]
) -> Circuit:
    """The circuit for a layer with these outputs to ordinary images."""
    _, maps, height, width = outputs.shape
    means = jnp.mean(outputs, axis=(2, 3))
    coupling = GaussianCoupling(
        J=parameters.J,
        sigma=parameters.sigma,
        features=learned_features(means, parameters.feature_width),
        shape=(maps, height, width),
    )
    return Circuit(parameters.populations, coupling)


def _percentile(drives: Array) -> Array:
    return jnp.asarray(np.percentile(np.asarray(drives), 99), drives.dtype)


def _by_map(maps: Array) -> np.ndarray:
    return np.moveaxis(np.asarray(maps), 1, 0).reshape(maps.shape[1], -1)


def over_batches(function: Any, inputs: Array, batch: int) -> Array:
    """`vmap(function)` compiled once and applied to `batch` inputs at a time."""
    compiled = eqx.filter_jit(eqx.filter_vmap(function))
    parts: Sequence[Array] = [
        compiled(inputs[start : start + batch]) for start in range(0, len(inputs), batch)
    ]
    return jnp.concatenate(parts)
