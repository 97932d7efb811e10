"""A Gabor bank as a plain NumPy float64 program, with loops: nothing of it is shared with cortex.

The definition is the one in words: a cell at a pixel sees the image through a Gaussian window,
multiplied by a wave across its bars; its even wave is lowered until window × wave sums to zero;
both are scaled to answer 1 to the best grating of luminances 0 to 1.
"""

import numpy as np


def filter_pair(orientation, frequency, bandwidth, aspect_ratio, degrees_per_pixel, radius):
    """Even and odd filter, each [2 radius + 1, 2 radius + 1], row 0 at the top."""
    spread = (2**bandwidth + 1) / (2**bandwidth - 1)
    sd_across = np.sqrt(np.log(2) / 2) / np.pi / frequency * spread
    sd_along = sd_across / aspect_ratio
    side = 2 * radius + 1
    window, cosine, sine = (np.zeros((side, side)) for _ in range(3))
    bars = np.array([np.cos(np.radians(orientation)), np.sin(np.radians(orientation))])
    normal = np.array([-bars[1], bars[0]])
    for row in range(side):
        for column in range(side):
            place = np.array([column - radius, radius - row]) * degrees_per_pixel
            along, across = place @ bars, place @ normal
            window[row, column] = np.exp(
                -0.5 * (across / sd_across) ** 2 - 0.5 * (along / sd_along) ** 2
            )
            cosine[row, column] = np.cos(2 * np.pi * frequency * across)
            sine[row, column] = np.sin(2 * np.pi * frequency * across)
    even = window * cosine
    even = even - window * even.sum() / window.sum()
    odd = window * sine
    best = 0.5 + 0.5 * cosine
    even = even / (even * best).sum()
    odd = odd / (odd * (0.5 + 0.5 * sine)).sum()
    return even, odd


def bank(image, orientations, frequencies, bandwidth, aspect_ratio, degrees_per_pixel, radius):
    """Linear responses (even, odd), each [scale × orientation, height, width], at every pixel."""
    height, width = image.shape
    shape = (len(frequencies) * len(orientations), height, width)
    responses = np.zeros((2, *shape))
    for i, frequency in enumerate(frequencies):
        for j, orientation in enumerate(orientations):
            pair = filter_pair(
                orientation, frequency, bandwidth, aspect_ratio, degrees_per_pixel, radius
            )
            for row in range(height):
                for column in range(width):
                    rows = np.clip(np.arange(row - radius, row + radius + 1), 0, height - 1)
                    columns = np.clip(np.arange(column - radius, column + radius + 1), 0, width - 1)
                    patch = image[np.ix_(rows, columns)]
                    for k in range(2):
                        index = i * len(orientations) + j
                        responses[k, index, row, column] = (pair[k] * patch).sum()
    return responses[0], responses[1]
