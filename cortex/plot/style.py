"""The one figure style: sizes in millimetres, colours by meaning, letters on panels.

Colours are those of Okabe & Ito and, for what attention is applied by, of Tol's muted scheme: told
apart by readers with any colour vision. What a colour means, in every figure:

- vermillion is E and blue is I (`E`, `I`);
- green is attended, cued validly, looked at, learned or fitted, and the first of two stimuli;
  purple is attended elsewhere, cued invalidly, and the other stimulus; black is no attention
  (`ATTENDED`, `ELSEWHERE`, `UNATTENDED`);
- orange, light blue and grey are the three forms of attention (`FORMS`);
- wine, indigo and olive are what attention is applied by: place, tuning values, gradient values;
  their controls are greys (`VALUES`);
- filled is with circuits, open is without (`VARIANT_LOOKS`), whatever the colour;
- what is ordered, as contrast is, has one colour from light to dark (`shades`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.projections import get_projection_class, register_projection
from matplotlib.ticker import NullLocator, PercentFormatter

from cortex.plot.panel import Page, Panel

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
OLIVE = "#8A7F00"
INDIGO = "#332288"
WINE = "#882255"

ATTENDED, ELSEWHERE, UNATTENDED = GREEN, PURPLE, INK

# Colours for series that have no meaning of their own, in this order.
SERIES = (GREEN, PURPLE, ORANGE, SKY, INK, GREY)

# The forms of attention, in every figure that compares them.
FORMS = {"input to E": ORANGE, "gain on drive": SKY, "input to E and I": GREY}

# What attention is applied by, in every figure of the study of detection: colour, marker, words.
VALUES = {
    "tuning": (INDIGO, "o", "tuning values"),
    "gradient": (OLIVE, "s", "gradient values"),
    "shuffled": ("#5A5A5A", "v", "control: shuffled"),
    "negated": ("#8C8C8C", "D", "control: negated"),
    "uniform": ("#B4B4B4", "^", "control: uniform"),
}
VARIANTS = {
    "plain": "no circuits",
    "no recurrence": "circuits without recurrence",
    "circuits": "circuits",
}
VARIANT_LOOKS: dict[str, dict[str, Any]] = {
    "plain": {"mfc": "white", "ls": (0, (3, 1.5))},
    "no recurrence": {"fillstyle": "left", "ls": (0, (1, 1))},
    "circuits": {"ls": "-"},
}

SINGLE_COLUMN = 88.0
DOUBLE_COLUMN = 180.0

_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["Arial", "Helvetica", "Liberation Sans", "DejaVu Sans"],
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
    """Use the style, and `Panel` for all axes, while drawing.

    Decorate an experiment's ``draw`` with ``@style.journal()``.
    """
    # From matplotlib's own defaults, so that a reader's matplotlibrc does not change a figure.
    with mpl.rc_context({**_defaults(), **_SETTINGS}), warnings.catch_warnings():
        # Missing numbers are seen in the figure.
        for words in ("All-NaN", "Mean of empty slice", "Degrees of freedom"):
            warnings.filterwarnings("ignore", words, RuntimeWarning)
        before = get_projection_class("rectilinear")
        register_projection(Panel)
        try:
            yield
        finally:
            register_projection(before)


def _defaults() -> dict[str, Any]:
    # The backend is the caller's business, and asking for its default would switch it.
    return {key: mpl.rcParamsDefault[key] for key in mpl.rcParamsDefault if "backend" not in key}


def page(height: int | float, width: int | float = DOUBLE_COLUMN) -> Page:
    """An empty figure of so many millimetres, without a window."""
    return Page(figsize=(width / 25.4, height / 25.4), layout="constrained")


def figure(
    rows: int,
    columns: int,
    *,
    width: int | float = DOUBLE_COLUMN,
    height: int | float = 60,
    **grid: Any,
) -> tuple[Figure, Any]:
    """A figure with a grid of panels, without a window.

    Args:
        rows, columns: grid of panels.
        width, height: size of the whole figure [mm].
        **grid: passed on to `Figure.subplots` (``width_ratios``, ``sharex``, ...).

    Returns:
        The figure and an array of axes of shape (rows, columns).
    """
    drawn = page(height, width)
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.04, hspace=0.05)
    return drawn, drawn.subplots(rows, columns, squeeze=False, **grid)


def joined(panels: Any) -> Any:
    """One panel in place of neighbours in a row or a column of a figure's grid."""
    first, last = (panels[end].get_subplotspec() for end in (0, -1))
    rows = slice(first.rowspan.start, last.rowspan.stop)
    columns = slice(first.colspan.start, last.colspan.stop)
    drawn = panels[0].figure
    for panel in panels:
        panel.remove()
    return drawn.add_subplot(first.get_gridspec()[rows, columns])


