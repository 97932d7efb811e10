"""Figure of `cueing`: what a cue does to seeing, deciding, and to the circuits over time.

**a**, a display with four patches; the cue's window is where attention goes. **b**, right answers
against contrast by cue, and psychometric functions fitted. **c** and **d**, thresholds and slopes
at them; grey dots are single observers. **e**, mean time of a decision to a bound on the evidence.
**f** and **g**, E and I rates at the target's place, in time. n: 3 observers of 96 trials at each
contrast and cue; bars in **b** and bands in **e** are 95 % intervals over trials, bars in **c** and
**d** 95 % bootstrap intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.analysis.psychometric import SHAPES, Psychometric
from cortex.plot import interval_bars, legend_below, style

CUES = {"valid": style.ATTENDED, "neutral": style.GREY, "invalid": style.ELSEWHERE}
MARKERS = {"valid": "o", "neutral": "s", "invalid": "^"}
UNCUED = {"color": style.INK, "lw": 2.6, "alpha": 0.25}
TICKS = (0.5, 1, 2, 4, 8, 16)


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Display, psychometric functions, thresholds; reaction times, E and I in time.

    Returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(2, 4, height=126.0, width_ratios=(1, 1, 0.9, 0.9))
    _display(panels[0, 0], settings, data)
    _functions(panels[0, 1], settings.shape, data)
    _estimates(panels[0, 2], data, "threshold")
    panels[0, 2].set(ylabel="Threshold (% contrast)", title="Thresholds fall")
    _estimates(panels[0, 3], data, "steepness")
    panels[0, 3].set(ylabel="Slope at the threshold (1/%)", title="Slopes rise")
    wide = style.joined(panels[1])
    grid = wide.get_subplotspec().subgridspec(1, 3)
    wide.remove()
    reactions, *courses = grid.subplots()
    _reactions(reactions, data)
    for panel, population in zip(courses, ("E", "I"), strict=True):
        _course(panel, settings.epochs, data.course.sel(population=population), population)
        legend_below(panel, 4)
    style.letters([*panels[0], reactions, *courses])
    return figure


def _display(panel: Any, settings: Any, data: Any) -> None:
    """Where targets can be, and the window of attention after a cue to the first place."""
    window, places = data["window"].values, np.asarray(settings.patches.places)
    side = settings.field.side * settings.field.degrees_per_pixel
    extent = (-side / 2, side / 2, -side / 2, side / 2)
    panel.imshow(data["display"].values, cmap="gray", extent=extent, vmin=0, vmax=1)
    rows, columns = window.shape
    x = ((np.arange(columns) + 0.5) / columns - 0.5) * side
    y = (0.5 - (np.arange(rows) + 0.5) / rows) * side
    levels = np.array([0.5, 0.75]) * window.max()
    panel.contour(
        x, y, window, levels=levels, colors=style.ATTENDED, linewidths=(0.8, 1.4), zorder=3
    )
    here, there = (
        ((place[1] - 0.5) * side, (0.5 - place[0]) * side) for place in (places[0], places[-1])
    )
    panel.annotate(
        "",
        xy=(0.45 * here[0], 0.45 * here[1]),
        xytext=(0.0, 0.0),
        arrowprops={"arrowstyle": "-|>", "color": style.ATTENDED, "lw": 1.4},
    )
    words = {"ha": "center", "va": "top", "fontsize": 6.5}
    panel.text(here[0], here[1] - 0.2 * side, "here: valid", **words)
    panel.text(there[0], there[1] - 0.15 * side, "here: invalid", **words)
    panel.set_title("Cue and targets")
    panel.set_xlabel("Place (deg)")
    panel.set_ylabel("Place (deg)")
    panel.set_xticks([-2, 0, 2])
    panel.set_yticks([-2, 0, 2])


def _functions(panel: Any, shape: str, data: Any) -> None:
    """Performance with the interval of each point, and the fitted functions."""
    contrasts = data["contrast"].values
    fine = np.geomspace(contrasts[0] / 1.15, contrasts[-1] * 1.15, 200)
    share = data["correct"].mean(("repeat", "trial"))
    count = data.sizes["repeat"] * data.sizes["trial"]
    for cue, colour in CUES.items():
        at = data.sel(cue=cue, bound="value")
        threshold, slope, lapse = (float(at[n]) for n in ("threshold", "slope", "lapse"))
        fitted = Psychometric(threshold, slope, 0.5, lapse, SHAPES[shape])
        panel.plot(fine, fitted(fine), color=colour)
        p = share.sel(cue=cue).values
        error = 1.96 * np.sqrt(np.maximum(p * (1 - p), 1e-4) / count)
        panel.errorbar(
            contrasts, p, error, fmt=MARKERS[cue], ms=3.2, color=colour, lw=0.8, mew=0, label=cue
        )
    panel.axhline(0.5, color=style.PALE, lw=0.8, zorder=0)
    _contrast_axis(panel)
    panel.set_ylim(0.42, 1.03)
    style.percent_axis(panel.yaxis)
    panel.set_ylabel("Right answers")
    panel.set_title("Valid, neutral, invalid cue")
    legend_below(panel)


def _contrast_axis(panel: Any) -> None:
    panel.set_xscale("log")
    style.plain_log(panel.xaxis, TICKS)
    panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")


def _estimates(panel: Any, data: Any, name: str) -> None:
    """Threshold, or slope at it, by cue, with intervals and every observer."""
    looks = {cue: {"color": colour, "fmt": MARKERS[cue]} for cue, colour in CUES.items()}
    one = data[name].expand_dims(of=[name])
    interval_bars(panel, one, "of", "cue", looks=looks, width=0.9)
    places = 0.9 * ((np.arange(len(CUES)) + 0.5) / len(CUES) - 0.5)
    for place, cue in zip(places, data["cue"].values, strict=True):
        single = data[f"each_{name}"].sel(cue=cue).values
        spots = place + np.linspace(0.06, 0.14, len(single))
        panel.plot(spots, single, ".", color=style.GREY, ms=2.5)
    # Every other word one line down, where it has room.
    words = ["\n" * (number % 2) + str(cue) for number, cue in enumerate(data["cue"].values)]
    panel.set_xticks(places, words)
    panel.set(xlabel="Cue", ylim=(0, None))


def _reactions(panel: Any, data: Any) -> None:
    """Mean time of the decision against contrast, with its interval over trials."""
    contrasts = data["contrast"].values
    count = data.sizes["repeat"] * data.sizes["trial"]
    for cue, colour in CUES.items():
        time = data["reaction"].sel(cue=cue)
        mean, spread = time.mean(("repeat", "trial")), time.std(("repeat", "trial"))
        half = 1.96 * spread.values / np.sqrt(count)
        panel.fill_between(
            contrasts, mean.values - half, mean.values + half, color=colour, alpha=0.3, lw=0
        )
        panel.plot(contrasts, mean.values, color=colour, marker=MARKERS[cue], ms=3.2, mew=0)
    _contrast_axis(panel)
    panel.set_ylim(0, None)
    panel.set_ylabel("Time of the decision (ms)")
    panel.set_title("Time to a bound on evidence")


def _course(panel: Any, epochs: Any, course: Any, population: str) -> None:
    """Rates at the target's place from fixation to the target."""
    time, course = course["time"].values, course.sel(site="target")
    panel.axvspan(-epochs.delay, 0, color=style.PALE, alpha=0.45, lw=0, zorder=0)
    panel.plot(time, course.sel(attention="no attention"), label="no cue", **UNCUED)
    for cue, colour in CUES.items():
        dash = (0, (3, 1.2)) if cue == "invalid" else "-"
        panel.plot(time, course.sel(attention=cue), color=colour, ls=dash, label=cue)
    top = float(course.max()) * 1.18
    top = top if np.isfinite(top) else 1.0
    panel.set_ylim(0, top)
    panel.set_xlim(time[0], time[-1])
    for middle, words in (
        (-epochs.delay - epochs.cue - epochs.fixation / 2, "fix."),
        (-epochs.delay - epochs.cue / 2, "cue"),
        (-epochs.delay / 2, "delay"),
        (epochs.target / 2, "target"),
    ):
        panel.text(middle, 0.995 * top, words, ha="center", va="top", fontsize=6.5)
    panel.axvline(-epochs.delay - epochs.cue, color=style.GREY, lw=0.5, ls=(0, (2, 2)))
    panel.set_xlabel("Time after target onset (ms)")
    panel.set_xticks(np.arange(-400, 401, 200))
    panel.set_xlim(time[0], time[-1])
    name = {"E": "Excitatory", "I": "Inhibitory"}[population]
    panel.set_ylabel(f"{name} rate (Hz)")
    ratio = float(course.sel(attention="valid")[-1] / course.sel(attention="invalid")[-1])
    panel.set_title(f"{population} at the target: × {ratio:.1f} if valid")
