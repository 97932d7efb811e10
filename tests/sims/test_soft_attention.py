"""Soft attention in a reduced size: its weights and their shares."""

import numpy as np
import pytest

from tests.sims.learned_sources import check_conditions


def test_conditions_differ_and_weights_sum_to_one(data):
    np.testing.assert_allclose(data["weight"].sum(("row", "column")), 1.0, rtol=1e-5)
    check_conditions(data, 0.5)


def test_the_shares_are_those_of_the_weights(data):
    """7 x 7 places: the middle row and column belong to two quadrants each, half and half."""
    number = int(np.flatnonzero(data["quadrant"].values == 2)[0])
    last = data["weight"].isel(trained=1, seed=0, image=number, glance=-1).values
    inside = last[4:, :3].sum() + (last[3, :3].sum() + last[4:, 3].sum()) / 2 + last[3, 3] / 4
    found = data["share"].isel(trained=1, seed=0, image=number, glance=-1)
    assert float(found) == pytest.approx(float(inside), rel=1e-5)


def test_the_mean_share_is_of_images_with_the_digit_alone(data):
    there = data["share"].isel(image=np.flatnonzero(data["present"]))
    wanted = there.mean(("seed", "image"))
    np.testing.assert_allclose(data["mean_share"].sel(bound="value"), wanted, rtol=1e-5)
