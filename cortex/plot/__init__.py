"""Figures: the one style, and panels that take their words and units from the dataset."""

from . import style
from .panels import (
    axis_of,
    curves,
    heat,
    interval_bars,
    legend_below,
    legend_of,
    marks,
    name_axes,
    time_course,
    words,
)

__all__ = [
    "axis_of",
    "curves",
    "heat",
    "interval_bars",
    "legend_below",
    "legend_of",
    "marks",
    "name_axes",
    "style",
    "time_course",
    "words",
]
