"""Figure of `digits_detection`: what attention does to activity, and to which part of detection.

**a**, the hard images. **b**, what the circuits of each layer compute without attention. **c**,
ratio of attended to unattended E activity of maps against their tuning value, mean (line) and
middle half. **d**, hits and false alarms against the strength of attention. **e** to **g**, for
each task and network: gain in performance, in the area under the ROC curve, and change of the
criterion, by the layer attended and what attention is applied by; the yellow band is what a better
threshold gains without attention. Strength chosen on one half of the images, shown on the other. n:
10 digits of 40 images a task; bars are 95 % bootstrap intervals over images.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, NullFormatter, PercentFormatter

from cortex.plot import style
from cortex.studies import activity_at, activity_ratio

VIOLET = "#5D3A9B"
LOOKS = {
    "tuning": style.VALUES["tuning"],
    "gradient_category": (style.GREEN, "s", "gradient values, category"),
    "gradient_balanced": (style.SKY, "D", "gradient values, balanced set"),
    "spatial": (style.PURPLE, "P", "place (cued quadrant)"),
    "spatial_and_tuning": (VIOLET, "X", "place and tuning values"),
    "negated": (style.YELLOW, "*", "control: negated"),
    "shuffled": style.VALUES["shuffled"],
    "uniform": style.VALUES["uniform"],
}
TASKS = {"merged": "merged digits", "array": "2 × 2 arrays"}
ROWS = (
    ("performance", "Gain in performance\n(percentage points)", 100.0),
    ("auc", "Gain in sensitivity\n(area under ROC curve)", 1.0),
    ("criterion", "Change of criterion\n(c, z units)", 1.0),
)


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Activity and regime above; gains by source, network and task below."""
    columns = [(t, v) for t in data["task"].values for v in data["variant"].values]
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, 218 / 25.4), layout="constrained")
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 3.0))
    panels = top.subplots(1, 4, width_ratios=(0.7, 1.15, 1.1, 1.1))
    style.hard_images(panels[0], data, TASKS)
    panels[0].set_title("Hard images", fontsize=7.5, pad=10)
    _regime(panels[1], data)
    _activity(panels[2], data)
    _rates(panels[3], data)
    grid = below.subplots(len(ROWS), len(columns), sharex=True, sharey="row", squeeze=False)
    for row, (name, label, factor) in zip(grid, ROWS, strict=True):
        for panel, (task, variant) in zip(row, columns, strict=True):
            _gains(panel, data.sel(task=task, variant=variant), name, factor)
        row[0].set_ylabel(label)
    for panel, (task, variant) in zip(grid[0], columns, strict=True):
        at = {"measure": "performance", "task": task, "variant": variant}
        base = float(data["detection_unattended"].sel(at))
        panel.set_title(
            f"{TASKS[task]}, {style.VARIANTS[variant]}\nunattended {base:.1%}", fontsize=7
        )
    for panel in grid[-1]:
        panel.set_xlabel("Layer attended")
    _legend(below, data, settings.statistics.level)
    style.letters([*panels, *grid[:, 0]])
    return figure


def _regime(panel: Any, data: Any) -> None:
    """Sum weight, eigenvalue, suppression by layer: do the circuits compute?"""
    panel.set_title("The circuits compute", fontsize=7.5)
    shown = (  # the label's offset in points keeps the three apart
        ("leading_eigenvalue", "E eigenvalue\n(> 1: E alone\nis unstable)", style.E, "o", 9),
        ("sum_weight", "sum weight $w_E$\n(< 1: sublinear)", style.INK, "s", -9),
        ("surround_suppression", "surround\nsuppression", style.I, "^", 0),
    )
    circuits = data.dropna("variant", how="all", subset=["sum_weight"])
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    panel.set_xlabel("Layer")
    panel.set_ylabel("Value (dimensionless)")
    if not circuits.sizes["variant"]:
        panel.text(0.5, 0.5, "no circuits", transform=panel.transAxes, ha="center")
        return
    layers = data["layer"].values
    for name, label, colour, marker, shift in shown:
        values = circuits[name].isel(variant=0).values
        panel.plot(layers, values, marker=marker, color=colour, lw=1)
        known = np.flatnonzero(np.isfinite(values))[-1]
        panel.annotate(
            label,
            (layers[known], values[known]),
            xytext=(5, shift),
            textcoords="offset points",
            fontsize=6,
            color=colour,
            va="center",
        )
    panel.set_xlim(0.7, 6.2)
    panel.set_xticks(layers)
    panel.set_ylim(0, 1.5)


