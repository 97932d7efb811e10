"""Panels that the figures on learned sources of attention share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from cortex.plot import interval_bars, legend_of, style

WORDS = {"learned": "learned", "untrained": "first weights", "none": "no attention"}
TICKS = {"learned": "learned\n", "untrained": "first\nweights", "none": "none\n"}
COLOURS = {"learned": style.GREEN, "untrained": style.GREY, "none": style.INK}
ORDER = ("none", "untrained", "learned")


def canvas(height: int | float) -> Any:
    """An empty figure of two columns' width; height in mm."""
    drawn = Figure(figsize=(style.DOUBLE_COLUMN / 25.4, height / 25.4), layout="constrained")
    drawn.get_layout_engine().set(w_pad=0.05, h_pad=0.05, wspace=0.04, hspace=0.04)
    return drawn


def asked_for(data: Any, categories: Sequence[int]) -> list[int]:
    """The first image of each category that has the digit asked for."""
    here = data.present.values
    return [int(np.flatnonzero(here & (data.category.values == c))[0]) for c in categories]


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


def by_condition(
    panel: Any,
    estimates: xr.DataArray,
    seeds: xr.DataArray | None = None,
    order: Sequence[str] = ORDER,
) -> None:
    """Estimates in some conditions, each in its colour, seeds as small dots beside.

    Args:
        panel: where to draw.
        estimates: over ``condition`` and ``bound``.
        seeds: over ``condition`` and ``seed``.
        order: the conditions.
    """
    for x, name in enumerate(order):
        low, value, high = (
            float(estimates.sel(condition=name, bound=end)) for end in ("low", "value", "high")
        )
        look = {"color": COLOURS[name], "fmt": "o", "ms": 4.5}
        panel.errorbar(x, value, [[value - low], [high - value]], **look)
        if seeds is not None and name != "none":
            dots = seeds.sel(condition=name).values
            panel.plot(x - 0.2 + np.zeros(len(dots)), dots, ".", color=COLOURS[name], alpha=0.6)
    panel.set_xticks(range(len(order)), [TICKS[name] for name in order], fontsize=6.2)
    panel.set_xlim(-0.6, len(order) - 0.4)


def rate_changes(panel: Any, change: xr.DataArray, where: str) -> None:
    """Rates at some places against the others, relative to no attention, as a factor.

    Args:
        panel: where to draw.
        change: of the log ratio, over ``condition``, ``population`` and ``bound``.
        where: the places and the others, in words.
    """
    factor = np.exp(change.sel(condition=list(ORDER[1:])))
    interval_bars(panel, factor, "condition", "population", width=0.5)
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(2), [TICKS[name] for name in ORDER[1:]])
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.25 * (high - low))
    panel.set(xlabel="", ylabel=f"Rates, {where},\nrelative to no attention")
    legend_of(panel, loc="upper left", ncols=2)


def detection(panel: Any, data: Any, title: str = "Detection") -> None:
    """Area under the ROC curve in each condition: seeds as dots, mean with interval."""
    areas = data.detection.sel(quantity="auc")
    by_condition(panel, areas, data.detection_by_seed.sel(quantity="auc"))
    none = float(areas.sel(condition="none", bound="value"))
    panel.axhline(none, color=style.PALE, lw=1, zorder=0)
    panel.set_ylabel("Area under ROC curve")
    panel.set_title(title, fontsize=7.5)
    words = {"over none": "learned − none", "over untrained": "learned − first"}
    for number, (control, text) in enumerate(words.items()):
        gain = data.detection_gain.sel(quantity="auc", control=control)
        value, low, high = (float(gain.sel(bound=end)) for end in ("value", "low", "high"))
        panel.text(
            0.02,
            0.99 - 0.19 * number,
            f"{text}:\n  {value:+.3f} [{low:+.3f}, {high:+.3f}]",
            transform=panel.transAxes,
            fontsize=6,
            va="top",
        )
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.75 * (high - low))
