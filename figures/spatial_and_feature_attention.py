"""Figure of `spatial_and_feature_attention`: criterion, sensitivity and performance by kind."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import PercentFormatter

from cortex.plot import style

LOOKS = {
    "spatial": (style.PURPLE, "P", "-", "place"),
    "tuning": (style.INK, "o", "-", "orientation, tuning values"),
    "gradient": (style.GREEN, "s", "-", "orientation, gradient values"),
    "spatial and tuning": (style.ORANGE, "D", (0, (4, 1.5)), "place and tuning values"),
    "spatial and gradient": (style.SKY, "v", (0, (4, 1.5)), "place and gradient values"),
}
ROWS = (
    ("criterion", "Criterion c (z units)"),
    ("sensitivity", "Sensitivity d′ (z units)"),
    ("performance", "Performance"),
)


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """One column a network and layer; criterion, sensitivity and performance against strength."""
    columns = [(v, s) for v in data["variant"].values for s in data["site"].values]
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, 150 / 25.4), layout="constrained")
    grid = figure.subplots(len(ROWS), len(columns), sharex=True, sharey="row", squeeze=False)
    for row, (name, label) in zip(grid, ROWS, strict=True):
        for panel, (variant, site) in zip(row, columns, strict=True):
            _courses(panel, data.sel(variant=variant), site, name)
        row[0].set_ylabel(label)
    for panel, (variant, site) in zip(grid[0], columns, strict=True):
        panel.set_title(f"{style.VARIANTS[variant]},\n{_named(data, site)}", fontsize=7)
    for panel in grid[1]:
        panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    for panel in grid[2]:
        panel.axhline(0.5, color=style.PALE, lw=1, zorder=0)
        panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    for panel in grid[-1]:
        panel.set_xlabel("Strength β")
    handles = [
        Line2D([], [], color=colour, marker=marker, ls=dash, ms=4, label=label)
        for name, (colour, marker, dash, label) in LOOKS.items()
        if name in data["source"].values
    ]
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        title=(
            f"Attention to … ({settings.statistics.level:.0%} bootstrap intervals of the change "
            "by attention)"
        ),
        title_fontsize=7,
    )
    figure.suptitle(_claim(data), fontsize=8.5)
    style.letters([row[0] for row in grid])
    return figure


def _courses(panel: Any, here: Any, site: str, name: str) -> None:
    """One quantity against strength, from that without attention on."""
    before = float(here["detection_unattended"].sel(measure=name))
    change = here["change"].sel(site=site, measure=name)
    strengths = np.append(0.0, change["strength"].values)
    width = 0.012 * strengths.max()
    for number, (kind, (colour, marker, dash, _)) in enumerate(LOOKS.items()):
        own = change.sel(source=kind)
        value, low, high = (
            before + np.append(0.0, own.sel(bound=end).values) for end in ("value", "low", "high")
        )
        moved = strengths + np.append(0.0, np.full(len(strengths) - 1, (number - 2) * width))
        panel.plot(moved, value, color=colour, ls=dash, marker=marker, ms=3, lw=1.1, mew=0)
        panel.vlines(moved[1:], low[1:], high[1:], color=colour, lw=0.7, alpha=0.8)
    panel.set_xlim(-0.04 * strengths.max(), 1.06 * strengths.max())
    panel.set_xticks([0.0, strengths[-1] / 2, strengths[-1]])


def _named(data: Any, site: str) -> str:
    """The site with its layer's name, if it is one layer."""
    if not site.startswith("layer "):
        return "all layers"
    number = int(site.removeprefix("layer "))
    return f"{site} ({data['layer_name'].sel(layer=number).item()})"


def _claim(data: Any) -> str:
    """What the figure shows, as it came out."""
    difference = data["feature_minus_spatial"].sel(bound="value")
    parts = {
        "criterion": "Attention to an orientation lowers the criterion more than to a place",
        "sensitivity": "Sensitivity is higher with attention to a place than to an orientation",
    }
    lines = []
    for name, words in parts.items():
        values = difference.sel(measure=name).values
        lines.append(f"{words}: {int((values < 0).sum())} of {values.size} networks and layers")
    return "\n".join(lines)
