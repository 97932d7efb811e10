import numpy as np
import pytest

from cortex.errors import UserError
from cortex.stimuli.grating_images import GratingField
from cortex.stimuli.grating_trials import FullFieldTrials, GratingTrials
from cortex.stimuli.image_files import Preprocessing
from tests.stimuli.test_grating_images import written_out

FIELD = GratingField(size=80)
PREPARED = Preprocessing(80, None, "bilinear", (123.0, 116.0, 103.0), (58.0, 57.0, 56.0))


@pytest.fixture(scope="module")
def trials():
    return GratingTrials(FIELD, 40, 0)


def test_half_are_positive_and_alternate(trials):
    assert trials.present.shape == (9, 40)
    assert len(trials) == 360
    np.testing.assert_array_equal(trials.present, np.tile([True, False], (9, 20)))
    for category in range(9):
        sought = trials.orientations[category] == category
        np.testing.assert_array_equal(sought[:, 0], trials.present[category])
        assert not sought[:, 1].any()


def test_the_two_gratings_differ_in_everything(trials):
    for numbers, choices in (
        (trials.orientations, 9),
        (trials.colours, 5),
        (trials.quadrants, 4),
    ):
        assert np.all(numbers[..., 0] != numbers[..., 1])
        assert set(np.unique(numbers)) == set(range(choices))
    np.testing.assert_array_equal(trials.quadrant, trials.quadrants[..., 0])


def test_colours_quadrants_and_distractors_are_even(trials):
    """Twenty images of each kind: 5 of each of 4 quadrants, 4 of each colour, 2 or 3 of 8."""
    for category, present in enumerate(trials.present):
        others = [o for o in range(9) if o != category]
        for rows in (present, ~present):
            quadrant = np.bincount(trials.quadrants[category, rows, 0], minlength=4)
            colour = np.bincount(trials.colours[category, rows, 0], minlength=5)
            assert set(quadrant) == {5}
            assert set(colour) == {4}
        counts = np.bincount(trials.orientations[category, present, 1], minlength=9)
        assert set(counts[others]) == {2, 3}
        counts = np.bincount(trials.orientations[category, ~present, 0], minlength=9)
        assert set(counts[others]) == {2, 3}


def test_the_colour_is_that_of_the_orientation_sought(trials):
    np.testing.assert_array_equal(
        trials.colour[trials.present], trials.colours[..., 0][:, ::2].flat
    )
    np.testing.assert_array_equal(
        trials.other_colour[trials.present], trials.colours[..., 1][:, ::2].flat
    )
    assert np.all(trials.colour[~trials.present] == -1)
    assert np.all(trials.other_colour[~trials.present] == -1)


@pytest.mark.parametrize("place", [(0, 0), (4, 7), (8, 38)])
def test_images_are_what_the_labels_say(trials, place):
    """Written out in plain NumPy; 0.02 levels for single precision."""
    category, row = place
    expected = np.full((3, 80, 80), 128.0)
    for which in range(2):
        quadrant = trials.quadrants[category, row, which]
        corner = expected[:, quadrant // 2 * 40 :, quadrant % 2 * 40 :]
        corner[:, :40, :40] = written_out(
            40,
            20 * trials.orientations[category, row, which],
            np.asarray(FIELD.colours)[trials.colours[category, row, which]],
            trials.phases[category, row, which],
        )
    found = trials.images(category, row, row + 2)
    assert found.shape == (2, 3, 80, 80)
    np.testing.assert_allclose(found[0], expected, atol=0.02)


def test_images_do_not_depend_on_the_batch_but_on_the_seed(trials):
    together, apart = trials.images(2, 0, 6), trials.images(2, 4, 6)
    np.testing.assert_array_equal(together[4:], apart)
    same = GratingTrials(FIELD, 40, 0).images(2, 4, 6)
    np.testing.assert_array_equal(same, apart)
    other = GratingTrials(FIELD, 40, 1).images(2, 4, 6)
    assert np.abs(np.asarray(other - apart)).mean() > 10


def test_a_cued_quadrant_holds_the_first_grating():
    trials = GratingTrials(FIELD, 24, 0, cued=2)
    assert np.all(trials.quadrant == 2)
    assert np.all(trials.quadrants[..., 1] != 2)
    assert set(np.unique(trials.quadrants[..., 1])) == {0, 1, 3}


def test_all_positive():
    trials = GratingTrials(FIELD, 20, 0, positive_only=True)
    assert trials.present.all()
    assert np.all(trials.colour >= 0)
    np.testing.assert_array_equal(
        trials.orientations[..., 0], np.repeat(np.arange(9)[:, None], 20, axis=1)
    )
    assert all(set(np.bincount(row)) == {4} for row in trials.colour)


def test_full_fields_show_all_colours_at_all_phases():
    trials = FullFieldTrials(FIELD, 3)
    assert trials.present.shape == (9, 15)
    assert trials.present.all()
    assert np.all(trials.quadrant == -1)
    found = {(int(c), float(p)) for c, p in zip(trials.colour[4], trials.phase[4], strict=True)}
    assert found == {(c, p) for c in range(5) for p in (0.0, 120.0, 240.0)}
    images = trials.images(4, 5, 7)
    colour = np.asarray(FIELD.colours)[trials.colour[4, 6]]
    expected = written_out(80, 80.0, colour, trials.phase[4, 6])
    np.testing.assert_allclose(images[1], expected, atol=0.02)


def test_images_are_prepared_for_the_network():
    for make in (
        lambda p: GratingTrials(FIELD, 4, 0, preprocessing=p),
        lambda p: FullFieldTrials(FIELD, 1, preprocessing=p),
    ):
        raw, ready = (np.asarray(make(p).images(1, 0, 2)) for p in (None, PREPARED))
        mean, std = (np.asarray(v)[:, None, None] for v in (PREPARED.mean, PREPARED.std))
        # 1e-4 of a standard deviation: single precision.
        np.testing.assert_allclose(ready, (raw - mean[None]) / std[None], atol=1e-4)


@pytest.mark.parametrize(
    ("make", "line"),
    [
        (lambda: GratingTrials(FIELD, 5, 0), "found 5 images, allowed: an even number"),
        (lambda: GratingTrials(FIELD, 4, 0, cued=4), "found quadrant 4, allowed: 0, 1, 2 or 3"),
        (
            lambda: GratingTrials(GratingField(size=80, orientations=(0.0, 90.0)), 4, 0),
            "found 2 orientations and 5 colours, allowed: 3 or more and 2 or more",
        ),
        (lambda: FullFieldTrials(FIELD, 0), "found 0 phases, allowed: 1 or more"),
    ],
)
def test_impossible_requests_are_one_line(make, line):
    with pytest.raises(UserError, match=line):
        make()
