"""Figure of `attention_masks`: where gates and masks are high, rates, detection."""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.attention_masks import OBJECTS, contrasts

from cortex.measures.learned_rows import interval_of_means

from . import learned_panels, style

NAMES = {"gate": "Attention gate", "residual": "Residual mask"}
ROWS = {"asked": "asked for / elsewhere", "ink": "ink / paper"}


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """A row for each mechanism: examples, gain, rates, detection.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.attention_masks`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = learned_panels.canvas(118)
    parts = figure.subfigures(2, 1)
    left = []
    for part, name in zip(parts, NAMES, strict=True):
        part.suptitle(NAMES[name], fontsize=8, fontweight="bold", x=0.01, ha="left")
        examples, rest = part.subfigures(1, 2, width_ratios=(1.0, 2.0))
        one = data.sel(mechanism=name)
        _examples(examples, one)
        panels = rest.subplots(1, 3, width_ratios=(1, 1, 1.2))
        _gain(panels[0], config, one, OBJECTS[name])
        _rates(panels[1], config, one, OBJECTS[name])
        learned_panels.detection(panels[2], one)
        left += list(panels)
    style.letters(left)
    return figure


def _examples(part: Any, data: Any) -> None:
    """Arrays, and the change of gain upon them."""
    present, category = data["present"].values, data["category"].values
    pattern = data["pattern"].sel(condition="learned").isel({"seed": 0, "pass": -1})
    wanted = [int(np.flatnonzero(present & (category == c))[0]) for c in (4, 7)]
    for panel, image in zip(part.subplots(1, 2), wanted, strict=True):
        values = pattern.isel(image=image).values
        learned_panels.overlay(panel, data, image, values - values.mean(), 0.6)
        panel.set_title(f"asked for: {category[image]}", fontsize=6.5, pad=2)
    part.text(
        0.5, 0.02, "gain against its mean, −0.6 (violet) to 0.6 (orange)", ha="center", fontsize=6
    )


def _gain(panel: Any, config: Any, data: Any, place: str) -> None:
    """Gain on the object minus elsewhere, by condition."""
    found = contrasts(data, "pattern", place, False)
    s = config.statistics
    for x, name in enumerate(learned_panels.ORDER[1:]):
        values = found.sel(condition=name).transpose("seed", "image").values
        colour = learned_panels.COLOURS[name]
        mean, low, high = interval_of_means(values.mean(0), s.resamples, s.level, 0)
        panel.plot(x - 0.2 + np.zeros(len(values)), values.mean(1), ".", color=colour, alpha=0.6)
        panel.errorbar(x, mean, [[mean - low], [high - mean]], fmt="o", color=colour)
    panel.axhline(0.0, color=style.INK, lw=0.7, ls=(0, (3, 2)))
    panel.set_xticks(range(2), ["first\nweights", "learned\n"])
    panel.set_xlim(-0.5, 1.5)
    panel.set_ylabel(f"Gain, {ROWS[place].replace('/', 'minus')}")
    panel.set_title("Mask", fontsize=7.5)


def _rates(panel: Any, config: Any, data: Any, place: str) -> None:
    """Rates on the object against elsewhere, relative to no attention."""
    found = {name: contrasts(data, f"rate_{name}", place, True).mean("seed") for name in ("E", "I")}
    learned_panels.rate_contrasts(panel, found, config.statistics)
    panel.set_xticks(range(2), ["first\nweights", "learned\n"])
    panel.set_ylabel(f"Rates, {ROWS[place]},\nrelative to no attention")
    panel.set_title("Circuits", fontsize=7.5)
