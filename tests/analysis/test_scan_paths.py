"""Densities, similarity and decoding of scan paths, by hand and where the answer is known."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis.scan_paths import (
    GRID,
    compare_tasks,
    decoded,
    fixation_density,
    similarity,
    similarity_by_task,
    within_minus_between,
)


def test_density_by_hand():
    places = np.array([[0.25, 0.75], [np.nan, np.nan]])
    found = fixation_density(places, 0.1)
    at = (np.arange(GRID) + 0.5) / GRID
    expected = np.exp(-((at[:, None] - 0.25) ** 2 + (at[None, :] - 0.75) ** 2) / 0.02)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    twice = fixation_density(np.array([[[0.2, 0.3], [0.7, 0.7]]]), 0.1)[0]
    assert twice.sum() == pytest.approx(2 * found.sum(), rel=0.05)  # tails beyond the border


def test_similarity_is_correlation():
    maps = np.random.default_rng(0).random((5, 6, 7))
    found = similarity(maps)
    np.testing.assert_allclose(found, np.corrcoef(maps.reshape(5, -1)), atol=1e-12)
    np.testing.assert_array_equal(similarity(np.ones((2, 4, 4))), 0.0)


def test_within_and_between_by_hand():
    similar = np.array(
        [[1, 0.9, 0.2, 0.1], [0.9, 1, 0.3, 0.2], [0.2, 0.3, 1, 0.7], [0.1, 0.2, 0.7, 1]]
    )
    task = np.array([0, 0, 1, 1])
    within, between = within_minus_between(similar, task)
    assert within == pytest.approx(0.8)
    assert between == pytest.approx(0.2)
    # A path drawn twice is not compared with itself.
    drawn = within_minus_between(similar, task, np.array([0, 0, 1, 2, 3]))
    assert drawn[0] == pytest.approx((4 * 0.9 + 2 * 0.7) / 6)


def test_similarity_by_task_against_loops():
    similar = np.corrcoef(np.random.default_rng(2).random((7, 9)))
    task = np.array([0, 1, 0, 1, 1, 2, 2])
    found = similarity_by_task(similar, task)
    for a in range(3):
        for b in range(3):
            pairs = [
                similar[i, j]
                for i in range(7)
                for j in range(7)
                if i != j and task[i] == a and task[j] == b
            ]
            assert found[a, b] == pytest.approx(np.mean(pairs))


def test_tasks_compared_on_images():
    """One image where tasks tell the place of fixations, one where they do not."""
    rng = np.random.default_rng(3)
    place = np.array([[0.2, 0.2], [0.5, 0.8], [0.8, 0.3]])
    told = place[:, None, None] + 0.05 * rng.standard_normal((3, 6, 4, 2))
    places = xr.DataArray(
        np.stack([told, rng.random((3, 6, 4, 2))]),
        {"image": ["told", "noise"], "task": ["a", "b", "c"]},
        ("image", "task", "observer", "fixation", "axis"),
    )
    found = compare_tasks(places, 0.1, permutations=99, resamples=200, level=0.95, rng=rng)
    assert float(found.p.sel(image="told")) == pytest.approx(0.01)
    assert float(found.p.sel(image="noise")) > 0.05
    assert bool((found.right.sel(image="told") == 1).all())
    low, value, high = (found.difference.sel(bound=b) for b in ("low", "value", "high"))
    assert float(low.sel(image="told")) > 0.3
    assert float(low.sel(image="noise")) < 0.05
    assert bool((low <= value).all() and (value <= high).all())
    similar = similarity(fixation_density(told.reshape(18, 4, 2), 0.1))
    within, between = within_minus_between(similar, np.repeat(np.arange(3), 6))
    alike = found.alike.sel(image="told")
    assert float(alike.sel(pair="same task")) == pytest.approx(within)
    assert float(alike.sel(pair="different tasks")) == pytest.approx(between)
    assert float(found.mean_difference.sel(bound="value")) == pytest.approx(float(value.mean()))
    np.testing.assert_allclose(found.similarity, found.similarity.T, atol=1e-12)


def test_decoding_never_learns_from_the_fold_it_answers():
    """With labels that contradict it in its own fold alone, a path follows the others."""
    features = np.array([[1.0, 0, 0], [0, 1.0, 0], [1.0, 0.1, 0], [0, 1.0, 0.1]])
    found = decoded(features, np.array([0, 1, 1, 0]), np.array([0, 0, 1, 1]))
    np.testing.assert_array_equal(found, [1, 0, 0, 1])
