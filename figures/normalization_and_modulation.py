"""Figure of `normalization_and_modulation`: populations, correlations by cause, asymmetry.

**a**, attention modulation against normalisation of model cells that differ in everything, with the
correlation and its 95 % interval. **b**, their rank correlation where cells differ in one respect
only, for the three forms of attention. **c**, rise of the rate when the preferred grating is
attended against its fall when the other is. **d** to **f**, modulation against normalisation where
cells differ in one respect, two in a panel (input to E). n: 200 cells; bars are 95 % bootstrap
intervals over cells.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.normalization_and_modulation import ALL, DEFAULT, default

from cortex.plot import forest, legend_below, style, trend

LOOKS = {
    form: {"color": colour, "marker": marker}
    for (form, colour), marker in zip(style.FORMS.items(), "os^", strict=True)
}
NAMES = {
    "weights": "weights",
    "inhibition": "inhibition",
    "gain": "gain of cells",
    "drive": "drive",
    "untuned": "untuned drive",
    "top_down": "attention",
    "all": "all of them",
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=132.0)
    (population, tightness, asymmetry), pairs = panels
    _population(population, data)
    _forest(tightness, data.correlation.sel(kind="spearman"))
    _asymmetry(asymmetry, data.sel(cause=ALL))
    for panel, causes, title in zip(
        pairs,
        (("weights", "inhibition"), ("gain", "drive"), ("untuned", "top_down")),
        ("Connections differ", "Gain or drive differs", "Tuning or attention differs"),
        strict=True,
    ):
        _causes(panel, data.sel(attention=DEFAULT), causes, title)
    style.letters(panels.flat)
    return figure


def _labels(panel: Any, share: float) -> None:
    """Names of the axes, and room above the points for what is written there."""
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + share * (high - low))
    panel.set(xlabel="Normalisation index", ylabel="Attention modulation index")


def _population(panel: Any, data: Any) -> None:
    x, y = data.normalisation.sel(cause=ALL), default(data.modulation)
    panel.plot(x, y, "o", color=style.ORANGE, ms=3, mec="white", mew=0.3)
    value, low, high = default(data.correlation).sel(kind="pearson").values
    trend(panel, x, y, color=style.INK, lw=1.0)
    _labels(panel, 0.2)
    words = f"r = {value:.2f} ({low:.2f} to {high:.2f}), {data.sizes['cell']} cells"
    panel.text(0.04, 0.98, words, transform=panel.transAxes, va="top")
    panel.set_title("Modulation grows with normalisation")


def _forest(panel: Any, correlation: Any) -> None:
    causes = list(correlation.cause.values)
    looks = {form: {"color": look["color"], "fmt": look["marker"]} for form, look in LOOKS.items()}
    rows = [NAMES[cause] for cause in causes]
    forest(panel, correlation, "cause", "attention", looks=looks, rows=rows)
    known = correlation.sel(bound="value").notnull().any("attention")
    for row in np.flatnonzero(~known.values):
        panel.text(0.05, row, "none: alike", color=style.GREY, va="center")
    panel.set(xlim=(-1.05, 1.05), xlabel="Rank correlation", title="The cause decides how tight")
    legend_below(panel, 2)


def _asymmetry(panel: Any, data: Any) -> None:
    for form, look in LOOKS.items():
        here = data.sel(attention=form)
        dots = {"ls": "none", "ms": 2.6, "mew": 0, "alpha": 0.8, "label": form} | look
        panel.plot(here.modulation_null, here.modulation_preferred, **dots)
    values = np.stack([data.modulation_null, data.modulation_preferred])
    low, high = np.nanmin(values, initial=0.0), np.nanmax(values, initial=0.0)
    panel.plot([low, high], [low, high], color=style.INK, lw=0.6)
    panel.set(xlabel="Fall, null attended (index)", ylabel="Rise, preferred attended (index)")
    panel.set_title("The preferred one gains more")
    legend_below(panel, 2)


def _causes(panel: Any, data: Any, causes: tuple[str, str], title: str) -> None:
    for cause, colour in zip(causes, (style.INK, style.SKY), strict=True):
        at = data.sel(cause=cause)
        look = {"color": colour, "ms": 2.8, "mew": 0, "alpha": 0.8}
        panel.plot(at.normalisation, at.modulation, "o", label=NAMES[cause], **look)
    # A cell far from all others would squeeze them into a corner.
    values = data.sel(cause=list(causes)).modulation
    low, most, highest = (float(values.quantile(q)) for q in (0.0, 0.99, 1.0))
    if highest - low > 2 * (most - low) > 0:
        beyond = int((values > low + 1.15 * (most - low)).sum())
        panel.set_ylim(low - 0.05 * (most - low), low + 1.15 * (most - low))
        place = {"transform": panel.transAxes, "ha": "right", "va": "top", "color": style.GREY}
        panel.text(0.99, 0.99, f"{beyond} beyond", **place)
    _labels(panel, 0.05)
    panel.set_title(title)
    legend_below(panel)
