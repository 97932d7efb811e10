"""Figure of `digits_detection`: does attention move the criterion, or sensitivity?

**a**, change of the criterion against change of the area under the ROC curve, a point for each
source of attention, layer attended (larger marks: later layers) and network with or without
circuits; the yellow lines end where a better threshold without attention would be, the dashed ones
are the areas of detectors fitted to hard images; the title counts points whose intervals exclude 0.
Inset: one of the images. **b**, gain in performance by layer attended. Strength chosen on one half
of the images, shown on the other, and the other way round. n: three networks, 10 digits, 60 images
each a digit and network; bars are 95 % bootstrap intervals over networks and images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from cortex.plot import style
from cortex.studies import single_layers

LOOKS = {
    **style.VALUES,
    "gradient_ordinary": (style.SKY, "D", "gradient values, ordinary images"),
    "spatial": (style.WINE, "P", "place (cued quadrant)"),
    "spatial_and_tuning": (style.PURPLE, "X", "place and tuning values"),
}
TASKS = {"merged": "merged digits", "array": "arrays of four", "array of two": "arrays of two"}
THRESHOLD: dict[str, Any] = {"color": "#C9A227", "lw": 3, "alpha": 0.7}
# Open without circuits, half full with circuits that lack recurrence, full with circuits.
FILLS = {"plain": "none", "no recurrence": "left", "circuits": "full"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Criterion against sensitivity above, gain by layer below, a column for each task."""
    tasks = list(data["task"].values)
    width = style.DOUBLE_COLUMN if len(tasks) > 1 else 1.45 * style.SINGLE_COLUMN
    figure = style.page(150, width)
    grid = figure.subplots(2, len(tasks), squeeze=False, height_ratios=(1.25, 1.0))
    for number, task in enumerate(tasks):
        here = data.sel(task=task)
        _plane(grid[0, number], here, settings.images.tasks[number], number == 0)
        _by_layer(grid[1, number], here, number == 0)
    inset = grid[0, 0].inset_axes((0.03, 0.72, 0.25, 0.25))
    inset.imshow(data["example"].isel(task=0).values, cmap="gray", vmin=0, vmax=1)
    style.unframed(inset)
    _legend(figure, data, settings.statistics.level)
    style.letters([grid[0, 0], grid[1, 0]])
    return figure


def _plane(panel: Any, here: Any, task: str, first: bool) -> None:
    """Change of criterion against change of sensitivity, a point a source, layer and network."""
    panel.set_title(_claim(here, task))
    panel.axhline(0, color=style.PALE, lw=0.8, zorder=0)
    panel.axvline(0, color=style.PALE, lw=0.8, zorder=0)
    gains, sites = here["gain"], single_layers(here)
    for variant in here["variant"].values:
        of = gains.sel(variant=variant)
        moved = of.sel(compared="threshold", site=sites[0], bound="value")
        x = float(moved.sel(measure="criterion"))
        panel.plot([0, x], [0, 0], zorder=1, **THRESHOLD)
        panel.plot(x, 0, marker="|", ms=9, mew=1.6, color=THRESHOLD["color"], zorder=2)
        for source in here["source"].values:
            colour, marker, _ = LOOKS[source]
            at = of.sel(compared=source, site=sites)
            middle = at.sel(bound="value")
            c, auc = middle.sel(measure="criterion"), middle.sel(measure="auc")
            ends = [np.abs(at.sel(measure="auc", bound=b) - auc) for b in ("low", "high")]
            panel.errorbar(c, auc, ends, fmt="none", ecolor=colour, lw=0.6, alpha=0.55, zorder=2)
            look = {"fillstyle": FILLS[variant], "color": colour, "mew": 0.8, "ls": "none"}
            for size, site in zip(np.linspace(3.2, 6.0, len(sites)), sites, strict=True):
                panel.plot(c.sel(site=site), auc.sel(site=site), marker=marker, ms=size, **look)
    for variant in here["variant"].values if "room" in here else ():
        most = float(here["room"].sel(bound="value", variant=variant).max("ceiling"))
        panel.axhline(most, color=style.INK, lw=0.8, ls=(0, (4, 2)), zorder=1)
        panel.annotate(
            f"ceiling, {style.VARIANTS[variant]}",
            (1, most),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 2),
            textcoords="offset points",
            ha="right",
            fontsize=6,
        )
    panel.set_xlabel("Change of criterion c (z units): ← says yes more readily")
    if first:
        panel.set_ylabel("Change of sensitivity\n(area under the ROC curve)")


def _claim(here: Any, task: str) -> str:
    """What the points show, as it came out: of attention by tuning values where it is tried."""
    base = float(here["detection_unattended"].sel(measure="performance").mean())
    shown = here["gain"].sel(site=single_layers(here))
    source = "tuning" if "tuning" in here["source"].values else str(here["source"].values[0])
    one = shown.sel(compared=source)
    freer = one.sel(measure="criterion", bound="high") < 0
    keener = one.sel(measure="auc", bound="low") > 0
    return (
        f"Attention by {LOOKS[source][2]}: yes more readily in {int(freer.sum())} of {freer.size},"
        f"\nbetter seen in {int(keener.sum())} of {keener.size} "
        f"({TASKS[task]}, unattended {style.percent(base)} right)"
    )


def _by_layer(panel: Any, here: Any, first: bool) -> None:
    """Gain in performance by layer attended, for each source and variant."""
    sites, gains = single_layers(here), 100 * here["gain"].sel(measure="performance")
    places = np.array([int(site.removeprefix("layer ")) for site in sites])
    panel.axhline(0, color=style.PALE, lw=0.8, zorder=0)
    pairs = [(s, v) for s in here["source"].values for v in here["variant"].values]
    dodge = np.linspace(-0.22, 0.22, max(len(pairs), 2))
    for shift, (source, variant) in zip(dodge, pairs, strict=False):
        colour, marker, _ = LOOKS[source]
        at = gains.sel(compared=source, variant=variant, site=sites)
        low, value, high = (at.sel(bound=b).values for b in ("low", "value", "high"))
        if not np.isfinite(value).any():
            continue
        look = {"fillstyle": FILLS[variant], "color": colour, "mew": 0.8, "marker": marker}
        panel.errorbar(
            places + shift, value, (value - low, high - value), ms=4, lw=0.7, alpha=0.9, **look
        )
    panel.set_xticks(places)
    panel.set_xlim(places[0] - 0.5, places[-1] + 0.5)
    panel.set_xlabel("Layer attended")
    if first:
        panel.set_ylabel("Gain in performance (points)")


def _legend(figure: Any, data: Any, level: float) -> None:
    look: dict[str, Any] = {"ls": "", "ms": 4.5, "mew": 0.8}
    handles = [
        Line2D([], [], color=LOOKS[name][0], marker=LOOKS[name][1], label=LOOKS[name][2], **look)
        for name in data["source"].values
    ]
    handles += [
        Line2D([], [], color=style.GREY, marker="o", fillstyle=FILLS[v], label=words, **look)
        for v, words in style.VARIANTS.items()
        if v in data["variant"].values
    ]
    handles.append(Line2D([], [], label="no attention, better threshold", **THRESHOLD))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        title=f"Larger marks: later layers. Means of {data.sizes['network']} networks, "
        f"{style.percent(level)} intervals",
        title_fontsize=7,
    )
