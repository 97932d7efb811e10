"""Lateral attention: its energy, its places, and rollout by hand."""

import numpy as np
import pytest
from cortex.sims import lateral_attention as experiment

from tests.reference import content_attention as reference


@pytest.mark.slow
def test_the_energy_is_the_same_for_all(data):
    """The pattern is one for all maps: a place's gain is 1 + it, but where it is cut off at 0."""
    gain = data["gain"].values
    assert (gain >= 0).all()
    uncut = (gain > 0).all(axis=(3, 4))
    found = np.sqrt(((gain - 1) ** 2).mean(axis=(3, 4)))[uncut]
    assert found.size > 10
    # float32; places without any drive have no gain of the drive.
    np.testing.assert_allclose(found, 0.5, rtol=1e-4)


@pytest.mark.slow
def test_places_on_the_digit_and_on_clutter(data):
    """A place is never both, and holds ink of its kind."""
    on, off = (data["owned"].sel(kind=kind).values for kind in ("digit", "clutter"))
    assert not (on & off).any()
    ink = data["example"].values.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(-1, 49)
    assert (ink[on] >= 0.1 - 1e-6).all()
    assert (ink[off] >= 0.1 - 1e-6).all()
    assert on.sum(axis=1).min() >= 1


@pytest.mark.slow
def test_rollout_by_hand(data):
    """Rows sum to one, and it is no mere copy of the weights of one layer."""
    np.testing.assert_allclose(data["rollout_sum"], 1, atol=1e-5)
    np.testing.assert_allclose(data["rollout"].sum("place"), 1, atol=1e-4)
    draw = np.random.default_rng(0).dirichlet(np.ones(49), (2, 3, 2, 49)).astype(np.float32)
    found = np.asarray(experiment._rolled(draw[0], draw[1]))
    for n in range(3):
        np.testing.assert_allclose(found[n], reference.rollout(draw[:, n], 0.5), atol=1e-6)


@pytest.mark.slow
def test_what_was_learned_sets_digit_and_clutter_apart_on_few_images_too(data):
    low = data["gain_apart"].sel(bound="low", learning="learned")
    assert np.all(low > 0)
