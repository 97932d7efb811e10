"""A convolutional network, and attention to it, as plain NumPy float64 programs.

Written from the equations of science.md section 4 alone; nothing of it is shared with cortex.
A network is a list of stages (weight, bias, pool), an image (channels, height, width).
"""

import numpy as np

# The network.


def convolve(image, weight, bias):
    """Same size, zero padding, stride 1; no flip of the filters, as is usual in networks."""
    maps, channels, side, _ = weight.shape
    _, height, width = image.shape
    margin = side // 2
    out = np.zeros((maps, height, width))
    for f in range(maps):
        for y in range(height):
            for x in range(width):
                total = bias[f]
                for c in range(channels):
                    for dy in range(side):
                        for dx in range(side):
                            row, column = y + dy - margin, x + dx - margin
                            if 0 <= row < height and 0 <= column < width:
                                total += weight[f, c, dy, dx] * image[c, row, column]
                out[f, y, x] = total
    return out


def over_squares(function, maps, side):
    """`function` of every full square of `side` x `side`; what is left over is dropped."""
    count, height, width = maps.shape
    out = np.zeros((count, height // side, width // side))
    for f in range(count):
        for y in range(height // side):
            for x in range(width // side):
                square = maps[f, y * side : (y + 1) * side, x * side : (x + 1) * side]
                out[f, y, x] = function(square)
    return out


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


def gradient_values(slopes, labels, balanced):
    """Minus the mean of `slopes` (images, categories, maps) over a set of images.

    Over the images of the category, or with half of the weight on them and half on the others.
    """
    values = np.zeros(slopes.shape[1:])
    for c in range(slopes.shape[1]):
        inside = slopes[labels == c, c].mean(axis=0)
        outside = slopes[labels != c, c].mean(axis=0)
        values[c] = -(inside + outside) / 2 if balanced else -inside
    return values


# Forms of attention (science.md 4.2).


def multiplied(net, pattern, bidirectional):
    """(1 + pattern) [I]_+, the factor not below 0; `pattern` has the shape of `net`."""
    pattern = pattern if bidirectional else np.maximum(pattern, 0)
    return np.maximum(1 + pattern, 0) * np.maximum(net, 0)


def added(net, pattern, scale, bidirectional):
    """[I + scale pattern]_+."""
    pattern = pattern if bidirectional else np.maximum(pattern, 0)
    return np.maximum(net + scale * pattern, 0)


def pattern(values, beta, mask, spatial_beta, shape):
    """beta f + beta_s s, entry by entry; `values` (maps,), `mask` (height, width)."""
    out = np.zeros(shape)
    for f in range(shape[0]):
        for y in range(shape[1]):
            for x in range(shape[2]):
                out[f, y, x] = beta * values[f] + spatial_beta * mask[y, x]
    return out
