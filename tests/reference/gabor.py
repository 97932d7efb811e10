"""A Gabor bank as a plain NumPy float64 program: nothing of it is shared with cortex.

The definition is the one in words: a cell at a pixel sees the image through a Gaussian window,
multiplied by a wave across its bars; its even wave is lowered until window × wave sums to zero;
both are scaled to answer 1 to the best grating of luminances 0 to 1.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view


def filter_pair(orientation, frequency, bandwidth, aspect_ratio, degrees_per_pixel, radius):
    """Even and odd filter, each [2 radius + 1, 2 radius + 1], row 0 at the top."""
    spread = (2**bandwidth + 1) / (2**bandwidth - 1)
    sd_across = np.sqrt(np.log(2) / 2) / np.pi / frequency * spread
    sd_along = sd_across / aspect_ratio
    y, x = np.mgrid[radius : -radius - 1 : -1, -radius : radius + 1] * degrees_per_pixel
    turn = np.radians(orientation)
    along = x * np.cos(turn) + y * np.sin(turn)
    across = y * np.cos(turn) - x * np.sin(turn)
    window = np.exp(-0.5 * (across / sd_across) ** 2 - 0.5 * (along / sd_along) ** 2)
    cosine, sine = (f(2 * np.pi * frequency * across) for f in (np.cos, np.sin))
    even = window * cosine
    even = even - window * even.sum() / window.sum()
    odd = window * sine
    best = 0.5 + 0.5 * cosine
    even = even / (even * best).sum()
    odd = odd / (odd * (0.5 + 0.5 * sine)).sum()
    return even, odd


def bank(image, orientations, frequencies, bandwidth, aspect_ratio, degrees_per_pixel, radius):
    """Linear responses (even, odd), each [scale × orientation, height, width], at every pixel."""
    side = 2 * radius + 1
    seen = sliding_window_view(np.pad(image, radius, mode="edge"), (side, side))
    pairs = [
        filter_pair(orientation, frequency, bandwidth, aspect_ratio, degrees_per_pixel, radius)
        for frequency in frequencies
        for orientation in orientations
    ]
    return np.einsum("yxij,fkij->kfyx", seen, pairs)
