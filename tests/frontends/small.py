"""Small networks of the pretrained families, and their weights as other programs write them."""

from functools import partial

import jax.numpy as jnp
import numpy as np

from cortex.frontends.efficientnet import Blocks, random_efficientnet
from cortex.frontends.pretrained import FAMILIES
from cortex.frontends.vgg import random_vgg16
from cortex.frontends.weights import load_into, named_arrays

SIZE = 64
WIDTHS = ((3, 4), (5, 6), (7, 8, 9), (10, 11, 12), (13, 14, 15))
BLOCKS = (Blocks(3, 1, 1, 8, 1), Blocks(3, 2, 3, 10, 2), Blocks(5, 2, 2, 12, 1))
VGG = FAMILIES["vgg16"]._replace(
    random=partial(random_vgg16, widths=WIDTHS, units=17, classes=6, size=SIZE)
)
EFFICIENTNET = FAMILIES["efficientnet_lite0"]._replace(
    random=partial(random_efficientnet, stem=8, blocks=BLOCKS, head=20, classes=6)
)


def network(family, seed=0):
    """Random weights that keep the size of rectified activity, and random biases."""
    rng, like = np.random.default_rng(seed), family.skeleton()

    def draw(shape):
        size = np.sqrt(2 / np.prod(shape[1:])) if len(shape) > 1 else 0.2
        return size * rng.normal(size=shape)

    arrays = {name: draw(leaf.shape) for name, leaf in named_arrays(like).items()}
    return load_into(like, arrays, "small")


def images(count=2, size=SIZE, seed=1):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(count, 3, size, size)), float)


def full_layers(vgg):
    return [vgg.readout.fc6, vgg.readout.fc7, vgg.readout.fc8]


def torchvision(vgg):
    """Arrays by torchvision's names."""
    found, place = {}, 0
    for stage in vgg.stages:
        place += 1 if stage.pool == 2 else 0  # the pooling has a place of its own
        found[f"features.{place}.weight"] = stage.convolution.weight
        found[f"features.{place}.bias"] = stage.convolution.bias
        place += 2
    for name, layer in zip((0, 3, 6), full_layers(vgg), strict=True):
        found[f"classifier.{name}.weight"] = layer.weight
        found[f"classifier.{name}.bias"] = layer.bias
    return {name: np.asarray(a) for name, a in found.items()}


def timm(vgg):
    """Arrays by timm's names: fc6 and fc7 are convolutions."""
    found = torchvision(vgg)
    names = {"classifier.0": "pre_logits.fc1", "classifier.3": "pre_logits.fc2"}
    names["classifier.6"] = "head.fc"
    for theirs, name in names.items():
        for part in ("weight", "bias"):
            found[f"{name}.{part}"] = found.pop(f"{theirs}.{part}")
    maps = WIDTHS[-1][-1]
    wide = found["pre_logits.fc1.weight"]
    found["pre_logits.fc1.weight"] = wide.reshape(17, maps, SIZE // 32, SIZE // 32)
    found["pre_logits.fc2.weight"] = found["pre_logits.fc2.weight"][:, :, None, None]
    return found


def frossard(vgg):
    """Arrays by Frossard's names, in TensorFlow's order."""
    groups = [f"conv{g}_{n}" for g, own in enumerate(WIDTHS, 1) for n in range(1, len(own) + 1)]
    found = {}
    for name, stage in zip(groups, vgg.stages, strict=True):
        found[f"{name}_W"] = np.einsum("oiyx->yxio", stage.convolution.weight)
        found[f"{name}_b"] = np.asarray(stage.convolution.bias)
    for name, layer in zip(("fc6", "fc7", "fc8"), full_layers(vgg), strict=True):
        found[f"{name}_W"] = np.asarray(layer.weight).T
        found[f"{name}_b"] = np.asarray(layer.bias)
    by_map = found["fc6_W"].reshape(WIDTHS[-1][-1], SIZE // 32, SIZE // 32, 17)
    found["fc6_W"] = np.einsum("cyxu->yxcu", by_map).reshape(-1, 17)
    return found


def efficientnet_sources(net):
    """Our convolutions and the names of theirs, written out."""
    (first, *blocks, head), last = net.stages, len(net.stages) - 3
    found = [(first.convolution, "_conv_stem", "_bn0")]
    for number, stage in enumerate(blocks):
        name = f"_blocks.{number}"
        if stage.expand is not None:
            found.append((stage.expand, f"{name}._expand_conv", f"{name}._bn0"))
        found.append((stage.convolution, f"{name}._depthwise_conv", f"{name}._bn1"))
        above = [*blocks, head][number + 1]
        found.append((above.project, f"{name}._project_conv", f"{name}._bn2"))
    assert name == f"_blocks.{last}"
    return [*found, (head.convolution, "_conv_head", "_bn1")]


def efficientnet_package(net, seed=3):
    """Arrays by the PyPI package's names, the normalisation unfolded at random."""
    rng = np.random.default_rng(seed)
    found = {
        "_fc.weight": net.readout.classes.weight,
        "_fc.bias": net.readout.classes.bias,
    }
    for ours, convolution, norm in efficientnet_sources(net):
        weight, bias = (np.asarray(a, float) for a in (ours.weight, ours.bias))
        mean, variance, gain = (rng.uniform(0.5, 2.0, len(bias)) for _ in range(3))
        scale = np.sqrt(variance + 1e-3) / gain
        found |= {
            f"{convolution}.weight": weight * scale[:, None, None, None],
            f"{norm}.weight": gain,
            f"{norm}.bias": bias + mean / scale,
            f"{norm}.running_mean": mean,
            f"{norm}.running_var": variance,
            f"{norm}.num_batches_tracked": np.array(7),
        }
    return {
        name: np.asarray(a, np.float32 if np.asarray(a).dtype.kind == "f" else int)
        for name, a in found.items()
    }
