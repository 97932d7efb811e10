"""Figure of `soft_attention`: where weights go, what they do to rates and to detection."""

from __future__ import annotations

from typing import Any

from cortex.plot import curves, legend_of, style

from . import learned_panels


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Examples above; shares, rates and detection below; returns a `Figure`."""
    figure = learned_panels.canvas(112)
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.25))
    _examples(top, data)
    panels = below.subplots(1, 4, width_ratios=(1.15, 0.9, 1.0, 1.1))
    _shares(panels[0], data)
    learned_panels.rate_changes(panels[1], data.rate_change, "quadrant / elsewhere")
    panels[1].set_title("Circuits follow", fontsize=7.5)
    learned_panels.by_condition(panels[2], data.mean_margin)
    panels[2].axhline(0.0, color=style.PALE, lw=1, zorder=0)
    panels[2].set_ylabel("Logit asked for minus\nmean of the others shown")
    panels[2].set_title("Report", fontsize=7.5)
    learned_panels.detection(panels[3], data)
    style.letters(panels)
    return figure


def _examples(part: Any, data: Any) -> None:
    """Arrays with the digit asked for, and the weights of the last glance upon them."""
    weight = data.weight.sel(trained="learned").isel(seed=0, glance=-1)
    categories = (2, 4, 7, 0, 6)
    wanted = learned_panels.asked_for(data, categories)
    grid = part.subplots(2, len(wanted))
    for pair, image, category in zip(grid.T, wanted, categories, strict=True):
        learned_panels.example(pair[0], data, image, f"Asked for: {category}")
        learned_panels.overlay(pair[1], data, image, weight.isel(image=image).values)
    grid[0, 0].set_ylabel("Image")
    grid[1, 0].set_ylabel("Weights,\nlast glance")


def _shares(panel: Any, data: Any) -> None:
    """Share of the weights at the digit asked for, by glance; seeds as thin lines."""
    names, colours = learned_panels.WORDS, learned_panels.COLOURS
    curves(panel, data.mean_share, "glance", "trained", looks=colours, names=names, marker="o")
    for name in data.trained.values:
        share = data.share.sel(trained=name).where(data.present).mean("image")
        panel.plot(data.glance, share.transpose("glance", ...), color=colours[name], lw=0.5)
    panel.axhline(0.25, color=style.INK, lw=0.7, ls=(0, (3, 2)))
    low = {"xytext": (0, -3), "textcoords": "offset points", "va": "top", "ha": "right"}
    panel.annotate("even spread", (data.glance.values[-1], 0.25), fontsize=6.5, **low)
    panel.set_xticks(data.glance.values)
    panel.set_ylabel("Share of weights in the\nquadrant asked for")
    panel.set_ylim(0.2, None)
    legend_of(panel, loc="center right")
    panel.set_title("Weights find the digit", fontsize=7.5)
