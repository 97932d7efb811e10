"""Whether a network's layers fit each other and the images; nothing is computed."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from cortex.errors import UserError

from .conv import ConvNetwork, with_skip


def check_layers(network: ConvNetwork, images: Any) -> None:
    """Follow one image through the shapes of all layers; nothing is computed.

    Raises:
        UserError: what are no images, or a layer or readout that gives something else than maps
            or logits.
    """
    shape = np.shape(images)
    if len(shape) != 4 or not len(images):
        raise UserError(
            f"images: found shape {shape}, allowed: (images, channels, height, width), 1 or more"
        )

    def outcome(function: Any, argument: str, *inputs: Any) -> Any:
        try:
            return eqx.filter_eval_shape(function, *inputs)
        except Exception as error:
            found = tuple(np.shape(inputs[0]))
            first_line = str(error).strip().splitlines()[0] if str(error).strip() else "no reason"
            raise UserError(
                f"{argument}: cannot take {found}: {type(error).__name__}: {first_line}"
            ) from error

    maps: Any = jax.ShapeDtypeStruct(shape[1:], jnp.result_type(float))
    for name, stage in zip(network.names, network.stages, strict=True):
        below, maps = maps, outcome(stage, f"layer {name}", maps)
        if len(np.shape(maps)) != 3:
            raise UserError(
                f"layer {name}: found output {_described(maps)} for an input of {below.shape}, "
                "allowed: (maps, height, width)"
            )
        maps = outcome(lambda x, y, s=stage: with_skip(s, x, y), f"layer {name}", below, maps)
    logits = outcome(network.readout.__call__, "readout", maps)
    if len(np.shape(logits)) != 1:
        raise UserError(
            f"readout: found output {_described(logits)} for maps of {maps.shape}, "
            "allowed: (classes,)"
        )


def _described(output: Any) -> str:
    shape = getattr(output, "shape", None)
    return type(output).__name__ if shape is None else f"of shape {shape}"
