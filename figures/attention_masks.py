"""Figure of `attention_masks`: where gates and masks are high, rates, detection.

Above the attention gate, below the residual mask, learned. **a** and **e**, gain less its mean over
images at the same place: mean over images with the category asked for and over networks, turned so
that its quadrant is the upper left; one scale for both. **b** and **f**, gain on the object minus
elsewhere, for first weights (before learning) and learned ones; the object is the quadrant asked
for (gate) or ink (mask); small dots are single networks. **c** and **g**, rates on the object
against elsewhere, as a factor relative to no attention. **d** and **h**, area under the ROC curve
of detection gained by the learned source over none and over first weights. n: 3 networks, 400
arrays; bars are 95 % bootstrap intervals over images and networks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.attention_masks import OBJECTS

from cortex.plot import map_of, style

from . import learned_panels

NAMES = {"gate": "Attention gate", "residual": "Residual mask"}
PLACES = {"asked": ("asked", "elsewhere"), "ink": ("ink", "paper")}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """A row for each mechanism: average map, gain, rates, detection; returns a `Figure`."""
    figure, panels = style.figure(2, 4, height=116, width_ratios=(1.25, 1, 1, 1.1))
    pattern = data.pattern.sel(condition="learned").isel({"pass": -1}).mean("seed")
    means = learned_panels.aligned(data, pattern - pattern.mean("image"))
    limit = float(np.nanmax(np.abs(means), initial=0.0)) or 1.0
    for (where, gain, rates, detection), (name, title) in zip(panels, NAMES.items(), strict=True):
        one, places = data.sel(mechanism=name, object=OBJECTS[name]), PLACES[OBJECTS[name]]
        values = means.sel(mechanism=name)
        map_of(where, values, "Gain − mean of place", even=0.0, vmin=-limit, vmax=limit)
        learned_panels.asked_quadrant(where, values.sizes["row"])
        where.set_title(title, fontweight="bold")
        _gain(gain, one, " minus ".join(places))
        learned_panels.rate_changes(rates, one.rate_change, " / ".join(places))
        auc = one.detection_gain.sel(quantity="auc")
        learned_panels.gained(detection, auc, "Change of\nROC area")
    for panel, title in zip(panels[0, 1:], ("Gain", "Circuits", "Detection"), strict=True):
        panel.set_title(title)
    style.letters(panels.flat)
    return figure


def _gain(panel: Any, data: Any, where: str) -> None:
    """Gain on the object minus elsewhere, by condition."""
    seeds = data.gain_by_seed.sel(bound="value")
    learned_panels.by_condition(panel, data.gain_contrast, seeds, learned_panels.ORDER[1:])
    panel.axhline(0.0, color=style.GREY, lw=0.6, zorder=0)
    panel.set_ylabel(f"Gain,\n{where}")
