"""Detectors: logistic regressions that say yes to their own category."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.errors import UserError
from cortex.tasks import Detectors


def units(counts, spread=0.3, seed=0):
    """Clusters of readout units, one a category, and a unit that is always silent."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = 2 * np.eye(len(counts), 5)
    points = centres[labels] + spread * rng.normal(size=(labels.size, 5))
    points[:, 4] = 0
    return points * np.array([1, 100, 0.01, 1, 1]), labels  # of very different sizes


def logits(detectors, points):
    return np.stack([np.asarray(detectors(jnp.asarray(p, jnp.float32))) for p in points])


def test_separable_categories_are_separated():
    points, labels = units([40, 40, 40])
    detectors = Detectors.fit(points, labels, 3)
    fresh, truth = units([10, 10, 10], seed=1)
    said = logits(detectors, fresh) > 0
    np.testing.assert_array_equal(said, truth[:, None] == np.arange(3)[None])
    assert detectors.weight.shape == (3, 5)
    assert not np.any(detectors.weight[:, 4])


def test_logits_are_linear():
    points, labels = units([20, 20, 20])
    detectors = Detectors.fit(points, labels, 3)
    expected = points[0] @ np.asarray(detectors.weight, float).T + np.asarray(detectors.bias)
    # float32 products of order 10.
    np.testing.assert_allclose(logits(detectors, points[:1])[0], expected, atol=1e-4)


def test_both_sides_weigh_alike():
    """Where categories overlap, a rare one is missed no more often than it is imagined."""
    points, labels = units([60, 400, 400], spread=1.5)
    said = logits(Detectors.fit(points, labels, 3), points)[:, 0] > 0
    hits, alarms = said[labels == 0].mean(), said[labels != 0].mean()
    # Unbalanced, nine to one, the regression would say yes to hardly any.
    assert abs((1 - hits) - alarms) < 0.1
    assert hits > 0.6


def test_strength_of_the_penalty():
    points, labels = units([20, 20, 20])
    sizes = [
        float(jnp.linalg.norm(Detectors.fit(points, labels, 3, strength).weight[:, 0]))
        for strength in (0.001, 0.1, 10.0)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_category_without_images():
    points, labels = units([20, 20])
    with pytest.raises(UserError, match="found 0 of 40 of category 2, allowed: some, not all"):
        Detectors.fit(points, labels, 3)
    with pytest.raises(UserError, match="found 20 of 20 of category 0"):
        Detectors.fit(points[:20], labels[:20], 1)


@pytest.mark.parametrize("fit", [Detectors.fit, Detectors.fit_choice])
def test_circuits_that_ran_away(fit):
    points, labels = units([20, 20, 20])
    points = np.array(points)
    points[7, 0], points[30, 1] = np.nan, np.inf
    line = "^training images: circuits run away on 2 of 60, allowed: on none$"
    with pytest.raises(UserError, match=line):
        fit(points, labels, 3)


def test_one_spread_for_all_units_leaves_quiet_ones_out():
    """A unit of a thousandth of the others' spread that tells the classes apart by chance."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 20)
    units = rng.normal(size=(60, 4))
    units[:, 0] += 2 * labels
    units[:, 3] *= 1e-3
    for fit in (Detectors.fit, Detectors.fit_choice):
        own, common = (np.abs(fit(units, labels, 3, common=c).weight) for c in (False, True))
        assert np.all(common[:, 3] < 0.05 * common[:, 0].max())
        assert own[:, 3].max() > 10 * common[:, 3].max()
    # The same as raw units with a penalty in units of the common spread.
    scaled = Detectors.fit(units * 7, labels, 3, common=True).weight
    np.testing.assert_allclose(
        scaled * 7, Detectors.fit(units, labels, 3, common=True).weight, 1e-3
    )
