"""Figure of `soft_attention`: where weights go, what they do to rates and to detection."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.measures.learned_rows import by_place, in_quadrants, interval_of_means

from . import learned_panels, style


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Examples above; shares, rates and detection below.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.soft_attention`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = learned_panels.canvas(112)
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.25))
    _examples(top, data)
    panels = below.subplots(1, 4, width_ratios=(1.15, 0.9, 1.0, 1.1))
    _shares(panels[0], config, data)
    _rates(panels[1], config, data)
    _margin(panels[2], config, data)
    learned_panels.detection(panels[3], data)
    style.letters(panels)
    return figure


def _examples(part: Any, data: Any) -> None:
    """Arrays with the digit asked for, and the weights of the last glance upon them."""
    present, category = data["present"].values, data["category"].values
    weight = data["weight"].sel(trained="learned").isel(seed=0)
    wanted = [np.flatnonzero(present & (category == c))[0] for c in (2, 4, 7, 0, 6)]
    grid = part.subplots(2, len(wanted))
    for number, (pair, image) in enumerate(zip(grid.T, wanted, strict=True)):
        learned_panels.example(pair[0], data, int(image), f"Asked for: {category[image]}")
        shown = weight.isel(image=image, glance=-1)
        learned_panels.overlay(pair[1], data, int(image), shown.values)
        if number == 0:
            pair[0].set_ylabel("Image")
            pair[1].set_ylabel("Weights,\nlast glance")
    for panel in grid[1]:
        panel.set_title("")


def _shares(panel: Any, config: Any, data: Any) -> None:
    """Share of the weights at the digit asked for, by glance."""
    s, there = config.statistics, data["present"].values
    glance = data["glance"].values
    for name, colour in (("learned", style.GREEN), ("untrained", style.GREY)):
        share = data["share"].sel(trained=name).isel(image=np.flatnonzero(there))
        panel.plot(glance, share.mean("image").values.T, color=colour, lw=0.6, alpha=0.6)
        found = interval_of_means(
            share.mean("seed").transpose("glance", "image").values, s.resamples, s.level, 0
        )
        learned_panels.band(panel, glance, found, colour, learned_panels.WORDS[name])
    panel.axhline(0.25, color=style.INK, lw=0.7, ls=(0, (3, 2)))
    panel.annotate(
        "even spread",
        (glance[-1], 0.25),
        xytext=(0, -3),
        textcoords="offset points",
        va="top",
        ha="right",
        fontsize=6.5,
    )
    panel.set_xticks(glance)
    panel.set_xlabel("Glance")
    panel.set_ylabel("Share of weights in the\nquadrant asked for")
    panel.set_ylim(0.2, None)
    panel.legend(loc="center right")
    panel.set_title("Weights find the digit", fontsize=7.5)


def _rates(panel: Any, config: Any, data: Any) -> None:
    """Rates in the quadrant against elsewhere, relative to no attention."""
    inside = in_quadrants(data["quadrant"].values, (data.sizes["row"], data.sizes["column"]))
    there, s = np.flatnonzero(data["present"].values), config.statistics
    learned_panels.rate_contrasts(
        panel,
        {
            name: by_place(data, f"rate_{name}", inside, True).isel(image=there).mean("seed")
            for name in ("E", "I")
        },
        s,
    )
    panel.set_ylabel("Rates, quadrant / elsewhere,\nrelative to no attention")
    panel.set_title("Circuits follow", fontsize=7.5)


def _margin(panel: Any, config: Any, data: Any) -> None:
    """How the digit asked for stands out among the four."""
    there, s = np.flatnonzero(data["present"].values), config.statistics
    margin = data["margin"].isel({"pass": -1, "image": there})
    for x, name in enumerate(learned_panels.ORDER):
        values, colour = margin.sel(condition=name), learned_panels.COLOURS[name]
        mean, low, high = interval_of_means(values.mean("seed").values, s.resamples, s.level, 0)
        panel.errorbar(x, mean, [[mean - low], [high - mean]], fmt="o", color=colour)
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(3), ["none", "first\nweights", "learned\n"], fontsize=6.2)
    panel.set_xlim(-0.6, 2.6)
    panel.set_ylabel("Logit asked for minus\nmean of the others shown")
    panel.set_title("Report", fontsize=7.5)
