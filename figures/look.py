"""Figure of `cortex look`: scan path, saliency, conspicuity, and the circuits' answer.

**a**, the image with its fixations in their order, and how long they take. **b**, saliency, as a
share of its peak. **c** to **e**, conspicuity by channel, on one scale. **f**, steady E rates of
the circuits without attention, mean over orientations; the square is what **g** and **h** enlarge.
**g**, E rates there with attention to the first fixation (green ring). **h**, those rates over the
rates without attention; grey where the circuits are silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import PowerNorm
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from cortex.plot import style

CHANNELS = ("intensity", "colour", "orientation")
NEAR = 0.22  # half a side of the enlarged part, of those of the image
SILENT = 0.02  # of the highest rate: below, a ratio says nothing


@style.journal()
def draw(seen: Any, task: str, name: str = "") -> Any:
    """Eight panels.

    Args:
        seen: `cortex.models.image_look.ImageLook`.
        task: in words.
        name: of the image's file.

    Returns:
        matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 4, height=36 + 2 * 41 * _tall(seen))
    _path(panels[0, 0], seen, "Free viewing" if task == "free" else f"Looking for: {task}")
    _map(figure, panels[0, 1], seen, seen.saliency, "Saliency", "of its peak")
    _places(panels[0, 1], seen, quiet=True)
    for panel, number, channel in zip(
        (*panels[0, 2:], panels[1, 0]), range(3), CHANNELS, strict=True
    ):
        title = f"{channel.capitalize()} channel"
        _map(figure, panel, seen, seen.conspicuity[number], title, "conspicuity", scaled=False)
    _answers(figure, panels[1, 1:], seen)
    if name:
        figure.suptitle(name, fontsize=8, x=0.01, ha="left")
    style.letters(panels.flat)
    return figure


def _answers(figure: Any, panels: Any, seen: Any) -> None:
    """Rates on the whole image; with attention, and as a ratio, around the first fixation."""
    plain, attended = seen.rates.E
    top = float(seen.rates.E.max()) or 1.0
    heard = plain > SILENT * top
    ratio = np.where(heard, attended / np.where(heard, plain, 1.0), np.nan)
    # Most are within: a few places that were nearly silent would make the rest one colour.
    most = np.nanpercentile(np.abs(ratio - 1), 99.5) if heard.any() else 0.0
    reach = float(most) or 1.0
    rates = {"cmap": "magma", "norm": PowerNorm(0.5, 0, top)}
    _image(figure, panels[0], seen, plain, "Circuits, no attention", "E rate (Hz)", **rates)
    title = "1st fixation attended"
    _image(figure, panels[1], seen, attended, title, "E rate (Hz)", **rates)
    around = {"cmap": "PuOr_r", "vmin": 1 - reach, "vmax": 1 + reach}
    _image(figure, panels[2], seen, ratio, "What attention does", "E rate, ratio", **around)
    panels[2].set_facecolor(style.PALE)
    height, width = seen.image.shape[1:]
    place = seen.path.places[0] if len(seen.path.times) else np.array([0.5, 0.5])
    row, column = np.clip(place, NEAR, 1 - NEAR) * [height, width]
    half = (NEAR * height, NEAR * width)
    for panel in panels[1:]:
        panel.set_xlim(column - half[1], column + half[1])
        panel.set_ylim(row + half[0], row - half[0])
        _first(panel, seen)
    corner = (column - half[1], row - half[0])
    panels[0].add_patch(
        Rectangle(corner, 2 * half[1], 2 * half[0], fill=False, ec=style.ATTENDED, lw=1.0)
    )


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
    panel.plot(columns, rows, color=style.ATTENDED, lw=1.1, **outline)
    size = 2.5 if quiet else 8
    panel.plot(columns, rows, "o", ms=size, mfc="white", mec=style.ATTENDED, mew=0.8, zorder=4)
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
        panel.plot(column, row, "o", ms=9, mfc="none", mec=style.ATTENDED, mew=1.2)
