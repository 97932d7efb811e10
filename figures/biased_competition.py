"""Figure of `biased_competition`: time course, population, slopes, ratios, forms of attention.

Gratings of two orientations, green and purple where one is attended, black without attention.
**a**, rate of the E unit that prefers the first, in time. **b**, E rates over preferred
orientations to both gratings; grey is each grating alone. **c**, what the second grating does to
the response to the first against the unit's selectivity, each dot a unit, with the slope. **d**,
response to both gratings, scaled from that to the poor one alone (0) to the preferred one alone
(1), against contrast. **e**, rates attended over unattended, of two gratings or alone; rings were
computed by an independent program. **f**, share of the attended grating in the response, for the
three forms. Deterministic steady states of one ring: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.biased_competition import DEFAULT, RATIOS

from cortex.plot import curves, legend_below, marks, style, time_course

NONE, FIRST, SECOND = style.UNATTENDED, style.ATTENDED, style.ELSEWHERE
DASHED = {"ls": (0, (4, 1.5)), "lw": 1.0}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=142.0)
    (course, population, interaction), (scaled, ratios, shares) = panels
    first, second = (f"{angle:g}°" for angle in settings.orientations)
    # One contrast for the two panels of the population: the middle one of those asked for.
    asked = np.sort(np.atleast_1d(data.contrast.attrs.get("asked", data.contrast.values)))
    middle = data.sel(contrast=asked[len(asked) // 2])
    E = middle.rates.sel(population="E")
    states = {
        "no attention": (NONE, "unattended", "first"),
        f"{first} attended": (FIRST, DEFAULT, "first"),
        f"{second} attended": (SECOND, DEFAULT, "second"),
    }
    _course(course, data, first, second)
    _population(population, E, states, settings.circuit.period)
    _interaction(interaction, E, middle.slope, states, (first, second))
    _scaled(scaled, data.scaled)
    _ratios(ratios, data.ratio.sel(attention=DEFAULT), rows)
    _shares(shares, data.share)
    style.letters(panels.flat)
    return figure


def _top(*arrays: Any) -> float:
    """The largest number, for the limit of an axis; 1 if there is none."""
    top = max(float(np.nanmax(array)) for array in arrays)
    return top if np.isfinite(top) and top > 0 else 1.0


def _course(panel: Any, data: Any, first: str, second: str) -> None:
    looks = {
        "first alone": {"color": FIRST, **DASHED},
        "second alone": {"color": SECOND, **DASHED},
        "both": {"color": NONE, "lw": 1.8},
        "both, first attended": {"color": FIRST, "lw": 1.8},
        "both, second attended": {"color": SECOND, "lw": 1.8},
    }
    names = {trial: trial.replace("first", first).replace("second", second) for trial in looks}
    time_course(panel, data.course, "trial", looks=looks, names=names)
    panel.axvline(0, color=style.GREY, lw=0.6)
    panel.set(ylim=(0, 1.05 * _top(data.course)), xlabel="Time from stimulus onset (ms)")
    panel.set_ylabel(f"Rate of the E unit at {first} (Hz)")
    panel.set_title("Attention decides who wins")
    legend_below(panel, 2)


def _population(panel: Any, E: Any, states: Any, period: float) -> None:
    alone = E.sel(attention="unattended", focus="first", shown=["first", "second"]).max("shown")
    panel.fill_between(E.preferred, alone, color=style.PALE, lw=0, label="each alone")
    for name, (colour, form, focus) in states.items():
        both = E.sel(attention=form, focus=focus, shown="both")
        label = "both" if form == "unattended" else name
        curves(panel, both, "preferred", looks={None: colour}, label=label)
    panel.set(xlim=(0, period), xticks=np.linspace(0, period, 5), ylim=(0, 1.05 * _top(E[:2])))
    panel.set(xlabel="Preferred orientation (deg)", ylabel="E rate (Hz)")
    panel.set_title(f"The attended peak wins ({E.contrast:g} %)")
    legend_below(panel, 2)


def _interaction(panel: Any, E: Any, slopes: Any, states: Any, angles: tuple[str, str]) -> None:
    rest = E.sel(attention="unattended", focus="first")
    second = rest.sel(shown="second")
    selectivity = rest.sel(shown="first") - second
    for name, (colour, form, focus) in states.items():
        interaction = E.sel(attention=form, focus=focus, shown="both") - second
        slope = slopes.sel(attention=form, focus=focus).item()
        panel.plot(selectivity, interaction, ".", color=colour, ms=2.5, mew=0)
        line = interaction.mean() + slope * (selectivity - selectivity.mean())
        panel.plot(selectivity, line, color=colour, lw=1.0, label=f"{name}: {slope:.2f}")
    panel.axhline(0, color=style.GREY, lw=0.6)
    panel.set_xlabel("Selectivity: {} − {} (Hz)".format(*angles))
    panel.set_ylabel(f"Interaction: both − {angles[1]} (Hz)")
    panel.set_title("Attention turns the slope")
    legend_below(panel, 2, title="slope over units")


def _scaled(panel: Any, scaled: Any) -> None:
    for attended, form, colour, label in (
        ("preferred", DEFAULT, FIRST, "preferred attended"),
        ("preferred", "unattended", NONE, "no attention"),
        ("poor", DEFAULT, SECOND, "poor attended"),
    ):
        one = scaled.sel(attended=attended, attention=form)
        curves(panel, one, "contrast", looks={None: colour}, label=label)
    _line(panel, 0.0, "poor alone", "bottom")
    _line(panel, 1.0, "preferred alone", "top")
    # Where attention ignites a weak grating the response leaves the scale; the rest is the point.
    highest = scaled.sel(attended="preferred", attention=DEFAULT, contrast=_asked(scaled))
    panel.set(ylim=(-0.15, max(1.6, 1.25 * _top(highest))), ylabel="Response to both, scaled")
    panel.set_title("The pair follows the attended one")
    legend_below(panel, 2)


def _asked(array: Any) -> Any:
    return np.atleast_1d(array.contrast.attrs.get("asked", array.contrast.values))


def _line(panel: Any, level: float, words: str, side: str) -> None:
    """A level with its name below it (`side` "top") or above."""
    panel.axhline(level, color=style.GREY, lw=0.6)
    panel.annotate(
        words,
        (0.99, level),
        (0, -2 if side == "top" else 2),
        xycoords=panel.get_yaxis_transform(),
        textcoords="offset points",
        color=style.GREY,
        ha="right",
        va=side,
    )


def _ratios(panel: Any, ratio: Any, rows: Any) -> None:
    names = {
        "pair": "attended of two",
        "single": "attended, alone",
        "orthogonal": "other one, alone",
        "other": "other of two",
    }
    attended, other = {"color": style.ATTENDED}, {"color": style.ELSEWHERE}
    alone = {"ls": (0, (4, 1.5)), "lw": 1.0}
    looks = {"pair": attended, "single": attended | alone}
    looks |= {"orthogonal": other | alone, "other": other}
    panel.axhline(1.0, color=style.INK, lw=0.6)
    curves(panel, ratio.sel(case=list(names)), "contrast", "case", looks=looks, names=names)
    if any(row.name.startswith("ratio[") and row.reference is not None for row in rows):
        table = [(c, r) for c, three in RATIOS.items() if c in _asked(ratio) for r in three]
        marks(panel, *zip(*table, strict=True), label="computed independently")
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= t <= high]
    style.plain_log(panel.yaxis, ticks)
    panel.yaxis.set_minor_locator(style.no_ticks())
    panel.set(ylabel="Rate, attended/unattended", title="The attended gains, the other loses")
    legend_below(panel, 2)


def _shares(panel: Any, share: Any) -> None:
    forms = share.sel(attention=list(style.FORMS))
    curves(panel, forms, "contrast", "attention", looks=style.FORMS)
    panel.set_ylim(0.45, min(1.05, _top(forms) + 0.12))
    _line(panel, 0.5, "no attention", "top")
    panel.set(ylabel="Share of the attended one", title="All forms bias the weights")
    legend_below(panel, 2)
