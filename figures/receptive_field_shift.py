"""Figure of `receptive_field_shift`: maps with and without attention, shift and size."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from cortex.plot import style

LEFT, RIGHT, AWAY = style.GREEN, style.PURPLE, style.INK


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.receptive_field_shift`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=122.0)
    (maps, shift, size), (constant, same, summary) = panels
    level = _middle_contrast(data)
    first, second = (str(name) for name in data["shown"].values)
    after, own = (str(name) for name in data["recorded"].values)
    _maps(maps, config, data.sel(contrast=level, shown=first, recorded=after))
    _curve(shift, config, data, "centre")
    _curve(size, config, data, "spread")
    _maps(constant, config, data.sel(contrast=level, shown=second, recorded=after))
    _maps(same, config, data.sel(contrast=level, shown=first, recorded=own))
    for panel, name, where in (
        (maps, "Next area", {"shown": first, "recorded": after}),
        (constant, "Constant stimuli", {"shown": second, "recorded": after}),
        (same, "Area acted on", {"shown": first, "recorded": own}),
    ):
        moved = f"{float(_toward(data.sel(contrast=level, **where))):+.2f}".replace("-", "−")
        at = f" ({level:g} %)" if panel is maps else ""
        panel.set_title(f"{name}: shift {moved}°{at}")
    _summary(summary, config, data)
    style.letters(panels.flat)
    return figure


def _middle_contrast(data: Any) -> float:
    levels = np.sort(data["contrast"].values)
    return float(levels[len(levels) // 2])


def _forms(data: Any) -> list[str]:
    return [str(name) for name in data["attention"].values[1:]]


def _toward(data: Any) -> Any:
    """Shift toward a focus inside: half the difference between the foci at both sides."""
    centre = data["centre"].sel(attention=_forms(data)[0])
    return (centre.sel(focus="inside") - centre.sel(focus="other side")) / 2


def _legend_below(panel: Any, columns: int = 3, **given: Any) -> None:
    panel.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.22),
        ncols=columns,
        columnspacing=0.8,
        handlelength=1.1,
        handletextpad=0.5,
        **given,
    )


def _maps(panel: Any, config: Any, at: Any) -> None:
    """Response to the probe, attended to either side and away; the foci as arrows."""
    form = _forms(at)[0]
    position = at["position"].values
    response = at["response"]
    panel.axhline(0, color=style.INK, lw=0.6)
    states = (
        ("left", response.sel(focus="other side", attention=form), LEFT),
        ("away", response.sel(focus="inside", attention="unattended"), AWAY),
        ("right", response.sel(focus="inside", attention=form), RIGHT),
    )
    for name, values, colour in states:
        width = 1.0 if name == "away" else 1.5
        panel.plot(position, values, "o-", ms=2, color=colour, lw=width, label=name)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.16 * (high - low))
    for place, colour in ((-config.focus.inside, LEFT), (config.focus.inside, RIGHT)):
        panel.plot(place, 0.96, "v", color=colour, ms=5.5, transform=panel.get_xaxis_transform())
    # Only where there is something to see.
    seen = np.abs(response.values).max(axis=tuple(range(response.ndim - 1)))
    place = np.abs(position[seen > 0.02 * seen.max()])
    reach = 1.15 * place.max() if place.size else position[-1]
    panel.set_xlim(-reach, reach)
    panel.set_xlabel("Probe position (deg)")
    panel.set_ylabel("Above baseline (Hz)")
    _legend_below(panel, title="attended (▾ focus)")


def _curve(panel: Any, config: Any, data: Any, name: str) -> None:
    """Shift or relative size of the field of the next area's unit against the focus."""
    values = data[f"axis_{name}"].isel(recorded=0)
    plain = values.sel(attention="unattended")
    for form in _forms(data):
        attended = values.sel(attention=form)
        shown = attended - plain if name == "centre" else attended / plain
        panel.plot(data["axis_focus"], shown, "o-", ms=3, color=style.FORMS[form], label=form)
    panel.axhline(0 if name == "centre" else 1, color=style.INK, lw=0.6)
    # Within this distance of its middle lies the field of a pooling unit.
    panel.axvspan(0, config.probe.pool, color=style.PALE, alpha=0.5, lw=0)
    panel.set_xlim(0, data["axis_focus"].values[-1])
    panel.set_xlabel("Distance of the focus (deg)")
    if name == "centre":
        panel.set_ylabel("Shift toward the focus (deg)")
        panel.set_title("The shift is toward the focus")
    else:
        panel.set_ylabel("Size (of unattended)")
        panel.set_title("Shrinks inside, widens beside")
    _legend_below(panel, columns=2)


def _summary(panel: Any, config: Any, data: Any) -> None:
    """Shift toward a focus inside over contrast, for what was recorded and shown."""
    order = np.argsort(data["contrast"].values)
    contrast = data["contrast"].values[order]
    toward = _toward(data)
    after, own = data["recorded"].values
    alone, constant = data["shown"].values
    lines = (
        (after, alone, style.INK, "-", "o"),
        (after, constant, style.INK, (0, (3, 1.5)), "o"),
        (own, alone, style.GREY, "-", "s"),
        (own, constant, style.GREY, (0, (3, 1.5)), "s"),
    )
    for recorded, shown, colour, dash, marker in lines:
        values = toward.sel(recorded=recorded, shown=shown).values[order]
        panel.plot(contrast, values, color=colour, ls=dash, marker=marker, ms=3.5)
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xscale("log")
    style.plain_log(panel.xaxis, contrast)
    panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")
    panel.set_ylabel(f"Shift, focus at {config.focus.inside:.2g}° (deg)")
    panel.set_title("Weaker at strong contrast")
    handles = [
        Line2D([], [], color=style.INK, marker="o", ms=3.5),
        Line2D([], [], color=style.GREY, marker="s", ms=3.5),
        Line2D([], [], color=style.INK),
        Line2D([], [], color=style.INK, ls=(0, (3, 1.5))),
    ]
    _legend_below(panel, columns=2, handles=handles, labels=[after, own, alone, constant])
