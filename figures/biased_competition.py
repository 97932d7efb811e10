"""Figure of `biased_competition`: time course, population, slopes, ratios, forms of attention."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

NONE, FIRST, SECOND = style.INK, style.GREEN, style.PURPLE


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.biased_competition`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=125.0)
    _course(panels[0, 0], config, data)
    # One contrast for the two panels of the population: the middle one of those asked for.
    middle = int(np.argsort(data["contrast"].values)[data.sizes["contrast"] // 2])
    _population(panels[0, 1], config, data.isel(contrast=middle))
    _interaction(panels[0, 2], config, data.isel(contrast=middle))
    _scaled(panels[1, 0], data)
    _ratios(panels[1, 1], data, measures)
    _shares(panels[1, 2], data)
    style.letters(panels.flat)
    return figure


def _angles(config: Any) -> tuple[str, str]:
    return tuple(f"{angle:g}°" for angle in config.stimulus.orientations)


def _course(panel: Any, config: Any, data: Any) -> None:
    first, second = _angles(config)
    time = data["time"].values
    rates = data["course"].values
    looks = (
        (f"{first} alone", {"color": FIRST, "ls": (0, (4, 1.5)), "lw": 1.0}),
        (f"{second} alone", {"color": SECOND, "ls": (0, (4, 1.5)), "lw": 1.0}),
        ("both", {"color": NONE, "lw": 1.8}),
        (f"both, {first} attended", {"color": FIRST, "lw": 1.8}),
        (f"both, {second} attended", {"color": SECOND, "lw": 1.8}),
    )
    for trace, (name, look) in zip(rates, looks, strict=True):
        panel.plot(time, trace, label=name, **look)
    panel.axvline(0, ymax=0.55, color=style.GREY, lw=0.6)
    panel.set_xlim(time[0], time[-1])
    top = np.nanmax(rates)
    panel.set_ylim(0, 1.75 * top if np.isfinite(top) and top > 0 else 1)
    panel.set_xlabel("Time from stimulus onset (ms)")
    panel.set_ylabel(f"Rate of the E unit at {first} (Hz)")
    panel.set_title("Attention decides the competition")
    panel.legend(loc="upper left", handlelength=1.6, labelspacing=0.3)


def _states(data: Any, form: str = "input to E") -> tuple[Any, Any, Any]:
    """E rates (stimulus, unit) without attention and with attention to either."""
    rates = data["rates_E"].transpose("attention", "focus", "stimulus", "preferred")
    return (
        rates.isel(attention=0, focus=0).values,
        rates.sel(attention=form).isel(focus=0).values,
        rates.sel(attention=form).isel(focus=1).values,
    )


def _population(panel: Any, config: Any, data: Any) -> None:
    first, second = _angles(config)
    rest, to_first, to_second = _states(data)
    preferred = data["preferred"].values
    panel.fill_between(preferred, rest[:2].max(0), color=style.PALE, lw=0, label="each alone")
    panel.plot(preferred, rest[2], color=NONE, label="both")
    panel.plot(preferred, to_first[2], color=FIRST, label=f"{first} attended")
    panel.plot(preferred, to_second[2], color=SECOND, label=f"{second} attended")
    period = config.circuit.period
    panel.set_xlim(0, period)
    panel.set_xticks(np.linspace(0, period, 5))
    top = np.nanmax([rest[:2].max(0), rest[2], to_first[2], to_second[2]])
    panel.set_ylim(0, 1.35 * top if np.isfinite(top) and top > 0 else 1)
    panel.set_xlabel("Preferred orientation (deg)")
    panel.set_ylabel("E rate (Hz)")
    panel.set_title(f"The attended peak wins ({data['contrast'].item():g} %)")
    panel.legend(loc="upper center", ncols=2, columnspacing=1.0, handlelength=1.3)


def _interaction(panel: Any, config: Any, data: Any) -> None:
    first, second = _angles(config)
    rest, *attended = _states(data)
    selectivity = rest[0] - rest[1]
    slopes = data["slope"]
    looks = (
        ("no attention", NONE, rest, slopes.isel(attention=0, focus=0)),
        (f"{first} attended", FIRST, attended[0], slopes.sel(attention="input to E")[0]),
        (f"{second} attended", SECOND, attended[1], slopes.sel(attention="input to E")[1]),
    )
    for name, colour, state, slope in looks:
        interaction = state[2] - rest[1]
        label = f"{name}: {slope.item():.2f}"
        panel.plot(selectivity, interaction, ".", color=colour, ms=2.5, mew=0)
        level = interaction.mean() + slope.item() * (selectivity - selectivity.mean())
        panel.plot(selectivity, level, color=colour, lw=1.0, label=label)
    panel.axhline(0, color=style.GREY, lw=0.6)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.34 * (high - low))
    panel.set_xlabel(f"Selectivity: {first} − {second} (Hz)")
    panel.set_ylabel(f"Interaction: both − {second} (Hz)")
    panel.set_title("Attention turns the slope")
    panel.legend(loc="upper left", title="slope over units", alignment="left", title_fontsize=7)


def _contrast_axis(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.set_xscale("log")
    panel.set_xlim(axis[0], axis[-1])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if t >= axis[0]]
    style.plain_log(panel.xaxis, [t for t in ticks if t <= axis[-1]])
    panel.minorticks_off()
    panel.set_xlabel("Contrast of each grating (%)")


def _curve(panel: Any, data: Any, name: str, form: str, **look: Any) -> None:
    """Mean over the attended gratings: a line over the axis, points where measures are given."""
    curve = data[f"axis_{name}"].sel(attention=form).mean("focus", skipna=False)
    panel.plot(data["axis_contrast"], curve, **look)
    points = data[name].sel(attention=form).mean("focus", skipna=False)
    panel.plot(data["contrast"], points, "o", color=look["color"], mec="white", mew=0.5)


def _scaled(panel: Any, data: Any) -> None:
    for name, form, colour, label in (
        ("scaled_preferred", "input to E", FIRST, "preferred attended"),
        ("scaled_preferred", "unattended", NONE, "no attention"),
        ("scaled_poor", "input to E", SECOND, "poor attended"),
    ):
        _curve(panel, data, name, form, color=colour, label=label)
    for level, words in ((0.0, "poor alone"), (1.0, "preferred alone")):
        panel.axhline(level, color=style.GREY, lw=0.6)
        panel.annotate(
            words,
            (0.99, level),
            (0, -2 if level else 2),
            xycoords=panel.get_yaxis_transform(),
            textcoords="offset points",
            color=style.GREY,
            ha="right",
            va="top" if level else "bottom",
        )
    highest = np.nanmax(data["scaled_preferred"].sel(attention="input to E"))
    # Where attention ignites a weak grating the response leaves the scale; the rest is the point.
    panel.set_ylim(-0.15, max(1.6, 1.25 * highest) if np.isfinite(highest) else 2)
    _contrast_axis(panel, data)
    panel.set_ylabel("Response to both, scaled")
    panel.set_title("The pair follows the attended one")
    panel.legend(loc="upper right")


def _ratios(panel: Any, data: Any, measures: Any) -> None:
    curves = (
        ("pair", "attended of two", style.E),
        ("single", "attended, alone", style.ORANGE),
        ("orthogonal", "other one, alone", style.SKY),
        ("other", "other of two", style.I),
    )
    references = {m.name: m.reference for m in measures if m.reference is not None}
    panel.axhline(1.0, color=style.INK, lw=0.6)
    marked = []
    for name, label, colour in curves:
        _curve(panel, data, f"ratio_{name}", "input to E", color=colour, label=label)
        for level in data["contrast"].values:
            reference = references.get(f"ratio_{name}[input to E,c={level:g}]")
            marked += [] if reference is None else [(level, reference)]
    if marked:
        ring = {"mfc": "none", "mec": style.INK, "mew": 0.7, "ms": 7, "ls": "none"}
        panel.plot(*zip(*marked, strict=True), marker="o", label="computed independently", **ring)
    panel.set_yscale("log")
    _ratio_ticks(panel)
    _contrast_axis(panel, data)
    panel.set_ylabel("Rate, attended/unattended")
    panel.set_title("The attended gains, the other loses")
    panel.legend(loc="upper right", labelspacing=0.3)


def _ratio_ticks(panel: Any) -> None:
    low, high = panel.get_ylim()
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100) if low <= t <= high]
    style.plain_log(panel.yaxis, ticks)
    panel.minorticks_off()


def _shares(panel: Any, data: Any) -> None:
    panel.axhline(0.5, color=style.INK, lw=0.6)
    for form, colour in style.FORMS.items():
        _curve(panel, data, "share", form, color=colour, label=form)
    top = np.nanmax(data["axis_share"].values[:, 1:])
    panel.set_ylim(0.45, min(1.05, top + 0.12) if np.isfinite(top) else 1.05)
    _contrast_axis(panel, data)
    panel.annotate(
        "no attention",
        (0.99, 0.5),
        (0, -2),
        xycoords=panel.get_yaxis_transform(),
        textcoords="offset points",
        color=style.GREY,
        ha="right",
        va="top",
    )
    panel.set_ylabel("Share of the attended one")
    panel.set_title("All forms bias the weights")
    panel.legend(loc="upper right")
