import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cortex.stimuli import VisualField

few = settings(deadline=None, max_examples=25)


def test_x_grows_to_the_right_y_grows_up_and_row_0_is_the_top():
    x, y = VisualField((3, 4), 0.5, (10.0, -2.0)).coordinates()
    np.testing.assert_allclose(x[1], [9.25, 9.75, 10.25, 10.75])
    np.testing.assert_allclose(y[:, 0], [-1.5, -2.0, -2.5])
    assert np.all(x == x[:1])
    assert np.all(y == y[:, :1])


@few
@given(
    shape=st.sampled_from([(1, 1), (13, 40)]),  # few, for each is compiled
    degrees_per_pixel=st.floats(0.01, 2.0),
    x=st.floats(-20, 20),
    y=st.floats(-20, 20),
)
def test_pixels_to_degrees_and_back(shape, degrees_per_pixel, x, y):
    height, width = shape
    field = VisualField(shape, degrees_per_pixel, (x, y))
    rows, columns = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    back = field.to_pixels(*field.to_degrees(rows.astype(float), columns.astype(float)))
    tolerance = 1e-5 * (height + width + 60 / degrees_per_pixel)
    np.testing.assert_allclose(back[0], rows, atol=tolerance)
    np.testing.assert_allclose(back[1], columns, atol=tolerance)


def test_extent_is_half_a_pixel_outside_the_outer_pixel_centres():
    field = VisualField((3, 4), 0.5, (1.0, 2.0))
    x, y = field.coordinates()
    expected = (x.min() - 0.25, x.max() + 0.25, y.min() - 0.25, y.max() + 0.25)
    np.testing.assert_allclose(field.extent, expected)
    np.testing.assert_allclose(field.size, (1.5, 2.0))


def test_rotated_axes():
    field = VisualField((5, 5), 1.0)
    x, y = field.coordinates()
    along, across = field.rotated(0.0)
    np.testing.assert_allclose(along, x, atol=1e-6)
    np.testing.assert_allclose(across, y, atol=1e-6)
    along, across = field.rotated(90.0)
    np.testing.assert_allclose(along, y, atol=1e-6)
    np.testing.assert_allclose(across, -x, atol=1e-6)
    along, _ = field.rotated(45.0)
    assert np.argmax(along) == 4  # the top right corner


def test_distance_has_no_nan_gradient_at_its_own_place():
    field = VisualField((3, 3), 1.0)
    np.testing.assert_allclose(field.distance()[0], [2**0.5, 1.0, 2**0.5], rtol=1e-6)
    assert np.isfinite(jax.grad(lambda x: field.distance(x).sum())(0.0))


@pytest.mark.parametrize("shape", [(0, 3), (3, -1)])
def test_a_side_must_be_positive(shape):
    with pytest.raises(ValueError, match="positive sides"):
        VisualField(shape, 1.0)
