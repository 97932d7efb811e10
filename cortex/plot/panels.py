"""Panels of figures. Axes take their words, units and scales from the dataset."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.ticker import MaxNLocator
from matplotlib.transforms import ScaledTranslation

from cortex.plot import style

# Colours of the populations, in every figure.
POPULATIONS = {"E": style.E, "I": style.I}
_PLAIN_TICKS = (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)


def words(array: xr.DataArray) -> str:
    """Name and unit of a variable or coordinate as the label of an axis: "Rate (Hz)"."""
    name = str(array.attrs.get("long_name", array.name or ""))
    units = array.attrs.get("units", "1")
    text = name[:1].upper() + name[1:]
    return text if units in ("", "1") else f"{text} ({units})"


def axis_of(panel: Any, along: xr.DataArray, *, log: bool | None = None, which: str = "x") -> None:
    """Give an axis the label, the limits and the scale of a coordinate.

    Args:
        panel: matplotlib axes.
        along: the coordinate.
        log: whether the scale is logarithmic; by default where a curve of contrasts is.
        which: "x" or "y".
    """
    values = along.values.astype(float)
    logarithmic = along.attrs.get("units") == "%" and values.min() > 0 if log is None else log
    getattr(panel, f"set_{which}label")(words(along))
    if len(values) < 2:
        return
    if logarithmic:
        getattr(panel, f"set_{which}scale")("log")
        ticks = [t for t in _PLAIN_TICKS if values.min() <= t <= values.max()]
        axis = panel.xaxis if which == "x" else panel.yaxis
        style.plain_log(axis, ticks if len(ticks) > 1 else [values.min(), values.max()])
        axis.set_minor_locator(style.no_ticks())
    getattr(panel, f"set_{which}lim")(values.min(), values.max())


def name_axes(panel: Any, x: xr.DataArray, y: xr.DataArray, *, log: bool | None = None) -> None:
    """Label the axes of a panel after a coordinate and a variable; see `axis_of`."""
    axis_of(panel, x, log=log)
    panel.set_ylabel(words(y))


def curves(
    panel: Any,
    array: xr.DataArray,
    x: str,
    by: str | None = None,
    *,
    looks: Mapping[Any, Any] | None = None,
    names: Mapping[Any, str] | None = None,
    log: bool | None = None,
    **line: Any,
) -> None:
    """Curves over a coordinate, one for each place of another, dots where numbers were asked for.

    An estimate, with a dimension ``bound``, is drawn with its interval as a band.

    Args:
        panel: matplotlib axes.
        array: variable with the dimensions `x` and `by`.
        x: coordinate along the horizontal axis; its attribute ``asked`` marks the dots.
        by: dimension of the curves; none for a single one.
        looks: colour, or keywords of `Axes.plot`, of each curve; by default those of E and I, or
            the series of the style.
        names: words of each curve for the legend, by coordinate; by default the coordinates.
        log: whether the horizontal axis is logarithmic; see `axis_of`.
        **line: passed on to `Axes.plot`.
    """
    keys = [None] if by is None else list(array[by].values)
    asked = np.atleast_1d(array[x].attrs.get("asked", ()))
    for number, key in enumerate(keys):
        one = array if by is None else array.sel({by: key})
        look = _look(looks, key, number)
        label = None if key is None else (names or {}).get(key, f"{key}")
        centre = one.sel(bound="value") if "bound" in one.dims else one
        if "bound" in one.dims:
            band = {"color": look["color"], "alpha": 0.18, "lw": 0}
            panel.fill_between(one[x], one.sel(bound="low"), one.sel(bound="high"), **band)
        panel.plot(one[x], centre, **{"label": label, **look, **line})
        if len(asked):
            dots = {"ls": "none", "marker": "o", "mec": "white", "mew": 0.5, "color": look["color"]}
            panel.plot(asked, centre.sel({x: asked}), **dots)
    name_axes(panel, array[x], array, log=log)


def _look(looks: Mapping[Any, Any] | None, key: Any, number: int) -> dict[str, Any]:
    found = (looks or POPULATIONS).get(key, style.SERIES[number % len(style.SERIES)])
    return dict(found) if isinstance(found, Mapping) else {"color": found}


def interval_bars(
    panel: Any,
    estimates: xr.DataArray,
    x: str,
    by: str | None = None,
    *,
    looks: Mapping[Any, Any] | None = None,
    names: Mapping[Any, str] | None = None,
    width: float = 0.6,
) -> None:
    """Estimates as points with their intervals, side by side for each place of a coordinate.

    Args:
        panel: matplotlib axes.
        estimates: variable with the dimensions `x`, `by` and ``bound``.
        x: coordinate along the horizontal axis, of words or numbers, evenly spaced.
        by: dimension of the points side by side; none for single ones.
        looks: colour, or keywords of `Axes.errorbar`, of each.
        names: words of each for the legend.
        width: of what stands side by side, as a share of the distance between places.
    """
    keys = [None] if by is None else list(estimates[by].values)
    places = np.arange(estimates.sizes[x])
    for number, key in enumerate(keys):
        one = estimates if by is None else estimates.sel({by: key})
        low, value, high = (one.sel(bound=end).values for end in ("low", "value", "high"))
        shift = width * ((number + 0.5) / len(keys) - 0.5)
        look = {"fmt": "o", "capsize": 0, "elinewidth": 1.0} | _look(looks, key, number)
        label = None if key is None else (names or {}).get(key, f"{key}")
        panel.errorbar(places + shift, value, (value - low, high - value), label=label, **look)
    panel.set_xticks(places, _written(estimates[x]))
    panel.set_xlim(-0.5, len(places) - 0.5)
    panel.set_xlabel(words(estimates[x]))
    panel.set_ylabel(words(estimates))


def forest(
    panel: Any,
    estimates: xr.DataArray,
    y: str,
    by: str | None = None,
    *,
    looks: Mapping[Any, Any] | None = None,
    names: Mapping[Any, str] | None = None,
    rows: Sequence[str] | None = None,
    none: float = 0.0,
    height: float = 0.5,
) -> None:
    """Estimates as points with their intervals, one row below the other, and a line at no effect.

    Args:
        panel: matplotlib axes.
        estimates: variable with the dimensions `y`, `by` and ``bound``; what is not finite is left
            out.
        y: dimension of the rows, the first above.
        by: dimension of the points within a row; none for single ones.
        looks: colour, or keywords of `Axes.errorbar`, of each.
        names: words of each for a legend.
        rows: words of the rows; by default their coordinates.
        none: where the line is.
        height: of the points of a row together, as a share of the distance between rows.
    """
    keys = [None] if by is None else list(estimates[by].values)
    places = np.arange(estimates.sizes[y])
    panel.axvline(none, color=style.GREY, lw=0.6, zorder=0)
    for number, key in enumerate(keys):
        one = estimates if by is None else estimates.sel({by: key})
        low, value, high = (one.sel(bound=end).values for end in ("low", "value", "high"))
        shift = height * ((number + 0.5) / len(keys) - 0.5)
        look = {"fmt": "o", "capsize": 0, "elinewidth": 1.0} | _look(looks, key, number)
        label = None if key is None else (names or {}).get(key, f"{key}")
        # Of what never varies, rounding may put the value outside.
        ends = np.maximum((value - low, high - value), 0.0)
        panel.errorbar(value, places + shift, xerr=ends, label=label, **look)
    panel.set_yticks(places, _written(estimates[y]) if rows is None else rows)
    panel.set_ylim(len(places) - 0.5, -0.5)
    panel.tick_params(axis="y", length=0)
    panel.locator_params(axis="x", nbins=4)
    panel.set_xlabel(words(estimates))


def merged(
    array: xr.DataArray, name: str, dims: Sequence[str], written: Callable[..., str]
) -> xr.DataArray:
    """Some dimensions as one, the last varying fastest, with words as its coordinate.

    Args:
        array: variable with the dimensions `dims`.
        name: of the one dimension.
        dims: what becomes one.
        written: the words of a place, from its coordinates along `dims`.
    """
    one = array.stack({name: list(dims)})
    words = [written(*place) for place in one[name].values]
    return one.drop_vars([name, *dims]).assign_coords({name: words}).assign_attrs(array.attrs)


def _written(along: xr.DataArray) -> list[str]:
    return [str(v) if along.dtype.kind in "OUSTb" else f"{v:g}" for v in along.values]


def heat(
    panel: Any, array: xr.DataArray, x: str, y: str, *, symmetric: bool = False, **image: Any
) -> Any:
    """A map over two coordinates with its colour bar.

    Args:
        panel: matplotlib axes.
        array: variable with the dimensions `y` and `x`.
        x, y: coordinates along the axes, evenly spaced.
        symmetric: whether the colours are those of a difference, around zero.
        **image: passed on to `Axes.imshow`.

    Returns:
        The image.
    """
    values = array.transpose(y, x).values
    if symmetric:
        largest = np.nanmax(np.abs(values)) or 1.0
        image = {"cmap": "RdBu_r", "vmin": -largest, "vmax": largest} | image
    extent = [*_ends(array[x]), *_ends(array[y])]
    shown = panel.imshow(values, **{"origin": "lower", "aspect": "auto", "extent": extent} | image)
    panel.figure.colorbar(shown, ax=panel, label=words(array), fraction=0.05, pad=0.03)
    panel.set_xlabel(words(array[x]))
    panel.set_ylabel(words(array[y]))
    return shown


def _ends(along: xr.DataArray) -> tuple[float, float]:
    values = along.values
    if values.dtype.kind not in "fiu" or len(values) < 2:
        return -0.5, len(values) - 0.5
    half = (values[1] - values[0]) / 2
    return float(values[0] - half), float(values[-1] + half)


def time_course(
    panel: Any,
    array: xr.DataArray,
    by: str | None = None,
    *,
    epochs: Mapping[str, tuple[float, float]] | None = None,
    **options: Any,
) -> None:
    """Curves over time, with the epochs shaded and named above.

    Args:
        panel: matplotlib axes.
        array: variable with the dimensions ``time`` and `by`.
        by: dimension of the curves.
        epochs: begin and end of each epoch, in the unit of ``time``, by its name.
        **options: passed on to `curves`.
    """
    curves(panel, array, "time", by, log=False, **options)
    for number, (name, (begin, end)) in enumerate((epochs or {}).items()):
        panel.axvspan(begin, end, color=style.PALE, alpha=0.35 if number % 2 else 0.0, lw=0)
        panel.text(
            (begin + end) / 2,
            1.01,
            name,
            transform=panel.get_xaxis_transform(),
            ha="center",
            va="bottom",
            color=style.GREY,
        )


def trend(panel: Any, x: Any, y: Any, **line: Any) -> None:
    """The straight line of least squares through points, if two or more are finite.

    Args:
        panel: matplotlib axes.
        x, y: arrays of one shape.
        **line: passed on to `Axes.plot`.
    """
    x, y = np.ravel(x), np.ravel(y)
    there = np.isfinite(x) & np.isfinite(y)
    if there.sum() > 1:
        ends = np.array([x[there].min(), x[there].max()])
        panel.plot(ends, np.polyval(np.polyfit(x[there], y[there], 1), ends), **line)


def legend_of(panel: Any, title: str = "", **options: Any) -> None:
    """A legend of what has a label, if anything has."""
    handles, labels = panel.get_legend_handles_labels()
    if handles:
        panel.legend(handles, labels, title=title or None, **options)


def name_lines(panel: Any, apart: float = 0.085, **text: Any) -> None:
    """The name of each line at its right end, in its colour, in place of a legend.

    To be called when the limits of the axes are set.

    Args:
        panel: matplotlib axes.
        apart: least distance of two names, as a share of the panel's height.
        **text: passed on to `Axes.annotate`.
    """
    ends = []
    for line in panel.get_lines():
        x, y = (np.asarray(one, float) for one in line.get_data())
        paired = len(x) == len(y)
        known = np.flatnonzero(np.isfinite(x) & np.isfinite(y)) if paired else np.zeros(0, int)
        if str(line.get_label()).startswith("_") or not len(known):
            continue
        to_axes = panel.transData + panel.transAxes.inverted()
        place = to_axes.transform((x[known[-1]], y[known[-1]]))[1]
        ends.append((float(np.clip(place, 0, 1)) if np.isfinite(place) else 0.0, line))
    ends.sort(key=lambda end: end[0])
    heights = np.array([height for height, _ in ends])
    for _ in range(200):  # push those that are too near apart, little by little
        missing = np.maximum(apart - np.diff(heights), 0.0)
        heights[1:] += missing / 2
        heights[:-1] -= missing / 2
    if len(heights):
        heights += max(0.0, -heights[0]) - max(0.0, heights[-1] - 1.0)
    beside = {"textcoords": "offset points", "ha": "left", "va": "center", "xytext": (3, 0)}
    for height, (_, line) in zip(heights, ends, strict=True):
        look = {"color": line.get_color(), "fontsize": 7} | text
        panel.annotate(line.get_label(), (1.0, height), xycoords="axes fraction", **beside, **look)


def legend_beside(panel: Any, **options: Any) -> None:
    """A legend to the right of a panel, where it covers nothing."""
    handles, labels = panel.get_legend_handles_labels()
    beside = {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    if handles or "handles" in options:
        panel.legend(**({"handles": handles, "labels": labels} | beside | options))


def map_of(panel: Any, values: Any, label: str, *, even: float | None = None, **image: Any) -> Any:
    """Values of places as an image with its colour bar; returns the image.

    Args:
        panel: matplotlib axes; loses ticks and frame.
        values: array of shape (rows, columns).
        label: what the colours are, with the unit.
        even: for a difference, the value that is white; the colours reach as far to both sides.
        **image: passed on to `Axes.imshow`.
    """
    if even is not None:
        reach = float(np.nanmax(np.abs(np.asarray(values) - even), initial=0.0)) or 1.0
        image = {"cmap": "PuOr_r", "vmin": even - reach, "vmax": even + reach} | image
    shown = style.unframed(panel).imshow(values, **image)
    bar = panel.figure.colorbar(shown, ax=panel, fraction=0.05, pad=0.03, aspect=16)
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)
    bar.ax.yaxis.set_major_locator(MaxNLocator(4))
    return shown


def legend_below(panel: Any, columns: int = 3, **options: Any) -> None:
    """A legend under the label of the horizontal axis, where it covers no curve.

    To be called when the axis has its labels.

    Args:
        panel: matplotlib axes.
        columns: how many entries stand side by side.
        **options: passed on to `Axes.legend`: ``title``, or ``handles`` and ``labels``.
    """
    texts = [tick.get_text() for tick in panel.get_xticklabels()]
    lines = 1 + max((text.count("\n") for text in texts), default=0)
    label = panel.get_xlabel()
    lines += label.count("\n") + 1 if label else 0
    down = ScaledTranslation(0, -(4 + 10 * lines) / 72, panel.figure.dpi_scale_trans)
    below = {"loc": "upper center", "bbox_to_anchor": (0.5, 0.0), "ncols": columns}
    below |= {"bbox_transform": panel.transAxes + down}
    tight = {"columnspacing": 0.8, "handlelength": 1.1, "handletextpad": 0.5}
    if panel.get_legend_handles_labels()[0] or "handles" in options:
        panel.legend(**(below | tight | options))


def marks(panel: Any, places: Sequence[Any], values: Sequence[Any], label: str) -> None:
    """Open rings: numbers to compare with."""
    ring = {"marker": "o", "mfc": "none", "mec": style.INK, "mew": 0.7, "ms": 7, "ls": "none"}
    panel.plot(places, values, label=label, **ring)
