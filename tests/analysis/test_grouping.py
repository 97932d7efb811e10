"""Weights between places that belong together, counted pair by pair."""

import numpy as np
import pytest

from cortex.analysis.grouping import (
    displacements,
    matched_ratio,
    object_places,
    pair_counts,
    pair_sums,
)

SHAPE = (3, 4)


def drawn(seed=0, images=5):
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet(np.ones(12), (images, 12))
    on = rng.random((images, 12)) < 0.5
    return weights, on, ~on & (rng.random((images, 12)) < 0.7)


def sums_and_counts(weights, on, other):
    sums, counts = pair_sums(weights, on, other, SHAPE), pair_counts(on, other, SHAPE)
    return sums.sum(axis=0), counts.sum(axis=0)


def test_pairs_by_hand():
    """Every pair of different places, at its displacement down and to the right."""
    weights, on, off = drawn()
    sums, counts = pair_sums(weights, on, off, SHAPE), pair_counts(on, off, SHAPE)
    expected, number = np.zeros((5, 5 * 7)), np.zeros((5, 5 * 7))
    for n in range(5):
        for i in range(12):
            for j in range(12):
                if i != j and on[n, i] and off[n, j]:
                    down, right = j // 4 - i // 4 + 2, j % 4 - i % 4 + 3
                    expected[n, 7 * down + right] += weights[n, i, j]
                    number[n, 7 * down + right] += 1
    np.testing.assert_allclose(sums, expected, atol=1e-6)
    np.testing.assert_array_equal(counts, number)
    assert displacements(SHAPE).shape == (12, 12)


def test_weights_by_distance_alone_do_not_group():
    """A kernel over displacements weighs both kinds of pairs alike, however near they lie."""
    _, on, off = drawn(1)
    kernel = np.exp(-np.abs(displacements(SHAPE) - 17.0) / 5)
    weights = np.broadcast_to(kernel, (5, 12, 12))
    same, different = (sums_and_counts(weights, on, other) for other in (on, off))
    # float32 sums.
    assert float(matched_ratio(same, different)) == pytest.approx(1, rel=1e-5)


def test_weights_that_prefer_ones_own_kind_do():
    _, on, off = drawn(2)
    weights = 1.0 + 2.0 * (on[:, :, None] & on[:, None, :])
    same, different = (sums_and_counts(weights, on, other) for other in (on, off))
    assert float(matched_ratio(same, different)) == pytest.approx(3, rel=1e-5)


def test_whose_places_they_are():
    """Blocks of 2 x 2 pixels: enough ink, and little of the other kind."""
    ink = np.zeros((1, 6, 8))
    other = np.zeros_like(ink)
    ink[0, :2, :2] = 1.0
    ink[0, 2, 4] = 0.2  # a mean of 0.05: too little
    ink[0, 4:, 6:] = 0.8
    other[0, 4:, 6:] = 0.3  # more than a quarter
    found = object_places(ink, other, SHAPE)
    assert np.flatnonzero(found[0]).tolist() == [0]
    assert np.flatnonzero(object_places(other, np.zeros_like(ink), SHAPE)[0]).tolist() == [11]
