"""Feedback over passes in a reduced size, and what becomes of choices, counted one by one."""

import numpy as np
import xarray as xr
from cortex.sims import feedback_gain as feedback

from tests.sims.learned_sources import check_conditions

CATEGORIES = 10


def test_passes_are_counted_from_the_one_without_feedback(data):
    assert list(data["pass"].values) == [2, 3]
    check_conditions(data, 0.5)


def test_no_feedback_corrects_and_breaks_next_to_nothing(data):
    """Circuits settle again from where they were: choices that are nearly ties may turn."""
    share = data["fate"].sel(bound="value")
    assert np.all(np.abs(share.sel(condition="none")) < 0.02)
    assert np.all(share.sel(condition="learned", fate_of=["corrected", "broken"]) > 0.02)


def test_fates_are_those_counted_pair_by_pair():
    rng = np.random.default_rng(0)
    images = 6 * CATEGORIES
    made = xr.Dataset(
        {
            "present": ("image", np.arange(images) % 2 == 0),
            "category": ("image", np.arange(images) // 6),
            "first_score": ("image", rng.normal(size=images)),
            "score": (("condition", "seed", "pass", "image"), rng.normal(size=(3, 1, 2, images))),
        }
    )
    found = feedback.fates(made, made)
    wrong = right = corrected = broken = 0
    before, after = made["first_score"].values, made["score"].values[2, 0, 1]
    for start in range(0, images, 6):
        for a in range(start, start + 6, 2):
            for b in range(start + 1, start + 6, 2):
                was, now = before[a] > before[b], after[a] > after[b]
                wrong, right = wrong + (not was), right + was
                corrected += not was and now
                broken += was and not now
    wanted = [corrected / wrong, broken / right, (corrected - broken) / (wrong + right)]
    np.testing.assert_allclose(found.values[2, 0, 1], wanted, rtol=1e-12)
