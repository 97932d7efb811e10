"""Saliency and shifts of attention in plain float64 NumPy, by other means than the package.

Whole kernels instead of separable matrices, `numpy.interp`, loops over places, and time steps
instead of the exact time of the winner.
"""

import numpy as np
from scipy.ndimage import correlate, correlate1d


def reduce(image):
    """Blur with (1, 3, 3, 1)/8 and keep every other place; the taps reach one place back."""
    for axis in (0, 1):
        # scipy centres four taps on the third; origin -1 puts that a place earlier.
        image = correlate1d(image, np.array([1, 3, 3, 1]) / 8, axis, mode="nearest", origin=-1)
    return image[::2, ::2]


def expand(image, factor, shape):
    for axis, size in enumerate(shape):
        at = (np.arange(size) + 0.5) / factor - 0.5
        given = np.arange(image.shape[axis])
        image = np.apply_along_axis(
            lambda v, at=at, given=given: np.interp(at, given, v), axis, image
        )
    return image


def pyramid(image, top):
    levels = [image]
    for _ in range(top):
        levels.append(reduce(levels[-1]))
    return levels


def gabors():
    y, x = np.mgrid[-5:6, -5:6]
    envelope = np.exp(-(x**2 + y**2) / 8.0)
    pairs = []
    for theta in np.deg2rad([0, 45, 90, 135]):
        # y falls downwards, so that up is -y; the wave runs across the bars.
        phase = 2 * np.pi / 5 * (-np.sin(theta) * x + np.cos(theta) * -y)
        even = envelope * np.cos(phase)
        even -= envelope * even.sum() / envelope.sum()
        pairs.append((2 / envelope.sum() * even, 2 / envelope.sum() * envelope * np.sin(phase)))
    return pairs


def bars(grey):
    return [
        np.hypot(correlate(grey, even, mode="nearest"), correlate(grey, odd, mode="nearest"))
        for even, odd in gabors()
    ]


def colours(image):
    grey = image.mean(0)
    seen = (grey > grey.max() / 10) & (grey > 0)
    r, g, b = np.where(seen, image / np.where(seen, grey, 1), 0)
    red, green, blue = (
        np.maximum(c - (d + e) / 2, 0) for c, d, e in ((r, g, b), (g, r, b), (b, r, g))
    )
    yellow = np.maximum(np.minimum(r, g) - b, 0)
    return red - green, blue - yellow


def norm(x, least=0.05):
    height, width = x.shape
    peaks = [
        x[i, j]
        for i in range(height)
        for j in range(width)
        if x[i, j] > least
        and x[i, j] >= x[max(i - 1, 0) : i + 2, max(j - 1, 0) : j + 2].max() - 1e-5
    ]
    peaks.sort()
    mean = np.mean(peaks[:-1]) if len(peaks) > 1 else 0.0
    return x * (x.max() - mean) ** 2


def iterative(x, iterations=10):
    height, width = x.shape
    rows, columns = np.mgrid[:height, :width]

    def gaussian(share):
        s = share * width
        square = (rows[:, :, None, None] - rows) ** 2 + (columns[:, :, None, None] - columns) ** 2
        weights = np.exp(-square / (2 * s * s))
        return weights / weights.sum((2, 3), keepdims=True)

    kernel = 0.25 * gaussian(0.02) - 2.25 * gaussian(0.25)
    for _ in range(iterations):
        x = np.maximum(x + np.tensordot(kernel, x, 2) - 0.02, 0)
    return x


def saliency(image, previous, pairs, output, features, channels, floor=0.01):
    """Feature maps, conspicuity maps, saliency map; `features`, `channels`: the weights."""
    top = max(s for _, s in pairs)
    now = [pyramid(x, top) for x in (image.mean(0), *colours(image))]
    before = pyramid(previous.mean(0), top)
    now_bars, old_bars = [bars(x) for x in now[0]], [bars(x) for x in before]
    shape = now[0][output].shape
    found = np.zeros((15, *shape))

    def difference(levels, c, s):
        return levels[c] - expand(levels[s], 2 ** (s - c), levels[c].shape)

    def moved(x, down, right):
        return np.pad(x, 1, mode="edge")[
            1 - down : x.shape[0] + 1 - down, 1 - right : x.shape[1] + 1 - right
        ]

    def motion(level, orientation, down, right):
        a, b = now_bars[level][orientation], old_bars[level][orientation]
        return np.sqrt(np.maximum(a * moved(b, down, right) - b * moved(a, down, right), 0))

    def bring(x, c):
        if c > output:
            return expand(x, 2 ** (c - output), shape)
        for _ in range(output - c):
            x = reduce(x)
        return x

    stacks = [[now_bars[level][k] for level in range(top + 1)] for k in range(4)]
    stacks.append([abs(a - b) for a, b in zip(now[0], before, strict=True)])
    for orientation, down, right in ((2, 0, 1), (0, -1, 0), (2, 0, -1), (0, 1, 0)):
        stacks.append([motion(level, orientation, down, right) for level in range(top + 1)])
    for c, s in pairs:
        for k in range(3):
            signed = difference(now[k], c, s)
            scale = max(abs(signed).max(), floor)
            for half, sign in enumerate((1, -1)):
                found[2 * k + half] += bring(norm(np.maximum(sign * signed, 0) / scale), c)
        contrasts = [abs(difference(stack, c, s)) for stack in stacks]
        for k, contrast in enumerate(contrasts):
            # Directions of motion are scaled together, all else by itself.
            scale = max(one.max() for one in (contrasts[5:] if k >= 5 else [contrast]))
            found[6 + k] += bring(norm(contrast / max(scale, floor)), c)
    largest = max(found[11:].max(), floor)
    for k in (6, 7, 8, 9, 11, 12, 13, 14):
        found[k] = norm(found[k] / (largest if k > 10 else max(found[k].max(), floor)))
    groups = ((0, 1), (2, 3, 4, 5), (6, 7, 8, 9), (10,), (11, 12, 13, 14))
    conspicuity = []
    for group in groups:
        total = sum(features[k] * found[k] for k in group)
        conspicuity.append(norm(total / max(total.max(), floor)))
    return (
        found,
        np.array(conspicuity),
        sum(w * c for w, c in zip(channels, conspicuity, strict=True)),
    )


def scan(saliency, shifts, step=0.01, tau=500.0, threshold=0.1, spread=1 / 12, recovery=900.0):
    """Places (row, column) in pixels and times [ms], by Euler steps of the leaky units."""
    x = saliency / saliency.max()
    height, width = x.shape
    rows, columns = np.mgrid[:height, :width]
    inhibition, time, found = np.zeros_like(x), 0.0, []
    for _ in range(shifts):
        received, potential, start = x * (1 - inhibition), np.zeros_like(x), time
        while potential.max() < threshold:
            potential += step * (received - potential) / tau
            time += step
        row, column = np.unravel_index(potential.argmax(), x.shape)
        square = ((rows - row) ** 2 + (columns - column) ** 2) / (min(x.shape) * spread) ** 2
        inhibition *= np.exp(-(time - start) / recovery)
        inhibition += (1 - inhibition) * np.exp(-square / 2)
        found.append((row, column, time))
    return np.array(found)
