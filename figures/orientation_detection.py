"""Figure of `orientation_detection`: gain by layer, and what it consists of."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.lines import Line2D

from cortex.measures.grating_rows import single_layers
from cortex.measures.orientation_rows import chosen_site
from cortex.plot import style

NETWORKS = {"efficientnet_lite0": "EfficientNet-Lite0", "vgg16": "VGG-16"}
ROWS = (
    ("performance", "Gain in performance\n(percentage points)", 100.0),
    ("auc", "Gain in area\nunder ROC curve", 1.0),
    ("criterion", "Change of criterion\n(c, z units)", 1.0),
)


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Images and rates above; gains by site, with and without circuits side by side, below.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.orientation_detection`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    variants = data["variant"].values.tolist()
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, 195 / 25.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.05)
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 2.8))
    panels = top.subplots(1, 1 + len(variants), width_ratios=(1.15, *[1.0] * len(variants)))
    first, *others = panels
    _examples(first, data)
    for panel, variant in zip(others, variants, strict=True):
        _rates(panel, data.sel(variant=variant), legend=panel is others[0])
    others[0].set_ylabel("Share of images said to\nshow the orientation")
    grid = below.subplots(len(ROWS), len(variants), sharex=True, sharey="row", squeeze=False)
    for row, (name, label, factor) in zip(grid, ROWS, strict=True):
        for panel, variant in zip(row, variants, strict=True):
            gains(panel, data.sel(variant=variant), f"gain_{name}", factor, "compared")
            _threshold(panel, data.sel(variant=variant), f"gain_{name}", factor)
        row[0].set_ylabel(label)
    for panel, variant in zip(grid[0], variants, strict=True):
        one = data.sel(variant=variant)
        panel.set_title(
            f"{network(config)}, {of_variant(config, variant)}\n{unattended(one)}", fontsize=7
        )
    for panel in grid[-1]:
        panel.set_xlabel("Layer attended (1 the lowest)")
    handles = [
        *source_handles(data),
        Line2D(
            [], [], color=style.OLIVE, lw=1, ls=(0, (4, 2)), label="no attention, better threshold"
        ),
    ]
    below.legend(
        handles=handles,
        loc="outside lower center",
        ncols=3,
        title=f"Attention by … (best β chosen on half of the images, shown on the other half; "
        f"{config.statistics.level:.0%} bootstrap intervals)",
        title_fontsize=7,
    )
    style.letters([*panels, *grid[:, 0]])
    return figure


def network(config: Any) -> str:
    """The network's name as it is usually written."""
    return NETWORKS.get(config.network.name, config.network.name)


def of_variant(config: Any, variant: str) -> str:
    """With which circuits."""
    if variant == "plain":
        return "no circuits"
    layers = ", ".join(map(str, config.network.circuits))
    return f"circuit{'s' * (len(config.network.circuits) > 1)} at layer {layers}"


def unattended(one: Any) -> str:
    """What a variant does without attention."""
    return (
        f"unattended: right {float(one['performance_unattended']):.1%}, "
        f"area under ROC curve {float(one['auc_unattended']):.2f}"
    )


def _examples(panel: Any, data: Any) -> None:
    """A training image, and a pair with and one without its orientation."""
    panel.axis("off")
    names = ("training: 40°", "40° is there", "40° is not there")
    places = ((0.0, 0.5), (0.52, 0.5), (0.52, -0.06))
    for image, name, (x, y) in zip(data["example"].values, names, places, strict=True):
        inset = style.unframed(panel.inset_axes((x, y, 0.46, 0.44)))
        inset.imshow(image)
        inset.set_title(name, fontsize=6.5, pad=2)
    panel.text(
        0.0,
        0.36,
        "Bars, counter-\nclockwise from\nhorizontal",
        transform=panel.transAxes,
        fontsize=6.5,
        va="top",
    )


def _rates(panel: Any, here: Any, legend: bool) -> None:
    """True and false positives against strength, at the layer where tuning values do best."""
    if "tuning" not in here["source"].values:
        panel.axis("off")
        return
    rates = {
        "true_positive": (style.E, "there: hits"),
        "false_positive": (style.I, "not there: false alarms"),
    }
    style.rates_by_strength(panel, here, chosen_site(here), rates, legend=legend, room=1.42)


def gains(panel: Any, here: Any, name: str, factor: float, dimension: str) -> None:
    """One quantity for every source at every site, with intervals; lines join single layers.

    Parameters
    ----------
    panel
        Where to draw.
    here
        One variant, with `name` and `name` followed by ``_low`` and ``_high`` by site.
    name
        The quantity.
    factor
        It is multiplied by.
    dimension
        The dimension that names the sources.
    """
    layers = len(single_layers(here))
    sites = here["site"].values
    places = np.arange(len(sites)) + 0.3 * (np.arange(len(sites)) >= layers)  # "all" stands apart
    panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
    sources = [source for source in style.VALUES if source in here[dimension].values]
    dodge = 0.13 * (np.arange(len(sources)) - (len(sources) - 1) / 2)
    for offset, source in zip(dodge, sources, strict=True):
        colour, marker, _ = style.VALUES[source]
        one = here.sel({dimension: source})
        value, low, high = (factor * one[f"{name}{end}"].values for end in ("", "_low", "_high"))
        if not np.isfinite(value).any():
            continue
        panel.errorbar(
            places + offset,
            value,
            np.stack([value - low, high - value]),
            fmt=marker,
            color=colour,
            ms=3.6,
            lw=0.7,
            mew=0.3,
            zorder=3,
        )
        if source in ("tuning", "gradient"):
            panel.plot(places[:layers] + offset, value[:layers], color=colour, lw=0.9, zorder=2)
    panel.set_xticks(places, [str(site).removeprefix("layer ") for site in sites])
    panel.set_xlim(places[0] - 0.5, places[-1] + 0.5)


def _threshold(panel: Any, here: Any, name: str, factor: float) -> None:
    """What a better threshold brings without attention, with its interval."""
    control = here.sel(compared="threshold").isel(site=0)
    value, low, high = (factor * float(control[f"{name}{end}"]) for end in ("", "_low", "_high"))
    panel.axhspan(low, high, color=style.YELLOW, alpha=0.3, lw=0, zorder=0)
    panel.axhline(value, color=style.OLIVE, lw=1, ls=(0, (4, 2)), zorder=1)


def source_handles(data: Any) -> list[Line2D]:
    """Legend entries of the sources that were asked for."""
    return [
        Line2D(
            [],
            [],
            color=colour,
            marker=marker,
            ls="-" if name in ("tuning", "gradient") else "",
            lw=0.9,
            ms=4,
            mew=0,
            label=label,
        )
        for name, (colour, marker, label) in style.VALUES.items()
        if name in data["source"].values
    ]
