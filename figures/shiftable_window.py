"""Figure of `shiftable_window`: a window that is found, shifted and kept sharp, in E/I rates.

**a** and **b**, E rates relative to no attention along a row of items, a row a shift, with a window
that is sharpened after every shift and one that is not; rings are the commanded places, the
coloured squares above are the items, and the one with ? has the colour that is sought first. **c**,
centre of the rise of E rates against the commanded place. **d**, width of the window; dotted is the
limit for a Gaussian one. **e**, E and I rates at the commanded place. **f**, E and I rates around
it after the last shift. n: 40 scenes; bands hold the middle 90 % of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap

from cortex.plot import legend_below, style

LOOKS = {"sharpened": ("-", "o"), "not sharpened": ((0, (3, 1.5)), "s")}
POPULATIONS = {"E": style.E, "I": style.I}
COLOURS = ("#C0392B", style.SKY, style.GREEN, style.ORANGE, style.PURPLE, style.GREY)


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """One row of items step by step, then all rows; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=124.0)
    (sharp, blurred, followed), (width, rates, profile) = panels
    scene = int(np.argmax(np.ptp(data["commanded"].values, axis=1)))
    image = _steps(sharp, data, scene, "sharpened", "Sharpened after every shift")
    _steps(blurred, data, scene, "not sharpened", "Not sharpened")
    sharp.set_ylabel("Shifts done")
    bar = figure.colorbar(image, ax=blurred, shrink=0.8, pad=0.02, extend="max")
    bar.set_label("E rate (× unattended)")
    _followed(followed, settings.circuit.spacing, data)
    _width(width, settings, data)
    _rates(rates, data)
    _profile(profile, data)
    style.letters(panels.flat)
    return figure


def _steps(panel: Any, data: Any, scene: int, kind: str, title: str) -> Any:
    """E rates over places and steps, the row of items above, the commands as rings."""
    one = data.isel(scene=scene).sel(population="E")
    places, steps = data["place"].values, data["step"].values
    ratio = one["rates"] / one["plain"]
    # Symmetric about no change; the first, narrow window is off the scale.
    reach = float(np.abs(ratio.isel(step=slice(1, None)) - 1).max())
    image = panel.pcolormesh(
        places,
        steps,
        ratio.sel(kind=kind).values,
        cmap="RdBu_r",
        vmin=1 - reach,
        vmax=1 + reach,
        shading="nearest",
        rasterized=True,
    )
    panel.plot(
        one["commanded"], steps, ls="none", marker="o", mfc="none", mec=style.INK, mew=0.8, ms=7
    )
    colours = one["colour"].values
    items = data["item"].values
    count = int(data["colour"].max()) + 1
    room = np.append(items, items[-1] + (items[-1] - items[-2])) - (items[1] - items[0]) / 2
    panel.pcolormesh(
        room,
        [-1.9, -0.9],
        colours[None],
        cmap=ListedColormap([COLOURS[n % len(COLOURS)] for n in range(count)]),
        vmin=-0.5,
        vmax=count - 0.5,
        edgecolors="white",
        lw=1.5,
    )
    at = items[np.argmin(colours)]
    panel.text(at, -1.4, "?", color="white", ha="center", va="center", fontweight="bold")
    panel.set_ylim(steps[-1] + 0.5, -2.0)
    panel.set_yticks(steps[::2])
    panel.set_xlim(room[0], room[-1])
    panel.set_xlabel("Place (deg)")
    panel.set_title(title)
    return image


def _followed(panel: Any, spacing: float, data: Any) -> None:
    places = data["commanded"].values
    low, high = places.min() - 2, places.max() + 2
    panel.plot([low, high], [low, high], color=style.PALE, lw=2.5, zorder=0)
    found = data["centre_E"].sel(kind="sharpened").transpose("scene", "step").values
    panel.plot(places.ravel(), found.ravel(), ls="none", marker=".", ms=3, color=style.E, alpha=0.4)
    off = np.abs(found - places).mean()
    panel.text(
        0.05,
        0.95,
        f"mean distance {off:.2f} deg\n(units: {spacing:.2f} deg apart)",
        transform=panel.transAxes,
        va="top",
    )
    panel.set_xlim(low, high)
    panel.set_ylim(low, high)
    panel.set_xlabel("Commanded place (deg)")
    panel.set_ylabel("Centre of E's rise (deg)")
    panel.set_title("E rates follow the command")


def _band(panel: Any, array: Any, kind: str, **look: Any) -> None:
    """Mean over scenes, and where the middle 90 % of them lie."""
    values = array.sel(kind=kind).transpose("scene", "step").values
    low, high = np.percentile(values, (5, 95), axis=0)
    steps = array["step"].values
    panel.fill_between(steps, low, high, color=look["color"], alpha=0.15, lw=0)
    panel.plot(steps, values.mean(0), ms=3, **look)


def _width(panel: Any, settings: Any, data: Any) -> None:
    steps = data["step"].values
    for kind, colour in (("sharpened", style.INK), ("not sharpened", style.GREY)):
        dash, marker = LOOKS[kind]
        _band(panel, data["width"], kind, color=colour, ls=dash, marker=marker, label=kind)
    if settings.power > 1:
        limit = settings.spread * settings.circuit.spacing / np.sqrt(settings.power - 1)
        words = "limit for a Gaussian window"
        panel.axhline(limit, color=style.OLIVE, lw=1, ls=":", zorder=0, label=words)
    panel.set_ylim(0, None)
    panel.set_xticks(steps[::2])
    panel.set_xlabel("Shifts done")
    panel.set_ylabel("Width of the window (SD, deg)")
    panel.set_title("Sharpening bounds it")
    legend_below(panel, 1)


def _rates(panel: Any, data: Any) -> None:
    for name, colour in POPULATIONS.items():
        there = data["at"].sel(population=name)
        for kind, (dash, marker) in LOOKS.items():
            words = f"{name}, {kind}"
            _band(panel, there, kind, color=colour, ls=dash, marker=marker, label=words)
    panel.axhline(1, color=style.PALE, lw=1, zorder=0)
    panel.set_ylim(0.8, None)
    panel.set_xticks(data["step"].values[::2])
    panel.set_xlabel("Shifts done")
    panel.set_ylabel("Rate there (× unattended)")
    panel.set_title("... and keeps rates high")
    legend_below(panel, 2)


def _profile(panel: Any, data: Any) -> None:
    """E and I around the commanded place after the last shift, the mean over scenes."""
    last = data.isel(step=-1)
    away = np.arange(-6.0, 6.01, 1 / 6)
    for name, colour in POPULATIONS.items():
        its = last.sel(population=name)
        for kind, (dash, _) in LOOKS.items():
            ratio = (its["rates"].sel(kind=kind) / its["plain"]).transpose("scene", "place")
            rows = [
                np.interp(away + at, data["place"].values, one)
                for at, one in zip(last["commanded"].values, ratio.values, strict=True)
            ]
            label = f"{name}, {kind}"
            panel.plot(away, np.mean(rows, axis=0), color=colour, ls=dash, label=label)
    panel.axhline(1, color=style.PALE, lw=1, zorder=0)
    panel.set_xlim(away[0], away[-1])
    panel.set_xlabel("Distance from that place (deg)")
    panel.set_ylabel("Rate (× unattended)")
    panel.set_title("After the last shift")
    legend_below(panel, 2)
