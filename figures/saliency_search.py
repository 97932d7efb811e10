"""Figure of `saliency_search`: pop-out and conjunction, and what saliency does to circuits.

**a** to **c**, displays with the fixations up to the target (square): it has a colour of its own,
an orientation of its own, or only the conjunction of both. **d**, fixations to the target against
the number of bars; dashed is search at random. **e** and **f**, E rates of circuits that see a
display, without attention and with saliency as gain. **g**, contrast of rates of the target to
other bars by where the saliency comes from. **h**, E rates of target and other bars against the
strength of the gain; dashed is the strength of the other panels. n: 40 displays of each kind and
size; bars and bands are 95 % intervals over displays.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cortex.plot import curves, interval_bars, legend_below, style

LOOKS = {
    "colour": (style.GREY, "o", "colour"),
    "orientation": (style.OLIVE, "s", "orientation"),
    "conjunction": (style.UNATTENDED, "D", "conjunction"),
    "guided conjunction": (style.ATTENDED, "v", "conjunction, guided"),
}
NAMES = {
    "none": "none",
    "image saliency": "image",
    "own saliency": "own\nmaps",
    "other display": "other\nimage",
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Eight panels from the results alone; returns a `Figure`."""
    figure, panels = style.figure(2, 4, height=104.0, width_ratios=(1, 1, 1.1, 1.3))
    for panel, search in zip(panels[0, :3], ("colour", "orientation", "conjunction"), strict=True):
        _display(panel, settings, data, search)
    _fixations(panels[0, 3], data)
    top = float(data["map_E"].sel(attention=["none", "image saliency"]).max())
    for panel, attention, title in (
        (panels[1, 0], "none", "No attention"),
        (panels[1, 1], "image saliency", "Saliency as gain"),
    ):
        _rates(panel, data, attention, title, top)
    _bars(panels[1, 2], data)
    _over_energy(panels[1, 3], settings, data)
    style.letters(panels.flat)
    return figure


def _display(panel: Any, settings: Any, data: Any, search: str) -> None:
    """One display with the fixations up to the target."""
    one = data.sel(search=search).sel(set_size=settings.shown_size, method="nearest")
    image = np.moveaxis(one["image"].values, 0, -1)
    side = image.shape[0]
    style.unframed(panel).imshow(image)
    target = one["target"].values
    path = one["path"].values
    count = max(1, int(one["fixations"].values[0]))
    places = path[:count] * side
    panel.plot(places[:, 1], places[:, 0], color="white", lw=0.8)
    panel.plot(places[:, 1], places[:, 0], "o", ms=2.6, mfc="white", mec=style.INK, mew=0.4)
    for number, (row, column) in enumerate(places, 1):
        if number in (1, count) or number % 5 == 0:
            panel.annotate(
                str(number),
                (column, row),
                xytext=(3, 2 if row > 0.15 * side else -8),
                textcoords="offset points",
                color="white",
                fontsize=6,
            )
    half = 0.5 * side / settings.cells
    row, column = target * side
    frame = {"fill": False, "ec": style.YELLOW, "lw": 0.9}
    panel.add_patch(_square(column - half, row - half, 2 * half, **frame))
    panel.set_xlim(0, side - 1)
    panel.set_ylim(side - 1, 0)
    words = f"{count} fixation" + ("s" if count > 1 else "")
    panel.set_title(f"{search.capitalize()}\n{words}", fontsize=7.5)


def _square(x: Any, y: Any, side: float, **look: Any) -> Any:
    return Rectangle((x, y), side, side, **look)


def _fixations(panel: Any, data: Any) -> None:
    sizes = data["set_size"].values
    panel.plot(sizes, (sizes + 1) / 2, color=style.GREY, ls=(0, (3, 1.5)), lw=0.8)
    panel.annotate(
        "at random",
        (sizes[-1], (sizes[-1] + 1) / 2),
        xytext=(0, -14),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=6.5,
        color=style.GREY,
    )
    looks = {name: {"color": c, "marker": m, "ms": 3.2} for name, (c, m, _) in LOOKS.items()}
    names = {name: words for name, (_, _, words) in LOOKS.items()}
    curves(panel, data.mean_fixations, "set_size", "search", looks=looks, names=names)
    panel.set_xticks(sizes)
    panel.set_xlim(0, 1.04 * sizes[-1])
    panel.set_ylim(0, 1.25 * max(float(data["mean_fixations"].max()), (sizes[-1] + 1) / 2))
    panel.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    panel.set_xlabel("Bars in the display")
    panel.set_ylabel("Fixations to target")
    panel.set_title("Conjunctions take search", fontsize=7.5)
    legend_below(panel, 2)


def _rates(panel: Any, data: Any, attention: str, title: str, top: float) -> None:
    maps = data["map_E"].sel(attention=attention).values
    drawn = style.unframed(panel).imshow(
        maps, cmap="magma", vmin=0, vmax=top, extent=(0, 1, 1, 0), interpolation="nearest"
    )
    row, column = data["shown_target"].values
    frame = {"fill": False, "ec": style.YELLOW, "lw": 0.9}
    panel.add_patch(_square(column - 1 / 12, row - 1 / 12, 1 / 6, **frame))
    panel.set_title(title, fontsize=7.5)
    if attention != "none":
        bar = panel.figure.colorbar(drawn, cax=panel.inset_axes((1.04, 0.0, 0.06, 1.0)))
        bar.outline.set_visible(False)
        bar.set_label("E rate (Hz)", labelpad=1)
        bar.ax.yaxis.set_major_locator(MaxNLocator(4))


def _bars(panel: Any, data: Any) -> None:
    """Contrast of E and of I rates in every state of attention."""
    interval_bars(panel, data.contrast, "attention", "population", width=0.4)
    panel.axhline(0, color=style.GREY, lw=0.6, zorder=0)
    states = data["attention"].values
    panel.set_xticks(range(len(states)), [NAMES[str(s)] for s in states], fontsize=6)
    panel.set(xlabel="Saliency as gain", ylabel="Contrast of rates")
    panel.set_title("Target against others", fontsize=7.5)
    legend_below(panel, 2)


def _over_energy(panel: Any, settings: Any, data: Any) -> None:
    rates, energy = data["strong"].sel(population="E"), data["energy"].values
    for role, dash in (("target", "-"), ("others", (0, (3, 1.5)))):
        values = rates.sel(role=role).values
        mean = values.mean(1)
        error = 1.96 * values.std(1, ddof=1) / np.sqrt(values.shape[1])
        panel.fill_between(energy, mean - error, mean + error, color=style.E, alpha=0.2, lw=0)
        panel.plot(energy, mean, color=style.E, ls=dash, marker="o", ms=3)
    panel.axvline(settings.circuits.energy, color=style.GREY, lw=0.6, ls=(0, (3, 2)))
    panel.set_ylim(0, 1.1 * float(rates.mean("display").max()))
    panel.set_xlabel("RMS change in gain")
    panel.set_ylabel("E rate (Hz)")
    panel.set_title("With more gain", fontsize=7.5)
    lines = [Line2D([], [], color=style.E, ls=dash) for dash in ("-", (0, (3, 1.5)))]
    legend_below(panel, 2, handles=lines, labels=["target", "other bars"])
