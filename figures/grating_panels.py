"""Panels that the figures on attention to orientations share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D

from cortex.plot import interval_bars, style

NETWORKS = {"efficientnet_lite0": "EfficientNet-Lite0", "vgg16": "VGG-16"}
DASHES = {"tuning": "-", "gradient": (0, (3, 1.5))}


def layout(height: int | float, variants: int, rows: int, first: float) -> Any:
    """A figure with a row of panels above a grid with a column for each network.

    Args:
        height: of the figure [mm].
        variants: number of networks.
        rows: of the grid.
        first: width of the first panel above, as a share of the others'.

    Returns:
        The figure, its lower part, the panels above, and those of the grid.
    """
    drawn = style.page(height)
    drawn.get_layout_engine().set(w_pad=0.06, h_pad=0.05)
    top, below = drawn.subfigures(2, 1, height_ratios=(1.0, 0.5 + 0.7 * rows))
    above = top.subplots(1, 1 + variants, width_ratios=(first, *[1.0] * variants))
    grid = below.subplots(rows, variants, sharex=True, sharey="row", squeeze=False)
    return drawn, below, above, grid


def network(settings: Any, variant: str) -> str:
    """A network and its circuits, in words."""
    name = NETWORKS.get(settings.network.name, settings.network.name)
    if variant == "plain":
        return f"{name}, no circuits"
    layers = settings.network.circuits
    return f"{name}, circuit{'s' * (len(layers) > 1)} at layer {', '.join(map(str, layers))}"


def by_strength(
    panel: Any,
    attended: xr.DataArray,
    unattended: xr.DataArray,
    by: str,
    rates: Mapping[str, tuple[str, str]],
    *,
    legend: bool,
    room: float,
) -> None:
    """Rates against the strength of attention, from none on, by tuning and gradient values.

    Args:
        panel: where to draw.
        attended: of one network at one layer: (`by`, source, strength).
        unattended: the same without attention, (`by`).
        by: dimension of the rates.
        rates: colour and words of each.
        legend: whether there is one.
        room: upper end of the axis of rates; a legend takes what lies above 1.
    """
    every = xr.concat([unattended.expand_dims(strength=[0.0]), attended], "strength")
    every = every.sortby("strength")
    looks = {
        source: {"ls": dash, "marker": style.VALUES[source][1], "ms": 2.8}
        for source, dash in DASHES.items()
        if source in attended["source"].values
    }
    for source, look in looks.items():
        for name, (colour, _) in rates.items():
            one = every.sel({by: name, "source": source})
            panel.plot(one["strength"], one, color=colour, **look)
    panel.set_ylim(0, room)
    panel.set_yticks(np.linspace(0, 1, 5))
    style.percent_axis(panel.yaxis)
    panel.set_xlim(0, None)
    panel.set_xlabel("Strength of attention β")
    variant, site = (str(attended[name].item()) for name in ("variant", "site"))
    panel.set_title(f"{style.VARIANTS[variant].capitalize()}, {site} attended", fontsize=7.5)
    if legend:
        handles = [Line2D([], [], color=colour, label=words) for colour, words in rates.values()]
        handles += [
            Line2D([], [], color=style.INK, label=source, **look) for source, look in looks.items()
        ]
        panel.legend(handles=handles, loc="upper left", ncols=2, fontsize=6, columnspacing=0.6)


def gains(panel: Any, estimates: xr.DataArray, by: str) -> None:
    """Gain of every source at every site, with its interval; sources as in the legend.

    Args:
        panel: where to draw.
        estimates: of one network, (`by`, site, bound).
        by: dimension of the sources.
    """
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    sources = [source for source in style.VALUES if source in estimates[by].values]
    looks = {
        source: {"color": style.VALUES[source][0], "fmt": style.VALUES[source][1]}
        | {"ms": 3.6, "mew": 0.3, "elinewidth": 0.7}
        for source in sources
    }
    names = [str(site).removeprefix("layer ") for site in estimates["site"].values]
    numbered = estimates.sel({by: sources}).assign_coords(site=names)
    interval_bars(panel, numbered, "site", by, looks=looks)
    panel.set_xlabel("")
    panel.set_ylabel("")


def legend(figure: Any, data: Any, level: float, *more: Line2D) -> None:
    """The sources that were asked for, and what their points are, below the panels."""
    shown = [style.VALUES[name] for name in style.VALUES if name in data["source"].values]
    handles = [
        Line2D([], [], color=colour, marker=marker, ls="", ms=4, mew=0, label=label)
        for colour, marker, label in shown
    ]
    figure.legend(
        handles=[*handles, *more],
        loc="outside lower center",
        ncols=3,
        title=f"Attention by … (best β chosen on half of the images, shown on the other half; "
        f"{style.percent(level)} bootstrap intervals)",
        title_fontsize=7,
    )
