"""Figure of `cortex look`: scan path, saliency, conspicuity, and the circuits' answer."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm, TwoSlopeNorm
from matplotlib.ticker import MaxNLocator

from cortex.plot import style

CHANNELS = ("intensity", "colour", "orientation")


@style.journal()
def draw(seen: Any, task: str) -> Any:
    """Eight panels.

    Args:
        seen: `cortex.models.image_look.ImageLook`.
        task: in words.

    Returns:
        matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 4, height=32 + 2 * 41 * _tall(seen))
    words = "Free viewing" if task == "free" else f"Looking for: {task}"
    _path(panels[0, 0], seen, words)
    _map(figure, panels[0, 1], seen, seen.saliency, "Saliency", "of its peak")
    _places(panels[0, 1], seen, quiet=True)
    for panel, number, name in zip((*panels[0, 2:], panels[1, 0]), range(3), CHANNELS, strict=True):
        title = f"{name.capitalize()} channel"
        _map(figure, panel, seen, seen.conspicuity[number], title, "conspicuity", scaled=False)
    top = float(seen.rates.E.max()) or 1.0
    titles = ("Circuits, no attention", "1st fixation attended")
    for panel, rates, title in zip(panels[1, 1:3], seen.rates.E, titles, strict=True):
        _image(
            figure,
            panel,
            seen,
            rates,
            title,
            "E rate (Hz)",
            cmap="magma",
            norm=PowerNorm(0.5, 0, top),
        )
    change = seen.rates.E[1] - seen.rates.E[0]
    most = float(np.abs(change).max()) or 1.0
    norm = TwoSlopeNorm(0.0, -most, most)
    _image(
        figure, panels[1, 3], seen, change, "Change by attention", "Hz", cmap="PuOr_r", norm=norm
    )
    for panel in panels[1, 2:]:
        _first(panel, seen)
    style.letters(panels.flat)
    return figure


def _tall(seen: Any) -> float:
    """Height of a panel over its width."""
    height, width = seen.image.shape[1:]
    return float(np.clip(height / width, 0.4, 1.6))


def _frame(seen: Any) -> tuple[float, float, float, float]:
    height, width = seen.image.shape[1:]
    return 0.0, float(width), float(height), 0.0


def _image(
    figure: Any, panel: Any, seen: Any, values: Any, title: str, label: str, **look: Any
) -> None:
    drawn = style.unframed(panel).imshow(values, extent=_frame(seen), **look)
    panel.set_title(title, fontsize=7.5)
    place = panel.inset_axes((0.1, -0.05 - 2.4 / _tall(seen) / 41, 0.8, 2.4 / _tall(seen) / 41))
    bar = figure.colorbar(drawn, cax=place, orientation="horizontal")
    bar.outline.set_visible(False)
    bar.set_label(label, labelpad=1)
    bar.ax.xaxis.set_major_locator(MaxNLocator(3))


def _map(
    figure: Any, panel: Any, seen: Any, values: Any, title: str, label: str, scaled: bool = True
) -> None:
    """A map >= 0 in grey; relative to its peak, or with one scale for all channels."""
    top = float(values.max()) if scaled else float(seen.conspicuity.max())
    top = top or 1.0
    shown = values / top if scaled else values
    limit = 1.0 if scaled else top
    _image(figure, panel, seen, shown, title, label, cmap="gray", vmin=0, vmax=limit)


def _path(panel: Any, seen: Any, words: str) -> None:
    style.unframed(panel).imshow(np.moveaxis(seen.image, 0, -1), extent=_frame(seen))
    _places(panel, seen)
    panel.set_title(words, fontsize=7.5)
    if len(seen.path.times):
        text = f"{len(seen.path.times)} fixations in {seen.path.times[-1] / 1000:.1f} s"
    else:
        text = "nothing is salient"
    panel.set_xlabel(text)


def _places(panel: Any, seen: Any, quiet: bool = False) -> None:
    """The fixations in their order; numbered unless quiet."""
    height, width = seen.image.shape[1:]
    rows, columns = (seen.path.places * [height, width]).T
    outline = {"solid_capstyle": "round", "zorder": 3}
    panel.plot(columns, rows, color="white", lw=2.0, **outline)
    panel.plot(columns, rows, color=style.E, lw=1.1, **outline)
    size = 2.5 if quiet else 8
    panel.plot(columns, rows, "o", ms=size, mfc="white", mec=style.E, mew=0.8, zorder=4)
    if quiet:
        return
    for number, (row, column) in enumerate(zip(rows, columns, strict=True), 1):
        panel.text(
            column, row, str(number), ha="center", va="center_baseline", fontsize=6, zorder=5
        )


def _first(panel: Any, seen: Any) -> None:
    """The attended place."""
    if len(seen.path.times):
        height, width = seen.image.shape[1:]
        row, column = seen.path.places[0] * [height, width]
        panel.plot(column, row, "o", ms=9, mfc="none", mec=style.GREEN, mew=1.2)
