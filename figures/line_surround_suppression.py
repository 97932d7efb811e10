"""Figure of `line_surround_suppression`: size tuning, its change with contrast, and its cause.

**a** and **b**, rates of the middle E and I unit over their peak against the length of a line,
contrast from light to dark; dots are the summation fields. **c**, summation field against contrast
(in steps of the lengths that were tried). **d**, suppression index against contrast; rings in **c**
and **d** are an independent program's. **e**, E rates along the line at the best, the least
effective and the longest length. **f**, excitatory and inhibitory input to the middle E unit,
relative to those at the best length. Deterministic steady states of one circuit: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.line_surround_suppression import FIELDS, INDICES, of_best, whole_field_index

from cortex.labelled import asked
from cortex.plot import curves, legend_below, marks, style

TITLES = {"E": "Strong lines suppress when long", "I": "I units sum over longer lines"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=122.0)
    (excitatory, inhibitory, field), (index, profile, inputs) = panels
    few = asked(data)
    _tuning(excitatory, few.r.sel(population="E"), style.E)
    _tuning(inhibitory, few.r.sel(population="I"), style.I)
    tabulated = any(row.name.startswith("summation_field[") and row.reference for row in rows)
    curves(field, data.summation_field, "contrast", "population", drawstyle="steps-mid", log=True)
    _compare(field, few, FIELDS if tabulated else {})
    field.set(ylim=(0, None), ylabel="Summation field (deg)", title="Summation fields shrink")
    legend_below(field)
    _index(index, data)
    _compare(index, few, INDICES if tabulated else {})
    legend_below(index, 4)
    _profile(profile, few.isel(contrast=few.sizes["contrast"] - 2 if len(few.contrast) > 1 else 0))
    _inputs(inputs, of_best(few).isel(contrast=-1), few.isel(contrast=-1))
    style.letters(panels.flat)
    return figure


def _tuning(panel: Any, rates: Any, colour: str) -> None:
    """Rate as a share of its peak against length, one curve a contrast."""
    looks = dict(
        zip(rates.contrast.values, style.shades(colour, rates.sizes["contrast"]), strict=True)
    )
    names = {level: f"{level:g} %" for level in looks}
    peak = rates.max("length")
    curves(panel, rates / peak.where(peak > 0), "length", "contrast", looks=looks, names=names)
    best = rates.idxmax("length", skipna=False)
    for level, shade in looks.items():
        dot = {"color": shade, "mec": "white", "mew": 0.5, "clip_on": False}
        panel.plot(best.sel(contrast=level), 1.0, "o", **dot)
    population = str(rates.population.values)
    panel.set(xlim=(0, rates.length.values[-1]), ylim=(0, 1.03), title=TITLES[population])
    panel.locator_params(axis="x", nbins=6)
    panel.set_ylabel(f"{population} rate, middle unit (of peak)")
    legend_below(panel, 4)


def _compare(panel: Any, few: Any, table: Any) -> None:
    """Rings around the numbers of the independent program."""
    found = [(level, table[level]) for level in few.contrast.values if level in table]
    if found:
        marks(panel, *zip(*found, strict=True), label="reference")


def _index(panel: Any, data: Any) -> None:
    curves(panel, data.suppression_index, "contrast", "population")
    whole = whole_field_index(data).sel(population="E")
    dashed = {"color": style.E, "lw": 1.0, "ls": (0, (3, 2)), "label": "E, full field"}
    panel.plot(whole.contrast, whole, **dashed)
    panel.set(ylim=(-0.03, 1.0), ylabel="Suppression index", title="Suppression grows from nothing")


def _profile(panel: Any, at: Any) -> None:
    """Rates along the line: best length, least response beyond it, longest length."""
    middle, lengths = at.r.sel(population="E").values, at.length.values
    if not np.all(np.isfinite(middle)):
        return
    best = int(np.argmax(middle))
    worst = best + int(np.argmin(middle[best:]))
    names = {best: "best", worst: "least", len(lengths) - 1: "longest"}
    shown = at.rates.sel(population="E").isel(length=sorted(names))
    words = {lengths[i]: f"{lengths[i]:.2g}° ({name})" for i, name in names.items()}
    shades = style.shades(style.E, shown.sizes["length"])
    looks = dict(zip(shown.length.values, shades, strict=True))
    curves(panel, shown, "place", "length", looks=looks, names=words)
    reach = min(0.75 * lengths[-1], at.place.values[-1])
    top = float(shown.max())
    panel.set(xlim=(-reach, reach), ylim=(0, 1.05 * top if top > 0 else 1), ylabel="E rate (Hz)")
    panel.locator_params(axis="x", nbins=6)
    panel.set_title(f"Activity along the line at {float(at.contrast):g} %")
    legend_below(panel)


def _inputs(panel: Any, shares: Any, at: Any) -> None:
    """Excitation and inhibition of the middle E unit, as shares of those at the best length."""
    panel.axhline(1.0, color=style.INK, lw=0.6)
    best = at.r.sel(population="E").idxmax("length", skipna=False)
    panel.axvline(float(best), color=style.GREY, lw=0.6, ls=(0, (3, 2)))
    for name, colour in (("excitation", style.E), ("inhibition", style.I)):
        curves(panel, shares[name], "length", label=name, looks={None: colour})
    panel.set(xlim=(0, at.length.values[-1]), ylim=(0, None))
    panel.locator_params(axis="x", nbins=6)
    panel.set_ylabel("Input to the middle E unit\n(of that at the best length)")
    longest = shares.isel(length=-1)
    both = longest.excitation < 1 and longest.inhibition < 1
    claim = "Both withdraw" if both else "Inputs"
    panel.set_title(f"{claim} at {float(at.contrast):g} %")
    legend_below(panel)
