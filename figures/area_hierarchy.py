"""Figure of `area_hierarchy`: attention by area in time and size, and over feedback strengths.

**a** to **c**, E rate at a stimulus in V4, V2 and V1 with attention on it (solid) and on the other
stimulus (dashed), attention to V4 on before the stimulus. **d** and **e**, that effect as a share
of its final size, when the cue comes before and after the stimulus; dots are where it passes the
line. **f**, modulation index of each area for the forms of attention to V4 and for a gain on the
drive of V1. **g**, receptive fields: response to a short line over the largest one. **h**,
modulation index from area to area in circuits with weaker and stronger feedback, more and less of
it onto I, a line a circuit; in order is above 0 in V1 and rising. **i**, in the same circuits, how
much later the effect begins in V1 than in V4; dashes are feedback to I over that to E, and grey
marks the strength of the other panels. Areas from light (V1) to dark (V4). Deterministic steady
states and time courses of one circuit each: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.area_hierarchy import AT_THE_BOTTOM, DEFAULT, sizes_in_order
from matplotlib.lines import Line2D

from cortex.models.top_down import FORMS
from cortex.plot import legend_below, style

BEFORE = 30.0  # ms shown before stimulus or cue
LINES = ("-", "--", ":", "-.")


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Nine panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(3, 3, height=168.0)
    usual = data.sel(entry=DEFAULT)
    until = _until(usual)
    for panel, area in zip(panels[0], data["area"].values[::-1], strict=True):
        _course(panel, usual, area, until)
    panels[0, 0].set_ylabel("Excitatory rate (Hz)")
    panels[0, 0].legend(loc="lower right")
    _growth(panels[1, 0], settings.onset_share, usual, "stimulus", until)
    _growth(panels[1, 1], settings.onset_share, usual, "cue", until)
    _sizes(panels[1, 2], data)
    _fields(panels[2, 0], data)
    _grid_sizes(panels[2, 1], data)
    _grid_onsets(panels[2, 2], settings, data)
    style.letters(panels.flat)
    return figure


def _colour(data: Any, area: str) -> Any:
    """From light to dark, up the hierarchy."""
    areas = list(data["area"].values)
    return style.shades(style.INDIGO, len(areas))[areas.index(area)]


def _range(values: Any) -> tuple[float, float]:
    """Lowest and highest known value, 0 included."""
    known = np.append(values[np.isfinite(values)], 0.0)
    return float(known.min()), float(known.max())


def _until(data: Any) -> float:
    """Where the time axis ends: five times the latest onset by share, within what was run."""
    shown = data["onset"].sel(criterion="share").values
    latest = np.nanmax(shown) if np.isfinite(shown).any() else np.inf
    return float(min(data["time"].values[-1], 5 * latest))


def _time_axis(panel: Any, until: float, since: str) -> None:
    panel.set_xlim(-BEFORE, until)
    panel.axvline(0, color=style.GREY, lw=0.6, ls=(0, (2, 2)), zorder=0)
    panel.set_xlabel(f"Time after {since} (ms)")


def _course(panel: Any, data: Any, area: str, until: float) -> None:
    """Rate at the first stimulus, attention on it against on the other, from stimulus onset."""
    course = data["course"].sel(protocol="stimulus", area=area)
    time = np.concatenate([[-BEFORE], data["time"].values])
    here, elsewhere = (
        np.concatenate([values[:1], values])
        for values in (course.sel(direction=d).values for d in ("here", "elsewhere"))
    )
    colour = _colour(data, area)
    panel.fill_between(time, elsewhere, here, color=colour, alpha=0.25, lw=0)
    panel.plot(time, here, color=colour, label="attended")
    panel.plot(time, elsewhere, color=colour, ls=(0, (3, 1.2)), label="unattended")
    index = float(data["index"].sel(area=area))
    panel.set_title(f"{area}: modulation index {index:.3f}")
    panel.set_ylim(bottom=0)
    _time_axis(panel, until, "stimulus")


def _growth(panel: Any, share: float, data: Any, protocol: str, until: float) -> None:
    """The effect as a share of its final size, and its onset in each area."""
    time = np.concatenate([[-BEFORE], data["time"].values])
    rate, course = data["rate"], data["course"].sel(protocol=protocol)
    effect = course.sel(direction="here") - course.sel(direction="elsewhere")
    final = rate.sel(direction="here") - rate.sel(direction="elsewhere")
    onset = data["onset"].sel(protocol=protocol, criterion="share")
    panel.axhline(share, color=style.GREY, lw=0.6)
    panel.text(
        0.99, share + 0.02, f"{100 * share:g} %", ha="right", va="bottom", color=style.GREY,
        transform=panel.get_yaxis_transform(),
    )  # fmt: skip
    for area in data["area"].values[::-1]:
        first = float(onset.sel(area=area))
        if not np.isfinite(first):
            continue
        values = effect.sel(area=area).values / float(final.sel(area=area))
        colour = _colour(data, area)
        panel.plot(time, np.concatenate([values[:1], values]), color=colour, label=area)
        panel.plot([first], [share], "o", color=colour, mec="white", mew=0.5)
    _time_axis(panel, until, protocol)
    panel.set_ylabel("Effect / final effect")
    order = [a for a in data["area"].values if np.isfinite(float(onset.sel(area=a)))]
    order.sort(key=lambda a: float(onset.sel(area=a)))
    cued = {"stimulus": "Cue first", "cue": "Cue later"}[protocol]
    panel.set_title(f"{cued}: {', then '.join(order) if order else 'no effect'}")
    if order:
        panel.legend(loc="upper left")


def _sizes(panel: Any, data: Any) -> None:
    """Modulation index of each area, one bar for each way in which attention enters."""
    areas, entries = data["area"].values, (*FORMS, AT_THE_BOTTOM)
    colours = (*style.FORMS.values(), style.INK)
    width = 0.8 / len(entries)
    for number, entry in enumerate(entries):
        place = np.arange(len(areas)) + (number - (len(entries) - 1) / 2) * width
        values = data["index"].sel(entry=entry).values
        name = entry if entry.endswith("V1") else f"{entry} ({areas[-1]})"
        panel.bar(place, values, 0.92 * width, color=colours[number], label=name)
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xticks(np.arange(len(areas)), areas)
    panel.set_ylabel("Modulation index")
    first = data["index"].sel(entry=DEFAULT).values
    if np.isfinite(first).all() and first.max() > 0:
        panel.set_title(f"Attention matters most in {areas[np.argmax(first)]}")
    _, top = _range(data["index"].sel(entry=list(entries)).values)
    if top > 0:
        panel.set_ylim(top=1.05 * top)
    legend_below(panel, 2)


def _fields(panel: Any, data: Any) -> None:
    for area in data["area"].values:
        values, width = data["fields"].sel(area=area).values, float(data.field_width.sel(area=area))
        peak = np.max(values)
        if peak > 0:
            words = f"{area}: {width:.1f}°" if np.isfinite(width) else area
            panel.plot(data["probe"], values / peak, color=_colour(data, area), label=words)
    panel.set_xlim(data["probe"].values[0], data["probe"].values[-1])
    panel.set_ylim(0, 1.05)
    panel.set_xlabel("Place of a short line (deg)")
    panel.set_ylabel("Response / largest")
    panel.set_title("Receptive fields grow")
    if panel.lines:
        panel.legend(loc="upper left", title="width at half", alignment="left", handlelength=1.0)


def _grid_sizes(panel: Any, data: Any) -> None:
    """Modulation index from area to area, a line for each circuit with feedback."""
    ordered = sizes_in_order(data)
    sizes = data.grid_index.where(data.feedback > 0, drop=True).transpose("area", ...)
    kinds = {"in order": (ordered, style.INDIGO, "-"), "not": (~ordered, style.ORANGE, "--")}
    for name, (which, colour, dash) in kinds.items():
        lines = sizes.values[:, which.transpose(*sizes.dims[1:]).values]
        if lines.size:
            look = {"color": colour, "ls": dash, "marker": "o", "ms": 3, "lw": 0.9, "alpha": 0.7}
            first, *_ = panel.plot(data["area"], lines, **look)
            first.set_label(f"{name} ({lines.shape[1]})")
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_ylabel("Modulation index")
    if ordered.size:
        panel.set_title(f"Sizes in order: {style.percent(float(ordered.mean()))} of circuits")
    legend_below(panel, 2)


def _grid_onsets(panel: Any, settings: Any, data: Any) -> None:
    """How much later the first area is than the last, in both protocols."""
    onset = data["grid_onset"].sel(criterion="share")
    lag = (onset.isel(area=0) - onset.isel(area=-1)).transpose("protocol", "to_I", "feedback")
    # An effect that has turned around in one area has no order with the others.
    signs = np.sign(data["grid_index"].transpose("to_I", "feedback", "area").values)
    lag = np.where((signs == signs[..., -1:]).all(-1)[None], lag.values, np.nan)
    colours = dict(zip(data["protocol"].values, (style.INK, style.GREY), strict=True))
    for values, colour in zip(lag, colours.values(), strict=True):
        for number, row in enumerate(values):
            line = LINES[number % len(LINES)]
            panel.plot(data["feedback"], row, color=colour, ls=line, lw=1.1, marker=".", ms=4)
    own = set(settings.hierarchy.feedback)
    if len(own) == 1:
        panel.axvline(own.pop(), color=style.PALE, lw=4, zorder=0)
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xlabel("Strength of feedback (%/Hz)")
    first, last = data["area"].values[[0, -1]]
    panel.set_ylabel(f"Lag of {first} after {last} (ms)")
    panel.set_title(f"Feedback shortens the lag of {first}")
    far = float(data["feedback"].values[-1]) or 1.0
    panel.set_xlim(-0.05 * far, 1.05 * far)
    handles = [Line2D([], [], color=c, lw=1.1, label=f"after {p}") for p, c in colours.items()]
    handles += [
        Line2D([], [], color=style.GREY, lw=1.1, ls=line, label=f"to I: {share:g}")
        for share, line in zip(data["to_I"].values, LINES, strict=False)
    ]
    legend_below(panel, 3, handles=handles)
