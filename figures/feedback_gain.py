"""Figure of `feedback_gain`: what later passes correct and break, rates, detection."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, legend_of, style

from . import learned_panels

BOTH = ["learned", "untrained"]


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Choices corrected and broken, their balance by pass, rates and detection; a `Figure`."""
    figure, panels = style.figure(1, 4, height=62, width_ratios=(1.2, 1.1, 0.85, 1.15))
    first, second, third, last = panels[0]
    _fates(first, data)
    _balance(second, data)
    _rates(third, data)
    learned_panels.detection(last, data, f"Detection, pass {int(data['pass'].values[-1])}")
    style.letters(panels[0])
    return figure


def _fates(panel: Any, data: Any) -> None:
    """Of wrong choices of the first look the share corrected, of right ones the share broken."""
    share = data.fate.sel(condition=BOTH)
    for fate, dash in (("corrected", "-"), ("broken", (0, (3, 1.5)))):
        names = {name: f"{learned_panels.WORDS[name]}: {fate}" for name in BOTH}
        _by_pass(panel, share.sel(fate_of=fate), names, ls=dash)
    panel.set_ylabel("Share of wrong (right) choices\ncorrected (broken)")
    low, high = panel.get_ylim()
    panel.set_ylim(0, high + 0.7 * (high - low))
    panel.set_title("Corrected and broken", fontsize=7.5)
    legend_of(panel, loc="upper left", fontsize=6.2, handlelength=3.2)


def _balance(panel: Any, data: Any) -> None:
    """Corrected minus broken choices, as a share of all."""
    _by_pass(panel, data.fate.sel(condition=BOTH, fate_of="net"), learned_panels.WORDS)
    panel.axhline(0.0, color=style.INK, lw=0.7, ls=(0, (3, 2)))
    panel.set_ylabel("Corrected − broken\n(share of all choices)")
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.35 * (high - low))
    panel.set_title("Balance", fontsize=7.5)
    legend_of(panel, loc="upper left")


def _by_pass(panel: Any, share: Any, names: Any, **line: Any) -> None:
    looks = learned_panels.COLOURS
    curves(panel, share, "pass", "condition", looks=looks, names=names, marker="o", **line)
    panel.set(xlabel="Pass", xticks=share["pass"].values)


def _rates(panel: Any, data: Any) -> None:
    """Rates of the attended area in the last pass, relative to no feedback; dots are seeds."""
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
    panel.set_title("Attended area", fontsize=7.5)
    legend_of(panel, loc="best")
