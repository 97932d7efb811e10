"""Figure of `sheet_orientation_map`: map, activity, length tuning, suppression, sum weights.

**a**, preferred orientations where the tested cells are (dots). **b** and **c**, E rates there for
a grating of the best size for one cell (+, dashed circle) and of full size, beyond what is shown.
**d** and **e**, rates of E and I cells over their largest against the size of the grating, contrast
from light to dark. **f**, summation field against contrast. **g**, suppression indices of all
cells. **h**, sum weight of two gratings against contrast; rings in **f** and **h** are an
independent program's. n: 5 random networks of 12 cells; bands and bars are standard errors over
cells, in **h** standard deviations over networks.
"""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from cortex.sims.sheet_orientation_map import FIELDS, WEIGHTS
from matplotlib.colors import LinearSegmentedColormap, ListedColormap

from cortex.plot import axis_of, legend_of, marks, style

FEW = 12  # contrasts at most that get a line of their own
TITLES = {"E": "E cells: suppressed when large and strong", "I": "I cells: less suppressed"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Eight panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, whole = style.figure(1, 1, height=172.0)
    whole[0, 0].remove()
    panels = figure.subplot_mosaic("aabbcc;dddeee;ffgghh", height_ratios=[1.25, 1, 1])
    compared = {row.name for row in rows if row.reference is not None}
    levels = [c for c in data.contrast.values if f"suppression_E[contrast={c:g}]" in compared]
    at = data.sel(contrast=levels[0] if levels else data.contrast.values[-1])
    _map(figure, panels["a"], data.isel(network=0))
    _activity(figure, (panels["b"], panels["c"]), at)
    for letter, population, colour in (("d", "E", style.E), ("e", "I", style.I)):
        _tuning(panels[letter], data.rates.sel(population=population), colour)
    tabulated = bool(compared - {"settled_share"})
    _field(panels["f"], data.summation_field.sel(population="E"), tabulated)
    _suppression(panels["g"], at)
    _weights(panels["h"], data.w, tabulated)
    style.letters(panels[letter] for letter in "abcdefgh")
    return figure


def _sheet(figure: Any, panel: Any, data: Any, array: Any, name: str, **look: Any) -> Any:
    """The sheet around the tested cells as an image, with a bar of colours below."""
    side = array.row.values
    half = (side[1] - side[0]) / 2
    extent = [side[0] - half, side[-1] + half, side[-1] + half, side[0] - half]
    ticks, extend = look.pop("ticks", None), look.pop("extend", "neither")
    image = panel.imshow(array.values, extent=extent, interpolation="nearest", **look)
    bar = figure.colorbar(
        image, ax=panel, location="bottom", aspect=24, pad=0.03, ticks=ticks, extend=extend
    )
    bar.set_label(name)
    bar.outline.set_linewidth(0.4)
    tested = side[data.places.values]
    row, column = (tested.min(1) + tested.max(1)) / 2
    reach = np.ptp(tested, axis=1).max() / 2 + 1
    panel.set(xlim=(column - reach, column + reach), ylim=(row + reach, row - reach))
    panel.set(aspect="equal", xlabel="Place (deg)")
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))


def _map(figure: Any, panel: Any, data: Any) -> None:
    # A circle of colours that differ in lightness too, and as few as are told apart.
    few = ListedColormap(mpl.colormaps["twilight"](np.arange(0.5, 8) / 8))
    look = {"cmap": few, "vmin": 0, "vmax": 180, "ticks": [0, 45, 90, 135, 180]}
    _sheet(figure, panel, data, data.preferred, "Preferred orientation (deg)", **look)
    row, column = data.row.values[data.places.values]
    panel.plot(column, row, "o", mfc=style.YELLOW, mec=style.INK, mew=0.7, ms=4)
    panel.set_ylabel("Place (deg)")
    panel.set_title("Orientation map, tested cells")


def _activity(figure: Any, panels: Any, at: Any) -> None:
    """The sheet while the grating has its best length at its place, and while it is full."""
    cell = at.rates.sel(population="E").isel(network=0, place=0)
    best = int(np.argmax(cell.values))
    finite = at.activity.isel(length=[best, -1]).values
    finite = finite[np.isfinite(finite)]
    # A few hot spots of the random network would else hide everything.
    top = max(float(np.quantile(finite, 0.998)), 1e-6) if finite.size else 1.0
    heat = LinearSegmentedColormap.from_list("rates", ["#FFFFFF", style.E, "#3A1400"])
    row, column = at.row.values[at.places.isel(network=0, place=0).values]
    words = f"E rate at c = {float(at.contrast):g} % (Hz)"
    for panel, i in zip(panels, (best, -1), strict=True):
        length = float(cell.length[i])
        look = {"cmap": heat, "vmin": 0, "vmax": top, "extend": "max"}
        _sheet(figure, panel, at.isel(network=0), at.activity.isel(length=i), words, **look)
        circle = mpl.patches.Circle((column, row), length / 2, fill=False, lw=0.8, ls=(0, (3, 2)))
        panel.add_patch(circle)
        panel.plot([column], [row], "+", color=style.I, ms=6, mew=1.3)
        panel.set_title(f"{length:g}° grating: {float(cell[i]):.1f} Hz at +")


