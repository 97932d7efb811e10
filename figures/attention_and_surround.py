"""Figure of `attention_and_surround`: what attention at centre and surround does to suppression.

**a**, stimuli (shaded) and attention fields (lines) at centre (green) and surround (purple). **b**,
rate of the middle E unit to the centre alone (open) and with the surround (filled), attention away,
at the centre and at the surround; numbers are suppression. **c**, suppression index against
contrast in these states, attention as input to E. **d**, its change by attention for the three
forms. **e**, the index against the width of the attention field; the dashed line is the width of
the other panels. **f**, attention index without (−) and with (+) the surround at three contrasts.
Deterministic steady states of one circuit: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.attention_and_surround import FOCI, STIMULI, suppression_change
from matplotlib.lines import Line2D

from cortex.analysis import crossing
from cortex.labelled import asked
from cortex.plot import axis_of, curves, legend_below, style

COLOURS = {"surround": style.ELSEWHERE, "away": style.UNATTENDED, "centre": style.ATTENDED}
FORM = "input to E"


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=122.0)
    (layout, rates, contrast), (forms, width, index) = panels
    few = asked(data)
    _layout(layout, settings, data)
    _rates(rates, few.rates.sel(population="E").isel(contrast=few.sizes["contrast"] // 2))
    _states(contrast, data.suppression_index, "contrast")
    lowered = suppression_change(data).sel(focus="centre", attention=FORM)
    turn = crossing(lowered, 0.0)
    contrast.set_title(f"So above {turn:.2g} %" if np.isfinite(turn) else "So at every contrast")
    contrast.axhline(0, color=style.INK, lw=0.6)
    _forms(forms, data)
    _states(width, data.suppression_index_by_width, "width", marker="o", ms=3)
    width.axvline(settings.field_width, color=style.GREY, lw=0.6, ls=(0, (3, 2)))
    width.set_title(f"A wide focus does little ({settings.field_widths_contrast:g} %)")
    _index(index, few.attention_index)
    style.letters(panels.flat)
    return figure


def _by_state(array: Any) -> dict[str, Any]:
    """With attention at the surround, away, and at the centre."""
    attended = {focus: array.sel(focus=focus, attention=FORM) for focus in FOCI}
    away = array.sel(focus="centre", attention="unattended")
    return {"surround": attended["surround"], "away": away, "centre": attended["centre"]}


def _layout(panel: Any, settings: Any, data: Any) -> None:
    """Stimuli as shaded drive, attention fields as curves."""
    place = data.place.values
    reach = settings.centre_length / 2 + settings.gap + settings.surround_length
    reach = min(1.2 * reach, place[-1])
    for focus, stimulus in zip(FOCI, (STIMULI[0], STIMULI[2]), strict=True):
        mask, colour = data.stimuli.sel(stimulus=stimulus), COLOURS[focus]
        panel.fill_between(place, mask, color=colour, alpha=0.25, lw=0, step="mid", label=focus)
        panel.plot(place, data.fields.sel(focus=focus), color=colour)
    panel.set(xlim=(-reach, reach), ylim=(0, 1.05), xlabel="Place (deg)")
    panel.set(ylabel="Drive, attention (of peak)", title="Stimuli and attention fields")
    handles = panel.get_legend_handles_labels()[0]
    legend_below(panel, handles=[*handles, Line2D([], [], color=style.GREY, label="attention")])


def _rates(panel: Any, rates: Any) -> None:
    """Rate of the middle unit, alone and with the surround, in the three states."""
    states = _by_state(rates)
    order = ("away", "centre", "surround")
    top = 0.0
    for position, name in enumerate(order):
        alone, both = (float(states[name].sel(stimulus=shown)) for shown in STIMULI[:2])
        panel.bar(position - 0.19, alone, 0.34, color="white", ec=COLOURS[name])
        panel.bar(position + 0.19, both, 0.34, color=COLOURS[name], ec=COLOURS[name])
        if alone > 0:
            share = f"{100 * (both / alone - 1):+.0f} %".replace("-", "−")
            top = max(top, alone, both)
            above = {"xytext": (0, 3), "textcoords": "offset points", "ha": "center"}
            panel.annotate(share, (position, max(alone, both)), **above)
    panel.set_xticks(range(3), order)
    panel.set(xlabel="Attended", ylabel="E rate, middle unit (Hz)")
    panel.set_ylim(0, 1.12 * top if top > 0 else 1)
    panel.set_title(f"Suppression falls or rises ({float(rates.contrast):g} %)")
    square = {"ls": "none", "marker": "s", "mec": style.GREY, "ms": 5.5}
    empty, full = (
        Line2D([], [], mfc=fill, label=label, **square)
        for fill, label in (("white", "centre alone"), (style.GREY, "with surround"))
    )
    legend_below(panel, handles=[empty, full])


def _states(panel: Any, index: Any, x: str, **line: Any) -> None:
    """The suppression index in the three states of attention."""
    for name, values in _by_state(index).items():
        curves(panel, values, x, log=True, looks={None: COLOURS[name]}, label=name, **line)
    panel.set_ylabel("Suppression index")
    legend_below(panel, title="attended")


def _forms(panel: Any, data: Any) -> None:
    """Change of the index for the three forms: attended surround above 0, centre below."""
    change = suppression_change(data)
    for form, colour in style.FORMS.items():
        for focus, dash in (("surround", (0, (3, 1.5))), ("centre", "-")):
            label = form if focus == "centre" else None
            values = change.sel(focus=focus, attention=form)
            panel.plot(change.contrast, values, color=colour, ls=dash, label=label)
    panel.axhline(0, color=style.INK, lw=0.6)
    axis_of(panel, change.contrast)
    low, high = panel.get_ylim()
    panel.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    panel.set(ylabel="Change of suppression index", title="The three forms agree in sign")
    place = {"transform": panel.transAxes, "ha": "right"}
    panel.text(0.99, 0.99, "attended surround (dashed)", va="top", **place)
    panel.text(0.99, 0.01, "attended centre (solid)", va="bottom", **place)
    legend_below(panel, 2)


def _index(panel: Any, index: Any) -> None:
    """Attention index without and with the surround, one line a form and contrast."""
    for group, contrast in enumerate(index.contrast.values):
        at = index.sel(contrast=contrast, stimulus=list(STIMULI[:2]))
        places = [2.6 * group, 2.6 * group + 1]
        for form, colour in style.FORMS.items():
            label = form if group == 0 else None
            panel.plot(places, at.sel(attention=form), "o-", color=colour, label=label)
        top = {"xycoords": panel.get_xaxis_transform(), "ha": "center", "va": "top"}
        panel.annotate(f"{contrast:g} %", (sum(places) / 2, 1), **top)
    groups = index.sizes["contrast"]
    ticks = [2.6 * group + right for group in range(groups) for right in (0, 1)]
    panel.set_xticks(ticks, ["−", "+"] * groups)
    panel.set_xlim(-0.6, 2.6 * groups - 1)
    panel.axhline(0, color=style.INK, lw=0.6)
    low, high = panel.get_ylim()
    panel.set_ylim(min(low, 0), high + 0.12 * (high - low))
    panel.set(xlabel="Without (−) and with (+) surround", ylabel="Attention index")
    panel.set_title("More modulation with a surround")
    legend_below(panel, 2)
