"""Front ends: layers that give signed maps, and a readout; of this package or of any callables."""

import abc
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.errors import UserError

from .layer_names import layer_index, numbered


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


def with_skip(
    stage: Callable[..., Any],
    input: Float[Array, "channels height width"],
    output: Float[Array, "maps new_height new_width"],
) -> Float[Array, "all new_height new_width"]:
    """What a stage with this input and output hands on: the output, unless it has a `carry`.

    Stages with skip connections carry their input past themselves, as further maps: their method
    `carry(input, output)` gives both.
    """
    carry = getattr(stage, "carry", None)
    return output if carry is None else carry(input, output)


class FunctionReadout(AbstractReadout):
    """Any function from the last layer's maps to logits.

    What lies inside a function cannot be seen, so that detectors read what it gives; of an
    `equinox.nn.Sequential` they read what its last layer receives.

    Attributes:
        function: from maps (maps, height, width) to logits (classes,).
    """

    function: Callable[..., Any]

    def units(self, maps: Float[Array, "maps height width"]) -> Float[Array, " units"]:
        """What detectors read, as one row."""
        if isinstance(self.function, eqx.nn.Sequential):
            return jnp.ravel(self.function[:-1](maps))
        return jnp.ravel(self.function(maps))

    def __call__(self, maps: Float[Array, "maps height width"]) -> Any:
        """One logit a class."""
        return self.function(maps)


class ConvNetwork(eqx.Module):
    """Rectified layers one above the other, then a readout: any callables.

    A layer takes one image or the maps below, (channels, height, width), and gives the net
    input of its own maps, (maps, new height, new width), which is then rectified; one that
    rectifies by itself stays as it is. equinox modules are layers as they stand; of Flax and
    others write `lambda x: model.apply(parameters, x)`.

    Attributes:
        stages: the layers, from the image upwards.
        readout: of the last layer's maps.
        names: of the layers.
        preprocessing: what a pretrained network expects of its images, a
            `cortex.stimuli.image_files.Preprocessing`; None for images as they are.
    """

    stages: tuple[Callable[..., Any], ...]
    readout: AbstractReadout
    names: tuple[str, ...] = eqx.field(static=True)
    preprocessing: Any = eqx.field(static=True)

    def __init__(
        self,
        layers: Mapping[str, Any] | Sequence[Any],
        readout: Any,
        names: Sequence[str] | None = None,
        preprocessing: Any = None,
    ):
        """Put layers one above the other.

        Args:
            layers: from the image upwards; a dictionary names them.
            readout: from the last layer's maps to logits: a function, or a readout of this
                package, whose hidden units detectors can read.
            names: of the layers of a list; conv1, conv2, ... by default.
            preprocessing: of the images; none by default.

        Raises:
            UserError: something that cannot be called, or names that do not fit.
        """
        if isinstance(layers, Mapping):
            names, layers = tuple(layers), tuple(layers.values())
        self.stages, self.preprocessing = tuple(layers), preprocessing
        self.names = numbered(len(self.stages)) if names is None else tuple(names)
        if not self.stages:
            raise UserError("layers: found none, allowed: one or more callables")
        if len(set(self.names)) != len(self.stages):
            raise UserError(
                f"names: found {', '.join(self.names)} for {len(self.stages)} layers, allowed: "
                "one a layer, all different"
            )
        for name, layer in zip(self.names, self.stages, strict=True):
            if not callable(layer):
                raise UserError(
                    f"layer {name}: found {type(layer).__name__}, allowed: a callable from maps "
                    "to maps"
                )
        if not callable(readout):
            raise UserError(
                f"readout: found {type(readout).__name__}, allowed: a callable from maps to logits"
            )
        if not isinstance(readout, AbstractReadout):
            readout = FunctionReadout(readout)
        self.readout = readout

    def index(self, layer: str | int) -> int:
        """Where a layer stands, 0 the lowest, by its name or its number from 1."""
        return layer_index(self.names, layer)

    def __call__(self, image: Float[Array, "channels height width"]) -> Any:
        """One logit a class."""
        for stage in self.stages:
            image = with_skip(stage, image, jnp.maximum(stage(image), 0.0))
        return self.readout(image)
