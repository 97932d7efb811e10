"""Figure of `circuit_fidelity`: how much of a network is left, and how much circuit that buys.

A column for each place of the circuits. **a**, images that keep their first class against the
factor on all recurrent weights; filled where E alone would be unstable (its eigenvalue above 1),
open where it would not; the line is the required four of five. **b**, area under the ROC curve that
detectors lose with the best of the ways, in ordinary, merged and array images; within the grey
band it is less than .02. **c**, what the circuits with a baseline compute; of several circuits the
one in which it is least. n: one network, images as set (200 digits); bands are 95 % bootstrap
intervals over images.
"""

from __future__ import annotations

from typing import Any

from cortex.sims.circuit_fidelity import BEST, WAYS

from cortex.plot import curves, style, words

NAMES = {
    "silent": "silent at rest,\na curve for each map",
    "curves": "baseline,\na curve for each map",
    "sums": "baseline,\na sum over maps",
}
LOOKS = dict(zip(WAYS, (style.GREY, style.ORANGE, style.GREEN), strict=True))
KINDS = {"ordinary": style.INK, "merged": style.PURPLE, "array": style.SKY}
COMPUTES = {
    "leading_eigenvalue": ("E eigenvalue\n(> 1: unstable alone)", style.E),
    "sum_weight": ("sum weight\n(< 1: sublinear)", style.INK),
    "surround_suppression": ("surround suppression", style.I),
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """A column a place of the circuits: classes kept, detectors' area lost, what they compute."""
    sites = list(data.site.values)
    best = BEST if BEST in data.way.values else data.way.values[-1]
    widths = [1.0] * len(sites) + [1.5]  # words stand in the last column
    figure, panels = style.figure(3, len(sites) + 1, height=134.0, width_ratios=widths)
    for column, site in zip(panels.T[:-1], sites, strict=True):
        here = data.sel(site=site)
        _kept(column[0], here)
        _lost(column[1], here.sel(way=best))
        _computes(column[2], here.sel(way=best))
        column[0].set_title("all of these layers" if site == "all" else site)
        for panel, first in zip(column, panels[:, 0], strict=True):
            panel.set_xlabel("")
            if panel is not first:
                panel.sharey(first)
                panel.set_ylabel("")
                panel.tick_params(labelleft=False)
    for row in panels:
        row[-1].axis("off")
        row[-1].legend(*row[0].get_legend_handles_labels(), loc="center left")
    figure.supxlabel(words(data.recurrence), fontsize=7.5)
    figure.suptitle(_title(data.sel(site=sites[-1])), fontsize=8, x=0.01, ha="left")
    style.letters(panels[:, 0])
    return figure


def _title(here: Any) -> str:
    """What is kept of first classes with the weights as they are, by the way."""
    at = here.first_class.sel(bound="value").sel(recurrence=1.0, method="nearest")
    kept = [
        f"{style.percent(float(at.sel(way=way)))} ({NAMES[way]})".replace("\n", " ")
        for way in here.way.values
    ]
    site = (
        "circuits in all these layers" if here.site == "all" else f"a circuit in {here.site.item()}"
    )
    return f"With {site}, first classes kept at factor {at.recurrence.item():g}:\n{', '.join(kept)}"


def _kept(panel: Any, here: Any) -> None:
    """Images that keep their first class, by way; filled where inhibition stabilises."""
    curves(panel, here.first_class, "recurrence", "way", looks=LOOKS, names=NAMES)
    for way in here.way.values:
        one = here.sel(way=way)
        kept, filled = one.first_class.sel(bound="value"), one.leading_eigenvalue > 1
        dot = {"ls": "none", "marker": "o", "mec": LOOKS[way], "mew": 0.8, "clip_on": False}
        dot["in_layout"] = False  # an empty line that is not clipped would take all the room
        panel.plot(one.recurrence[~filled], kept[~filled], mfc="white", **dot)
        panel.plot(one.recurrence[filled], kept[filled], mfc=LOOKS[way], **dot)
    panel.axhline(0.8, color=style.PALE, lw=1, zorder=0)
    panel.set_ylim(0, 1.03)
    panel.set_ylabel("Keep their first class")


def _lost(panel: Any, here: Any) -> None:
    """Area under the ROC curve that detectors lose, by kind of image."""
    curves(panel, here.auc_lost, "recurrence", "shown", looks=KINDS)
    panel.axhspan(-0.02, 0.02, color=style.PALE, alpha=0.5, lw=0, zorder=0)
    panel.set_ylabel("ROC area lost")


def _computes(panel: Any, here: Any) -> None:
    """Eigenvalue, sum weight and suppression."""
    for name, (text, colour) in COMPUTES.items():
        curves(panel, here[name], "recurrence", looks={None: colour}, label=text)
    panel.axhline(1, color=style.PALE, lw=1, zorder=0)
    panel.set_ylabel("Value (1)")
