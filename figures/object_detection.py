"""Figure of `object_detection`: gain against the layer attended, without circuits and with.

**a**, the hard images. **b**, what the circuits of each layer compute without attention; where
there are none, performance without attention, on ordinary and on hard images. **c**, slope of the
log activity ratio of maps over their tuning values, by the layer attended. **d**, gain in
performance for forms of attention. **e** to **h**, gain in performance (**e**, **f**) and in the
area under the ROC curve (**g**, **h**) by the layer attended, merged images above and arrays below,
without and with circuits; yellow is what a better threshold gains without attention. **i**, hits,
false alarms and performance against strength. Strength chosen on one half of the images, shown on
the other, and the other way round. n: three networks, 10 categories of 40 images a task and
network; bars and bands are 95 % bootstrap intervals over networks and images.
"""

from __future__ import annotations

import textwrap
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from cortex.plot import interval_bars, style
from cortex.studies import last_layer, single_layers

COLOURS = {"plain": style.GREY, "no recurrence": style.SKY, "circuits": style.E}
TASKS = {"merged": "merged images", "array": "array images"}
FORMS = ("gain\n±", "gain\n+", "input\n±", "input\n+")
QUANTITIES = {"performance": "gain (points)", "auc": "gain in ROC area"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Images, regime and activity above; gains and rates by layer and strength below."""
    over = {name for name, array in data.items() if "network" in array.dims}
    several = [name for name in over if not str(name).startswith("score")]
    data = data.assign({name: data[name].mean("network") for name in several})
    tasks, variants = list(data["task"].values), list(data["variant"].values)
    height = 66 + 46 * len(tasks) + 54
    figure = style.page(height)
    ratios = (56, 46 * len(tasks), 54)
    top, middle, low = figure.subfigures(3, 1, height_ratios=ratios)
    upper = top.subplots(1, 4, width_ratios=(0.75, 1.15, 1.0, 1.0))
    style.hard_images(upper[0], data, TASKS, 6.5)
    _regime(upper[1], data)
    _activity(upper[2], data)
    _forms(upper[3], data)
    handles = [
        Line2D([], [], color=COLOURS[v], marker="o", ms=3, label=style.VARIANTS[v])
        for v in variants
    ]
    if len(variants) > 1:
        top.legend(handles=handles, loc="outside lower right", ncols=len(handles), fontsize=6.5)
    columns = [(name, v) for name in ("performance", "auc") for v in variants]
    grid = middle.subplots(len(tasks), len(columns), squeeze=False, sharex=True)
    for row, task in zip(grid, tasks, strict=True):
        for name in ("performance", "auc"):
            panels = [p for p, column in zip(row, columns, strict=True) if column[0] == name]
            for panel, variant in zip(panels, variants, strict=True):
                _gains(panel, data.sel(task=task, variant=variant), name)
                if panel is not panels[0]:
                    panel.sharey(panels[0])
                    panel.tick_params(labelleft=False)
            panels[0].set_ylabel(f"{TASKS[task].capitalize()}\n{QUANTITIES[name]}")
    for panel, (_, variant) in zip(grid[0], columns, strict=True):
        panel.set_title(_narrow(variant), fontsize=7)
    for panel in grid[-1]:
        panel.set_xlabel("Layer attended")
    _legend(middle, data, settings.statistics.level)
    rates = low.subplots(
        1, 2 * len(variants) if len(tasks) > 1 else len(variants), sharex=True, sharey=True
    )
    pairs = [(task, variant) for task in tasks for variant in variants]
    rates = np.atleast_1d(rates)
    for panel, (task, variant) in zip(rates, pairs, strict=True):
        _rates(panel, data.sel(task=task, variant=variant), task, variant)
    rates[0].set_ylabel(f"Rate, attention to {last_layer(data)}")
    style.letters([*upper, *grid[:, 0], *(row[len(variants)] for row in grid), rates[0]])
    return figure


def _regime(panel: Any, data: Any) -> None:
    """Sum weight, eigenvalue, suppression by layer: do the circuits compute?"""
    panel.set_title("The circuits compute", fontsize=7.5)
    panel.set_xlabel("Layer")
    panel.set_ylabel("Value (dimensionless)")
    layers = data["layer"].values
    circuits = data.dropna("variant", how="all", subset=["leading_eigenvalue"])
    if not circuits.sizes["variant"]:
        _unattended(panel, data)
        return
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    shown = (
        ("leading_eigenvalue", "E eigenvalue (> 1: unstable)", style.E, "o"),
        ("sum_weight", "sum weight (< 1: sublinear)", style.INK, "s"),
        ("surround_suppression", "surround suppression", style.I, "^"),
    )
    for name, label, colour, marker in shown:
        values = circuits[name].isel(variant=0).values
        panel.plot(layers, values, marker=marker, color=colour, lw=1, ms=3, label=label)
    panel.set_xticks(_sparse(layers))
    highest = float(circuits["leading_eigenvalue"].isel(variant=0).max())
    panel.set_ylim(0, 1.75 * max(highest, 1.2))  # room for the legend
    panel.legend(loc="upper left", fontsize=6, labelspacing=0.3)


def _unattended(panel: Any, data: Any) -> None:
    """How well the task is done without attention, and how well on ordinary images."""
    tasks = list(data["task"].values)
    right = data["detection_unattended"].sel(measure="performance")
    panel.axhline(50, color=style.PALE, lw=1, zorder=0)
    for variant in data["variant"].values:
        here = [data["ordinary"].sel(variant=variant), *right.sel(variant=variant, task=tasks)]
        panel.plot(100 * np.array(here, float), marker="o", ms=3, lw=0, color=COLOURS[variant])
    panel.set_xticks(range(1 + len(tasks)), ["ordinary", *tasks])
    panel.set_xlim(-0.5, len(tasks) + 0.5)
    panel.set_ylim(45, 102)
    panel.set_title("Without attention", fontsize=7.5)
    panel.set_xlabel("Images")
    panel.set_ylabel("Performance (%)")


def _activity(panel: Any, data: Any) -> None:
    """How strongly activity at the attended layer follows the maps' tuning values."""
    panel.set_title("Activity follows tuning", fontsize=7.5)
    panel.set_xlabel("Layer attended")
    if "tuning" not in data["source"].values:
        panel.text(0.5, 0.5, "no tuning attention", transform=panel.transAxes, ha="center")
        return
    strength = float(data["strength"].values[0])
    here = data["activity_slope"].isel(task=0).sel(source="tuning", strength=strength)
    sites = single_layers(data)
    layers = [_layer(site) for site in sites]
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    for variant in data["variant"].values:
        slopes = here.sel(variant=variant, site=sites)
        panel.plot(layers, slopes, marker="o", ms=3, color=COLOURS[variant])
    panel.axhline(strength, color=style.GREY, lw=0.8, ls=(0, (1, 1.5)))
    panel.annotate(
        "β", (1.0, strength), xycoords=("axes fraction", "data"), fontsize=7, va="center"
    )
    panel.set_xticks(_sparse(layers))
    panel.set_ylim(bottom=min(0.0, panel.get_ylim()[0]))
    panel.set_ylabel(f"Slope of log activity ratio\non tuning value (β = {strength:g})")


def _forms(panel: Any, data: Any) -> None:
    """Gain of the four forms of attention."""
    panel.set_title("Forms of attention", fontsize=7.5)
    if "form_gain" not in data:
        panel.axis("off")
        return
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    looks = {variant: {"color": colour, "ms": 3.4} for variant, colour in COLOURS.items()}
    gains = 100 * data["form_gain"]
    interval_bars(panel, gains, "form", "variant", looks=looks, names=style.VARIANTS)
    panel.set_xticks(range(len(FORMS)), FORMS)
    panel.set_xlabel("± both signs, + positive only", fontsize=6.5)
    panel.set_ylabel("Performance gain (points)")


def _gains(panel: Any, here: Any, name: str) -> None:
    """Best-strength gain of every source at every layer, and at all of them."""
    factor = 100.0 if name == "performance" else 1.0
    gains = factor * here["gain"].sel(measure=name)
    value, low, high = (gains.sel(bound=bound) for bound in ("value", "low", "high"))
    sites = list(here["site"].values)
    places = np.array([_layer(site) or 0 for site in sites], float)
    every = places == 0
    single = ~every
    step = max(1.5, 0.12 * np.ptp(places[single])) if single.any() else 1.0
    places[every] = (places[single].max() if single.any() else 0) + step
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    control = {"compared": "threshold", "site": sites[0]}
    ends = float(low.sel(control)), float(high.sel(control))
    panel.axhspan(*ends, color=style.YELLOW, alpha=0.35, lw=0, zorder=-1)
    panel.axhline(float(value.sel(control)), color=style.OLIVE, lw=0.9, ls=(0, (4, 2)), zorder=0)
    sources = [source for source in style.VALUES if source in here["source"].values]
    for source in sources:
        colour, marker, _ = style.VALUES[source]
        middle, bottom, top = (x.sel(compared=source).values for x in (value, low, high))
        panel.fill_between(
            places[single], bottom[single], top[single], color=colour, alpha=0.13, lw=0
        )
        panel.plot(places[single], middle[single], color=colour, marker=marker, ms=2.8, lw=1)
        bars = np.abs([middle[every] - bottom[every], top[every] - middle[every]])
        shift = 0.16 * step * (sources.index(source) - (len(sources) - 1) / 2)
        panel.errorbar(
            places[every] + shift, middle[every], bars, fmt=marker, ms=2.8, lw=0.7, color=colour
        )
    ticks = _sparse(places[single].astype(int))
    labels = [str(tick) for tick in ticks]
    if every.any():
        ticks, labels = [*ticks, places[every][0]], [*labels, "all"]
    panel.set_xticks(ticks, labels)
    base = float(here["detection_unattended"].sel(measure=name))
    panel.annotate(
        f"unattended {style.percent(base, 1) if name == 'performance' else round(base, 3)}",
        (0.03, 0.97),
        xycoords="axes fraction",
        va="top",
        fontsize=6,
        color=style.GREY,
    )
    panel.margins(y=0.14)


def _rates(panel: Any, here: Any, task: str, variant: str) -> None:
    """True and false positives against strength, attention to the last layer."""
    panel.set_title(f"{TASKS[task]}\n{_narrow(variant)}", fontsize=6.5)
    panel.set_xlabel("Strength β")
    if "tuning" not in here["source"].values:
        return
    attended = here["detection"].sel(source="tuning", site=last_layer(here), drop=True)
    none = here["detection_unattended"].expand_dims(strength=[0.0])
    rates = xr.concat([none, attended.sortby("strength")], "strength", coords="minimal")
    for name, colour, label in (
        ("true_positive", style.GREEN, "true positives"),
        ("false_positive", style.PURPLE, "false positives"),
        ("performance", style.INK, "performance"),
    ):
        at = rates.sel(measure=name)
        panel.plot(at["strength"], at, color=colour, marker="o", ms=2.5, lw=1.2, label=label)
    style.percent_axis(panel.yaxis)
    panel.set_ylim(-0.02, 1.02)
    if task == "merged" and variant == "plain":
        panel.legend(loc="best", fontsize=6, labelspacing=0.25)


def _legend(figure: Any, data: Any, level: float) -> None:
    handles: list[Any] = [
        Line2D([], [], color=colour, marker=marker, ms=3, lw=1, label=label)
        for name, (colour, marker, label) in style.VALUES.items()
        if name in data["source"].values
    ]
    handles.append(
        Line2D([], [], color=style.OLIVE, ls=(0, (4, 2)), label="no attention, better threshold")
    )
    handles.append(
        Patch(color=style.GREY, alpha=0.25, lw=0, label=f"{style.percent(level)} interval")
    )
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=5,
        title="Attention by … (best β chosen on other images; means over networks)",
        title_fontsize=7,
    )


def _narrow(variant: Any) -> str:
    """The name of a variant in lines that a narrow panel has room for."""
    return textwrap.fill(style.VARIANTS[variant], 16)


def _layer(site: Any) -> int:
    """The number of a layer; 0 for all of them."""
    number = str(site).removeprefix("layer ")
    return int(number) if number.isdigit() else 0


def _sparse(layers: Any) -> list[int]:
    """Some of the layers, for ticks that do not touch."""
    found = [int(layer) for layer in layers]
    return found if len(found) <= 8 else found[:: 1 + (len(found) - 1) // 8]
