"""A convolutional network, and attention to it, as plain NumPy float64 programs.

Written from the equations of science.md section 4 alone; nothing of it is shared with cortex.
A network is a list of stages (weight, bias, pool), an image (channels, height, width).
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

# The network.


def convolve(image, weight, bias=0.0, stride=1, groups=1):
    """Zeros around as TensorFlow has them; no flip of the filters, as is usual in networks."""
    side = weight.shape[-1]
    pads = [(0, 0)]
    for length in image.shape[1:]:
        whole = max((-(-length // stride) - 1) * stride + side - length, 0)
        pads.append((whole // 2, whole - whole // 2))
    patches = sliding_window_view(np.pad(image, pads), (side, side), axis=(1, 2))
    patches = patches[:, ::stride, ::stride]
    patches = patches.reshape(groups, -1, *patches.shape[1:])
    kernels = weight.reshape(groups, -1, *weight.shape[1:])
    maps = np.einsum("gcyxij,gmcij->gmyx", patches, kernels, optimize=True)
    return maps.reshape(-1, *maps.shape[2:]) + np.reshape(bias, (-1, 1, 1))


def over_squares(function, maps, side):
    """`function` of every full square of `side` x `side`; what is left over is dropped."""
    count, rows, columns = len(maps), *(length // side for length in maps.shape[1:])
    full = maps[:, : rows * side, : columns * side]
    return function(full.reshape(count, rows, side, columns, side), axis=(2, 4))


def net_input(image, stage):
    weight, bias, pool = stage
    return over_squares(np.max, convolve(image, weight, bias), pool)


def layers(image, stages):
    """Rectified output of every stage."""
    out = []
    for stage in stages:
        image = np.maximum(net_input(image, stage), 0)
        out.append(image)
    return out


def units(maps, hidden_weight, hidden_bias, pool):
    pooled = over_squares(np.mean, maps, pool).ravel()
    return np.maximum(hidden_weight @ pooled + hidden_bias, 0)


# Values that attention is applied by (science.md 4.1).


def tuning_values(responses, labels, categories):
    """`responses` (images, maps): spatial means."""
    values = np.zeros((categories, responses.shape[1]))
    for c in range(categories):
        mine = responses[labels == c]
        values[c] = (mine.mean(axis=0) - responses.mean(axis=0)) / responses.std(axis=0)
    return values


def cross_entropy(logit, present):
    """Of a binary logistic detector."""
    says_yes = 1 / (1 + np.exp(-logit))
    return -np.log(says_yes if present else 1 - says_yes)


def error_slopes(errors, output, step=1e-6):
    """dE/dx averaged over the places of each map, by central differences.

    `errors` gives E of every category for an output (maps, height, width) of the layer;
    the result is (categories, maps).
    """
    maps, height, width = output.shape
    rows = []
    for f in range(maps):
        change = np.zeros_like(output)
        change[f] = step
        rows.append((errors(output + change) - errors(output - change)) / (2 * step))
    return np.stack(rows, axis=1) / (height * width)


# Forms of attention (science.md 4.2).


def multiplied(net, pattern, bidirectional):
    """(1 + pattern) [I]_+, the factor not below 0; `pattern` has the shape of `net`."""
    pattern = pattern if bidirectional else np.maximum(pattern, 0)
    return np.maximum(1 + pattern, 0) * np.maximum(net, 0)


def added(net, pattern, scale, bidirectional):
    """[I + scale pattern]_+."""
    pattern = pattern if bidirectional else np.maximum(pattern, 0)
    return np.maximum(net + scale * pattern, 0)


def pattern(values, beta, mask, spatial_beta):
    """beta f + beta_s s; `values` (maps,), `mask` (height, width)."""
    return beta * values[:, None, None] + spatial_beta * mask
