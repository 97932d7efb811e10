"""Figure of `arousal`: performance from drowsy to overexcited."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from cortex.plot import style

WAYS = {
    "gain": (style.ORANGE, "o", "gain on drive"),
    "gain on noise too": (style.SKY, "s", "gain on drive and noise"),
    "input": (style.INK, "^", "input to E and I"),
}
ROWS = (
    ("sensitivity", "Sensitivity d′"),
    ("performance", "Right, fixed criterion"),
    ("identification", "Right orientation"),
)
SHORT = {"spikes, refitted": "refitted"}
TASKS = {"sensitivity": "detect", "performance": "detect", "identification": "identify"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Rates at every level; then three measures of performance, from rates and spikes.

    Returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(4, 3, height=212.0)
    _rates(panels[0, 0], data, "gain")
    panels[0, 0].set_xscale("log")
    panels[0, 0].minorticks_off()
    style.plain_log(panels[0, 0].xaxis, (0.25, 1, 4, 16, 64))
    panels[0, 0].set_xlabel("Gain on drive")
    panels[0, 0].set_title("E rises, then I silences it")
    _rates(panels[0, 1], data, "input")
    panels[0, 1].set_xscale("symlog", linthresh=2.0)
    panels[0, 1].set_xticks([-2, 0, 2, 8, 32], ["−2", "0", "2", "8", "32"])
    panels[0, 1].set_xlabel("Input to E and I (%)")
    panels[0, 1].set_title("Input hides the patch")
    panels[0, 2].axis("off")
    for row, readout in zip(panels[1:], data["readout"].values, strict=True):
        for panel, (name, words) in zip(row, ROWS, strict=True):
            _curve(panel, data, readout, name)
            panel.set_ylabel(words)
    for panel in panels[-1]:
        panel.set_xlabel("Gain (upper) or input in % (lower)")
    handles = [
        Line2D([], [], color=colour, marker=marker, ms=3.5, label=words)
        for colour, marker, words in WAYS.values()
    ]
    panels[0, 2].legend(
        handles=handles,
        loc="center",
        title="Arousal acts as …\n(filled: the best level;\n"
        f"{settings.level:.0%} bootstrap intervals)",
        title_fontsize=7,
    )
    style.letters([*panels.flat[:2], *panels.flat[3:]])
    return figure


def _rates(panel: Any, data: Any, way: str) -> None:
    """Response to the patch against the level, with what there is without it."""
    levels = data["strength"].sel(way=way).values
    for name, colour in (("E", style.E), ("I", style.I)):
        at = data["steady"].sel(way=way, population=name)
        panel.plot(levels, at.sel(patch="with"), color=colour, label=f"{name}, patch")
        panel.plot(
            levels, at.sel(patch="without"), color=colour, ls=(0, (3, 1.2)), label=f"{name}, none"
        )
    panel.set_yscale("log")
    panel.minorticks_off()
    style.plain_log(panel.yaxis, (0.01, 0.1, 1, 10, 100))
    panel.set_ylabel("Rate at the patch (Hz)")
    panel.legend(loc="upper left", ncols=1, fontsize=6)


def _curve(panel: Any, data: Any, readout: str, name: str) -> None:
    """One measure of performance against the level, for each way."""
    at = data.sel(readout=readout, measure=name)
    levels = np.arange(data.sizes["level"])
    for number, (way, (colour, marker, _)) in enumerate(WAYS.items()):
        one = at.sel(way=way)
        value, low, high = (one["score"].sel(bound=end) for end in ("value", "low", "high"))
        moved = levels + 0.12 * (number - 1)
        panel.vlines(moved, low, high, color=colour, lw=0.7)
        panel.plot(moved, value, color=colour, marker=marker, ms=3, mfc="white", mew=0.8, lw=1)
        peak = int(one["peak"])
        panel.plot(moved[peak], value[peak], color=colour, marker=marker, ms=4.5)
    gains = data["strength"].sel(way="gain").values
    inputs = data["strength"].sel(way="input").values
    shown = levels[::2]
    panel.set_xticks(shown, [f"{gains[n]:g}\n{inputs[n]:g}" for n in shown])
    if name == "sensitivity":
        panel.axhline(0.0, color=style.PALE, lw=0.8, zorder=0)
    else:
        panel.axhline(0.5, color=style.PALE, lw=0.8, zorder=0)
        panel.set_ylim(0.4, 1.02)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    above = (one := at["drop"].sel(bound="low") > 0).sum()
    words = f"{TASKS[name].capitalize()}, {SHORT.get(readout, readout)}"
    panel.set_title(f"{words}: {int(above)}/{one.size} inverted U", fontsize=7)
