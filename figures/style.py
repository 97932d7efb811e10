"""The one figure style: sizes in millimetres, colours by meaning, letters on panels.

Colours are those of Okabe & Ito, told apart by readers with any colour vision. E is vermillion
and I is blue in every figure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

E = "#D55E00"
I = "#0072B2"  # noqa: E741 - the field's name for the inhibitory population
GREEN = "#009E73"
ORANGE = "#E69F00"
SKY = "#56B4E9"
PURPLE = "#CC79A7"
YELLOW = "#F0E442"
INK = "#000000"
GREY = "#767676"
PALE = "#D9D9D9"

# Colours for series that are neither E nor I, in this order.
SERIES = (GREEN, PURPLE, ORANGE, SKY, INK, GREY)

# The forms of attention, in every figure that compares them.
FORMS = {"input to E": ORANGE, "gain on drive": SKY, "input to E and I": GREY}

SINGLE_COLUMN = 88.0
DOUBLE_COLUMN = 180.0

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "DejaVu Sans"],
    "font.size": 7,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.3,
    "lines.markersize": 4,
    "patch.linewidth": 0.6,
    "mathtext.default": "regular",
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "savefig.facecolor": "white",
}


@contextmanager
def journal() -> Iterator[None]:
    """Use the style while drawing; decorate an experiment's ``draw`` with ``@style.journal()``."""
    # From matplotlib's own defaults, so that a reader's matplotlibrc does not change a figure.
    with mpl.rc_context({**_defaults(), **_SETTINGS}):
        yield


def _defaults() -> dict[str, Any]:
    # The backend is the caller's business, and asking for its default would switch it.
    return {key: mpl.rcParamsDefault[key] for key in mpl.rcParamsDefault if "backend" not in key}


def figure(
    rows: int,
    columns: int,
    *,
    width: int | float = DOUBLE_COLUMN,
    height: int | float = 60,
    **grid: Any,
) -> tuple[Figure, Any]:
    """A figure with a grid of panels, without a window.

    Parameters
    ----------
    rows, columns
        Grid of panels.
    width, height
        Size of the whole figure [mm].
    **grid
        Passed on to `Figure.subplots` (``width_ratios``, ``sharex``, ...).

    Returns
    -------
    The figure and an array of axes of shape (rows, columns).
    """
    drawn = Figure(figsize=(width / 25.4, height / 25.4), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0.05)
    return drawn, drawn.subplots(rows, columns, squeeze=False, **grid)


def letters(axes: Iterable[Axes]) -> None:
    """Bold panel letters a, b, c, ... outside the upper left corners."""
    for letter, panel in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        panel.annotate(
            letter,
            xy=(0, 1),
            xycoords="axes fraction",
            xytext=(-24, 5),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
            va="bottom",
            ha="left",
        )


def plain_log(axis: Any, ticks: Iterable[int | float]) -> None:
    """Write the ticks of a logarithmic axis as plain numbers."""
    places = list(ticks)
    axis.set_ticks(places, labels=[f"{place:g}" for place in places])
