"""Figure of `receptive_field_shift`: maps with and without attention, shift and size.

Response of a unit to a probe at each position, attention (input to E) at the left (green) or right
(purple) focus or away (black); triangles are the foci. **a**, in the area above the one attention
acts on. **d**, the same with constant stimuli at the foci, where the field moves away from the
focus. **e**, in the area acted on itself, where it stays. **b** and **c**, shift and relative size
of the upper area's field against the distance of the focus, for the three forms; grey is the reach
of the unit's pooling. **f**, shift against contrast of the probe; below zero is away from the
focus. Deterministic steady states of one circuit: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.receptive_field_shift import RECORDED, SHOWN, middle_contrast, shift
from matplotlib.lines import Line2D

from cortex.plot import axis_of, curves, legend_below, style

LEFT, RIGHT, AWAY = style.ATTENDED, style.ELSEWHERE, style.UNATTENDED
FORM = "input to E"
DASHED = (0, (3, 1.5))


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=122.0)
    (maps, toward, size), (constant, same, summary) = panels
    level = middle_contrast(data)
    (after, own), (alone, around) = RECORDED, SHOWN
    for panel, name, recorded, shown in (
        (maps, "Next area", after, alone),
        (constant, "Constant stimuli", after, around),
        (same, "Area acted on", own, alone),
    ):
        at = data.sel(contrast=level, recorded=recorded, shown=shown)
        _map(panel, settings, at.response)
        toward_it = float(shift(at, "inside").sel(attention=FORM))
        moved = style.number(abs(toward_it), 2)
        where = (
            "no shift" if moved == "0.00" else f"{moved}° {'toward' if toward_it > 0 else 'away'}"
        )
        panel.set_title(f"{name}: {where}" + (f" ({level:g} %)" if panel is maps else ""))
    centre, spread = (
        data[f"{name}_by_distance"].sel(recorded=after) for name in ("centre", "spread")
    )
    _by_distance(toward, settings, centre - centre.sel(attention="unattended"), 0)
    toward.set(ylabel="Shift toward the focus (deg)", title="The shift is toward the focus")
    _by_distance(size, settings, spread / spread.sel(attention="unattended"), 1)
    size.set(ylabel="Size (of unattended)", title="Shrinks inside, widens beside")
    _summary(summary, settings, shift(data, "inside").sel(attention=FORM))
    style.letters(panels.flat)
    return figure


def _map(panel: Any, settings: Any, response: Any) -> None:
    """Response to the probe, attended to either side and away; the foci as arrows."""
    position = response.position
    panel.axhline(0, color=style.INK, lw=0.6)
    for name, focus, attention, colour, width in (
        ("left", "other side", FORM, LEFT, 2.0),
        ("away", "inside", "unattended", AWAY, 1.0),
        ("right", "inside", FORM, RIGHT, 1.0),
    ):
        values = response.sel(focus=focus, attention=attention)
        panel.plot(position, values, "o-", ms=2, color=colour, lw=width, label=name)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.16 * (high - low))
    for place, colour in ((-settings.inside, LEFT), (settings.inside, RIGHT)):
        panel.plot(place, 0.96, "v", color=colour, ms=5.5, transform=panel.get_xaxis_transform())
    # Only where there is something to see.
    seen = np.abs(response).max(("focus", "attention"))
    place = np.abs(position.values[seen > 0.02 * seen.max()])
    reach = 1.15 * place.max(initial=0.0) or float(position[-1])
    panel.set(xlim=(-reach, reach), xlabel="Probe position (deg)", ylabel="Above baseline (Hz)")
    legend_below(panel, title="attended (▾ focus)")


def _by_distance(panel: Any, settings: Any, values: Any, nothing: int | float) -> None:
    """Shift or relative size of the field of the next area's unit against the focus."""
    attended = values.sel(attention=list(style.FORMS))
    curves(panel, attended, "distance", "attention", looks=style.FORMS, marker="o", ms=3)
    panel.axhline(nothing, color=style.INK, lw=0.6)
    # Within this distance of its middle lies the field of a pooling unit.
    panel.axvspan(0, settings.pool, color=style.PALE, alpha=0.5, lw=0)
    panel.set_xlabel("Distance of the focus (deg)")
    legend_below(panel, 2)


def _summary(panel: Any, settings: Any, toward: Any) -> None:
    """Shift toward a focus inside over contrast, for what was recorded and shown."""
    looks = {
        name: {"color": c, "marker": m}
        for name, c, m in zip(RECORDED, (style.INK, style.GREY), "os", strict=True)
    }
    dashes = dict(zip(SHOWN, ("-", DASHED), strict=True))
    for recorded, look in looks.items():
        for shown, dash in dashes.items():
            values = toward.sel(recorded=recorded, shown=shown)
            panel.plot(toward.contrast, values, ls=dash, ms=3.5, **look)
    panel.axhline(0, color=style.INK, lw=0.6)
    axis_of(panel, toward.contrast, log=True)
    levels = toward.contrast.values
    style.plain_log(panel.xaxis, levels)
    panel.set_xlim(levels[0] / 1.1, levels[-1] * 1.1)
    panel.set_ylabel(f"Shift, focus at {settings.inside:.2g}° (deg)")
    panel.set_title("Weaker at strong contrast")
    handles = [Line2D([], [], ms=3.5, label=name, **look) for name, look in looks.items()]
    handles += [Line2D([], [], color=style.INK, ls=d, label=name) for name, d in dashes.items()]
    legend_below(panel, 2, handles=handles)
