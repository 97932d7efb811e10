"""EfficientNet-Lite0: a small network of ImageNet, with 18 rectified layers to attend in.

Tan & Le 2019, in the variant without squeeze-and-excitation and with rectification that
saturates at 6. The layers to attend in are the stem, the depthwise layer of each of the 16
blocks, and the head. Batch normalisation is folded into weights and biases.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.frontends.conv import AbstractReadout, ConvNetwork
from cortex.frontends.layers import Convolution, Linear
from cortex.frontends.weight_layouts import Layout, Shapes, shapes_of
from cortex.stimuli.image_files import Preprocessing

SATURATION = 6.0


class Blocks(NamedTuple):
    """Blocks of one kind, one after the other.

    Attributes:
        side: of the depthwise kernel [px].
        stride: of the first of the blocks [px]; 1 in the others.
        expansion: maps of the depthwise layer for each of the block's input.
        maps: of the block's output.
        repeats: how many blocks.
    """

    side: int
    stride: int
    expansion: int
    maps: int
    repeats: int


BLOCKS = (
    Blocks(3, 1, 1, 16, 1),
    Blocks(3, 2, 6, 24, 2),
    Blocks(5, 2, 6, 40, 2),
    Blocks(3, 2, 6, 80, 3),
    Blocks(5, 1, 6, 112, 3),
    Blocks(5, 2, 6, 192, 4),
    Blocks(3, 1, 6, 320, 1),
)
STEM, HEAD = 32, 1280
LAYERS = ("stem", *(f"block{number}" for number in range(1, 17)), "head")


class BlockStage(eqx.Module):
    """From the activity of one rectified layer to the net input of the next.

    The activity below is projected to few maps, which with the input of the block below, where
    that is added, are the block's input; they are expanded, rectified and filtered.

    The net input saturates at 6 before the area rectifies it, and before attention acts on it.

    Attributes:
        project: ends the block below; none in the stem and in the first block.
        expand: to the maps that are filtered; none where there is nothing to expand.
        convolution: the depthwise layer, or the only one of the stem and of the head.
        adds: the block below adds its input, which is received after the activity, to its
            output.
        carries: this block's input is handed on, to be added by the stage above.
        few_at_a_time: fastest with as many images at a time as stay in the caches of a CPU.
    """

    project: Convolution | None
    expand: Convolution | None
    convolution: Convolution
    adds: bool = eqx.field(static=True)
    carries: bool = eqx.field(static=True)
    few_at_a_time: ClassVar[bool] = True

    def block_input(
        self, received: Float[Array, "channels height width"]
    ) -> Float[Array, "maps height width"]:
        """What the block's layers, and the connection around them, start from."""
        if self.project is None:
            return received
        if not self.adds:
            return self.project(received)
        active = self.project.weight.shape[1]
        return self.project(received[:active]) + received[active:]

    def __call__(
        self, received: Float[Array, "channels height width"]
    ) -> Float[Array, "maps new_height new_width"]:
        """The net input I of every map, at most 6, may be negative."""
        maps = self.block_input(received)
        if self.expand is not None:
            maps = jnp.clip(self.expand(maps), 0.0, SATURATION)
        return jnp.minimum(self.convolution(maps), SATURATION)

    def carry(
        self,
        received: Float[Array, "channels height width"],
        output: Float[Array, "maps new_height new_width"],
    ) -> Float[Array, "sent new_height new_width"]:
        """The output, followed by the block's input where the stage above adds it."""
        if not self.carries:
            return output
        return jnp.concatenate([output, self.block_input(received)])


class MeanReadout(AbstractReadout):
    """The mean of every map, and linear classes.

    Attributes:
        classes: on the means.
    """

    classes: Linear

    def units(self, maps: Float[Array, "maps height width"]) -> Float[Array, " maps"]:
        """The mean of every map over its places, 1,280 in the published network."""
        return jnp.mean(maps, axis=(1, 2))

    def __call__(self, maps: Float[Array, "maps height width"]) -> Float[Array, " classes"]:
        """One logit a class."""
        return self.classes(self.units(maps))


