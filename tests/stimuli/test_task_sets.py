from contextlib import contextmanager
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.errors import UserError
from cortex.stimuli import (
    array_double,
    array_same,
    array_set,
    for_all_categories,
    merged_set,
    plain_set,
)

few = settings(deadline=None, max_examples=10)
LABELS = jnp.asarray(np.random.default_rng(0).permutation(np.repeat(np.arange(10), 30)))
IMAGES = jnp.asarray(np.random.default_rng(1).random((300, 4, 4)), dtype=jnp.float32)
MAKERS = [plain_set, merged_set, array_set]
draws = {
    "seed": st.integers(0, 2**31 - 1),
    "category": st.integers(0, 9),
    "n": st.sampled_from([2, 20]),
}


JITTED = {make: jax.jit(make, static_argnames="n") for make in MAKERS}


@contextmanager
def double_precision():
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)


@pytest.mark.parametrize("make", MAKERS)
@few
@given(**draws)
def test_half_are_positive_and_positive_means_the_category_is_a_source(make, seed, category, n):
    found = JITTED[make](jax.random.key(seed), IMAGES, LABELS, category, n=n)
    labels = np.asarray(LABELS)[np.asarray(found.sources)]
    np.testing.assert_array_equal(found.present, np.arange(n) % 2 == 0)
    np.testing.assert_array_equal((labels == category).sum(axis=1), found.present)
    for row in labels:
        assert len(set(row)) == len(row)  # all categories of an image differ


@few
@given(**draws)
def test_images_are_made_of_their_sources(seed, category, n):
    key, images = jax.random.key(seed), np.asarray(IMAGES)
    plain = JITTED[plain_set](key, IMAGES, LABELS, category, n=n)
    np.testing.assert_array_equal(plain.images, images[plain.sources[:, 0]])
    merged = JITTED[merged_set](key, IMAGES, LABELS, category, n=n)
    np.testing.assert_allclose(merged.images, images[merged.sources].mean(axis=1), rtol=1e-6)
    arrays = JITTED[array_set](key, IMAGES, LABELS, category, n=n)
    expected = np.stack([array_same(IMAGES[row]) for row in np.asarray(arrays.sources)])
    np.testing.assert_allclose(arrays.images, expected, rtol=1e-6)
    assert np.all(plain.quadrant == -1)
    assert np.all(merged.quadrant == -1)


@few
@given(**draws)
def test_the_quadrant_is_where_the_category_is(seed, category, n):
    found = JITTED[array_set](jax.random.key(seed), IMAGES, LABELS, category, n=n)
    labels, quadrant = np.asarray(LABELS)[np.asarray(found.sources)], np.asarray(found.quadrant)
    np.testing.assert_array_equal(quadrant[1::2], -1)
    np.testing.assert_array_equal(labels[np.arange(0, n, 2), quadrant[::2]], category)
    assert np.ptp(np.bincount(quadrant[::2], minlength=4)) <= 1


@pytest.mark.parametrize("make", MAKERS)
def test_a_class_repeats_an_image_only_when_all_are_used(make):
    found = JITTED[make](jax.random.key(5), IMAGES, LABELS, 3, n=90)
    uses = np.bincount(np.asarray(found.sources).ravel(), minlength=300)
    for label in range(10):
        assert np.ptp(uses[np.asarray(LABELS) == label]) <= 1


def test_plain_negatives_are_of_the_other_classes_in_equal_shares():
    found = plain_set(jax.random.key(2), IMAGES, LABELS, 4, 60)
    labels = np.asarray(LABELS)[np.asarray(found.sources)[1::2, 0]]
    counts = np.bincount(labels, minlength=10)
    assert counts[4] == 0
    assert counts.sum() == 30
    assert set(np.delete(counts, 4)) == {3, 4}


def test_merged_partners_cover_all_other_classes():
    found = merged_set(jax.random.key(2), IMAGES, LABELS, 4, 600)
    labels = np.asarray(LABELS)[np.asarray(found.sources)]
    for column in (labels[::2, 1], labels[1::2, 0], labels[1::2, 1]):
        counts = np.delete(np.bincount(column, minlength=10), 4)
        assert counts.min() > 15
        assert counts.max() < 55


@pytest.mark.parametrize("make", MAKERS)
def test_all_categories_at_once(make):
    key = jax.random.key(9)
    found = for_all_categories(make, key, IMAGES, LABELS, 12)
    assert found.images.shape == (10, 12, 4, 4)
    assert found.present.shape == (10, 12)
    keys = jax.random.split(key, 10)
    alone = make(keys[6], IMAGES, LABELS, 6, 12)
    np.testing.assert_array_equal(found.sources[6], alone.sources)
    np.testing.assert_allclose(found.images[6], alone.images, rtol=1e-6)


def test_arrays_on_a_double_canvas():
    make = partial(array_set, arrange=array_double)
    found = for_all_categories(make, jax.random.key(0), IMAGES, LABELS, 4)
    assert found.images.shape == (10, 4, 8, 8)


@pytest.mark.parametrize("make", MAKERS)
def test_the_draw_is_the_same_in_double_precision_and_differs_by_key(make):
    single = make(jax.random.key(1), IMAGES, LABELS, 2, 20)
    other = make(jax.random.key(2), IMAGES, LABELS, 2, 20)
    assert not np.array_equal(single.sources, other.sources)
    with double_precision():
        double = make(jax.random.key(1), IMAGES, LABELS, 2, 20)
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
        make(jax.random.key(0), IMAGES, labels, category, n)