def split(panel: Any) -> tuple[Any, Any]:
    """Two panels, one above the other, in place of one of a figure's grid."""
    upper, lower = panel.get_subplotspec().subgridspec(2, 1)
    drawn = panel.figure
    panel.remove()
    return drawn.add_subplot(upper), drawn.add_subplot(lower)


def letters(axes: Iterable[Axes]) -> None:
    """Bold panel letters a, b, c, ... outside the upper left corners."""
    for letter, panel in zip("abcdefghijklmnopqrstuvwxyz", axes, strict=False):
        panel.annotate(
            letter,
            gid="letter",
            xy=(0, 1),
            xycoords="axes fraction",
            xytext=(-24, 5),
            textcoords="offset points",
            fontsize=9,
            fontweight="bold",
            va="bottom",
            ha="left",
        )


def percent(share: float, decimals: int = 0) -> str:
    """A share in words: "95 %"."""
    return f"{share:.{decimals}%}".replace("%", " %").replace("-", "−")


def percent_axis(axis: Any) -> None:
    """Write the ticks of an axis of shares as "50 %"."""
    axis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))


def number(value: float, decimals: int, sign: bool = False) -> str:
    """A number with a minus of its own, none before a zero, and a plus if asked for."""
    rounded = round(float(value), decimals) + 0.0
    return f"{rounded:{'+' if sign and rounded else ''}.{decimals}f}".replace("-", "−")


def plain_log(axis: Any, ticks: Iterable[int | float]) -> None:
    """Write the ticks of a logarithmic axis as plain numbers."""
    places = list(ticks)
    axis.set_ticks(places, labels=[f"{place:g}" for place in places])


def decades(panel: Any, low: Any, high: Any) -> None:
    """A logarithmic vertical axis with plain ticks at the powers of ten."""
    panel.set_yscale("log")
    panel.set_ylim(low, high)
    plain_log(panel.yaxis, [10.0**n for n in range(-8, 6) if low <= 10.0**n <= high])
    panel.minorticks_off()


def from_zero(panel: Any, *arrays: Any) -> None:
    """A vertical axis that shows zero, as a line where there are values below it."""
    values = np.concatenate([np.ravel(array) for array in arrays])
    low, high = np.nanmin(values, initial=0.0), np.nanmax(values, initial=0.0)
    if low < 0:
        panel.axhline(0, color=INK, lw=0.6)
    panel.set_ylim(min(0.0, 1.1 * low), 1.1 * high if high > 0 else 1.0)


def no_ticks() -> NullLocator:
    """A locator without ticks, for the minor ones of a logarithmic axis."""
    return NullLocator()


def shades(colour: str, count: int) -> list[Any]:
    """From pale to the colour itself and a little darker: the more of a quantity, the more ink."""
    full = np.asarray(mpl.colors.to_rgb(colour))
    places = np.linspace(0.35, 1.15, count) if count > 1 else [1.0]
    return [tuple(1 - p * (1 - full) if p <= 1 else full * (2 - p)) for p in places]


def unframed(panel: Any) -> Any:
    """A panel for an image: no ticks, no frame."""
    panel.set_xticks([])
    panel.set_yticks([])
    for spine in panel.spines.values():
        spine.set_visible(False)
    return panel


def hard_images(panel: Any, data: Any, names: Mapping[str, str], size: float = 7) -> None:
    """One image of each task, one above the other, grey.

    Args:
        panel: where to draw.
        data: with ``example`` by task, from 0 to 1.
        names: in words, by task.
        size: of the words.
    """
    panel.axis("off")
    tasks = data["task"].values
    for number, task in enumerate(tasks):
        height = 0.92 / len(tasks)
        place = (0.0, 0.96 - (number + 1) * height - 0.04 * number, 1.0, height * 0.88)
        inset = panel.inset_axes(place)
        inset.imshow(data["example"].sel(task=task).values, cmap="gray", vmin=0, vmax=1)
        inset.set_xticks([])
        inset.set_yticks([])
        inset.set_title(names[task], fontsize=size, pad=2)