def random_efficientnet(
    key: PRNGKeyArray,
    stem: int = STEM,
    blocks: tuple[Blocks, ...] = BLOCKS,
    head: int = HEAD,
    classes: int = 1000,
) -> ConvNetwork:
    """EfficientNet-Lite0 with random weights.

    Args:
        key: of the weights.
        stem: maps of the first layer.
        blocks: kinds of blocks; fewer and smaller ones for tests.
        head: maps of the last layer.
        classes: of the readout.
    """
    keys = iter(jax.random.split(key, 3 * sum(kind.repeats for kind in blocks) + 4))
    stages = [BlockStage(None, None, Convolution.random(next(keys), stem, 3, 3, 2), False, False)]
    below, channels, adds = None, stem, False  # active maps below, the block's input
    for kind in blocks:
        for repeat in range(kind.repeats):
            stride = kind.stride if repeat == 0 else 1
            wide = channels * kind.expansion
            project = None if below is None else Convolution.random(next(keys), channels, below, 1)
            expand = (
                None if kind.expansion == 1 else Convolution.random(next(keys), wide, channels, 1)
            )
            filters = Convolution.random(next(keys), wide, wide, kind.side, stride, groups=wide)
            carries = stride == 1 and channels == kind.maps
            stages.append(BlockStage(project, expand, filters, adds, carries))
            below, channels, adds = wide, kind.maps, carries
    assert below is not None
    project = Convolution.random(next(keys), channels, below, 1)
    top = Convolution.random(next(keys), head, channels, 1)
    stages.append(BlockStage(project, None, top, adds, False))
    names = ("stem", *(f"block{number}" for number in range(1, len(stages) - 1)), "head")
    return ConvNetwork(stages, MeanReadout(Linear.random(next(keys), classes, head)), names)


_EPSILON = 1e-3  # of the batch normalisation, as trained
_NORM = ("weight", "bias", "running_mean", "running_var")


def _sources(like: Any) -> dict[str, tuple[str, str]]:
    """Our convolutions, and the names of theirs and of its batch normalisation."""
    last = len(like.stages) - 1
    found = {}
    for number, stage in enumerate(like.stages):
        block = f"_blocks.{number - 1}"
        names = {
            "project": (f"_blocks.{number - 2}._project_conv", f"_blocks.{number - 2}._bn2"),
            "expand": (f"{block}._expand_conv", f"{block}._bn0"),
            "convolution": (f"{block}._depthwise_conv", f"{block}._bn1"),
        }
        if number in (0, last):
            names["convolution"] = ("_conv_stem", "_bn0") if number == 0 else ("_conv_head", "_bn1")
        for part, theirs in names.items():
            if getattr(stage, part) is not None:
                found[f"stages.{number}.{part}"] = theirs
    return found


def _expected(like: Any) -> Shapes:
    shapes = shapes_of(like)
    found = {f"_fc.{part}": shapes[f"readout.classes.{part}"] for part in ("weight", "bias")}
    for ours, (convolution, norm) in _sources(like).items():
        found[f"{convolution}.weight"] = shapes[f"{ours}.weight"]
        found |= {f"{norm}.{part}": shapes[f"{ours}.bias"] for part in _NORM}
    return found


def _build(arrays: Mapping[str, np.ndarray], like: Any) -> dict[str, np.ndarray]:
    found = {f"readout.classes.{part}": arrays[f"_fc.{part}"] for part in ("weight", "bias")}
    for ours, (convolution, norm) in _sources(like).items():
        weight = arrays[f"{convolution}.weight"].astype(float)
        gain, bias, mean, variance = (arrays[f"{norm}.{part}"].astype(float) for part in _NORM)
        gain = gain / np.sqrt(variance + _EPSILON)
        found[f"{ours}.weight"] = weight * gain[:, None, None, None]
        found[f"{ours}.bias"] = bias - mean * gain
    return found


LAYOUTS = (
    Layout(
        "efficientnet_lite_pytorch",
        _expected,
        _build,
        Preprocessing(size=224, resize=256, filter="bicubic", mean=(127.0,) * 3, std=(128.0,) * 3),
        ignored=".num_batches_tracked",
    ),
)
