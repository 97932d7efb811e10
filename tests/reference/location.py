"""Location-based addressing as a plain NumPy float64 program, written from its equations."""

import numpy as np


def by_content(features, key, sharpness):
    """Softmax of the cosine; features (maps, height, width), none of them all 0."""
    _, height, width = features.shape
    score = np.zeros((height, width))
    for y in range(height):
        for x in range(width):
            here = features[:, y, x]
            score[y, x] = here @ key / (np.sqrt(here @ here) * np.sqrt(key @ key))
    raised = np.exp(sharpness * (score - score.max()))
    return raised / raised.sum()


def shifted(weights, shifts):
    """w'(i) = sum over j of w(j) s(i - j), indices modulo the size."""
    height, width = weights.shape
    rows, columns = shifts.shape
    out = np.zeros_like(weights)
    for y in range(height):
        for x in range(width):
            for row in range(rows):
                for column in range(columns):
                    from_y = (y - (row - rows // 2)) % height
                    from_x = (x - (column - columns // 2)) % width
                    out[y, x] += shifts[row, column] * weights[from_y, from_x]
    return out


def sharpened(weights, power):
    return weights**power / np.sum(weights**power)


def addressed(features, previous, key, sharpness, gate, shifts, power):
    """One step of addressing, all four operations."""
    mixed = gate * by_content(features, key, sharpness) + (1 - gate) * previous
    return sharpened(shifted(mixed, shifts), power)
