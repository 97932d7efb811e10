import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.stimuli import VisualField, annulus, band, bar, blob, disc, line
from tests.derivatives import check_derivatives

few = settings(deadline=None, max_examples=25)
FIELD = VisualField((80, 80), 0.1)
AREA = 0.1**2


def logistic(z):
    return 1.0 / (1.0 + np.exp(-z))


@few
@given(length=st.floats(0.0, 10.0), edge=st.floats(0.03, 1.0))
def test_line_is_the_formula_of_the_paper(length, edge):
    x = np.linspace(-6, 6, 61)
    expected = logistic(np.clip((x + length / 2) / edge, -500, 500)) * (
        1 - logistic(np.clip((x - length / 2) / edge, -500, 500))
    )
    found = line(jnp.asarray(x, dtype=float), length, edge)
    np.testing.assert_allclose(found, expected, atol=2e-4)


def test_line_of_the_published_sharpness_is_finite_and_covers_its_length():
    x = (jnp.arange(101) - 50.0) / 3.0
    h = line(x, 4.0, 0.125 / 3.0)
    assert np.all(np.isfinite(h))
    inside, outside = np.abs(x) < 1.9, np.abs(x) > 2.1
    np.testing.assert_allclose(np.asarray(h)[inside], 1.0, atol=1e-3)
    np.testing.assert_allclose(np.asarray(h)[outside], 0.0, atol=1e-3)
    assert np.all(np.isfinite(jax.grad(lambda s: line(x, 4.0, s).sum())(0.125 / 3.0)))


@few
@given(diameter=st.floats(1.0, 6.0), x=st.floats(-0.8, 0.8), y=st.floats(-0.8, 0.8))
def test_disc_has_the_area_and_the_middle_asked_for(diameter, x, y):
    mask = np.asarray(disc(FIELD, diameter, x=x, y=y))
    assert mask.min() >= 0.0
    assert mask.max() <= 1.0
    np.testing.assert_allclose(mask.sum() * AREA, np.pi * diameter**2 / 4, rtol=0.03)
    all_x, all_y = FIELD.coordinates()
    np.testing.assert_allclose((mask * all_x).sum() / mask.sum(), x, atol=0.01)
    np.testing.assert_allclose((mask * all_y).sum() / mask.sum(), y, atol=0.01)


def test_annulus_is_a_disc_with_a_hole():
    ring = annulus(FIELD, 2.0, 5.0)
    np.testing.assert_allclose(ring, disc(FIELD, 5.0) - disc(FIELD, 2.0), atol=1e-4)


def test_band_is_half_at_its_ends():
    ends = band(jnp.array([1.0, 2.0, 5.0]), 1.0, 5.0, 0.05)
    np.testing.assert_allclose(ends, [0.5, 1.0, 0.5], atol=1e-5)


@few
@given(orientation=st.floats(0, 180), length=st.floats(2.0, 5.0), width=st.floats(0.4, 1.5))
def test_bar_has_the_orientation_and_moments_asked_for(orientation, length, width):
    mask = np.asarray(bar(FIELD, length, width, orientation), dtype=np.float64)
    np.testing.assert_allclose(mask.sum() * AREA, length * width, rtol=0.03)
    x, y = (np.asarray(c, dtype=np.float64) for c in FIELD.coordinates())
    weight = mask / mask.sum()
    covariance = np.array(
        [[(weight * x * x).sum(), (weight * x * y).sum()],
         [(weight * x * y).sum(), (weight * y * y).sum()]]
    )  # fmt: skip
    values, vectors = np.linalg.eigh(covariance)
    found = np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1]))
    assert abs((found - orientation + 90.0) % 180.0 - 90.0) < 2.0
    np.testing.assert_allclose(np.sqrt(12 * values), [width, length], rtol=0.05, atol=0.06)


def test_blob_has_unit_peak_and_the_standard_deviation_asked_for():
    field = VisualField((81, 81), 0.1, (2.0, 0.0))
    image = np.asarray(blob(field, 0.7, x=2.5, y=0.5))
    assert image[35, 45] == image.max() == 1.0
    np.testing.assert_allclose(image[35, 52], np.exp(-0.5), rtol=1e-4)


def test_gradient_in_size_and_place_meets_finite_differences():
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(80, 80)), dtype=float)

    def value(p):
        shapes = bar(FIELD, p[0], p[1], p[2], x=p[3], y=p[4], edge=0.3)
        return (weights * (shapes + annulus(FIELD, p[1], p[0], x=p[4], edge=0.3))).sum()

    point = jnp.array([4.0, 1.0, 30.0, 0.2, -0.3])
    check_derivatives(value, point, [0.02, 0.02, 1.0, 0.02, 0.02], rtol=0.02, rounding=0.02)


def test_disc_gradient_is_finite_with_a_pixel_at_the_middle():
    field = VisualField((9, 9), 0.1)
    gradient = jax.grad(lambda x, d: disc(field, d, x=x).sum(), argnums=(0, 1))(0.0, 0.5)
    assert np.all(np.isfinite(gradient))
