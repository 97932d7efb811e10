"""Where curves cross a level, and how often courses do, against closed forms."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis import crossing, cycle_frequency, half_rise, thirds


def test_a_crossing_is_found_in_the_logarithm_of_the_coordinate():
    curve = xr.DataArray([-1.0, 1.0, 2.0], {"contrast": [1.0, 10.0, 100.0]}, ["contrast"])
    assert crossing(curve, 0.0, falling=False) == pytest.approx(10**0.5)
    assert crossing(-curve, 0.0) == pytest.approx(10**0.5)
    assert np.isnan(crossing(curve, 0.0))
    assert np.isnan(crossing(curve, -3.0, falling=False))


def test_the_frequency_of_a_sine_is_its_own():
    time = np.arange(0.0, 200.0, 0.5)
    course = xr.DataArray(3 + np.sin(2 * np.pi * 0.045 * time + 1), {"time": time}, ["time"])
    assert cycle_frequency(course) == pytest.approx(45, rel=1e-3)
    # A step rises through its mean once: no cycle.
    assert np.isnan(cycle_frequency(course.copy(data=np.sign(time - 90))))


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ([0.0, 0.5, 1.0], 1.0),
        ([0.2, 0.2, 0.6], 1.5),
        ([0.0, 0.8, 0.4], 0.5),
        ([0.0, 0.8, np.nan], 0.5),  # what is not known is left out
        ([0.5, 0.4, 0.3], np.nan),
    ],
)
def test_half_of_a_rise(values, place):
    curve = xr.DataArray([values], {"strength": [0.0, 1.0, 2.0]}, ["task", "strength"])
    assert half_rise(curve, "strength").values == pytest.approx([place], nan_ok=True)


def test_thirds_of_layers():
    values = xr.DataArray(np.arange(8.0), dims="layer")
    found = thirds(values, "layer")
    assert found["part"].values.tolist() == ["early", "middle", "late"]
    assert found.values.tolist() == [1.0, 4.0, 6.5]
    assert thirds(values[:2], "layer")["part"].values.tolist() == ["early", "middle"]
