"""The normalisation model of attention as a plain NumPy float64 program.

Written from R = |A E / (S + sigma)|_T with S = s * (A E); nothing of it is shared with cortex.
Places and widths in one unit, features on a circle of `period` degrees.
"""

import numpy as np


def gaussian(distance, width):
    return np.exp(-(distance**2) / (2 * width**2))


def over_places(places, width):
    """[places, places], row = target; unit sum over an endless lattice of the same spacing."""
    spacing = places[1] - places[0]
    reach = np.arange(-int(20 * width / spacing) - 2, int(20 * width / spacing) + 3) * spacing
    return gaussian(np.subtract.outer(places, places), width) / gaussian(reach, width).sum()


def response(drive, attention, kernel_features, kernel_places, sigma, threshold=0.0):
    """R [feature, place]."""
    attended = attention * drive
    suppressive = kernel_features @ attended @ kernel_places.T
    found = attended / (suppressive + sigma)
    return np.where(found < threshold, 0.0, found)
