"""Figure of `feedback_gain`: what later passes correct and break, rates, detection."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import learned_panels, style


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Choices corrected and broken, their balance by pass, rates and detection.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.feedback_gain`.

    Returns
    -------
    matplotlib.figure.Figure
    """
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
    passes = data["pass"].values
    looks = (
        ("corrected", "-", "corrected"),
        ("broken", (0, (3, 1.5)), "broken"),
    )
    for name in ("learned", "untrained"):
        for fate, dash, words in looks:
            one = data.sel(condition=name, fate_of=fate)
            found = tuple(one[f"fate{end}"].values for end in ("", "_low", "_high"))
            label = f"{learned_panels.WORDS[name]}: {words}"
            learned_panels.band(panel, passes, found, learned_panels.COLOURS[name], label, ls=dash)
    panel.set_xticks(passes)
    panel.set_xlabel("Pass")
    panel.set_ylabel("Share of wrong (right) choices\ncorrected (broken)")
    low, high = panel.get_ylim()
    panel.set_ylim(0, high + 0.7 * (high - low))
    panel.legend(loc="upper left", fontsize=6.2)
    panel.set_title("Corrected and broken", fontsize=7.5)


def _balance(panel: Any, data: Any) -> None:
    """Corrected minus broken choices, as a share of all."""
    passes = data["pass"].values
    for name in ("learned", "untrained"):
        one = data.sel(condition=name, fate_of="net")
        found = tuple(one[f"fate{end}"].values for end in ("", "_low", "_high"))
        learned_panels.band(
            panel, passes, found, learned_panels.COLOURS[name], learned_panels.WORDS[name]
        )
    panel.axhline(0.0, color=style.INK, lw=0.7, ls=(0, (3, 2)))
    panel.set_xticks(passes)
    panel.set_xlabel("Pass")
    panel.set_ylabel("Corrected − broken\n(share of all choices)")
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.35 * (high - low))
    panel.legend(loc="upper left")
    panel.set_title("Balance", fontsize=7.5)


def _rates(panel: Any, data: Any) -> None:
    """Rates of the attended area in the last pass, relative to no feedback."""
    for shift, name in ((-0.12, "E"), (0.12, "I")):
        rates = data[f"rate_{name}"].isel({"pass": -1}).mean(("image", "row", "column"))
        none = rates.sel(condition="none")
        for x, condition in enumerate(learned_panels.ORDER[1:]):
            ratio = (rates.sel(condition=condition) / none).values
            colour = getattr(style, name)
            panel.plot(x + shift + np.zeros(len(ratio)), ratio, ".", color=colour, alpha=0.6)
            panel.plot(x + shift, ratio.mean(), "o", color=colour, label=name if x == 0 else None)
    panel.axhline(1.0, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(2), ["first\nweights", "learned\n"])
    panel.set_xlim(-0.5, 1.5)
    panel.set_ylabel("Mean rate,\nrelative to no feedback")
    panel.legend(loc="best")
    panel.set_title("Attended area", fontsize=7.5)
