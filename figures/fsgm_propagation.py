"""Figure of `fsgm_propagation`: gain by preference where it is applied, and what comes of it."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib import colormaps
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cortex.analysis.similarity_gain import matching_by_chance
from cortex.plot import style

LOOKS = {"plain": (style.GREY, "o"), "circuits": (style.E, "s")}
SOURCES = {
    "tuning": "tuning values",
    "gradient": "gradient values",
    "shuffled": "shuffled values",
    "negated": "negated values",
    "uniform": "uniform values",
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Ratios where attention is applied on top; share, slope and turn by layer below.

    Returns a `matplotlib.figure.Figure`.
    """
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, 232 / 25.4), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 3.9))
    attended = data["attended"].values
    ratios = top.subplots(1, len(attended), sharey=True, squeeze=False)[0]
    for panel, layer in zip(ratios, attended, strict=True):
        _ratio(panel, data, int(layer))
    ratios[0].set_ylabel("Attended / unattended\nactivity")
    ratios[0].legend(loc="upper right", handlelength=1.2, fontsize=6.5)
    strength = settings.attention.strength
    source = str(data["source"].values[0])
    top.suptitle(
        f"At the layer attended, by {SOURCES[source]} (β = {strength:g}): median and quartiles "
        "over maps, by rank of preference",
        fontsize=7.5,
    )
    columns = [(s, v) for s in data["source"].values for v in data["variant"].values]
    grid = below.subplots(4, len(columns), sharex=True, sharey="row", squeeze=False)
    shades = colormaps["viridis"](np.linspace(0.0, 0.88, len(attended)))
    for column, (source, variant) in enumerate(columns):
        here = data.sel(source=source, variant=variant)
        grid[0, column].set_title(f"{SOURCES[source]}, {style.VARIANTS[variant]}", fontsize=7.5)
        for row, draw_one in enumerate((_share, _slope, _turn, _turn_centred)):
            draw_one(grid[row, column], here, shades)
        _layers(grid[-1, column], here)
    grid[0, 0].set_ylabel("Maps with feature matching")
    grid[0, 0].yaxis.set_major_formatter(PercentFormatter(1.0))
    grid[1, 0].set_ylabel("Median slope of ratio\nover rank of preference")
    grid[2, 0].set_ylabel("Turn towards response\nto attended alone (Δ cos)")
    grid[3, 0].set_ylabel("The same, deviations from\nmean response (Δ cos)")
    _legend(below, data, shades, settings.statistics.level)
    style.letters([ratios[0], *grid[:, 0]])
    return figure


def _ratio(panel: Any, data: Any, layer: int) -> None:
    """The ratio at the layer attended, against rank of preference, for each variant."""
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    positions = np.arange(data.sizes["position"])
    for variant in data["variant"].values:
        colour, marker = LOOKS[variant]
        here = data.isel(source=0).sel(variant=variant, attended=layer)
        low, middle, high = here.quartiles.transpose("quantile", "position").values
        panel.fill_between(positions, low, high, color=colour, alpha=0.22, lw=0)
        panel.plot(
            positions, middle, color=colour, marker=marker, ms=3, label=style.VARIANTS[variant]
        )
    name = str(data["layer_name"].sel(layer=layer).values)
    without = layer not in _with_circuits(data)
    panel.set_title(f"layer {layer} ({name})", fontsize=7)
    if without and "circuits" in data["variant"].values:
        panel.text(
            0.05, 0.04, "no circuit here", transform=panel.transAxes, fontsize=6, color=style.E
        )
    panel.set_xticks(positions)
    panel.set_xlabel("Rank of preference")


def _with_circuits(data: Any) -> list[int]:
    """Layers that have a circuit in some variant."""
    known = np.isfinite(data["feature_error"].values).any(axis=0)
    return [int(layer) for layer in data["layer"].values[known]]


def _by_layer(panel: Any, here: Any, name: str, shades: Any) -> None:
    """One line for each layer attended, a dot where attention is applied."""
    for shade, attended in zip(shades, here["attended"].values, strict=True):
        one = here.sel(attended=attended)
        layers = one["layer"].values
        values, low, high = (one[name].sel(bound=end) for end in ("value", "low", "high"))
        panel.fill_between(layers, low, high, color=shade, alpha=0.2, lw=0)
        panel.plot(layers, values, color=shade, lw=1.1)
        panel.plot(attended, values.sel(layer=attended), "o", color=shade, ms=4, zorder=4)


def _share(panel: Any, here: Any, shades: Any) -> None:
    chance = matching_by_chance(here.sizes["orientation"])
    panel.axhline(chance, color=style.INK, lw=0.8, ls=(0, (4, 2)), zorder=1)
    _by_layer(panel, here, "matching_share", shades)
    panel.set_ylim(0, 1.03)
    panel.set_yticks(np.linspace(0, 1, 5))


def _slope(panel: Any, here: Any, shades: Any) -> None:
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    _by_layer(panel, here, "slope_median", shades)
    panel.set_yscale("symlog", linthresh=1e-3, linscale=0.6)
    panel.set_yticks([-0.1, -0.01, -0.001, 0, 0.001, 0.01])
    panel.set_yticklabels(["−.1", "−.01", "−.001", "0", ".001", ".01"])
    panel.minorticks_off()


def _turn(panel: Any, here: Any, shades: Any) -> None:
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    _by_layer(panel, here, "turn_mean", shades)


def _turn_centred(panel: Any, here: Any, shades: Any) -> None:
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    _by_layer(panel, here, "turn_centred_mean", shades)


def _layers(panel: Any, here: Any) -> None:
    """The axis of layers, those with a circuit marked."""
    panel.set_xlim(0.5, here.sizes["layer"] + 0.5)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
    panel.set_xlabel("Layer recorded")
    known = here["layer"].values[np.isfinite(here["feature_error"].values)]
    if known.size:
        trans = panel.get_xaxis_transform()
        panel.plot(
            known, np.zeros(known.size), "^", color=style.E, ms=4, transform=trans, clip_on=False
        )


def _legend(figure: Any, data: Any, shades: Any, level: float) -> None:
    handles = [
        Line2D([], [], color=shade, marker="o", ms=4, label=f"{layer}")
        for shade, layer in zip(shades, data["attended"].values, strict=True)
    ]
    handles.append(Line2D([], [], color=style.INK, ls=(0, (4, 2)), lw=0.8, label="by chance"))
    if _with_circuits(data):
        handles.append(
            Line2D([], [], color=style.E, marker="^", ls="", ms=4, label="layer with a circuit")
        )
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=len(handles),
        title=f"Layer attended (dot); bands: {level:.0%} bootstrap intervals over maps "
        "(d, e: over orientations)",
        title_fontsize=7,
    )
