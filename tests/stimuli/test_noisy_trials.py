"""Trials in pixel noise: what is shown, how often, and the noise's moments."""

import jax
import numpy as np
import pytest

from cortex.stimuli.trials import KINDS, NoisyTrials

LABELS = np.repeat(np.arange(3), 20)
SIDE = 12


def pixels(rows):
    """Each single image is a grey of its own, between .4 and .6: noise of SD .02 clips nothing."""
    grey = 0.4 + 0.2 * np.asarray(rows) / len(LABELS)
    return jax.numpy.broadcast_to(
        jax.numpy.asarray(grey, jax.numpy.float32)[:, None, None, None], (len(grey), 1, SIDE, SIDE)
    )


def make(n=16, sd=0.02, seed=0):
    return NoisyTrials(jax.random.key(seed), pixels, LABELS, n, 3, sd)


def test_half_show_what_is_sought_and_a_quarter_nothing():
    trials = make()
    for category in range(3):
        kinds = trials.kind[category]
        assert [int((kinds == k).sum()) for k in range(len(KINDS))] == [8, 4, 4]
        shown = LABELS[trials.sources[category]]
        assert (shown[kinds == 0] == category).all()
        assert (shown[kinds == 2] != category).all()
        assert len(set(trials.sources[category][kinds == 0])) == 8
    np.testing.assert_array_equal(trials.present, trials.kind == 0)
    assert (trials.quadrant == -1).all()


def test_images_are_the_singles_with_noise_of_the_stated_size():
    trials = make()
    found = np.asarray(trials.images(1, 0, 16))
    there = trials.kind[1] != KINDS.index("nothing")
    plain = np.asarray(pixels(trials.sources[1]))
    noise = found[there] - plain[there]
    # 12 images of 144 pixels: the mean is known to .0005, the SD to 1.7 %.
    assert abs(noise.mean()) < 0.002
    assert noise.std() == pytest.approx(0.02, rel=0.07)
    # Black with noise: half is clipped, so that the mean is sd / sqrt(2 pi).
    assert found[~there].mean() == pytest.approx(0.02 / np.sqrt(2 * np.pi), rel=0.15)


def test_noise_belongs_to_the_image_whatever_the_batch():
    trials = make()
    whole = np.asarray(trials.images(2, 0, 16))
    np.testing.assert_array_equal(np.asarray(trials.images(2, 5, 9)), whole[5:9])
    again = np.asarray(make().images(2, 0, 16))
    np.testing.assert_array_equal(again, whole)
    assert np.abs(np.asarray(make(seed=1).images(2, 0, 16)) - whole).max() > 0.01
    residue = whole - np.asarray(pixels(trials.sources[2]))
    shown = np.flatnonzero(trials.kind[2] != 1)[:2]
    across = np.corrcoef(residue[shown[0]].ravel(), residue[shown[1]].ravel())[0, 1]
    assert abs(across) < 4 / np.sqrt(144)


@pytest.mark.parametrize("n", [0, 6])
def test_what_is_refused(n):
    with pytest.raises(ValueError, match="multiples of 4"):
        make(n)
