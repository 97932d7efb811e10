"""Figure of `fsgm_propagation`: what is left of feature similarity above the layer attended.

**a** and **b**, share of maps with feature matching (the ratio of attended to unattended activity
falls along the map's order of preference, and is above 1 where it prefers the attended orientation)
against the number of layers above the one attended; **a** with attention by tuning values, **b** by
gradient values. One shade a layer attended, the higher the darker; filled with circuits, open and
dashed without; dashed grey is the share by chance. Bands (with circuits) are 95 % bootstrap
intervals over the maps of a layer. **c**, the same share by tuning values, with circuits: layer
attended against layer recorded; white is chance, the triangle marks the layer with a circuit. n: 9
orientations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm
from matplotlib.lines import Line2D

from cortex.analysis.similarity_gain import matching_by_chance
from cortex.plot import legend_beside, style


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Share of matching maps against distance, and for every pair of layers.

    Returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(2, 2, height=122, height_ratios=(1.5, 1), sharey="row")
    sources = [str(name) for name in data["source"].values[:2]]
    chance = matching_by_chance(data.sizes["orientation"])
    for panel, source in zip(panels[0], sources, strict=False):
        _by_distance(panel, data["matching_share"].sel(source=source), source, chance)
        panel.set_title(f"Attention by {style.VALUES[source][2]}")
    panels[0, 0].set_ylabel("Maps with feature matching")
    _legend(panels[0, len(sources) - 1], data)
    for panel in panels[0, len(sources) :]:
        panel.remove()
    whole = style.joined(panels[1])
    _pairs(whole, data.sel(source=sources[0]).isel(variant=-1), sources[0], chance)
    style.letters([*panels[0, : len(sources)], whole])
    return figure


def _shades(source: str, data: Any) -> list[Any]:
    return style.shades(style.VALUES[source][0], data.sizes["attended"])


def _by_distance(panel: Any, share: Any, source: str, chance: float) -> None:
    """One line for each layer attended, from that layer upward."""
    panel.axhline(chance, color=style.GREY, lw=0.8, ls=(0, (4, 2)), zorder=0)
    for shade, attended in zip(_shades(source, share), share["attended"].values, strict=True):
        for variant in share["variant"].values:
            above = share.sel(attended=attended, variant=variant)
            above = above.sel(layer=slice(attended, None))
            low, value, high = (above.sel(bound=end) for end in ("low", "value", "high"))
            distance = above["layer"] - attended
            if variant == "circuits":
                panel.fill_between(distance, low, high, color=shade, alpha=0.15, lw=0)
            panel.plot(distance, value, "o", color=shade, ms=3, **_variant(variant))
    panel.text(0.99, chance, "chance", transform=panel.get_yaxis_transform(), **_CHANCE)
    panel.set_xlabel("Layers above the one attended")
    panel.set_ylim(0, 1.02)
    style.percent_axis(panel.yaxis)


_CHANCE = {"color": style.GREY, "ha": "right", "va": "bottom"}


def _variant(name: Any) -> dict[str, Any]:
    return {"lw": 1.0} | style.VARIANT_LOOKS[str(name)]


def _legend(panel: Any, data: Any) -> None:
    layers = data["attended"].values
    handles = [
        Line2D([], [], color=shade, lw=2.5, label=f"layer {layer}")
        for shade, layer in zip(style.shades(style.GREY, len(layers)), layers, strict=True)
    ]
    handles += [
        Line2D([], [], color=style.INK, marker="o", ms=3, label=style.VARIANTS[name])
        for name in data["variant"].values
    ]
    for handle, name in zip(handles[len(layers) :], data["variant"].values, strict=True):
        handle.set(markerfacecolor=_variant(name).get("mfc", style.INK), ls=_variant(name)["ls"])
    labels = [handle.get_label() for handle in handles]
    legend_beside(panel, handles=handles, labels=labels, title="attended")


def _pairs(panel: Any, here: Any, source: str, chance: float) -> None:
    """The share for every layer attended (rows) and every layer recorded (columns)."""
    share = here["matching_share"].sel(bound="value").transpose("attended", "layer")
    shown = share.where(share["layer"] >= share["attended"])
    norm = TwoSlopeNorm(chance, 0.0, 1.0)
    columns = share["layer"].values
    image = panel.imshow(shown, cmap="PuOr_r", norm=norm, aspect="auto", origin="lower")
    bar = panel.figure.colorbar(image, ax=panel, fraction=0.03, pad=0.015)
    bar.set_ticks([0, chance, 1], labels=["0 %", "chance", "100 %"])
    bar.set_label("Maps with\nfeature matching")
    bar.outline.set_linewidth(0.4)
    panel.set_yticks(range(share.sizes["attended"]), share["attended"].values)
    panel.set_xticks(np.arange(len(columns))[1::2], columns[1::2])
    circuits = np.flatnonzero(np.isfinite(here["feature_error"].values))
    top = {"transform": panel.get_xaxis_transform(), "clip_on": False, "ls": "none"}
    panel.plot(circuits, np.full(len(circuits), 1.03), "v", color=style.INK, ms=4, **top)
    panel.set(xlabel="Layer recorded", ylabel="Layer attended")
    distance = share["layer"] - share["attended"]
    at, on = (float(share.where(distance == number).mean()) for number in (0, 1))
    words = f"{style.VALUES[source][2]}, {style.VARIANTS[str(here['variant'].item())]}"
    title = f"From {style.percent(at)} of the maps to {style.percent(on)} one layer on ({words})"
    panel.set_title(title if np.isfinite(on) else words, pad=10)
