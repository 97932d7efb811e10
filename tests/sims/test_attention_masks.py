"""Gates and masks in a reduced size: what they can do, and how they are measured."""

import numpy as np
import pytest
from cortex.sims import attention_masks as masks

from tests.sims.learned_sources import check_conditions


@pytest.mark.slow
def test_a_gate_only_closes_and_a_residual_mask_only_adds(data):
    for name in masks.MECHANISMS:
        check_conditions(data.sel(mechanism=name), 0.5)
    learned = data["pattern"].sel(condition="learned")
    assert np.all(learned.sel(mechanism="gate") <= 0)
    assert np.all(learned.sel(mechanism="residual") >= 0)


@pytest.mark.slow
def test_the_contrast_on_ink_is_a_difference_of_weighted_means(data):
    one = data.sel(mechanism="gate", condition="learned")
    ink, pattern = one["ink"].values[3], one["pattern"].values[0, 0, 3]
    wanted = np.sum(ink * pattern) / np.sum(ink) - np.sum((1 - ink) * pattern) / np.sum(1 - ink)
    found = masks.over_objects(data, data["pattern"], log=False)
    at = found.sel(object="ink", mechanism="gate", condition="learned").isel(seed=0, image=3)
    assert float(at) == pytest.approx(wanted, rel=1e-4)
