"""VGG-16, configuration D of Simonyan & Zisserman 2015: 13 convolutional layers to attend in."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.frontends.conv import AbstractReadout, ConvNetwork
from cortex.frontends.layers import Convolution, Linear, max_pool
from cortex.frontends.weight_layouts import Layout, Shapes, shapes_of
from cortex.stimuli.image_files import IMAGENET_MEAN, IMAGENET_STD, Preprocessing

WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))


def layer_names(widths: tuple[tuple[int, ...], ...]) -> tuple[str, ...]:
    """conv1_1, conv1_2, conv2_1, ...: group and layer, for the maps of each layer by group."""
    return tuple(
        f"conv{group}_{layer}"
        for group, maps in enumerate(widths, 1)
        for layer in range(1, len(maps) + 1)
    )


LAYERS = layer_names(WIDTHS)


class VGGStage(eqx.Module):
    """Max pooling, on the first layer of a group, and a 3 x 3 convolution.

    Pooling belongs to the layer above it, so that an area has the maps of its layer at full
    size, as attention is applied in Lindsay & Miller 2018.

    Attributes:
        convolution: of stride 1.
        pool: side of the squares pooled first [px]; 1 does not pool.
    """

    convolution: Convolution
    pool: int = eqx.field(static=True)

    def __call__(
        self, received: Float[Array, "channels height width"]
    ) -> Float[Array, "maps new_height new_width"]:
        """The net input I of every map, may be negative."""
        return self.convolution(received if self.pool == 1 else max_pool(received, self.pool))


class VGGReadout(AbstractReadout):
    """Max pooling and three layers, each of which sees all of the one below.

    Attributes:
        fc6: on the pooled maps, flattened by map, row and column.
        fc7: on the rectified units of fc6.
        fc8: classes.
    """

    fc6: Linear
    fc7: Linear
    fc8: Linear

    def units(self, maps: Float[Array, "maps height width"]) -> Float[Array, " units"]:
        """The rectified units of fc7, 4,096 in the published network."""
        hidden = jnp.maximum(self.fc6(max_pool(maps, 2).ravel()), 0.0)
        return jnp.maximum(self.fc7(hidden), 0.0)

    def __call__(self, maps: Float[Array, "maps height width"]) -> Float[Array, " classes"]:
        """One logit a class."""
        return self.fc8(self.units(maps))


def random_vgg(
    key: PRNGKeyArray,
    widths: tuple[tuple[int, ...], ...],
    units: int,
    classes: int,
    size: int,
    channels: int = 3,
) -> ConvNetwork:
    """A network of VGG's kind with random weights: groups of 3 x 3 layers, pooling between them.

    Args:
        key: of the weights.
        widths: maps of each layer, by group.
        units: of fc6 and of fc7.
        classes: of fc8.
        size: side of the images [px]; a power of 2 for every group divides it.
        channels: of the images.
    """
    stages: list[VGGStage] = []
    for group, maps_of_group in enumerate(widths):
        for layer, maps in enumerate(maps_of_group):
            own = jax.random.fold_in(key, len(stages))
            pool = 2 if group > 0 and layer == 0 else 1
            stages.append(VGGStage(Convolution.random(own, maps, channels, 3), pool))
            channels = maps
    keys = jax.random.split(jax.random.fold_in(key, len(stages)), 3)
    inputs = channels * (size // 2 ** len(widths)) ** 2
    sizes = zip(keys, (units, units, classes), (inputs, units, units), strict=True)
    readout = VGGReadout(*(Linear.random(*row) for row in sizes))
    return ConvNetwork(stages, readout, layer_names(widths))


def random_vgg16(
    key: PRNGKeyArray,
    widths: tuple[tuple[int, ...], ...] = WIDTHS,
    units: int = 4096,
    classes: int = 1000,
    size: int = 224,
) -> ConvNetwork:
    """VGG-16 with random weights; smaller `widths` and sizes for tests. See `random_vgg`."""
    return random_vgg(key, widths, units, classes, size)


_TORCHVISION = Preprocessing(
    size=224, resize=256, filter="bilinear", mean=IMAGENET_MEAN, std=IMAGENET_STD
)
# As the author's program prepares images: squeezed to 224 x 224, the mean taken away.
_FROSSARD = Preprocessing(
    size=224, resize=None, filter="bilinear", mean=(123.68, 116.779, 103.939), std=(1.0, 1.0, 1.0)
)
_FULL = ("fc6", "fc7", "fc8")
# Positions of the convolutions in torchvision's list of convolutions, ReLUs and poolings.
_FEATURES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28)


def _targets() -> tuple[str, ...]:
    stages = (f"stages.{number}.convolution" for number in range(len(LAYERS)))
    return (*stages, *(f"readout.{name}" for name in _FULL))


def _named_layout(
    name: str, full: tuple[str, str, str], kernels: Mapping[str, int], preprocessing: Preprocessing
) -> Layout:
    """A layout of PyTorch, whose full layers `full` may be convolutions of the side `kernels`."""
    theirs = dict(zip(_targets(), (*(f"features.{n}" for n in _FEATURES), *full), strict=True))

    def expected(like: Any) -> Shapes:
        found: Shapes = {}
        for ours, source in theirs.items():
            shapes = shapes_of(like)
            weight = shapes[f"{ours}.weight"]
            if source in kernels:
                side = kernels[source] or round((weight[1] / _top_maps(like)) ** 0.5)
                weight = (weight[0], weight[1] // side**2, side, side)
            found |= {f"{source}.weight": weight, f"{source}.bias": shapes[f"{ours}.bias"]}
        return found

    def build(arrays: Mapping[str, np.ndarray], like: Any) -> dict[str, np.ndarray]:
        # A convolution over all of its input sums map by map, row by row, as a flat layer.
        return {
            f"{ours}.{part}": arrays[f"{source}.{part}"].reshape(shapes_of(like)[f"{ours}.{part}"])
            for ours, source in theirs.items()
            for part in ("weight", "bias")
        }

    return Layout(name, expected, build, preprocessing)


def _top_maps(like: Any) -> int:
    return shapes_of(like)[f"stages.{len(LAYERS) - 1}.convolution.weight"][0]


def _frossard() -> Layout:
    """TensorFlow's order: convolutions (row, column, channel, map), full layers (input, unit)."""
    theirs = dict(zip(_targets(), (*LAYERS, *_FULL), strict=True))

    def expected(like: Any) -> Shapes:
        found: Shapes = {}
        for ours, source in theirs.items():
            weight = shapes_of(like)[f"{ours}.weight"]
            turned = (*weight[2:], *weight[1::-1])
            found |= {f"{source}_W": turned, f"{source}_b": weight[:1]}
        return found

    def build(arrays: Mapping[str, np.ndarray], like: Any) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for ours, source in theirs.items():
            weight = arrays[f"{source}_W"]
            if source == "fc6":  # its inputs come row by row with the map last
                maps = _top_maps(like)
                side = round((weight.shape[0] / maps) ** 0.5)
                weight = weight.reshape(side, side, maps, -1).transpose(3, 2, 0, 1)
                weight = weight.reshape(len(weight), -1)
            else:
                weight = weight.transpose(3, 2, 0, 1) if weight.ndim == 4 else weight.T
            found |= {f"{ours}.weight": weight, f"{ours}.bias": arrays[f"{source}_b"]}
        return found

    return Layout("frossard", expected, build, _FROSSARD)


LAYOUTS = (
    _named_layout(
        "torchvision", ("classifier.0", "classifier.3", "classifier.6"), {}, _TORCHVISION
    ),
    _named_layout(
        "timm",
        ("pre_logits.fc1", "pre_logits.fc2", "head.fc"),
        {"pre_logits.fc1": 0, "pre_logits.fc2": 1},  # 0: of the side of the maps
        _TORCHVISION,
    ),
    _frossard(),
)
