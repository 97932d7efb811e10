"""Figures: the one style, and panels that take their words and units from the dataset."""

from . import style
from .panels import (
    axis_of,
    curves,
    forest,
    heat,
    interval_bars,
    legend_below,
    legend_beside,
    legend_of,
    map_of,
    marks,
    merged,
    name_axes,
    name_lines,
    time_course,
    trend,
    words,
)

__all__ = [
    "axis_of",
    "curves",
    "forest",
    "heat",
    "interval_bars",
    "legend_below",
    "legend_beside",
    "legend_of",
    "map_of",
    "marks",
    "merged",
    "name_axes",
    "name_lines",
    "style",
    "time_course",
    "trend",
    "words",
]
