"""Figure of `colour_of_orientation`: whose colour is named, by layer and strength of attention."""

from __future__ import annotations

from typing import Any

from cortex.plot import style

from .grating_panels import by_strength, gains, layout, legend, network

ROWS = {"own": "Attended colour:\ngain (points)", "other": "Other colour:\ngain (points)"}
RATES = {"own": (style.E, "attended grating's"), "other": (style.I, "other grating's")}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Images and shares by strength above; gains by site, circuits beside none, below."""
    variants = data["variant"].values.tolist()
    drawn, below, above, grid = layout(150, len(variants), len(ROWS), 0.9)
    _examples(above[0], data)
    for panel, variant in zip(above[1:], variants, strict=True):
        _shares(panel, data.sel(variant=variant), legend=panel is above[1])
    above[1].set_ylabel("Trials in which\nthe colour is named")
    for row, (whose, words) in zip(grid, ROWS.items(), strict=True):
        for panel, variant in zip(row, variants, strict=True):
            gains(panel, 100.0 * data["gain"].sel(variant=variant, named=whose), "source")
        row[0].set_ylabel(words)
    for panel, variant in zip(grid[0], variants, strict=True):
        base = data["named_share_unattended"].sel(variant=variant)
        own, other = (float(base.sel(named=whose)) for whose in ROWS)
        panel.set_title(
            f"{network(settings, variant)}\nunattended: either grating's {own:.0%}, {other:.0%}",
            fontsize=7,
        )
    for panel in grid[-1]:
        panel.set_xlabel("Layer attended (1 the lowest)")
    legend(below, data, settings.statistics.level)
    style.letters([*above, *grid[:, 0]])
    return drawn


def _examples(panel: Any, data: Any) -> None:
    """Two trials in which 40 deg is attended, and the colours there are."""
    panel.axis("off")
    for number, image in enumerate(data["example"].values[1:]):
        inset = style.unframed(panel.inset_axes((0.52 * number, 0.42, 0.48, 0.52)))
        inset.imshow(image)
        inset.set_title(f"trial {number + 1}", fontsize=6.5, pad=2)
    text = "Attended: bars of 40°.\nWhich colour?"
    panel.text(0.0, 0.36, text, transform=panel.transAxes, fontsize=7, va="top")
    for number, rgb in enumerate(data["rgb_of_colour"].values):
        inset = style.unframed(panel.inset_axes((0.14 * number, 0.02, 0.11, 0.12)))
        inset.set_facecolor(tuple(rgb / 255))


def _shares(panel: Any, here: Any, legend: bool) -> None:
    """Whose colour is named against strength, at the layer where tuning values do best."""
    if "best_layer" not in here:
        panel.axis("off")
        return
    attended = here["named_share"].sel(site=here["best_layer"].item())
    unattended = here["named_share_unattended"]
    by_strength(panel, attended, unattended, "named", RATES, legend=legend, room=1.3)
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
