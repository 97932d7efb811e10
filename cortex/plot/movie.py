"""Activity over time as a movie: curves of a line or a ring, maps of a sheet, and what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import xarray as xr
from matplotlib.animation import FFMpegWriter, PillowWriter

from cortex.plot import style
from cortex.plot.panels import POPULATIONS, axis_of, words

_DPI = 130


@style.journal()
def write_movie(
    rates: xr.DataArray,
    shown: Mapping[str, tuple[float, float]],
    title: str,
    out: Path,
    fps: int,
    drawn: Callable[[], Any] = lambda: None,
) -> None:
    """Draw a frame for each time and write them all as one file.

    Args:
        rates: [Hz], over ``population``, ``time`` [ms] and one or two dimensions of space.
        shown: from when to when each stimulus, or attention, is there [ms], by its name.
        title: in words.
        out: file to write, .gif, or .mp4 where there is ffmpeg.
        fps: frames a second.
        drawn: called after each frame.
    """
    figure, frames = draw_frames(rates, shown, title, fps)
    writer = FFMpegWriter(fps) if out.suffix == ".mp4" else PillowWriter(fps)
    with writer.saving(figure, str(out), _DPI):
        for _ in frames:
            writer.grab_frame()
            drawn()


def draw_frames(
    rates: xr.DataArray, shown: Mapping[str, tuple[float, float]], title: str, fps: int
) -> tuple[Any, Iterator[float]]:
    """A figure, and an iterator whose every step puts the next frame into it, and is its time."""
    space = [str(dim) for dim in rates.dims if dim not in ("population", "time")]
    rates = rates.transpose("population", "time", *space)
    columns, height = (len(POPULATIONS), 78) if len(space) == 2 else (1, 74)
    ratios = [1, 0.09 * len(shown)]
    figure, panels = style.figure(2, columns, width=120, height=height, height_ratios=ratios)
    cursor = _bars(style.joined(panels[1]), rates.time, shown)
    fill = (_maps if len(space) == 2 else _curves)(figure, panels[0], rates, space)
    times = rates.time.values
    slowed = 1000 / (fps * float(times[1] - times[0]))
    heading = figure.suptitle(" ", fontsize=8, x=0.02, ha="left")
    for _ in range(2):  # the second time, where tick labels of the first want to be
        figure.draw_without_rendering()
    figure.set_layout_engine("none")  # from here on the panels stay where they are

    def frames() -> Iterator[float]:
        for number, time in enumerate(times):
            fill(number)
            cursor.set_xdata([time, time])
            heading.set_text(f"{title}: {time:.0f} ms ({slowed:.0f} times slowed)")
            yield float(time)

    return figure, frames()


def _curves(figure: Any, panels: Any, rates: xr.DataArray, space: list[str]) -> Any:
    """E and I along a line or a ring."""
    (panel,) = panels
    along = rates[space[0]]
    lines = {}
    for name, colour in POPULATIONS.items():
        (lines[name],) = panel.plot(along, np.zeros(along.size), color=colour, label=name)
    axis_of(panel, along)
    panel.set(ylim=(0, 1.08 * _top(rates, 1.0)), ylabel=words(rates))
    panel.legend(loc="upper right", ncols=2)

    def fill(number: int) -> None:
        for name, line in lines.items():
            line.set_ydata(rates.sel(population=name).values[number])

    return fill


def _maps(figure: Any, panels: Any, rates: xr.DataArray, space: list[str]) -> Any:
    """E and I over a sheet."""
    row, column = (rates[name].values for name in space)
    half = (column[1] - column[0]) / 2
    extent = (column[0] - half, column[-1] + half, row[0] - half, row[-1] + half)
    images = {}
    for panel, (name, colour) in zip(panels, POPULATIONS.items(), strict=True):
        one = rates.sel(population=name)
        shades = mpl.colors.LinearSegmentedColormap.from_list(name, ["#FFFFFF", colour], N=24)
        # A few hot spots of a random sheet would else hide everything.
        look = {"cmap": shades, "vmin": 0, "vmax": _top(one, 0.999), "origin": "lower"}
        images[name] = panel.imshow(one.values[0], **look, extent=extent)
        figure.colorbar(images[name], ax=panel, extend="max", shrink=0.8, label=f"{name} rate (Hz)")
        panel.set_xlabel(words(rates[space[1]]))
    panels[0].set_ylabel(words(rates[space[0]]))

    def fill(number: int) -> None:
        for name, image in images.items():
            image.set_data(rates.sel(population=name).values[number])

    return fill


def _top(rates: xr.DataArray, share: float) -> float:
    """The rate below which a share of all lie [Hz]; 1 where none is finite or above 0."""
    values = rates.values[np.isfinite(rates.values)]
    top = float(np.quantile(values, share)) if values.size else 0.0
    return top if top > 0 else 1.0


def _bars(panel: Any, time: xr.DataArray, shown: Mapping[str, tuple[float, float]]) -> Any:
    """When each stimulus, and attention, is there; returns the mark of the present."""
    for place, (name, (start, end)) in enumerate(shown.items()):
        colour = style.GREEN if "attention" in name else style.GREY
        panel.barh(place, end - start, left=start, height=0.6, color=colour)
    panel.set_yticks(range(len(shown)), list(shown))
    panel.tick_params(axis="y", length=0)
    panel.spines["left"].set_visible(False)
    axis_of(panel, time)
    panel.set_ylim(len(shown) - 0.5, -0.5)
    return panel.axvline(0, color=style.INK, lw=1)
