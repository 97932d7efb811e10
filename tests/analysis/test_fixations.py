"""Measures of maps against fixations: an independent program, and cases with a known answer."""

import numpy as np
import pytest

from cortex.analysis.fixations import (
    agreement,
    area_under_roc,
    auc_judd,
    fixation_map,
    linear_correlation,
    measured,
    scanpath_saliency,
    shuffled_auc,
)
from cortex.analysis.scan_paths import aligned
from tests.reference import fixations as plain


@pytest.fixture(params=range(3))
def case(request):
    """A map, with ties in one case, fixations on it, some of them twice, and on other images."""
    rng = np.random.default_rng(request.param)
    values = rng.random((11, 14))
    if request.param == 2:
        values = np.round(values, 1)
    places = rng.random((9, 2))
    return (
        values,
        np.concatenate([places, places[:2], [[1.0, 1.0], [0.0, 1.0]]]),
        rng.random((20, 2)),
    )


def test_they_are_those_of_an_independent_program(case):
    values, places, elsewhere = case
    exact = {"rel": 1e-12, "abs": 1e-12}
    assert scanpath_saliency(values, places) == pytest.approx(plain.nss(values, places), **exact)
    assert auc_judd(values, places) == pytest.approx(plain.auc_judd(values, places), **exact)
    found = shuffled_auc(values, places, elsewhere)
    assert found == pytest.approx(plain.auc_shuffled(values, places, elsewhere), **exact)
    smooth = plain.fixation_map(places, values.shape, 2.0)
    found = linear_correlation(values, smooth)
    assert found == pytest.approx(plain.correlation(values, smooth), **exact)


def test_thresholds_at_fixated_pixels_alone_change_the_area_as_little_as_said():
    rng = np.random.default_rng(5)
    values, places = rng.random((20, 30)), rng.random((40, 2))
    count = len({plain.pixel(place, values.shape) for place in places})
    published = plain.auc_judd_published(values, places)
    assert 0 < abs(auc_judd(values, places) - published) <= 1 / (2 * count)


def test_a_fixation_map_is_a_sum_of_gaussians():
    places = np.random.default_rng(1).uniform(0.2, 0.8, (6, 2))
    found, expected = fixation_map(places, (60, 80), 3.0), plain.fixation_map(places, (60, 80), 3.0)
    assert found.sum() == pytest.approx(1, rel=1e-3)
    np.testing.assert_allclose(found / found.max(), expected / expected.max(), atol=2e-3)


def test_a_perfect_map_and_one_that_says_nothing():
    places = np.array([[0.1, 0.1], [0.8, 0.3]])
    perfect = fixation_map(places, (10, 10), 0.1)
    assert auc_judd(perfect, places) == 1
    assert shuffled_auc(perfect, places, np.array([[0.5, 0.5]])) == 1
    assert scanpath_saliency(perfect, places) == pytest.approx(7)  # 2 of 100 pixels: sqrt(98 / 2)
    nothing = np.ones((10, 10))
    assert auc_judd(nothing, places) == shuffled_auc(nothing, places, places) == 0.5
    assert scanpath_saliency(nothing, places) == linear_correlation(nothing, perfect) == 0
    assert area_under_roc(np.array([1.0]), np.array([2.0])) == 0


def test_people_who_look_alike_predict_each_other_and_others_do_not():
    rng = np.random.default_rng(4)
    elsewhere, where = rng.random((200, 2)), rng.uniform(0.3, 0.7, (4, 2))
    alike = [where + rng.normal(0, 0.02, where.shape) for _ in range(6)]
    high = agreement(alike, elsewhere, (30, 40), 1.5)
    low = agreement([rng.random((4, 2)) for _ in range(6)], elsewhere, (30, 40), 1.5)
    assert all(a > b + 0.2 for a, b in zip(high, low, strict=True))
    others = fixation_map(np.concatenate(alike[1:]), (30, 40), 1.5)
    first = measured(others, alike[0], elsewhere, others)
    rest = [
        measured(
            fixation_map(np.concatenate([*alike[:n], *alike[n + 1 :]]), (30, 40), 1.5),
            alike[n],
            elsewhere,
            others,
        )
        for n in range(1, 6)
    ]
    assert high[0] == pytest.approx(np.mean([first[0], *(one[0] for one in rest)]))


def test_looking_at_the_centre_of_every_image_gains_nothing_when_shuffled():
    rng = np.random.default_rng(2)
    places, elsewhere = (np.clip(rng.normal(0.5, 0.15, (800, 2)), 0, 1) for _ in range(2))
    centre = fixation_map(elsewhere, (40, 40), 3.0)
    assert auc_judd(centre, places) > 0.7
    assert shuffled_auc(centre, places, elsewhere) == pytest.approx(0.5, abs=0.03)


def test_paths_are_aligned_as_by_an_independent_program():
    rng = np.random.default_rng(3)
    one, other = rng.random((4, 6, 2)), rng.random((4, 5, 2))
    expected = [
        plain.alignment(a.tolist(), b.tolist(), 0.4) for a, b in zip(one, other, strict=True)
    ]
    np.testing.assert_allclose(aligned(one, other, 0.4), expected, rtol=1e-12)


def test_the_same_places_in_another_order_are_another_path():
    path = np.array([[0.1, 0.1], [0.5, 0.5], [0.9, 0.9]])
    assert aligned(path, path, 0.2) == pytest.approx(1)
    assert aligned(path, path[::-1], 0.2) == pytest.approx(1 / 3)
    assert aligned(path, path + 1.0, 0.2) == 0
