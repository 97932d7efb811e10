"""Panels that the figures on learned sources of attention share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from cortex.measures.learned_rows import interval_of_means
from cortex.plot import style

WORDS = {"learned": "learned", "untrained": "first weights", "none": "no attention"}
COLOURS = {"learned": style.GREEN, "untrained": style.GREY, "none": style.INK}
ORDER = ("none", "untrained", "learned")


def canvas(height: int | float) -> Any:
    """An empty figure of two columns' width; height in mm."""
    drawn = Figure(figsize=(style.DOUBLE_COLUMN / 25.4, height / 25.4), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.05, h_pad=0.05, wspace=0.04, hspace=0.04)
    return drawn


def example(panel: Any, data: Any, image: int, title: str) -> None:
    """One image, grey."""
    style.unframed(panel)
    panel.imshow(data["example"].values[image], cmap="gray_r", vmin=0, vmax=1)
    panel.set_title(title, fontsize=7, pad=2)


def overlay(panel: Any, data: Any, image: int, values: Any, limit: float | None = None) -> None:
    """Values of places, yellow to dark, upon an image in outline; around zero with a limit."""
    shown = data["example"].values[image]
    side = shown.shape[0]
    style.unframed(panel)
    area = (-0.5, side - 0.5, side - 0.5, -0.5)
    if limit is None:
        panel.imshow(values, cmap="YlOrBr", vmin=0, vmax=values.max(), extent=area)
    else:
        panel.imshow(values, cmap="PuOr_r", vmin=-limit, vmax=limit, extent=area)
    panel.contour(shown, levels=[0.35], colors="black", linewidths=0.6)


def band(panel: Any, x: Any, found: Any, colour: str, label: str, **line: Any) -> None:
    """A mean with its interval."""
    mean, low, high = found
    panel.fill_between(x, low, high, color=colour, alpha=0.25, lw=0)
    panel.plot(x, mean, color=colour, marker="o", label=label, **line)


def rate_contrasts(panel: Any, contrasts: Mapping[str, Any], statistics: Any) -> None:
    """Change of the log ratio of rates, as a factor, with first weights and as learned.

    Parameters
    ----------
    panel
        Where to draw.
    contrasts
        By population, (condition, image).
    statistics
        Of the configuration.
    """
    for shift, (name, values) in zip((-0.12, 0.12), contrasts.items(), strict=True):
        colour = getattr(style, name)
        for x, condition in enumerate(ORDER[1:]):
            change = (values.sel(condition=condition) - values.sel(condition="none")).values
            mean, low, high = np.exp(
                interval_of_means(change, statistics.resamples, statistics.level, 0)
            )
            panel.errorbar(
                x + shift,
                mean,
                [[mean - low], [high - mean]],
                fmt="o",
                color=colour,
                label=name if x == 0 else None,
            )
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(2), ["first\nweights", "learned\n"])
    panel.set_xlim(-0.5, 1.5)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.25 * (high - low))
    panel.legend(loc="upper left", ncols=2)


def detection(panel: Any, data: Any, title: str = "Detection") -> None:
    """Area under the ROC curve in each condition: seeds as dots, mean with interval."""
    for x, name in enumerate(ORDER):
        one, colour = data.sel(condition=name), COLOURS[name]
        if name != "none":
            seeds = one["auc"].values
            panel.plot(x - 0.2 + np.zeros(len(seeds)), seeds, ".", color=colour, ms=4, alpha=0.6)
        mean, low, high = (float(one[f"mean_auc{end}"]) for end in ("", "_low", "_high"))
        panel.errorbar(x, mean, [[mean - low], [high - mean]], fmt="o", color=colour, ms=4.5)
    panel.axhline(float(data["mean_auc"].sel(condition="none")), color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(3), ["none", "first\nweights", "learned\n"], fontsize=6.2)
    panel.set_xlim(-0.6, 2.6)
    panel.set_ylabel("Area under ROC curve")
    panel.set_title(title, fontsize=7.5)
    for number, contrast in enumerate(("learned_over_none", "learned_over_untrained")):
        here = data.sel(contrast=contrast)
        value, low, high = (float(here[f"gain_auc{end}"]) for end in ("", "_low", "_high"))
        words = ("learned − none", "learned − first")[number]
        panel.text(
            0.02,
            0.99 - 0.19 * number,
            f"{words}:\n  {value:+.3f} [{low:+.3f}, {high:+.3f}]",
            transform=panel.transAxes,
            fontsize=6,
            va="top",
        )
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.75 * (high - low))
