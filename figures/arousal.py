"""Figure of `arousal`: gain that selects nothing, and performance from drowsy to overexcited."""

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
SOURCES = {
    "arousal": (style.ORANGE, "o", "arousal"),
    "place": (style.PURPLE, "P", "a place"),
    "orientation": (style.GREEN, "D", "an orientation"),
}
OF = {"by_place": "place", "by_preference": "orientation"}  # attention that selects
ROWS = (
    ("sensitivity", "Sensitivity d′"),
    ("performance", "Right, fixed criterion"),
    ("identification", "Right orientation"),
)
SHORT = {"spikes, refitted": "refitted"}
TASKS = {"sensitivity": "detect", "performance": "detect", "identification": "identify"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Tuning, selectivity and rates; then three measures of performance, from rates and spikes.

    Returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(4, 3, height=212.0)
    _tuning(panels[0, 0], data)
    _selectivity(panels[0, 1], data)
    _rates(panels[0, 2], data)
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
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        title="Arousal acts as … (filled: the best level; "
        f"{settings.level:.0%} bootstrap intervals)",
        title_fontsize=7,
    )
    style.letters(panels.flat)
    return figure


def _tuning(panel: Any, data: Any) -> None:
    """Tuning curves, each over its own peak."""
    angles = data["orientation"].values
    preferred = angles[int(data["tuning"].isel(gain=0).values.argmax())]
    away = (angles - preferred + 90.0) % 180.0 - 90.0
    order = np.argsort(away)
    gains = data["gain"].values
    shades = np.linspace(0.25, 1.0, len(gains))
    for gain, shade in zip(gains, shades, strict=True):
        curve = data["tuning"].sel(gain=gain).values
        panel.plot(
            away[order], (curve / curve.max())[order], color=style.ORANGE, alpha=shade,
            label=f"{gain:g}, {curve.max():.1f} Hz",
        )  # fmt: skip
    panel.legend(
        title="Gain, peak", loc="upper left", fontsize=5.5, title_fontsize=6, handlelength=0.9,
        borderaxespad=0.1,
    )  # fmt: skip
    panel.set_xlim(-90, 75)
    panel.set_xticks([-90, -45, 0, 45])
    panel.set_ylim(0, None)
    panel.set_xlabel("Orientation from preferred (deg)")
    panel.set_ylabel("E rate / peak")
    panel.set_title("Gain sharpens tuning a little")


def _selectivity(panel: Any, data: Any) -> None:
    """Ratio attended/unattended by place and by preference."""
    starts, ticks, names = {}, [], []
    for name, dimension, words in (
        ("by_place", "place", "place"),
        ("by_preference", "preferred", "preference"),
    ):
        count = data.sizes[dimension]
        starts[name] = len(ticks) + len(starts)
        ticks += list(starts[name] + np.arange(count))
        names.append((starts[name] + (count - 1) / 2, words))
    for source, (colour, marker, words) in SOURCES.items():
        for name, start in starts.items():
            if source not in ("arousal", OF[name]):
                continue
            rates = data[name]
            ratio = (rates.sel(condition=source) / rates.sel(condition="none")).values
            panel.plot(
                start + np.arange(len(ratio)), ratio, color=colour, marker=marker, ms=4, lw=0.9,
                label=None if (source, name) == ("arousal", "by_preference") else words,
            )  # fmt: skip
    panel.axhline(1.0, color=style.PALE, lw=0.8, zorder=0)
    panel.set_xticks([])
    for middle, words in names:
        panel.text(
            middle, -0.03, f"by {words}", transform=panel.get_xaxis_transform(), ha="center",
            va="top", fontsize=7,
        )  # fmt: skip
    panel.set_yscale("log")
    panel.minorticks_off()
    style.plain_log(panel.yaxis, (0.5, 1, 2, 4))
    low, high = panel.get_ylim()
    panel.set_ylim(low, high * 1.7)
    panel.legend(title="Gain by", loc="upper left", ncols=3, fontsize=6, title_fontsize=6.5,
                 columnspacing=0.7, handletextpad=0.3)  # fmt: skip
    panel.set_ylabel("E rate / without")
    panel.set_title("Arousal favours none")


def _rates(panel: Any, data: Any) -> None:
    """Response to the patch against gain, with what there is without it."""
    gains = data["strength"].sel(way="gain").values
    for name, colour in (("E", style.E), ("I", style.I)):
        at = data["steady"].sel(way="gain", population=name)
        panel.plot(gains, at.sel(patch="with"), color=colour, label=f"{name}, patch")
        panel.plot(
            gains, at.sel(patch="without"), color=colour, ls=(0, (3, 1.2)), label=f"{name}, none"
        )
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.minorticks_off()
    style.plain_log(panel.xaxis, (0.25, 1, 4, 16, 64))
    style.plain_log(panel.yaxis, (0.01, 0.1, 1, 10, 100))
    panel.set_xlabel("Gain on drive")
    panel.set_ylabel("Rate at the patch (Hz)")
    panel.legend(loc="upper left", ncols=1, fontsize=6)
    panel.set_title("E rises, then I silences it")


def _curve(panel: Any, data: Any, readout: str, name: str) -> None:
    """One measure of performance against the level, for each way."""
    at = data.sel(readout=readout, measure=name, inverted=name)
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
