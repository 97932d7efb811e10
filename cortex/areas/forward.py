"""Batches through plain stages and circuits, one compiled program a piece.

Where memory is limited, each goes through in parts that fit.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from cortex.frontends.conv import AbstractReadout, with_skip
from cortex.memory import in_parts

from .area import CircuitArea
from .by_image import by_image
from .output import AbstractOutputMap

# Stages are arguments, not constants, of what is compiled: constants would be folded.


@in_parts(shared=1)
def rectified(stage: Any, received: Array) -> Array:
    """The rectified output of a stage, (images, maps, height, width)."""
    return by_image(lambda x: jnp.maximum(stage(x), 0.0), received, stages=[stage])


@in_parts(shared=1)
def through(stages: tuple[Any, ...], received: Array) -> Array:
    """What plain stages one above the other hand on."""

    def one(x: Array) -> Array:
        for stage in stages:
            x = with_skip(stage, x, jnp.maximum(stage(x), 0.0))
        return x

    return by_image(one, received, stages=stages)


@in_parts(shared=1)
def settled(area: CircuitArea, received: Array) -> Array:
    """E rates of a circuit [Hz]; NaN where it ran away."""
    return by_image(lambda x: area.settle(x).last.E, received, stages=[area.stage])


@in_parts(shared=1)
def output_of(output_map: AbstractOutputMap, rates: Array) -> Array:
    """What a circuit sends for these E rates [Hz]."""
    return jax.vmap(output_map)(rates)


@in_parts(shared=1)
def handed_on(stage: Any, received: Array, output: Array) -> Array:
    """What a stage with this input hands on, if this is its output."""
    return by_image(lambda x, o: with_skip(stage, x, o), received, output, stages=[stage])


@in_parts(shared=2)
def logits(stages: tuple[Any, ...], readout: AbstractReadout, received: Array) -> Array:
    """Logits after two or more plain stages, the last of which the readout reads; or one."""

    def one(x: Array) -> Array:
        for stage in stages[:-1]:
            x = with_skip(stage, x, jnp.maximum(stage(x), 0.0))
        return readout(jnp.maximum(stages[-1](x), 0.0))

    return by_image(one, received, stages=stages)


@in_parts(shared=1)
def read(readout: AbstractReadout, outputs: Array) -> Array:
    """Logits for outputs of the topmost layer."""
    return jax.vmap(readout)(outputs)