def _activity(panel: Any, data: Any) -> None:
    """Ratio of attended to unattended E activity against tuning value, with quartiles."""
    panel.set_title("Activity, layer 2", fontsize=7.5)
    if "tuning" not in data["source"].values:
        panel.text(0.5, 0.5, "no tuning attention", transform=panel.transAxes, ha="center")
        return
    strengths = data["strength"].values
    strength = float(strengths[np.argmin(np.abs(strengths - 0.25))])
    for variant, colour in (("plain", style.GREY), ("circuits", style.E)):
        if variant not in data["variant"].values:
            continue
        values, ratio = activity_ratio(*activity_at(data, variant, 2, strength))
        panel.plot(values, ratio, ".", color=colour, ms=1.8, alpha=0.35, mew=0)
        edges = np.quantile(values, np.linspace(0, 1, 8))
        middle = (edges[:-1] + edges[1:]) / 2
        inside = [(values >= a) & (values <= b) for a, b in pairwise(edges)]
        quartiles = np.array([np.percentile(ratio[i], [25, 50, 75]) for i in inside])
        panel.fill_between(middle, quartiles[:, 0], quartiles[:, 2], color=colour, alpha=0.25, lw=0)
        panel.plot(middle, quartiles[:, 1], color=colour, label=style.VARIANTS[variant])
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    panel.set_yscale("log")
    ticks = (0.5, 0.7, 1, 1.5, 2, 3)
    style.plain_log(panel.yaxis, ticks)
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.set_xlabel("Tuning value of map (SD)")
    panel.set_ylabel(f"Attended / unattended\nE activity (β = {strength:g})")
    panel.legend(loc="upper left")


def _rates(panel: Any, data: Any) -> None:
    """True and false positives against strength, tuning attention to the last layer."""
    site = [name for name in data["site"].values if name != "all"][-1]
    task = data["task"].values[0]
    panel.set_title("Hits and false alarms", fontsize=7.5)
    if "tuning" not in data["source"].values:
        return
    strengths = np.append(0.0, data["strength"].values)
    dashes = {"plain": (0, (3, 1.5)), "circuits": "-"}
    for variant in data["variant"].values:
        here = data.sel(variant=variant, task=task, site=site, source="tuning")
        for name, colour in (("true_positive", style.GREEN), ("false_positive", style.PURPLE)):
            one = here.sel(measure=name)
            values = np.append(float(one["detection_unattended"]), one["detection"].values)
            panel.plot(
                strengths, values, color=colour, ls=dashes[variant], marker="o", ms=2.5, lw=1.2
            )
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.set_ylim(0, 1.45)  # room for the legend
    panel.set_yticks(np.linspace(0, 1, 5))
    panel.set_xlabel(f"Strength β, {site}, {TASKS[task].split()[0]}")
    panel.set_ylabel("Rate")
    handles = [
        Line2D([], [], color=style.GREEN, label="true positives"),
        Line2D([], [], color=style.PURPLE, label="false positives"),
        *(
            Line2D([], [], color=style.INK, ls=dashes[v], label=style.VARIANTS[v])
            for v in data["variant"].values
        ),
    ]
    panel.legend(handles=handles, loc="upper left", fontsize=6, labelspacing=0.25)


def _gains(panel: Any, here: Any, name: str, factor: float) -> None:
    """Best-strength gain of every source at every site, with intervals."""
    places = np.arange(here.sizes["site"])
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    gain = factor * here["gain"].sel(measure=name)
    value, low, high = (gain.sel(bound=end) for end in ("value", "low", "high"))
    control = {"compared": "threshold", "site": here["site"].values[0]}
    panel.axhspan(
        float(low.sel(control)), float(high.sel(control)), color=style.YELLOW, alpha=0.35, lw=0
    )
    panel.axhline(float(value.sel(control)), color=style.OLIVE, lw=1, ls=(0, (4, 2)))
    sources = [source for source in LOOKS if source in here["source"].values]
    dodge = np.linspace(-0.3, 0.3, max(len(sources), 2))
    for offset, source in zip(dodge, sources, strict=False):
        colour, marker, _ = LOOKS[source]
        middle = value.sel(compared=source).values
        if not np.isfinite(middle).any():
            continue
        ends = np.abs(
            np.stack([middle - low.sel(compared=source), high.sel(compared=source) - middle])
        )
        panel.errorbar(
            places + offset,
            middle,
            ends,
            fmt=marker,
            color=colour,
            ms=3.4,
            lw=0.7,
            mew=0.3,
            zorder=3,
        )
    names = [str(site).removeprefix("layer ") for site in here["site"].values]
    panel.xaxis.set_major_locator(FixedLocator(places))
    panel.set_xticks(places, names)
    panel.set_xlim(-0.5, len(places) - 0.5)


def _legend(figure: Any, data: Any, level: float) -> None:
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="", ms=4, mew=0, label=label)
        for name, (colour, marker, label) in LOOKS.items()
        if name in data["source"].values
    ]
    handles.append(
        Line2D([], [], color=style.OLIVE, ls=(0, (4, 2)), label="no attention, better threshold")
    )
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=4,
        title=(
            f"Attention by … (best β chosen on half of the images, shown on the other half; "
            f"{level:.0%} bootstrap intervals)"
        ),
        title_fontsize=7,
    )
