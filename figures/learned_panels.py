"""Panels that the figures on learned sources of attention share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from cortex.plot import forest, interval_bars, legend_below, style

WORDS = {"learned": "learned", "untrained": "first weights", "none": "no attention"}
TICKS = {"learned": "learned\n", "untrained": "first\nweights", "none": "none\n"}
COLOURS = {"learned": style.ATTENDED, "untrained": style.GREY, "none": style.UNATTENDED}
ORDER = ("none", "untrained", "learned")


def canvas(height: int | float) -> Any:
    """An empty figure of two columns' width; height in mm."""
    drawn = style.page(height)
    drawn.get_layout_engine().set(w_pad=0.05, h_pad=0.05, wspace=0.04, hspace=0.04)
    return drawn


def asked_for(data: Any, categories: Sequence[int]) -> list[int]:
    """The first image of each category that has the digit asked for."""
    here = data.present.values
    return [int(np.flatnonzero(here & (data.category.values == c))[0]) for c in categories]


def outlined(panel: Any, image: Any) -> None:
    """The outline of an image upon what is drawn in a panel, in the pixels of the image."""
    panel.contour(image, levels=[0.35], colors="black", linewidths=0.6)


def frame(image: Any) -> tuple[float, float, float, float]:
    """Where places lie in the pixels of an image, as ``extent``."""
    height, width = image.shape
    return -0.5, width - 0.5, height - 0.5, -0.5


def aligned(data: Any, values: xr.DataArray) -> xr.DataArray:
    """Mean over the images that have the category, turned so that it is in the upper left.

    Args:
        data: with ``present`` and ``quadrant``, 0 to 3 row by row, by ``image``.
        values: over ``image``, ``row`` and ``column``.
    """
    turned = values.where(data["present"], drop=True)
    quadrant = data["quadrant"].where(data["present"], drop=True).astype(int)
    for dim, beyond in (("row", quadrant >= 2), ("column", quadrant % 2 == 1)):
        back = turned.isel({dim: slice(None, None, -1)})
        turned = xr.where(beyond, back, turned)
    return turned.mean("image").transpose(..., "row", "column")


def asked_quadrant(panel: Any, side: int) -> None:
    """The upper left quadrant of a map of places, named and framed."""
    reach = side / 2 - 0.5
    panel.plot([-0.5, reach, reach], [reach, reach, -0.5], color="black", lw=0.8, ls=(0, (3, 2)))
    panel.text(-0.3, -0.3, "asked for", ha="left", va="top", fontsize=6.5)


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
    panel.set(xlabel="", ylabel=f"Rates, {where}\n(1: no attention)")
    legend_below(panel, 2)


def gained(panel: Any, gain: xr.DataArray, words: str) -> None:
    """What the learned source gains over no attention and over first weights, with intervals.

    Args:
        panel: where to draw.
        gain: over ``control`` and ``bound``.
        words: what it is gained in.
    """
    rows = ["none", "first\nweights"]
    one = gain.sel(control=["over none", "over untrained"])
    forest(panel, one, "control", rows=rows, looks={None: COLOURS["learned"]})
    panel.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 10])
    panel.tick_params(axis="x", labelsize=6.2)
    panel.locator_params(axis="x", nbins=2, steps=[1, 2, 4, 10])
    panel.set(xlabel=words, ylabel="Learned minus")
