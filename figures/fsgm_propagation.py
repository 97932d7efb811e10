"""Figure of `fsgm_propagation`: what is left of feature similarity above the layer attended.

**a**, share of maps with feature matching (the ratio of attended to unattended activity falls along
the map's order of preference, and is above 1 where it prefers the attended orientation) against
the number of layers above the one attended, by the values that attention is applied with: thick,
the mean over the layers attended, as far as there are two of them, with circuits (filled) and
without (open, dashed); thin, each layer attended, with circuits. Bands are 95 % bootstrap
intervals over the maps of a layer, of each thin line; dashed grey is the share by chance. **b** and
**c**, the same share with circuits for every layer attended and recorded, by tuning and by gradient
values; white is chance, the triangle marks the layer with a circuit. n: 9 orientations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import TwoSlopeNorm

from cortex.analysis.similarity_gain import matching_by_chance
from cortex.plot import style


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Share of matching maps against distance, and for every pair of layers.

    Returns a `matplotlib.figure.Figure`.
    """
    sources = [str(name) for name in data["source"].values[:2]]
    figure, panels = style.figure(2, len(sources), height=116, height_ratios=(1.4, 1))
    chance = matching_by_chance(data.sizes["orientation"])
    whole = style.joined(panels[0])
    _by_distance(whole, data["matching_share"].sel(source=sources), chance)
    for panel, source in zip(panels[1], sources, strict=True):
        image = _pairs(panel, data.sel(source=source).isel(variant=-1), source, chance)
    panels[1, 0].set_ylabel("Layer attended")
    bar = figure.colorbar(image, ax=panels[1, -1], fraction=0.05, pad=0.03)
    bar.set_ticks([0, chance, 1], labels=["0 %", "chance", "100 %"])
    bar.set_label("Maps with\nfeature matching")
    bar.outline.set_linewidth(0.4)
    style.letters([whole, *panels[1]])
    return figure


def _by_distance(panel: Any, share: Any, chance: float) -> None:
    """Each layer attended, from that layer upward, and their mean."""
    panel.axhline(chance, color=style.GREY, lw=0.8, ls=(0, (4, 2)), zorder=0)
    distance = np.arange(int(share["layer"].max() - share["attended"].min()) + 1)
    for source in map(str, share["source"].values):
        colour, _, words = style.VALUES[source]
        for variant in map(str, share["variant"].values):
            here = share.sel(source=source, variant=variant)
            above = [_above(here, attended, distance) for attended in here["attended"].values]
            values = np.stack([one.sel(bound="value") for one in above])
            if variant == share["variant"].values[-1]:
                for one in above:
                    panel.plot(distance, one.sel(bound="value"), color=colour, lw=0.5, alpha=0.5)
                    low, high = (one.sel(bound=end) for end in ("low", "high"))
                    panel.fill_between(distance, low, high, color=colour, alpha=0.06, lw=0)
            several = np.isfinite(values).sum(axis=0) >= min(2, len(values))
            mean = np.where(several, np.nanmean(values, axis=0), np.nan)
            look = {"lw": 1.8, "ms": 4} | style.VARIANT_LOOKS[variant]
            label = f"{words}, {style.VARIANTS[variant]}"
            panel.plot(distance, mean, "o", color=colour, label=label, **look)
    panel.text(1.0, chance, "chance", transform=panel.get_yaxis_transform(), **_CHANCE)
    panel.set(xlabel="Layers above the one attended", ylabel="Maps with feature matching")
    panel.set_ylim(0, 1.02)
    on = (
        share.isel(variant=-1)
        .where(share["layer"] - share["attended"] == 1)
        .mean(["attended", "layer"])
    )
    shares = {name: float(on.sel(source=name, bound="value")) for name in share["source"].values}
    found = [
        f"{style.percent(one)} by {style.VALUES[str(name)][2]}"
        for name, one in shares.items()
        if np.isfinite(one)
    ]
    panel.set_title(f"One layer on {' and '.join(found)} match (chance {style.percent(chance)})")
    style.percent_axis(panel.yaxis)
    panel.legend(ncols=2)


_CHANCE = {"color": style.GREY, "ha": "right", "va": "bottom"}


def _above(share: Any, attended: Any, distance: Any) -> Any:
    """The share at each distance above a layer attended; NaN where there is no such layer."""
    here = share.sel(attended=attended)
    return here.assign_coords(layer=here["layer"] - attended).reindex(layer=distance)


def _pairs(panel: Any, here: Any, source: str, chance: float) -> Any:
    """The share for every layer attended (rows) and every layer recorded (columns)."""
    share = here["matching_share"].sel(bound="value").transpose("attended", "layer")
    shown = share.where(share["layer"] >= share["attended"])
    columns = share["layer"].values
    norm = TwoSlopeNorm(chance, 0.0, 1.0)
    image = panel.imshow(shown, cmap="PuOr_r", norm=norm, aspect="auto", origin="lower")
    panel.set_yticks(range(share.sizes["attended"]), share["attended"].values)
    step = max(len(columns) // 6, 1)
    panel.set_xticks(np.arange(len(columns))[step - 1 :: step], columns[step - 1 :: step])
    circuits = np.flatnonzero(np.isfinite(here["feature_error"].values))
    top = {"transform": panel.get_xaxis_transform(), "clip_on": False, "ls": "none"}
    if len(circuits):  # an empty line that is not clipped would take all the room
        panel.plot(circuits, np.full(len(circuits), 1.04), "v", color=style.INK, ms=4, **top)
    panel.set(xlabel="Layer recorded")
    distance = share["layer"] - share["attended"]
    at, on = (float(share.where(distance == number).mean()) for number in (0, 1))
    words = style.VALUES[source][2].capitalize()
    title = f"{words}: {style.percent(at)}, then {style.percent(on)}"
    panel.set_title(title if np.isfinite(on) else words, pad=10)
    return image
