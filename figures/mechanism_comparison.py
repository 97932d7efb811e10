"""Figure of `mechanism_comparison`: what each mechanism buys, and through which neural change.

Rows are mechanisms of attention, all with the same energy of gains, at the layer that each acts at;
grey are two merged digits, black arrays of four. **a** and **b**, change of sensitivity d′
(whatever the criterion) and of criterion. **c** and **d**, change of mean E and I rates of the
attended layer; small marks are single networks. **e**, change of the noise correlation. **f** to
**h**, for mechanisms that can act at any layer, on arrays: change of d′ and of E and I rates of the
highest layer by the layer attended. n: 3 networks and 20 images a digit; bars are 95 % bootstrap
intervals over images.
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import MaxNLocator, PercentFormatter

from cortex.plot import style

TASKS = {"merged": (style.GREY, "o", "merged digits"), "array": (style.INK, "s", "arrays")}


BY_LAYER = {
    "arousal": (style.FORMS["gain on drive"], "^"),
    "place": (style.WINE, "P"),
    "tuning values": (style.INDIGO, "o"),
    "gradient values": (style.OLIVE, "s"),
    "saliency": (style.GREY, "v"),
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """A row a mechanism, columns of behaviour and activity; below, by the layer attended.

    Returns a `matplotlib.figure.Figure`.
    """
    own = {task: data.sel(task=task, attended=data.acts_at) for task in TASKS}
    count = data.sizes["source"]
    layered = data.sizes["attended"] > 1
    height = 34 + 5.4 * count + (46 if layered else 0)
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, height / 25.4), layout="constrained")
    parts = figure.subfigures(1 + layered, 1, height_ratios=(5.4 * count + 12, 46)[: 1 + layered])
    upper, *lower = np.atleast_1d(parts)
    panels = _rows(upper, data, own)
    if lower:
        panels = [*panels, *_by_layer(lower[0], data)]
    handles = [
        panels[0].errorbar([], [], xerr=[], color=c, marker=m, ms=3.5, ls="none", label=words)
        for c, m, words in TASKS.values()
    ]
    upper.legend(
        handles=handles,
        loc="outside lower center",
        ncols=2,
        title=(
            f"Layer {int(data.attended.max())} attended unless said, gains changed by "
            f"{settings.learned.size:g} (root mean square); bars: "
            f"{style.percent(settings.level)} bootstrap intervals over images"
        ),
        title_fontsize=7,
    )
    upper.suptitle(_claim(own), fontsize=8.5)
    style.letters(panels)
    return figure


def _rows(figure: Any, data: Any, own: Any) -> list[Any]:
    """Every mechanism at its own layer: behaviour, rates, noise correlation."""
    names = list(data.source.values)
    panels = list(figure.subplots(1, 5, sharey=True, width_ratios=(1.3, 1.1, 0.9, 0.9, 1)))
    for number, (task, look) in enumerate(TASKS.items()):
        here, shift = own[task], 0.17 * (2 * number - 1)
        _intervals(panels[0], here.change.sel(measure="sensitivity_free"), look, shift)
        _intervals(panels[1], here.change.sel(measure="criterion"), look, shift)
        _activity(panels[2], here, "E", look, shift)
        _activity(panels[3], here, "I", look, shift)
        _intervals(panels[4], here.correlation_change, look, shift)
    labels = (
        "Change of d′,\nany criterion",
        "Change of\ncriterion c",
        "Change of\nmean E rate",
        "Change of\nmean I rate",
        "Change of noise\ncorrelation",
    )
    for panel, label in zip(panels, labels, strict=True):
        panel.axvline(0.0, color=style.PALE, lw=1, zorder=0)
        panel.set_xlabel(label)
        panel.xaxis.set_major_locator(MaxNLocator(3 if panel is not panels[4] else 2))
        for row in range(0, len(names), 2):
            panel.axhspan(row - 0.5, row + 0.5, color="#F4F4F4", lw=0, zorder=-1)
    for panel, colour in ((panels[2], style.E), (panels[3], style.I)):
        panel.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        panel.xaxis.label.set_color(colour)
    layers = data.acts_at.values
    words = [
        n if at == max(layers) else f"{n} (layer {at})" for n, at in zip(names, layers, strict=True)
    ]
    panels[0].set_yticks(range(len(names)), words)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    panels[0].tick_params(axis="y", length=0)
    return panels


def _by_layer(figure: Any, data: Any) -> list[Any]:
    """What was not learned, on arrays, against the layer attended."""
    figure.suptitle("Arrays, by the layer attended", fontsize=7.5)
    panels = list(figure.subplots(1, 3))
    here = data.sel(task="array").sortby("attended")
    attended, top = here.attended.values, int(here.layer[-1])
    for number, (name, (colour, marker)) in enumerate(BY_LAYER.items()):
        if name not in here.source.values:
            continue
        one = here.sel(source=name)
        look = {"color": colour, "marker": marker, "ms": 3.5, "label": name}
        moved = attended + 0.05 * (number - 2)
        value, error = _ends(one.change.sel(measure="sensitivity_free"))
        panels[0].errorbar(moved, value, yerr=error, lw=1.1, elinewidth=0.7, **look)
        for panel, population in zip(panels[1:], ("E", "I"), strict=True):
            change = one.rate_change.sel(layer=top, population=population).mean("seed")
            panel.plot(moved, change, lw=1.1, **look)
    labels = (
        "Change of d′, any criterion",
        f"Change of E, layer {top}",
        f"Change of I, layer {top}",
    )
    for panel, label in zip(panels, labels, strict=True):
        panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
        panel.set_xticks(attended)
        panel.set_xlabel("Layer attended")
        panel.set_ylabel(label)
    for panel, colour in ((panels[1], style.E), (panels[2], style.I)):
        panel.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
        panel.yaxis.label.set_color(colour)
    figure.legend(*panels[1].get_legend_handles_labels(), loc="outside right center")
    return panels


def _ends(estimate: Any) -> tuple[Any, Any]:
    """Value, and how far the ends of the interval are from it."""
    low, value, high = (estimate.sel(bound=end).values for end in ("low", "value", "high"))
    return value, np.maximum([value - low, high - value], 0.0)


def _intervals(panel: Any, change: Any, look: Any, shift: float) -> None:
    colour, marker, _ = look
    value, error = _ends(change.transpose("source", "bound"))
    rows = np.arange(len(value)) + shift
    look = {"color": colour, "marker": marker, "ms": 3.5, "ls": "none", "lw": 0.9}
    panel.errorbar(value, rows, xerr=error, **look)


def _activity(panel: Any, here: Any, name: str, look: Any, shift: float) -> None:
    """Of the attended layer, by seed and their mean."""
    colour, marker, _ = look
    change = here.rate_change.sel(layer=here.acts_at, population=name)
    rows = np.arange(change.sizes["source"]) + shift
    look = {"marker": marker, "color": colour, "ls": ""}
    for seed in change.seed.values:
        panel.plot(change.sel(seed=seed), rows, alpha=0.35, ms=2, **look)
    panel.plot(change.mean("seed"), rows, ms=3.5, **look)


def _claim(own: Any) -> str:
    """What the figure shows, as it came out."""
    parts = []
    for task, (_, _, words) in TASKS.items():
        change = own[task].change.sel(measure="sensitivity_free").transpose("source", "bound")
        low, value, high = (change.sel(bound=end).values for end in ("low", "value", "high"))
        best = int(np.argmax(np.where(low > 0, value, -np.inf)))
        if low[best] > 0:
            shown = f"{value[best]:+.2f} [{low[best]:.2f}, {high[best]:.2f}]"
            parts.append(f"{words}: {change.source.values[best]} ({shown})")
        else:
            parts.append(f"{words}: none measurably")
    return "Which mechanism buys most d′ at equal energy\n" + "; ".join(parts)
