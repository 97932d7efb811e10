"""Figure of `tuning_and_gradients`: tuning quality by layer, and its agreement with gradients.

**a**, tuning quality of every map (dots) and mean of a layer, without circuits and with; yellow is
what shuffled labels leave, 5 to 95 %. **b**, gradient against tuning values of maps and categories
in the lowest and in the highest layer, without circuits. **c** to **f**, correlation of tuning and
gradient values by layer: over the maps of a layer (which maps are for a category?) and over
categories (which categories is a map for?), with gradients from images of the category and from a
balanced set; blue is about what was published for another network. n: 10 categories and the maps
of 8 layers; bars and bands are 95 % bootstrap intervals over maps.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from cortex.plot import curves, style

COLOURS = {"plain": style.GREY, "circuits": style.INDIGO}
DODGE = {"plain": -0.17, "circuits": 0.17}
SETS = {"category": "category's images", "balanced": "balanced set"}
PUBLISHED = (0.2, 0.5)  # early and late, VGG-16


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Quality and examples of values on top, correlations by layer below."""
    figure, whole = style.figure(1, 1, height=125.0)
    whole[0, 0].remove()
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.15))
    panels = top.subplots(1, 3, width_ratios=(1.7, 1.0, 1.0))
    _quality(panels[0], data)
    for panel, layer in zip(panels[1:], data["layer"].values[[0, -1]], strict=True):
        _values(panel, data, int(layer))
    panels[1].set_ylabel("Gradient value\n(share of the map's largest)")
    kinds = [(pooled, set) for pooled in data["pooled"].values for set in SETS]
    each = below.subplots(1, len(kinds), sharey=True)
    for panel, (pooled, set) in zip(each, kinds, strict=True):
        _correlation(panel, data["correlation"].sel(pooled=pooled, set=set))
        panel.set_title(f"{pooled.capitalize()},\n{SETS[set]}", fontsize=7.5)
    each[0].set_ylabel("Correlation of tuning\nand gradient values")
    _legend(below, data)
    style.letters([panels[0], panels[1], *each])
    return figure


def _layer_axis(panel: Any, data: Any) -> None:
    panel.set_xlim(0.4, data.sizes["layer"] + 0.6)
    panel.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=9))
    panel.set_xlabel("Layer")


def _quality(panel: Any, data: Any) -> None:
    """Every map's quality, means with intervals, and what shuffled labels leave."""
    rng = np.random.default_rng(0)
    layers, of_map = data["layer"].values, data["layer_of_map"].values
    shuffled = data["quality_shuffled"].values
    ends = np.array(
        [np.quantile(shuffled[:, :, of_map == layer], [0.05, 0.95]) for layer in layers]
    )
    panel.fill_between(layers, *ends.T, color=style.YELLOW, alpha=0.5, lw=0)
    panel.plot(layers, data["quality_shuffled_mean"].mean("variant"), color="#8A7F00", lw=1)
    for variant in data["variant"].values:
        here, colour = data.sel(variant=variant), COLOURS[variant]
        place = of_map + DODGE[variant]
        jitter = 0.11 * rng.uniform(-1, 1, of_map.size)
        panel.plot(
            place + jitter,
            np.abs(here["tuning"]).max("category"),
            ".",
            color=colour,
            ms=3.0,
            alpha=0.5,
            mew=0,
            rasterized=True,
        )
        _interval(panel, layers + DODGE[variant], here["quality"], colour, "o", "-")
    panel.set_ylim(0, None)
    panel.set_ylabel("Tuning quality\n(largest |tuning value|, SD)")
    panel.set_title("Every map, and mean of a layer", fontsize=7.5)
    _layer_axis(panel, data)


def _interval(panel: Any, place: Any, here: Any, colour: str, marker: str, dash: Any) -> None:
    value, low, high = (here.sel(bound=bound).values for bound in ("value", "low", "high"))
    ends = np.maximum(np.stack([value - low, high - value]), 0.0)
    panel.errorbar(
        place,
        value,
        ends,
        color=colour,
        marker=marker,
        ms=3.2,
        lw=1.1,
        elinewidth=0.8,
        ls=dash,
        mec="white",
        mew=0.3,
        zorder=3,
    )


def _values(panel: Any, data: Any, layer: int) -> None:
    """Tuning against gradient values of the first variant, a point a map and category."""
    here = data.isel(variant=0, map=data["layer_of_map"].values == layer)
    tuning, gradient = here["tuning"].values, here["gradient"].sel(set="category").values
    largest = np.abs(gradient).max(axis=0)
    gradient = gradient / np.where(largest > 0, largest, 1.0)
    panel.axhline(0, color=style.PALE, lw=0.8, zorder=0)
    panel.axvline(0, color=style.PALE, lw=0.8, zorder=0)
    colour = COLOURS[str(here["variant"].values)]
    panel.plot(
        tuning.ravel(),
        gradient.ravel(),
        ".",
        color=colour,
        ms=3.2,
        alpha=0.45,
        mew=0,
        rasterized=True,
    )
    panel.set_ylim(-1.08, 1.08)
    panel.set_xlabel("Tuning value of map (SD)")
    panel.set_title(f"Layer {layer}, {style.VARIANTS[str(here['variant'].values)]}", fontsize=7)


def _correlation(panel: Any, correlation: Any) -> None:
    layers = correlation["layer"].values
    # What is known of the published curves: about where they start and end.
    third = max(layers.size // 4, 1)
    for value, place in zip(PUBLISHED, (layers[:third], layers[-third:]), strict=True):
        ends = (place[0] - 0.4, place[-1] + 0.4)
        panel.plot(ends, (value, value), color=style.SKY, lw=4, alpha=0.6, zorder=1)
    looks = {name: {"color": colour, "marker": "o", "ms": 3} for name, colour in COLOURS.items()}
    curves(panel, correlation, "layer", "variant", looks=looks, log=False)
    panel.axhline(0.0, color=style.INK, lw=0.6, zorder=0)
    panel.set_ylabel("")
    _layer_axis(panel, correlation)


def _legend(figure: Any, data: Any) -> None:
    handles: list[Any] = [
        Patch(color=COLOURS[v], lw=0, label=style.VARIANTS[v]) for v in data["variant"].values
    ]
    handles += [
        Patch(color=style.YELLOW, alpha=0.5, lw=0, label="shuffled labels, 5 to 95 %"),
        Line2D([], [], color=style.SKY, lw=4, alpha=0.6, label="published, early and late"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
