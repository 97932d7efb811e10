"""How much of a network is left: areas under the ROC curve, hard images, and no recurrence."""

import jax.numpy as jnp
import numpy as np
from cortex.sims.circuit_fidelity import BEST, hard_images, placement
from sklearn.metrics import roc_auc_score


def test_placements_average_to_the_area_under_the_curve():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 6)
    there = np.eye(4, dtype=bool)[labels]
    scores = np.round(rng.normal(size=(24, 4)) + there, 1)  # with ties
    found = placement(scores, (labels, there)).reshape(4, 6).mean(axis=1)
    expected = [roc_auc_score(there[:, c], scores[:, c]) for c in range(4)]
    np.testing.assert_allclose(found, expected)


def test_a_circuit_that_ran_away_detects_nothing():
    labels, there = np.array([0, 1]), np.eye(2, dtype=bool)
    assert placement(np.array([[np.nan, 0.0], [0.0, 1.0]]), (labels, there)).tolist() == [0, 1]


def test_hard_images_show_what_they_are_said_to():
    """Images that are their category's number everywhere."""
    labels = np.repeat(np.arange(4), 3)
    images = jnp.asarray(labels, float)[:, None, None, None] * jnp.ones((1, 1, 4, 4))
    kinds, present = hard_images(images, labels, 4)
    for kind, count in zip(("ordinary", "merged", "array"), (1, 2, 4), strict=True):
        number = ("ordinary", "merged", "array").index(kind)
        known, there = present[number]
        np.testing.assert_array_equal(known, labels)
        assert (there.sum(axis=1) == count).all()
        assert there[np.arange(12), labels].all()
    np.testing.assert_array_equal(kinds[0], images)
    for merged, there in zip(kinds[1], present[1][1], strict=True):
        assert float(merged.mean()) == np.flatnonzero(there).mean()
    assert sorted(np.unique(kinds[2][0])) == [0, 1, 2, 3]


def test_without_recurrence_everything_is_kept(data):
    alone = data.sel(way=BEST, recurrence=0.0)
    assert bool(alone.kept.all())
    assert float(alone.correlation.min()) > 0.999
    assert float(np.abs(alone.auc_lost.sel(bound="value")).max()) < 0.01
    assert float(alone.leading_eigenvalue.max()) == 0


def test_more_recurrence_is_more_circuit(data):
    whole, alone = (data.sel(way=BEST, recurrence=r) for r in (1.0, 0.0))
    assert float(whole.sum_weight.max()) < float(alone.sum_weight.min())
    assert float(whole.surround_suppression.min()) > float(alone.surround_suppression.max())
    assert float(whole.correlation.max()) < float(alone.correlation.min())
