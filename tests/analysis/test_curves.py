"""Where curves cross a level, and how often courses do, against closed forms."""

import numpy as np
import pytest
import xarray as xr

from cortex.analysis import crossing, cycle_frequency


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
