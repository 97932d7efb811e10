"""Convolutional front ends: stages that give signed maps, and a linear readout."""

import abc
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray


class ConvStage(eqx.Module):
    """Convolution (stride 1, same size, zero padding) and max pooling, before rectification.

    Pooling commutes with rectification, so that whoever owns the stage can rectify, and
    let attention act, after it.

    Attributes:
        weight: (maps, channels, side, side), side odd.
        bias: (maps,).
        pool: side of the square that is pooled [px]; 1 does not pool.
    """

    weight: Float[Array, "maps channels side side"]
    bias: Float[Array, " maps"]
    pool: int = eqx.field(static=True)

    def __call__(
        self, image: Float[Array, "channels height width"]
    ) -> Float[Array, "maps new_height new_width"]:
        """The net input I of every map, may be negative."""
        margin = self.weight.shape[-1] // 2
        maps = jax.lax.conv_general_dilated(
            image[None],
            self.weight,
            (1, 1),
            ((margin, margin), (margin, margin)),
            dimension_numbers=("NCHW", "OIHW", "NCHW"),
        )[0]
        maps = maps + self.bias[:, None, None]
        if self.pool == 1:
            return maps
        window = (1, self.pool, self.pool)
        return jax.lax.reduce_window(maps, -jnp.inf, jax.lax.max, window, window, "VALID")

    @classmethod
    def random(
        cls, key: PRNGKeyArray, maps: int, channels: int, side: int, pool: int
    ) -> "ConvStage":
        """He-normal weights for rectified inputs, zero bias."""
        scale = jnp.sqrt(2.0 / (channels * side * side))
        weight = scale * jax.random.normal(key, (maps, channels, side, side))
        return cls(weight, jnp.zeros(maps), pool)


class AbstractReadout(eqx.Module):
    """What stands above the last area."""

    @abc.abstractmethod
    def units(self, maps: Float[Array, "maps height width"]) -> Float[Array, " units"]:
        """The units before the last layer, which detectors read too."""

    @abc.abstractmethod
    def __call__(self, maps: Float[Array, "maps height width"]) -> Float[Array, " classes"]:
        """One logit a class."""


class Readout(AbstractReadout):
    """One hidden layer and linear classes, on the last area's output averaged over squares.

    Attributes:
        hidden_weight: (units, pooled maps).
        hidden_bias: (units,).
        weight: (classes, units).
        bias: (classes,).
        pool: side of the squares that are averaged [px]; what does not fill one is left out.
    """

    hidden_weight: Float[Array, "units pooled"]
    hidden_bias: Float[Array, " units"]
    weight: Float[Array, "classes units"]
    bias: Float[Array, " classes"]
    pool: int = eqx.field(static=True)

    def units(self, maps: Float[Array, "maps height width"]) -> Float[Array, " units"]:
        """The rectified hidden units, which detectors read too."""
        pooled = pooled_units(maps, self.pool)
        return jnp.maximum(self.hidden_weight @ pooled + self.hidden_bias, 0.0)

    def __call__(self, maps: Float[Array, "maps height width"]) -> Float[Array, " classes"]:
        """One logit a class."""
        return self.weight @ self.units(maps) + self.bias

    @classmethod
    def random(
        cls, key: PRNGKeyArray, pooled: int, units: int, classes: int, pool: int
    ) -> "Readout":
        """He-normal hidden weights, everything else zero."""
        hidden = jnp.sqrt(2.0 / pooled) * jax.random.normal(key, (units, pooled))
        return cls(hidden, jnp.zeros(units), jnp.zeros((classes, units)), jnp.zeros(classes), pool)


def pooled_units(maps: Float[Array, "maps height width"], pool: int) -> Float[Array, " units"]:
    """Averages over `pool` x `pool` squares, flattened."""
    features, height, width = maps.shape
    rows, columns = height // pool, width // pool
    squares = maps[:, : rows * pool, : columns * pool]
    squares = squares.reshape(features, rows, pool, columns, pool)
    return squares.mean(axis=(2, 4)).ravel()


def carried(
    stage: Callable[..., Any],
    received: Float[Array, "channels height width"],
    output: Float[Array, "maps new_height new_width"],
) -> Float[Array, "sent new_height new_width"]:
    """What a stage with this output hands on: the output, unless it has a method `carry`.

    Stages with connections around them carry what they received along, as further maps.
    """
    carry = getattr(stage, "carry", None)
    return output if carry is None else carry(received, output)


class ConvNetwork(eqx.Module):
    """A plain network: rectified stages, then a readout.

    Attributes:
        stages: from the image upwards; each gives signed maps, see `ConvStage`.
        readout: on the last stage.
    """

    stages: tuple[Callable[..., Any], ...]
    readout: AbstractReadout

    def __call__(self, image: Float[Array, "channels height width"]) -> Any:
        """One logit a class."""
        for stage in self.stages:
            image = carried(stage, image, jnp.maximum(stage(image), 0.0))
        return self.readout(image)
