"""Location-based addressing as a plain NumPy float64 program, written from its equations."""

import numpy as np


def by_content(features, key, sharpness):
    """Softmax of the cosine; features (maps, height, width), none of them all 0."""
    lengths = np.sqrt((features**2).sum(axis=0)) * np.sqrt(key @ key)
    score = np.tensordot(key, features, 1) / lengths
    raised = np.exp(sharpness * (score - score.max()))
    return raised / raised.sum()


def shifted(weights, shifts):
    """w'(i) = sum over j of w(j) s(i - j), indices modulo the size."""
    middle = np.array(shifts.shape) // 2
    moved = [
        share * np.roll(weights, place - middle, axis=(0, 1))
        for place, share in np.ndenumerate(shifts)
    ]
    return sum(moved)


def sharpened(weights, power):
    return weights**power / np.sum(weights**power)


def addressed(features, previous, key, sharpness, gate, shifts, power):
    """One step of addressing, all four operations."""
    mixed = gate * by_content(features, key, sharpness) + (1 - gate) * previous
    return sharpened(shifted(mixed, shifts), power)
