"""Spatial and feature attention on a small network of random weights: kinds, and their sums."""

import numpy as np

from cortex.analysis.signal_detection import quantities

NAME = "spatial_and_feature_attention"
MEASURES = ("criterion", "sensitivity", "performance", "auc")


def test_kinds_differ_and_move_scores(data):
    score = data["score"].isel(variant=0, strength=1)
    before = data["score_unattended"].isel(variant=0)
    kinds = data["source"].values.tolist()
    assert len(kinds) == 5
    for kind in kinds:
        assert float(np.abs(score.sel(source=kind) - before).max()) > 1e-4, kind
        for other in kinds[: kinds.index(kind)]:
            difference = np.abs(score.sel(source=kind) - score.sel(source=other))
            assert float(difference.max()) > 1e-5, (kind, other)


def test_changes_against_plain_numbers(data):
    """One condition at a time, with no bootstrap."""
    present = np.tile(data["present"].values, (9, 1))
    change = data["change"].sel(bound="value")
    for name in MEASURES:
        before = quantities(data["score_unattended"].values[0], present)[name]
        for at in ({"source": 0, "strength": 1}, {"source": 3, "strength": 0}):
            own = quantities(data["score"].isel(at).values[0, 0], present)[name]
            found = change.sel(measure=name).isel(at).values[0, 0]
            np.testing.assert_allclose(found, own - before, atol=1e-12)
    mean = change.mean("strength")
    np.testing.assert_allclose(data["mean_change"].sel(bound="value"), mean, atol=1e-12)
    difference = mean.sel(source="tuning") - mean.sel(source="spatial")
    found = data["feature_minus_spatial"].sel(bound="value")
    np.testing.assert_allclose(found, difference, atol=1e-12)
