"""Figure of `colour_of_orientation`: whose colour is named, by layer and strength of attention."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt

from cortex.measures.colour_rows import chosen_layer
from cortex.plot import style

from .orientation_detection import gains, network, of_variant, source_handles

ROWS = (
    ("own", "Attended colour:\ngain (points)"),
    ("other", "Other colour:\ngain (points)"),
)


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Images and shares by strength above; gains by site, circuits beside none, below.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.colour_of_orientation`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    variants = data["variant"].values.tolist()
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, 150 / 25.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.05)
    top, below = figure.subfigures(2, 1, height_ratios=(1.0, 1.55))
    panels = top.subplots(1, 1 + len(variants), width_ratios=(1.0, *[1.1] * len(variants)))
    first, *others = panels
    _examples(first, data)
    for panel, variant in zip(others, variants, strict=True):
        _shares(panel, data.sel(variant=variant), legend=panel is others[0])
    others[0].set_ylabel("Trials in which\nthe colour is named")
    grid = below.subplots(len(ROWS), len(variants), sharex=True, sharey="row", squeeze=False)
    for row, (name, label) in zip(grid, ROWS, strict=True):
        for panel, variant in zip(row, variants, strict=True):
            gains(panel, data.sel(variant=variant), f"gain_{name}", 100.0, "source")
        row[0].set_ylabel(label)
    for panel, variant in zip(grid[0], variants, strict=True):
        one = data.sel(variant=variant)
        title = (
            f"{network(config)}, {of_variant(config, variant)}\nunattended: either grating's "
            f"{float(one['own_unattended']):.0%}, {float(one['other_unattended']):.0%}"
        )
        panel.set_title(title, fontsize=7)
    for panel in grid[-1]:
        panel.set_xlabel("Layer attended (1 the lowest)")
    below.legend(
        handles=source_handles(data),
        loc="outside lower center",
        ncols=5,
        title=f"Attention by … (best β chosen on half of the images, shown on the other half; "
        f"{config.statistics.level:.0%} bootstrap intervals)",
        title_fontsize=7,
    )
    style.letters([*panels, *grid[:, 0]])
    return figure


def _examples(panel: Any, data: Any) -> None:
    """Two trials in which 40 deg is attended, and the colours there are."""
    panel.axis("off")
    for number, image in enumerate(data["example"].values[1:]):
        inset = style.unframed(panel.inset_axes((0.52 * number, 0.42, 0.48, 0.52)))
        inset.imshow(image)
        inset.set_title(f"trial {number + 1}", fontsize=6.5, pad=2)
    panel.text(
        0.0,
        0.36,
        "Attended: bars of 40°.\nWhich colour?",
        transform=panel.transAxes,
        fontsize=7,
        va="top",
    )
    for number, rgb in enumerate(data["rgb_of_colour"].values):
        inset = style.unframed(panel.inset_axes((0.14 * number, 0.02, 0.11, 0.12)))
        inset.set_facecolor(tuple(rgb / 255))


def _shares(panel: Any, here: Any, legend: bool) -> None:
    """Whose colour is named against strength, at the layer where tuning values do best."""
    if "tuning" not in here["source"].values:
        panel.axis("off")
        return
    rates = {
        "own": (style.E, "attended grating's"),
        "other": (style.I, "other grating's"),
    }
    style.rates_by_strength(panel, here, chosen_layer(here), rates, legend=legend, room=1.3)
    chance = 1 / here.sizes["colour_name"]
    panel.axhline(chance, color=style.GREY, lw=0.7, ls=(0, (1, 1.5)))
    panel.annotate(
        "chance",
        (1.0, chance),
        xycoords=("axes fraction", "data"),
        xytext=(0, 2),
        textcoords="offset points",
        ha="right",
        fontsize=6,
        color=style.GREY,
    )
