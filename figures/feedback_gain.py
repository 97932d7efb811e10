"""Figure of `feedback_gain`: what later passes correct and break, rates, detection.

**a**, wrong choices of the first pass that are corrected less right ones that are broken, as a
share of all choices, by pass, with learned feedback (green) and first weights (grey, before
learning). **b**, after the last pass: share of the wrong choices that are corrected and of the
right ones that are broken. **c**, mean E and I rates of the attended area in the last pass,
relative to no feedback; small dots are single networks. **d**, area under the ROC curve of
detection gained by the learned feedback over none and over first weights. n: 3 networks and the
test images of the settings; bars and bands are 95 % bootstrap intervals over images and networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, interval_bars, legend_below, name_lines, style

from . import learned_panels

BOTH = ["learned", "untrained"]


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Balance by pass, choices corrected and broken, rates and detection; a `Figure`."""
    figure, panels = style.figure(1, 4, height=58, width_ratios=(1.1, 1, 0.9, 1))
    balance, fates, rates, detection = panels[0]
    _balance(balance, 100 * data.fate.sel(condition=BOTH, fate_of="net"))
    _fates(fates, 100 * data.fate.sel(condition=BOTH).isel({"pass": -1}))
    _rates(rates, data)
    gain = data.detection_gain.sel(quantity="auc")
    learned_panels.gained(detection, gain, "Change of\nROC area")
    detection.set_title("Detection")
    style.letters(panels[0])
    return figure


def _balance(panel: Any, share: Any) -> None:
    """Corrected minus broken choices, as a share of all."""
    looks, names = learned_panels.COLOURS, learned_panels.WORDS
    curves(panel, share, "pass", "condition", looks=looks, names=names, marker="o")
    panel.axhline(0.0, color=style.GREY, lw=0.6, zorder=0)
    panel.set(xlabel="Pass", xticks=share["pass"].values, title="Balance of later passes")
    panel.set_ylabel("Corrected − broken\n(% of choices)")
    name_lines(panel)


def _fates(panel: Any, share: Any) -> None:
    """Of wrong choices of the first look the share corrected, of right ones the share broken."""
    shown = share.sel(fate_of=["corrected", "broken"])
    interval_bars(panel, shown, "fate_of", "condition", looks=learned_panels.COLOURS, width=0.4)
    panel.set_xticks(range(2), ["wrong,\ncorrected", "right,\nbroken"])
    panel.set(xlabel="", ylabel="Choices (%)", title="What they change")
    panel.set_ylim(0, None)


def _rates(panel: Any, data: Any) -> None:
    """Rates of the attended area in the last pass, relative to no feedback; dots are networks."""
    rates = data.rates.isel({"pass": -1}).mean(("image", "row", "column"))
    ratio = rates / rates.sel(condition="none")
    for shift, name in ((-0.12, "E"), (0.12, "I")):
        for x, condition in enumerate(learned_panels.ORDER[1:]):
            seeds = ratio.sel(condition=condition, population=name).values
            look = {"color": getattr(style, name), "ls": "none"}
            panel.plot(x + shift + np.zeros(len(seeds)), seeds, marker=".", alpha=0.6, **look)
            label = name if x == 0 else None
            panel.plot([x + shift], [seeds.mean()], marker="o", label=label, **look)
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(2), [learned_panels.TICKS[name] for name in learned_panels.ORDER[1:]])
    panel.set_xlim(-0.5, 1.5)
    panel.set_ylabel("Mean rate,\nrelative to no feedback")
    panel.set_title("Attended area")
    legend_below(panel, 2)
