"""Onsets and widths by hand."""

import numpy as np
import pytest

from cortex.analysis.onset import full_width, onset_latency


def test_onset_latency():
    times = np.array([0.0, 10.0, 20.0, 30.0])
    course = np.array([[0.0, 1.0, 3.0, 2.0], [0.0, -1.0, -3.0, -2.0], [5.0, 5.0, 5.0, 5.0]])
    found = onset_latency(times, course, np.array([2.0, -2.0, 1.0]))
    np.testing.assert_allclose(found, [15.0, 15.0, 0.0])
    assert np.isnan(onset_latency(times, course, np.array([4.0, 2.0, 0.0]))).all()


def test_full_width():
    places = np.linspace(-3, 3, 601)
    gaussian = np.exp(-(places**2) / (2 * 0.5**2))
    assert full_width(places, gaussian) == pytest.approx(2 * 0.5 * np.sqrt(2 * np.log(2)), rel=1e-4)
    assert full_width(places[:4], np.array([0.0, 1.0, 0.0, 0.0])) == pytest.approx(0.01)
    assert np.isnan(full_width(places, np.zeros_like(places)))
    assert np.isnan(full_width(places, places))  # still rising at the border
