"""Strips of digits: where the digits are, what they are, and what stands between them."""

import jax.numpy as jnp
import numpy as np
import pytest

from cortex.errors import UserError
from cortex.stimuli import Digits
from cortex.stimuli.digit_strips import BOX, ClutteredTrials, StripLayout, digit_strips


def digits(count=30):
    """Boxes filled with a tone that tells the digit; margins are empty."""
    images = np.zeros((count, 28, 28), np.float32)
    for n in range(count):
        images[n, 4:24, 4:24] = (n + 1) / count
    return Digits(jnp.asarray(images), jnp.arange(count, dtype=jnp.int32) % 10)


def strips(count=20, seed=0, **layout):
    return digit_strips(digits(), count, np.random.default_rng(seed), StripLayout(**layout))


def test_each_digit_is_where_it_is_said_to_be():
    found = strips(clutter=0, slot=26, jitter=3)
    assert found.images.shape == (20, 28, 104)
    for image, labels, lefts, _ in zip(*found, strict=True):
        for label, left in zip(labels, lefts, strict=True):
            tone = np.median(image[:, left : left + BOX][image[:, left : left + BOX] > 0])
            assert round(float(tone) * 30 - 1) % 10 == label
            assert (image[:, left : left + BOX].max(axis=0) > 0).all()
    middle = 3 + 26 * np.arange(4)
    off = found.left - middle[None]
    assert (off.min(), off.max()) == (-3, 3)


def test_digits_are_used_as_seldom_as_possible():
    images = digits()
    found = digit_strips(images, 15, np.random.default_rng(1), StripLayout(clutter=0))
    tones = [np.unique(image[image > 0]) for image in found.images]
    used = np.round(np.concatenate(tones) * 30).astype(int)
    assert set(np.bincount(used, minlength=31)[1:]) <= {1, 2}  # 60 places, 30 digits


def test_clutter_lies_between_the_digits_too():
    plain, cluttered = strips(clutter=0), strips(clutter=6)
    assert plain.images.shape == cluttered.images.shape
    assert (cluttered.images > 0).mean() > (plain.images > 0).mean()
    assert plain.clutter.max() == 0
    assert (cluttered.images >= cluttered.clutter).all()
    # The brighter ink shows: away from the fragments there are digits alone.
    digits_alone = np.where(cluttered.clutter == 0, cluttered.images, 0)
    assert digits_alone.max() > 0


def test_the_seed_tells_it_all():
    for ours, theirs in zip(strips(seed=3), strips(seed=3), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(strips(seed=3).labels, strips(seed=4).labels)


def test_boxes_on_the_columns_of_a_map():
    """Counted pixel by pixel."""
    found = strips(slot=24)
    pixels = np.zeros((20, 4, 96))
    for n in range(20):
        for d in range(4):
            pixels[n, d, found.left[n, d] : found.left[n, d] + BOX] = 1
    expected = pixels.reshape(20, 4, 24, 4).mean(axis=3)
    np.testing.assert_allclose(found.on_columns(24), expected)


def test_slots_smaller_than_a_digit_are_refused():
    with pytest.raises(UserError, match="found slots of 18 x 28 px, allowed: 20 x 20 or larger"):
        strips(slot=18)


def test_trials_of_a_digit_among_clutter():
    """Every other image of a category has a digit of it; what is shown is what is said."""
    trials = ClutteredTrials(digits(), 6, 10, np.random.default_rng(0))
    assert len(trials) == 60
    assert trials.present.tolist() == [[True, False] * 3] * 10
    np.testing.assert_array_equal(trials.labels == np.arange(10)[:, None], trials.present)
    assert (trials.quadrant == -1).all()
    shown = np.asarray(trials.images(4, 1, 3))
    assert shown.shape == (2, 1, 28, 28)
    np.testing.assert_array_equal(shown[:, 0], trials.shown[4, 1:3])
    digit = np.where(trials.shown > trials.clutter, trials.shown, 0)
    # No two digits of the toy set have a tone in common; the median is that of the digit itself.
    for category in range(10):
        for image, label in zip(digit[category], trials.labels[category], strict=True):
            tones = np.round(image[image > 0] * 30 - 1).astype(int)
            assert np.bincount(tones).argmax() % 10 == label
