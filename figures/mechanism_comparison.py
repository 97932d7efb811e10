"""Figure of `mechanism_comparison`: what each mechanism buys, and through which neural change.

Rows are mechanisms of attention, all with the same energy of gains, at the layer that each acts at,
the one that raises d′ on arrays most above; grey are two merged digits, black arrays of four. **a**
and **b**, change of sensitivity d′ (whatever the criterion) and of criterion. **c** and **d**,
change of mean E and I rates of the attended layer; small marks are single networks. **e**, change
of the noise correlation. n: 3 networks and 20 images a digit; bars are 95 % bootstrap intervals
over images.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from matplotlib.ticker import MaxNLocator

from cortex.plot import forest, style

TASKS = {"merged": (style.GREY, "o", "merged digits"), "array": (style.INK, "s", "arrays")}
LOOKS = {
    task: {"color": colour, "fmt": mark, "ms": 3.5} for task, (colour, mark, _) in TASKS.items()
}
NAMES = {task: words for task, (_, _, words) in TASKS.items()}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """A row a mechanism, columns of behaviour and activity; a `matplotlib.figure.Figure`."""
    own = {task: data.sel(task=task, attended=data.acts_at) for task in TASKS}
    figure, (panels,) = style.figure(
        1, 5, height=max(64.0, 36 + 5.4 * data.sizes["source"]), width_ratios=(1.3, 1.1, 1, 1, 1.15)
    )
    _rows(panels, data, own)
    handles, labels = panels[0].get_legend_handles_labels()
    title = (
        f"Layer {int(data.attended.max())} attended unless said, gains changed by "
        f"{settings.learned.size:g} (root mean square)"
    )
    figure.legend(handles, labels, loc="outside lower center", ncols=2, title=title)
    figure.suptitle(_claim(own), fontsize=8.5)
    style.letters(panels)
    return figure


def _rows(panels: Any, data: Any, own: Any) -> None:
    """Every mechanism at its own layer: behaviour, rates, noise correlation."""
    gained = own["array"].change.sel(measure="sensitivity_free", bound="value")
    order = np.argsort(-gained.values)
    both = xr.concat([own[task] for task in TASKS], "task").isel(source=order)
    both = both.assign_coords(task=list(TASKS))
    layers, top = data.acts_at.values[order], int(data.acts_at.max())
    words = [
        f"{name}" if layer == top else f"{name} (layer {layer})"
        for name, layer in zip(both.source.values, layers, strict=True)
    ]
    shown = {
        "Change of d′,\nany criterion": (panels[0], both.change.sel(measure="sensitivity_free")),
        "Change of\ncriterion c": (panels[1], both.change.sel(measure="criterion")),
        "Change of noise\ncorrelation": (panels[4], both.correlation_change),
    }
    for label, (panel, change) in shown.items():
        forest(panel, change, "source", "task", looks=LOOKS, names=NAMES, rows=words)
        panel.set_xlabel(label)
    for panel, population in zip(panels[2:4], ("E", "I"), strict=True):
        for number, task in enumerate(TASKS):
            here = own[task].isel(source=order)
            _activity(panel, here, population, LOOKS[task], 0.25 * number - 0.125)
        panel.axvline(0.0, color=style.GREY, lw=0.6, zorder=0)
        panel.set_xlabel(f"Change of\nmean {population} rate", color=getattr(style, population))
        style.percent_axis(panel.xaxis)
    for panel in panels:
        panel.xaxis.set_major_locator(MaxNLocator(2 if panel in panels[2:] else 3))
        panel.set_ylim(len(words) - 0.5, -0.5)
        if panel is not panels[0]:
            panel.set_yticks([])
        for row in range(0, len(words), 2):
            panel.axhspan(row - 0.5, row + 0.5, color="#F4F4F4", lw=0, zorder=-1)


def _activity(panel: Any, here: Any, name: str, look: Any, shift: float) -> None:
    """Of the attended layer, by network and their mean."""
    change = here.rate_change.sel(layer=here.acts_at, population=name)
    rows = np.arange(change.sizes["source"]) + shift
    look = {"marker": look["fmt"], "color": look["color"], "ls": ""}
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
