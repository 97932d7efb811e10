"""Figure of `sequence_reading`: the alignment, what it is worth, and what it does to circuits.

**a**, a strip, and the learned weights of each step on its columns. **b**, share of the weights on
each digit (columns) at each step (rows), for four orders of reading; mean over strips and networks.
**c**, digits read right by readers with learned attention, with even weights, with the last states
alone, and with learned attention made even; dots are single networks. **d**, E rates along the
strip at each step with attention (orange) and without (grey). **e**, change of E and I rates at the
digit read and at the others. **f**, accuracy on training strips, a line a network. n: 3 networks,
100 strips an order; bars are 95 % bootstrap intervals over strips.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from cortex.plot import interval_bars, legend_below, style

LOOKS = {
    "content": (style.ATTENDED, "learned attention"),
    "even": (style.INK, "all columns alike"),
    "last": (style.GREY, "last states alone"),
    "flattened": (style.PALE, "learned, then\nmade even"),
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=112.0, width_ratios=(1.45, 1.0, 1.0))
    (strip, alignment, accuracy), (circuits, change, curve) = panels
    one = _example(settings, data)
    _strip(strip, one)
    _alignment(alignment, data)
    _accuracy(accuracy, data)
    _circuits(circuits, one)
    _change(change, data)
    _curve(curve, data)
    style.letters(panels.flat)
    return figure


def _example(settings: Any, data: Any) -> Any:
    """The first strip that the first seed reads without a mistake in the order attended."""
    here = data.isel(seed=0).sel(order=settings.order)
    whole = here.right.sel(reader="content").all("step")
    return here.isel(strip=int(np.argmax(whole.values)))


def _strip(panel: Any, one: Any) -> None:
    """The strip, and below it the weights of each step over its columns."""
    height, width = one.sizes["y"], one.sizes["x"]
    panel.imshow(one.image, cmap="gray_r", extent=(0, width, height, 0), aspect="auto")
    room = 1.1 * height
    rows = one.weight.transpose("step", "column").values
    for step, row in enumerate(rows):
        top = height + 3 + step * room / len(rows)
        bottom = top + room / len(rows) - 1.5
        look = {"cmap": "Greens", "vmin": 0, "vmax": rows.max(), "aspect": "auto"}
        drawn = panel.imshow(row[None], extent=(0, width, bottom, top), **look)
        digit = int(one.labels[int(one.place[step]) - 1])
        words = f"step {step + 1}: “{digit}”"
        panel.text(-2, (top + bottom) / 2, words, ha="right", va="center", fontsize=6.5)
    panel.set_xlim(0, width)
    panel.set_ylim(height + 3 + room, -1)
    style.unframed(panel)
    place = panel.inset_axes((0.55, -0.1, 0.45, 0.035))
    bar = panel.figure.colorbar(
        drawn, cax=place, orientation="horizontal", label="weight of a column"
    )
    bar.outline.set_linewidth(0.4)
    panel.set_title(f"Weights on the strip, “{one.order.values}”")


def _alignment(panel: Any, data: Any) -> None:
    """Share of the weights on each digit, one small matrix an order."""
    style.unframed(panel)
    shares = xr.dot(data.weight, data.box, dim="column").mean(("seed", "strip"))
    count = data.sizes["digit"]
    for number, order in enumerate(data.order.values):
        matrix = shares.sel(order=order).transpose("step", "digit").values
        places = data.place.sel(order=order).values - 1
        row, column = divmod(number, 2)
        inset = panel.inset_axes((0.07 + 0.5 * column, 0.55 - 0.53 * row, 0.38, 0.36))
        inset.imshow(matrix, cmap="Greens", vmin=0, vmax=1, aspect="auto")
        for step, place in enumerate(places):
            value = matrix[step, place]
            look = {"color": "white" if value > 0.5 else style.INK, "fontsize": 5.5}
            words = f"{value:.2f}".lstrip("0")
            inset.text(place, step, words, ha="center", va="center", **look)
        inset.set_title(str(order), fontsize=6.5, pad=2, loc="center")
        inset.set_xticks(range(count), [str(n + 1) for n in range(count)], fontsize=6)
        inset.set_yticks(range(count), [str(n + 1) for n in range(count)], fontsize=6)
        inset.tick_params(length=0, pad=1)
        if row == 1:
            inset.set_xlabel("digit", fontsize=6.5, labelpad=1)
        if column == 0:
            inset.set_ylabel("step", fontsize=6.5, labelpad=1)
    panel.set_title("Share of the weights", pad=6)


def _bar(panel: Any, place: int | float, estimate: Any, **look: Any) -> None:
    """A bar with its interval."""
    low, value, high = (float(estimate.sel(bound=end)) for end in ("low", "value", "high"))
    panel.bar(place, value, **look)
    error = [[value - low], [high - value]]
    panel.errorbar(place, value, error, color=style.INK, lw=0.9, capsize=2)


def _accuracy(panel: Any, data: Any) -> None:
    """Bars with intervals over strips, and a dot for each seed."""
    for place, (name, (colour, _)) in enumerate(LOOKS.items()):
        _bar(panel, place, data.accuracy.sel(reader=name), color=colour, width=0.65, alpha=0.85)
        dots = data.accuracy_by_seed.sel(reader=name).values
        spread = place + 0.22 * np.linspace(-1, 1, len(dots)) if len(dots) > 1 else [place]
        panel.plot(spread, dots, "o", ms=2.6, mfc="white", mec=style.INK, mew=0.6, ls="none")
    panel.axhline(0.1, color=style.GREY, lw=0.7, ls=":")
    words = {"fontsize": 6, "color": style.GREY, "va": "center", "rotation": 90}
    panel.text(1.01, 0.1, "chance", transform=panel.get_yaxis_transform(), **words)
    below = ["learned\nattention", "even\nweights", "last\nstates", "made\neven"]
    panel.set_xticks(range(len(LOOKS)), below, fontsize=6)
    panel.set_ylim(0, 1)
    panel.set_ylabel("Digits read right")
    panel.set_title("Attention reads best")


def _circuits(panel: Any, one: Any) -> None:
    """E rates along the strip at each step, against those without attention."""
    before, after = one.columns_before.values, one.columns.transpose("step", "column").values
    step = 1.15 * max(float(before.max()), float(after.max()))
    for number, row in enumerate(after):
        base = -number * step
        left = float(one.left[int(one.place[number]) - 1])
        panel.fill_between([left, left + 20], base, base + step * 0.95, color="#E4F3EC", lw=0)
        panel.plot(one.column, base + before, color=style.GREY, lw=0.9, label="unattended")
        panel.plot(one.column, base + row, color=style.E, lw=1.2, label="attended")
        panel.text(-2, base + 0.3 * step, f"step {number + 1}", ha="right", fontsize=6.5)
        panel.axhline(base, color=style.PALE, lw=0.5)
    panel.set_xlim(0, one.sizes["x"])
    panel.set_ylim(-(len(after) - 1) * step, step * 1.3)
    style.unframed(panel)
    panel.plot([1, 1], [0.55 * step, 0.55 * step + 5], color=style.INK, lw=1.2)
    panel.text(2.5, 0.55 * step + 2.5, "5 Hz", fontsize=6, va="center")
    handles, labels = panel.get_legend_handles_labels()
    panel.legend(handles[:2], labels[:2], loc="upper right", ncols=2, fontsize=6.5)
    panel.set_title("E rates along the strip, step by step")


def _change(panel: Any, data: Any) -> None:
    """Rates of E and I at the digit read and at the others; naming of the whole strip."""
    interval_bars(panel, 100 * data.rate_change, "at", "population", width=0.4)
    panel.axhline(0, color=style.GREY, lw=0.6, zorder=0)
    panel.set_xticks(range(2), ["digit read", "others"])
    named = 100 * data.naming.sel(bound="value")
    first, then = (float(named.sel(attention=word)) for word in ("unattended", "attended"))
    words = f"strip named as the digit read: {first:.0f} → {then:.0f} %"
    panel.set(xlabel=words, ylabel="Change with attention (%)", title="The circuits follow")
    legend_below(panel, 2)


def _curve(panel: Any, data: Any) -> None:
    """Accuracy on training strips, by epoch and seed."""
    for name in data["trained"].values:
        colour, words = LOOKS[str(name)]
        for number, row in enumerate(data.curve.sel(trained=name).values):
            label = words if number == 0 else None
            panel.plot(data["epoch"], row, color=colour, lw=1.0, label=label)
    panel.set_ylim(0, 1)
    panel.set_xlim(0, data.sizes["epoch"])
    panel.set_xlabel("Epoch of training")
    panel.set_ylabel("Right on training strips")
    panel.set_title("Training, a line a seed")
    panel.legend(loc="lower right", fontsize=6.5)
