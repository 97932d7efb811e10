"""Panels: what is drawn where, and what legends and names cover."""

import numpy as np
import pytest
import xarray as xr

from cortex.plot import forest, legend_below, legend_beside, map_of, merged, name_lines, style


@pytest.fixture
def panel():
    _, panels = style.figure(1, 1, width=88)
    return panels[0, 0]


@pytest.fixture
def estimates():
    values = [[[1.0, 0.5, 2.0], [-1.0, -2.0, -0.5]], [[0.0, -1.0, 1.0], [np.nan] * 3]]
    axes = {"row": ["first", "second"], "of": ["x", "y"], "bound": ["value", "low", "high"]}
    return xr.DataArray(values, axes, attrs={"units": "Hz", "long_name": "change"})


def test_a_forest_has_the_first_row_above_and_its_intervals_lie_across(panel, estimates):
    forest(panel, estimates, "row", "of")
    bottom, top = panel.get_ylim()
    assert bottom > top
    assert [tick.get_text() for tick in panel.get_yticklabels()] == ["first", "second"]
    assert panel.get_xlabel() == "Change (Hz)"
    (bars,) = panel.containers[0].lines[2]
    np.testing.assert_allclose(bars.get_segments()[0][:, 0], [0.5, 2.0])
    points = panel.containers[0].lines[0].get_ydata(), panel.containers[1].lines[0].get_ydata()
    assert np.all(points[0] < points[1])


def test_dimensions_are_merged_with_the_last_varying_fastest(estimates):
    one = merged(estimates, "place", ("row", "of"), "{1} of {0}".format)
    words = ["x of first", "y of first", "x of second", "y of second"]
    assert list(one["place"].values) == words
    assert float(one.sel(place="y of first", bound="low")) == -2.0
    assert one.attrs == estimates.attrs


def test_names_of_lines_that_end_together_stand_apart(panel):
    for number in range(4):
        panel.plot([0, 1], [number, 0.5], label=f"line {number}")
    panel.plot([0, 1], [np.nan, np.nan], label="nothing")
    panel.set_ylim(0, 1)
    name_lines(panel, apart=0.1)
    heights = sorted(text.xy[1] for text in panel.texts)
    assert len(heights) == 4
    assert min(np.diff(heights)) > 0.09
    assert heights[0] >= 0
    assert heights[-1] <= 1


@pytest.mark.parametrize("height", [50, 120])
@style.journal()
def test_a_legend_below_lies_under_the_label_of_the_axis_however_tall_the_panel_is(height):
    figure, panels = style.figure(1, 1, height=height)
    panel = panels[0, 0]
    panel.plot([0, 1], label="line")
    panel.set_xlabel("Two\nlines")
    legend_below(panel)
    figure.draw_without_rendering()
    legend = panel.get_legend().get_window_extent()
    assert legend.y1 <= panel.xaxis.label.get_window_extent().y0
    assert legend.y0 >= 0


def test_a_legend_of_nothing_is_none(panel):
    legend_below(panel)
    legend_beside(panel)
    assert panel.get_legend() is None


def test_a_map_of_a_difference_is_white_at_even_and_has_a_bar(panel):
    image = map_of(panel, np.array([[0.5, 1.2]]), "Gain", even=1.0)
    assert image.get_clim() == (0.5, 1.5)
    assert image.colorbar.ax.get_ylabel() == "Gain"
