"""Figure of `attention_masks`: where gates and masks are high, rates, detection."""

from __future__ import annotations

from typing import Any

from cortex.sims.attention_masks import OBJECTS

from cortex.plot import style

from . import learned_panels

NAMES = {"gate": "Attention gate", "residual": "Residual mask"}
PLACES = {"asked": ("asked for", "elsewhere"), "ink": ("ink", "paper")}
LIMIT = 0.6  # of the colours


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """A row for each mechanism: examples, gain, rates, detection; returns a `Figure`."""
    figure = learned_panels.canvas(118)
    left = []
    for part, name in zip(figure.subfigures(2, 1), NAMES, strict=True):
        part.suptitle(NAMES[name], fontsize=8, fontweight="bold", x=0.01, ha="left")
        examples, rest = part.subfigures(1, 2, width_ratios=(1.0, 2.0))
        one, places = data.sel(mechanism=name, object=OBJECTS[name]), PLACES[OBJECTS[name]]
        _examples(examples, one)
        gain, rates, detection = rest.subplots(1, 3, width_ratios=(1, 1, 1.2))
        _gain(gain, one, " minus ".join(places))
        learned_panels.rate_changes(rates, one.rate_change, " / ".join(places))
        rates.set_title("Circuits", fontsize=7.5)
        learned_panels.detection(detection, one)
        left += [gain, rates, detection]
    style.letters(left)
    return figure


def _examples(part: Any, data: Any) -> None:
    """Arrays, and the change of gain upon them."""
    pattern = data.pattern.sel(condition="learned").isel({"seed": 0, "pass": -1})
    categories = (4, 7)
    wanted = learned_panels.asked_for(data, categories)
    for panel, image, category in zip(part.subplots(1, 2), wanted, categories, strict=True):
        values = pattern.isel(image=image).values
        learned_panels.overlay(panel, data, image, values - values.mean(), LIMIT)
        panel.set_title(f"asked for: {category}", fontsize=6.5, pad=2)
    words = f"gain against its mean, −{LIMIT} (violet) to {LIMIT} (orange)"
    part.text(0.5, 0.02, words, ha="center", fontsize=6)


def _gain(panel: Any, data: Any, where: str) -> None:
    """Gain on the object minus elsewhere, by condition."""
    seeds = data.gain_by_seed.sel(bound="value")
    learned_panels.by_condition(panel, data.gain_contrast, seeds, learned_panels.ORDER[1:])
    panel.axhline(0.0, color=style.INK, lw=0.7, ls=(0, (3, 2)))
    panel.set_ylabel(f"Gain, {where}")
    panel.set_title("Mask", fontsize=7.5)
