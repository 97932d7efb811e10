"""Figure of `task_gain_of_neurons`: the monkey's units beside the circuits' cells.

**a**, gain between a colour and a shape task against selectivity, units of the sessions fitted and
of the others, with least-squares lines; a few units lie outside. **b**, the same of cells of
circuits under three forms of attention, each of one strength fitted to the slope of the former.
**c**, the slope in every session. **d** to **f**, slope, correlation and spread of gains, of
recorded units above and of cells below the line; open, within sessions or circuits. n: 17 sessions
of 41 to 48 units, 10 circuits of 36 cells; bars are 95 % bootstrap intervals over sessions, or
circuits, and over their units, in **c** over units; the band in **c** is that of all sessions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import legend_below, style, trend

FITTED, OTHER = style.GREY, style.GREEN
ROWS = ("all", "fitted", "other")
NAMES = {"all": "all sessions", "fitted": "sessions fitted", "other": "other sessions"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=125.0)
    (monkey, circuit, sessions), (slope, correlation, spread) = panels
    limits = _limits(data)
    _recorded(monkey, data, limits)
    _model(circuit, data, limits)
    _sessions(sessions, data)
    titles = ("Slopes: one half fitted", "Circuits are too orderly", "and gains too alike")
    for panel, name, title in zip(
        (slope, correlation, spread), ("slope", "correlation", "spread"), titles, strict=True
    ):
        _statistic(panel, data, name)
        panel.set_title(title)
    style.letters(panels.flat)
    return figure


def _limits(data: Any) -> tuple[float, float]:
    """Of selectivity and gain: what holds all but the outermost hundredth."""
    return tuple(1.25 * float(abs(data[name]).quantile(0.99)) for name in ("selectivity", "gain"))


def _axes(panel: Any, limits: tuple[float, float]) -> None:
    x, y = limits
    panel.set(xlim=(-x, x), ylim=(-y, y))
    panel.axhline(0, color=style.PALE, lw=0.6, zorder=0)
    panel.axvline(0, color=style.PALE, lw=0.6, zorder=0)
    panel.set_xlabel("Selectivity, colour against shape")
    panel.set_ylabel("Gain, colour against shape task")


def _recorded(panel: Any, data: Any, limits: tuple[float, float]) -> None:
    for fitted, colour, name in ((True, FITTED, "fitted"), (False, OTHER, "other")):
        rows = data.fitted.values == fitted
        x, y = data.selectivity.values[rows], data.gain.values[rows]
        count = np.isfinite(x).sum()
        label = f"{NAMES[name]}, {count} units"
        panel.plot(x.ravel(), y.ravel(), "o", ms=1.8, mew=0, color=colour, alpha=0.6)
        trend(panel, x, y, color=colour, lw=1.6, label=label)
    _axes(panel, limits)
    panel.set_title("Units of macaque V4")
    legend_below(panel, 1)


def _model(panel: Any, data: Any, limits: tuple[float, float]) -> None:
    for form, colour in style.FORMS.items():
        x, y = (data[name].sel(attention=form) for name in ("model_selectivity", "model_gain"))
        panel.plot(x.values.ravel(), y.values.ravel(), "o", ms=1.8, mew=0, color=colour, alpha=0.6)
        trend(panel, x, y, color=colour, lw=1.6, label=form)
    _axes(panel, limits)
    panel.set_title("Cells of circuits")
    legend_below(panel, 2)


def _sessions(panel: Any, data: Any) -> None:
    slopes = data.by_session.sel(statistic="slope")
    order = np.argsort(slopes.sel(bound="value").values)
    for place, number in enumerate(order):
        value, low, high = slopes.isel(session=number).values
        colour = FITTED if bool(data.fitted.values[number]) else OTHER
        panel.plot([low, high], [place, place], color=colour, lw=1.0)
        panel.plot(value, place, "o", ms=3, mew=0, color=colour)
    value, low, high = data.recorded.sel(sessions="all", statistic="slope").values
    panel.axvspan(low, high, color=style.PALE, alpha=0.5, lw=0, zorder=0)
    panel.axvline(value, color=style.INK, lw=0.8, ls=(0, (3, 2)))
    panel.axvline(0, color=style.INK, lw=0.6)
    panel.set(yticks=[], ylabel="Sessions, sorted", xlabel="Slope (95 %); band: pooled")
    panel.set_title("Sessions disagree")


def _statistic(panel: Any, data: Any, name: str) -> None:
    """The statistic and that within sessions, of recorded units and of cells by form."""
    labels, place = [], 0
    shown = [(data.recorded.sel(sessions=one), NAMES[one], style.INK) for one in ROWS]
    shown += [(data.model.sel(attention=form), form, c) for form, c in style.FORMS.items()]
    for values, label, colour in shown:
        for shift, statistic, filled in (
            (-0.15, name, True),
            (0.15, f"{name} within sessions", False),
        ):
            value, low, high = values.sel(statistic=statistic).values
            panel.plot([low, high], [place + shift] * 2, color=colour, lw=1.2)
            face = colour if filled else "white"
            panel.plot(value, place + shift, "o", ms=3.6, mec=colour, mew=0.9, mfc=face)
        labels.append(label)
        place += 1
    panel.axhline(2.5, color=style.PALE, lw=0.8)
    panel.axvline(0, color=style.INK, lw=0.6)
    panel.set_yticks(range(place), labels if name == "slope" else [])
    panel.tick_params(axis="y", length=0)
    panel.set(ylim=(place - 0.5, -0.5), xlabel=f"{name.capitalize()}\n(open: within sessions)")