def _tuning(panel: Any, rates: Any, colour: str) -> None:
    """Mean over cells of the rate as a share of the cell's maximum, with its standard error."""
    peak = rates.max("length")
    shares = rates / peak.where(peak > 0, 1)
    mean, error = _mean(shares)
    for level, shade in zip(
        rates.contrast.values, style.shades(colour, rates.sizes["contrast"]), strict=True
    ):
        m, e = mean.sel(contrast=level), error.sel(contrast=level)
        panel.fill_between(m.length, m - e, m + e, color=shade, alpha=0.25, lw=0)
        panel.plot(m.length, m, color=shade, label=f"{level:g} %")
    axis_of(panel, rates.length, log=True)
    population = str(rates.population.values)
    panel.set(ylim=(0, 1.08), ylabel=f"{population} rate / largest")
    panel.set_title(TITLES[population])
    if rates.sizes["contrast"] <= FEW:
        low = {"E": "lower left", "I": "lower right"}[population]
        panel.legend(loc=low, title="contrast", title_fontsize=7, alignment="left", ncols=2)


def _mean(cells: Any) -> tuple[Any, Any]:
    """Mean over cells and its standard error."""
    over = ("network", "place")
    count = cells.sizes["network"] * cells.sizes["place"]
    return cells.mean(over), cells.std(over) / np.sqrt(count)


def _contrast_axis(panel: Any, along: Any) -> None:
    axis_of(panel, along, log=True)
    panel.set_xlim(along.values[0] / 1.35, along.values[-1] * 1.35)
    panel.set_ylim(bottom=0)


def _field(panel: Any, field: Any, tabulated: bool) -> None:
    mean, error = _mean(field)
    look = {"color": style.E, "marker": "o", "capsize": 2, "label": "E, mean"}
    panel.errorbar(field.contrast, mean, error, **look)
    median = field.median(("network", "place"))
    panel.plot(field.contrast, median, color=style.E, ls=":", lw=1, label="E, median")
    _compare(panel, field.contrast, FIELDS if tabulated else {})
    _contrast_axis(panel, field.contrast)
    panel.set(ylabel="Summation field (deg)", title="The summation field shrinks")
    panel.set_ylim(top=1.15 * panel.get_ylim()[1])
    legend_of(panel, loc="upper right")


def _compare(panel: Any, along: Any, table: Any) -> None:
    """Rings around the numbers of the independent program."""
    found = [(level, table[level]) for level in along.values if level in table]
    if found:
        marks(panel, *zip(*found, strict=True), label="independent\nprogram")


def _suppression(panel: Any, at: Any) -> None:
    bins = np.linspace(0, 1, 11)
    for name, colour, height in (("E", style.E, 0.97), ("I", style.I, 0.87)):
        values = at.suppression_index.sel(population=name).values.ravel()
        options = {"color": colour, "weights": np.full(values.size, 100 / values.size)}
        panel.hist(values, bins, histtype="stepfilled", alpha=0.25, **options)
        panel.hist(values, bins, histtype="step", lw=1.2, **options)
        words = f"{name}: mean {values.mean():.2f}"
        panel.text(0.98, height, words, color=colour, ha="right", transform=panel.transAxes)
    panel.axvline(0.25, color=style.INK, lw=0.6, ls=(0, (4, 3)))
    panel.set(xlim=(0, 1), ylim=(0, 1.05 * panel.get_ylim()[1]), xlabel="Suppression index")
    panel.set(ylabel="Cells (%)", title=f"E suppressed more, c = {float(at.contrast):g} %")


def _weights(panel: Any, w: Any, tabulated: bool) -> None:
    panel.axhline(1.0, color=style.INK, lw=0.6)
    for name, colour in (("E", style.E), ("I", style.I)):
        one = w.sel(population=name)
        look = {"color": colour, "marker": "o", "capsize": 2, "label": name}
        panel.errorbar(one.pair_contrast, one.mean("network"), one.std("network"), **look)
    _compare(panel, w.pair_contrast, WEIGHTS if tabulated else {})
    _contrast_axis(panel, w.pair_contrast)
    panel.set(xlabel="Contrast of both gratings (%)", ylabel="Sum weight w")
    panel.set_title("Strong pairs sum sublinearly")
    legend_of(panel, loc="lower left")
