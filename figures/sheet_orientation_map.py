"""Figure of `sheet_orientation_map`: map, activity, length tuning, suppression, sum weights."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap, hsv_to_rgb

from cortex.plot import style

FEW = 12  # contrasts at most that get a line of their own


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Eight panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.sheet_orientation_map`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, whole = style.figure(1, 1, height=172.0)
    whole[0, 0].remove()
    places = figure.subplot_mosaic("aabbcc;dddeee;ffgghh", height_ratios=[1.25, 1, 1])
    orientation, short, full, excitation, inhibition, field, suppression, weights = (
        places[letter] for letter in "abcdefgh"
    )
    index = _shown_contrast(data, measures)
    _map(figure, orientation, config, data)
    _activity(figure, (short, full), data, index)
    _tuning(excitation, data, "E", style.E)
    _tuning(inhibition, data, "I", style.I)
    _field(field, data, measures)
    _suppression(suppression, data, index)
    _weights(weights, data, measures)
    style.letters(places[letter] for letter in "abcdefgh")
    return figure


def _shown_contrast(data: Any, measures: Any) -> int:
    """The contrast whose suppression has a reference; the strongest without one."""
    levels = data["contrast"].values
    known = {m.name for m in measures if m.reference is not None}
    marked = [i for i, level in enumerate(levels) if f"SI_E[c={level:g}]" in known]
    return marked[0] if marked else int(np.argmax(levels))


def _extent(data: Any) -> list[float]:
    """Edges of the sheet in degrees, places at the middle of their pixels."""
    side = data["row"].values
    half = (side[1] - side[0]) / 2
    return [side[0] - half, side[-1] + half, side[-1] + half, side[0] - half]


def _bar(figure: Any, image: Any, panel: Any, label: str, **options: Any) -> Any:
    bar = figure.colorbar(image, ax=panel, location="bottom", aspect=24, pad=0.03, **options)
    bar.set_label(label)
    bar.outline.set_linewidth(0.4)
    return bar


def _sheet_axis(panel: Any, data: Any) -> None:
    left, right, bottom, top = _extent(data)
    panel.set_xlim(left, right)
    panel.set_ylim(bottom, top)
    panel.set_aspect("equal")
    panel.set_xlabel("Place (deg)")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))


def _map(figure: Any, panel: Any, config: Any, data: Any) -> None:
    hue = np.linspace(0, 1, 256, endpoint=False)
    colours = hsv_to_rgb(np.stack([hue, np.full(256, 0.72), np.full(256, 0.95)], -1))
    image = panel.imshow(
        data["preferred"].values[0],
        extent=_extent(data),
        cmap=ListedColormap(colours),
        vmin=0,
        vmax=180,
        interpolation="nearest",
    )
    step = data["row"].values[1] - data["row"].values[0]
    row, column = (data[f"place_{axis}"].values[0] * step for axis in ("row", "column"))
    panel.plot(column, row, "o", mfc="white", mec=style.INK, mew=0.6, ms=2.8)
    _sheet_axis(panel, data)
    panel.set_ylabel("Place (deg)")
    panel.set_title("Orientation map, tested cells")
    _bar(figure, image, panel, "Preferred orientation (deg)", ticks=[0, 45, 90, 135, 180])


def _activity(figure: Any, panels: Any, data: Any, index: int) -> None:
    """The sheet while the grating has its best length at its place, and while it is full."""
    cells = data["rate_E"].isel(network=0, contrast=index, place=0).values
    lengths = data["length"].values
    chosen = (int(np.argmax(cells)), len(lengths) - 1)
    maps = [data["activity_E"].isel(contrast=index, length=i).values for i in chosen]
    finite = np.concatenate([m[np.isfinite(m)] for m in maps])
    # A few hot spots of the random network would else hide everything.
    top = max(float(np.quantile(finite, 0.998)), 1e-6) if finite.size else 1.0
    heat = LinearSegmentedColormap.from_list("rates", ["#FFFFFF", style.E, "#3A1400"])
    step = data["row"].values[1] - data["row"].values[0]
    x, y = (float(data[f"place_{axis}"].values[0, 0] * step) for axis in ("column", "row"))
    level = data["contrast"].values[index]
    for panel, i, rates in zip(panels, chosen, maps, strict=True):
        image = panel.imshow(
            rates, extent=_extent(data), cmap=heat, vmin=0, vmax=top, interpolation="nearest"
        )
        circle = mpl.patches.Circle((x, y), lengths[i] / 2, fill=False, lw=0.8, ls=(0, (3, 2)))
        panel.add_patch(circle)
        panel.plot([x], [y], "+", color=style.I, ms=6, mew=1.3)
        _sheet_axis(panel, data)
        panel.set_title(f"{lengths[i]:g}° grating: {cells[i]:.1f} Hz at +")
        _bar(figure, image, panel, f"E rate at c = {level:g} % (Hz)", extend="max")


def _shades(colour: str, count: int) -> list[Any]:
    """From pale to dark, for rising contrast."""
    ramp = LinearSegmentedColormap.from_list("ramp", ["#E8E8E8", colour, "#101010"])
    return [ramp(place) for place in np.linspace(0.28, 0.82, count)]


def _log_axis(axis: Any, low: float, high: float) -> None:
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200) if low <= t <= high]
    style.plain_log(axis, ticks)
    axis.set_minor_locator(mpl.ticker.NullLocator())


def _tuning(panel: Any, data: Any, name: str, colour: str) -> None:
    lengths, rates = data["length"].values, data[f"rate_{name}"]
    order = np.argsort(data["contrast"].values)
    colours = _shades(colour, len(order))
    for shade, index in zip(colours, order, strict=True):
        curves = rates.isel(contrast=index).transpose("network", "place", "length").values
        curves = curves.reshape(-1, len(lengths))
        peak = curves.max(1, keepdims=True)
        curves = curves / np.where(peak > 0, peak, 1)
        mean, error = curves.mean(0), curves.std(0) / np.sqrt(len(curves))
        panel.fill_between(lengths, mean - error, mean + error, color=shade, alpha=0.25, lw=0)
        panel.plot(lengths, mean, color=shade, label=f"{data['contrast'].values[index]:g} %")
    panel.set_xscale("log")
    panel.set_xlim(lengths[0], lengths[-1])
    _log_axis(panel.xaxis, lengths[0], lengths[-1])
    panel.set_ylim(0, 1.08)
    panel.set_xlabel("Length of grating (deg)")
    panel.set_ylabel(f"{name} rate / the cell's maximum")
    claim = {"E": "E cells: suppressed when large and strong", "I": "I cells: less suppressed"}
    panel.set_title(claim[name])
    if len(order) <= FEW:
        low = {"E": "lower left", "I": "lower right"}[name]
        panel.legend(loc=low, title="contrast", title_fontsize=7, alignment="left", ncols=2)


def _contrast_axis(panel: Any, levels: Any) -> None:
    panel.set_xscale("log")
    low, high = levels.min() / 1.35, levels.max() * 1.35
    panel.set_xlim(low, high)
    _log_axis(panel.xaxis, low, high)


def _references(panel: Any, levels: Any, measures: Any, name: str) -> None:
    known = {m.name: m.reference for m in measures if m.reference is not None}
    marked = [(c, known[key]) for c in levels if (key := f"{name}[c={c:g}]") in known]
    if marked:
        ring = {"mfc": "none", "mec": style.INK, "mew": 0.7, "ms": 7, "ls": "none"}
        panel.plot(*zip(*marked, strict=True), marker="o", label="independent\nprogram", **ring)


def _field(panel: Any, data: Any, measures: Any) -> None:
    order = np.argsort(data["contrast"].values)
    levels = data["contrast"].values[order]
    fields = data["field_E"].transpose("contrast", "network", "place").values[order]
    cells = fields.reshape(len(levels), -1)
    error = cells.std(1) / np.sqrt(cells.shape[1])
    panel.errorbar(
        levels, cells.mean(1), error, color=style.E, marker="o", capsize=2, label="E, mean"
    )
    panel.plot(levels, np.median(cells, 1), color=style.E, ls=":", lw=1, label="E, median")
    _references(panel, levels, measures, "field_E")
    _contrast_axis(panel, levels)
    panel.set_ylim(bottom=0)
    panel.set_xlabel("Contrast (%)")
    panel.set_ylabel("Summation field (deg)")
    panel.set_title("The summation field shrinks")
    panel.set_ylim(top=1.15 * panel.get_ylim()[1])
    panel.legend(loc="upper right")


def _suppression(panel: Any, data: Any, index: int) -> None:
    bins = np.linspace(0, 1, 11)
    for name, colour, place in (("E", style.E, 0.97), ("I", style.I, 0.87)):
        values = data[f"SI_{name}"].isel(contrast=index).values.ravel()
        options = {"color": colour, "weights": np.full(values.size, 100 / values.size)}
        panel.hist(values, bins, histtype="stepfilled", alpha=0.25, **options)
        panel.hist(values, bins, histtype="step", lw=1.2, **options)
        words = f"{name}: mean {values.mean():.2f}"
        panel.text(0.98, place, words, color=colour, ha="right", transform=panel.transAxes)
    panel.axvline(0.25, color=style.INK, lw=0.6, ls=(0, (4, 3)))
    panel.set_xlim(0, 1)
    panel.set_ylim(0, 1.25 * panel.get_ylim()[1])
    panel.set_xlabel("Suppression index")
    panel.set_ylabel("Cells (%)")
    panel.set_title(f"E suppressed more, c = {data['contrast'].values[index]:g} %")


def _weights(panel: Any, data: Any, measures: Any) -> None:
    order = np.argsort(data["pair_contrast"].values)
    levels = data["pair_contrast"].values[order]
    panel.axhline(1.0, color=style.INK, lw=0.6)
    for name, colour in (("E", style.E), ("I", style.I)):
        each = data[f"w_{name}"].transpose("pair_contrast", "network").values[order]
        panel.errorbar(
            levels, each.mean(1), each.std(1), color=colour, marker="o", capsize=2, label=name
        )
    _references(panel, levels, measures, "w_E")
    _contrast_axis(panel, levels)
    panel.set_ylim(bottom=0)
    panel.set_xlabel("Contrast of both gratings (%)")
    panel.set_ylabel("Sum weight w")
    panel.set_title("Strong pairs sum sublinearly")
    panel.legend(loc="lower left")
