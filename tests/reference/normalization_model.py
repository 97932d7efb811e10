"""The normalisation model of attention as a plain NumPy float64 program, sum by sum.

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
    total = gaussian(reach, width).sum()
    kernel = np.zeros((len(places), len(places)))
    for i, here in enumerate(places):
        for j, there in enumerate(places):
            kernel[i, j] = gaussian(here - there, width) / total
    return kernel


def over_features(features, width, period):
    """[features, features], rows of unit sum, the shorter way round."""
    kernel = np.zeros((len(features), len(features)))
    for i, here in enumerate(features):
        for j, there in enumerate(features):
            apart = abs(here - there) % period
            kernel[i, j] = gaussian(min(apart, period - apart), width)
        kernel[i] /= kernel[i].sum()
    return kernel


def spread(image, kernel_features, kernel_places):
    """Every target adds up every source [feature, place]."""
    out = np.zeros_like(image)
    for f in range(image.shape[0]):
        for x in range(image.shape[1]):
            out[f, x] = (kernel_features[f][:, None] * kernel_places[x][None, :] * image).sum()
    return out


def response(drive, attention, kernel_features, kernel_places, sigma, threshold=0.0):
    """R [feature, place]."""
    attended = attention * drive
    found = attended / (spread(attended, kernel_features, kernel_places) + sigma)
    return np.where(found < threshold, 0.0, found)
