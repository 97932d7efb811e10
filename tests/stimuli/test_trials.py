"""Hard images: which single images they are made of, and how they are composed."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.errors import UserError
from cortex.stimuli import array_same
from cortex.stimuli.draws import array_draw, merged_draw
from cortex.stimuli.trials import array_trials, merged_trials
from tests.circuit import twins

few = settings(deadline=None, max_examples=10)
LABELS = jnp.asarray(np.random.default_rng(0).permutation(np.repeat(np.arange(10), 30)))
IMAGES = jnp.asarray(np.random.default_rng(1).random((300, 2, 4, 4)), dtype=jnp.float32)
MAKERS = [merged_draw, array_draw]
TRIALS = [merged_trials, array_trials]
draws = {"seed": st.integers(0, 2**31 - 1), "category": st.integers(0, 9)}
N = 90  # so many that images of a category are used more than once
JITTED = {make: jax.jit(functools.partial(make, n=N)) for make in MAKERS}


def singles(rows):
    return IMAGES[rows]


@pytest.fixture(scope="module")
def trials():
    """Of all categories, in both kinds."""
    return {make: make(jax.random.key(9), singles, np.asarray(LABELS), N, 10) for make in TRIALS}


@pytest.mark.parametrize("make", MAKERS)
@few
@given(**draws)
def test_half_are_positive_and_positive_means_the_category_is_a_source(make, seed, category):
    found = JITTED[make](jax.random.key(seed), LABELS, category)
    labels = np.asarray(LABELS)[np.asarray(found.sources)]
    np.testing.assert_array_equal(found.present, np.arange(N) % 2 == 0)
    np.testing.assert_array_equal((labels == category).sum(axis=1), found.present)
    for row in labels:
        assert len(set(row)) == len(row)  # all categories of an image differ


@few
@given(**draws)
def test_the_quadrant_is_where_the_category_is(seed, category):
    found = JITTED[array_draw](jax.random.key(seed), LABELS, category)
    labels, quadrant = np.asarray(LABELS)[np.asarray(found.sources)], np.asarray(found.quadrant)
    np.testing.assert_array_equal(quadrant[1::2], -1)
    np.testing.assert_array_equal(labels[np.arange(0, N, 2), quadrant[::2]], category)
    assert np.ptp(np.bincount(quadrant[::2], minlength=4)) <= 1
    assert np.all(JITTED[merged_draw](jax.random.key(seed), LABELS, category).quadrant == -1)


@pytest.mark.parametrize("make", MAKERS)
def test_a_class_repeats_an_image_only_when_all_are_used(make):
    found = JITTED[make](jax.random.key(5), LABELS, 3)
    uses = np.bincount(np.asarray(found.sources).ravel(), minlength=300)
    for label in range(10):
        assert np.ptp(uses[np.asarray(LABELS) == label]) <= 1


def test_merged_partners_cover_all_other_classes():
    rows = [JITTED[merged_draw](jax.random.key(seed), LABELS, 4).sources for seed in range(7)]
    labels = np.asarray(LABELS)[np.concatenate(rows)]
    for column in (labels[::2, 1], labels[1::2, 0], labels[1::2, 1]):
        counts = np.delete(np.bincount(column, minlength=10), 4)  # 35 on average
        assert counts.min() > 15
        assert counts.max() < 55


@pytest.mark.slow
@pytest.mark.parametrize("make", MAKERS)
def test_the_draw_is_the_same_in_double_precision_and_differs_by_key(make):
    single = make(jax.random.key(1), LABELS, 2, 20)
    other = make(jax.random.key(2), LABELS, 2, 20)
    assert not np.array_equal(single.sources, other.sources)
    with twins.double_precision():
        double = make(jax.random.key(1), LABELS, 2, 20)
    np.testing.assert_array_equal(single.sources, double.sources)


@pytest.mark.parametrize(
    ("category", "n", "labels", "message"),
    [
        (10, 4, LABELS, "category is 10"),
        (0, 5, LABELS, "5 images"),
        (0, 0, LABELS, "0 images"),
        (0, 4, LABELS % 9, "label 9"),
    ],
)
@pytest.mark.parametrize("make", MAKERS)
def test_what_cannot_be_drawn_is_refused(make, category, n, labels, message):
    with pytest.raises(UserError, match=message):
        make(jax.random.key(0), labels, category, n)


@pytest.mark.parametrize("make", TRIALS)
def test_trials_of_every_category(make, trials):
    found = trials[make]
    assert found.present.shape == found.quadrant.shape == (10, N)
    assert len(found) == 10 * N
    draw = JITTED[{merged_trials: merged_draw, array_trials: array_draw}[make]]
    alone = draw(jax.random.split(jax.random.key(9), 10)[6], LABELS, 6)
    np.testing.assert_array_equal(found.sources[6], alone.sources)
    images = found.images(6, 3, 8)
    assert images.shape == (5, 2, 4, 4)
    for image, rows in zip(images, found.sources[6, 3:8], strict=True):
        if make is merged_trials:
            expected = np.asarray(IMAGES)[rows].mean(axis=0)
        else:
            channels = [array_same(IMAGES[rows, channel]) for channel in range(2)]
            expected = np.stack(channels)
        np.testing.assert_allclose(image, expected, rtol=1e-6)


def test_what_is_cued(trials):
    """Where the category is; where it is absent, each quadrant as often as the others."""
    arrays = trials[array_trials]
    in_turn = np.broadcast_to(np.arange(N // 2) % 4, (10, N // 2))
    np.testing.assert_array_equal(arrays.quadrant[:, 1::2], in_turn)
    assert np.all(trials[merged_trials].quadrant == -1)


def test_an_array_may_have_empty_quadrants_but_never_that_of_the_category():
    labels = np.repeat(np.arange(6), 3)
    pixels = lambda rows: jnp.asarray(1.0 + rows)[:, None, None, None] * jnp.ones((1, 1, 8, 8))  # noqa: E731
    trials = array_trials(jax.random.key(0), pixels, labels, 16, 6, filled=2)
    assert np.all((trials.sources >= 0).sum(axis=-1) == 2)
    cued = np.take_along_axis(trials.sources, trials.quadrant[..., None], axis=-1)[..., 0]
    assert np.all(cued >= 0)
    shown = labels[cued] == np.arange(6)[:, None]
    np.testing.assert_array_equal(shown, trials.present)
    image = np.asarray(trials.images(2, 0, 4))
    quadrants = image.reshape(4, 2, 4, 2, 4).max(axis=(2, 4)).reshape(4, 4)
    np.testing.assert_array_equal(quadrants > 0, trials.sources[2, :4] >= 0)
