"""Figure of `sequence_reading`: the alignment, what it is worth, and what it does to circuits."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

LOOKS = {
    "content": (style.GREEN, "learned attention"),
    "even": (style.ORANGE, "all columns alike"),
    "last": (style.GREY, "last states alone"),
    "flattened": (style.PURPLE, "learned, then\nmade even"),
}


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.sequence_reading`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=112.0, width_ratios=(1.45, 1.0, 1.0))
    (strip, alignment, accuracy), (circuits, change, curve) = panels
    found = {m.name: m for m in measures}
    example = _example(config, data)
    _strip(strip, config, data, example)
    _alignment(alignment, data)
    _accuracy(accuracy, config, data, found)
    _circuits(circuits, config, data, example)
    _change(change, config, data, found)
    _curve(curve, data)
    style.letters(panels.flat)
    return figure


def _example(config: Any, data: Any) -> int:
    """The first strip that the first seed reads without a mistake in the order attended."""
    right = data["right"].sel(reader="content").isel(seed=0, order=config.attention.order - 1)
    return int(np.argmax(right.values.all(axis=1)))


def _strip(panel: Any, config: Any, data: Any, example: int) -> None:
    """The strip, and below it the weights of each step over its columns."""
    image = data["image"].values[example]
    weights = data["weights"].isel(seed=0, strip=example).values
    height, width = image.shape
    steps = len(weights)
    panel.imshow(image, cmap="gray_r", extent=(0, width, height, 0), aspect="auto")
    room = 1.1 * height
    for step, row in enumerate(weights):
        top = height + 3 + step * room / steps
        panel.imshow(
            row[None],
            cmap="Greens",
            vmin=0,
            vmax=weights.max(),
            extent=(0, width, top + room / steps - 1.5, top),
            aspect="auto",
        )
        label = int(data["labels"].values[example, _places(config, data)[step]])
        words = f"step {step + 1}: “{label}”"
        place = top + room / steps / 2
        panel.text(-2, place, words, ha="right", va="center", fontsize=6.5)
    panel.set_xlim(0, width)
    panel.set_ylim(height + 3 + room, -1)
    style.unframed(panel)
    order = str(data["order"].values[config.attention.order - 1])
    panel.set_title(f"Weights on the strip, “{order}”")


def _places(config: Any, data: Any) -> np.ndarray:
    return np.asarray(data["places"].values[config.attention.order - 1])


def _alignment(panel: Any, data: Any) -> None:
    """Share of the weights on each digit, one small matrix an order."""
    style.unframed(panel)
    shares = data["share"].mean(("seed", "strip")).values
    count = shares.shape[1]
    for number, (matrix, order) in enumerate(zip(shares, data["order"].values, strict=True)):
        row, column = divmod(number, 2)
        inset = panel.inset_axes((0.07 + 0.5 * column, 0.55 - 0.53 * row, 0.38, 0.36))
        inset.imshow(matrix, cmap="Greens", vmin=0, vmax=1, aspect="auto")
        places = data["places"].values[number]
        for step in range(count):
            value = matrix[step, places[step]]
            colour = "white" if value > 0.5 else style.INK
            inset.text(
                places[step], step, f".{round(100 * value):02d}", color=colour, fontsize=5.5,
                ha="center", va="center",
            )  # fmt: skip
        inset.set_title(str(order), fontsize=6.5, pad=2, loc="center")
        inset.set_xticks(range(count), [str(n + 1) for n in range(count)], fontsize=6)
        inset.set_yticks(range(count), [str(n + 1) for n in range(count)], fontsize=6)
        inset.tick_params(length=0, pad=1)
        if row == 1:
            inset.set_xlabel("digit", fontsize=6.5, labelpad=1)
        if column == 0:
            inset.set_ylabel("step", fontsize=6.5, labelpad=1)
    panel.set_title("Share of the weights", pad=6)


def _accuracy(panel: Any, config: Any, data: Any, found: Any) -> None:
    """Bars with intervals over strips, and a dot for each seed."""
    by_seed = data["right"].astype(float).mean(("order", "strip", "step"))
    for place, (name, (colour, _)) in enumerate(LOOKS.items()):
        measure = found[f"accuracy[{name}]"]
        low, high = _interval(measure.note)
        panel.bar(place, measure.value, color=colour, width=0.65, alpha=0.85)
        error = [[measure.value - low], [high - measure.value]]
        panel.errorbar(place, measure.value, error, color=style.INK, lw=0.9, capsize=2)
        dots = by_seed.sel(reader=name).values
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


def _interval(note: str) -> tuple[float, float]:
    low, high = note.rpartition(": ")[2].split(" to ")
    return float(low), float(high)


def _circuits(panel: Any, config: Any, data: Any, example: int) -> None:
    """E rates along the strip at each step, against those without attention."""
    here = data.isel(seed=0, strip=example)
    column = data["column"].values
    before, after = here["columns_before"].values, here["columns"].values
    step = 1.15 * max(float(before.max()), float(after.max()))
    lefts, places = data["left"].values[example], _places(config, data)
    for number, row in enumerate(after):
        base = -number * step
        left = lefts[places[number]]
        panel.fill_between([left, left + 20], base, base + step * 0.95, color="#E4F3EC", lw=0)
        panel.plot(column, base + before, color=style.GREY, lw=0.9, label="unattended")
        panel.plot(column, base + row, color=style.E, lw=1.2, label="attended")
        panel.text(-2, base + 0.3 * step, f"step {number + 1}", ha="right", fontsize=6.5)
        panel.axhline(base, color=style.PALE, lw=0.5)
    panel.set_xlim(0, data.sizes["x"])
    panel.set_ylim(-(len(after) - 1) * step, step * 1.3)
    style.unframed(panel)
    panel.plot([1, 1], [0.55 * step, 0.55 * step + 5], color=style.INK, lw=1.2)
    panel.text(2.5, 0.55 * step + 2.5, "5 Hz", fontsize=6, va="center")
    handles, labels = panel.get_legend_handles_labels()
    panel.legend(handles[:2], labels[:2], loc="upper right", ncols=2, fontsize=6.5)
    panel.set_title("E rates along the strip, step by step")


def _change(panel: Any, config: Any, data: Any, found: Any) -> None:
    """Rates of E and I at the digit read and at the others; naming of the whole strip."""
    for place, (population, colour) in enumerate((("E", style.E), ("I", style.I))):
        for shift, where in ((-0.19, "asked"), (0.19, "others")):
            measure = found[f"change_{population}[{where}]"]
            low, high = (100 * end for end in _interval(measure.note))
            value = 100 * measure.value
            alpha = 0.95 if where == "asked" else 0.4
            panel.bar(place + shift, value, 0.36, color=colour, alpha=alpha)
            error = [[value - low], [high - value]]
            panel.errorbar(place + shift, value, error, color=style.INK, lw=0.9, capsize=2)
            side = "top" if value < 0 else "bottom"
            gap = -4 if value < 0 else 4
            panel.annotate(
                {"asked": "digit read", "others": "others"}[where],
                (place + shift, low if value < 0 else high),
                xytext=(0, gap),
                textcoords="offset points",
                fontsize=6,
                ha="center",
                va=side,
            )
    panel.axhline(0, color=style.INK, lw=0.6)
    low, high = panel.get_ylim()
    panel.set_ylim(low - 0.12 * (high - low), high + 0.45 * (high - low))
    panel.set_xticks([0, 1], ["E rates", "I rates"])
    panel.set_ylabel("Change with attention (%)")
    names = [found[f"named[{when}]"].value for when in ("unattended", "attended")]
    panel.set_title("The circuits follow")
    panel.text(
        0.98,
        0.98,
        f"strip named as the digit read:\n{100 * names[0]:.0f} % → {100 * names[1]:.0f} %",
        transform=panel.transAxes,
        fontsize=6.5,
        ha="right",
        va="top",
    )


def _curve(panel: Any, data: Any) -> None:
    """Accuracy on training strips, by epoch and seed."""
    for name in data["trained"].values:
        colour, words = LOOKS[str(name)]
        for number, row in enumerate(data["curve"].sel(trained=name).values):
            label = words if number == 0 else None
            panel.plot(data["epoch"], row, color=colour, lw=1.0, label=label)
    panel.set_ylim(0, 1)
    panel.set_xlim(0, data.sizes["epoch"])
    panel.set_xlabel("Epoch of training")
    panel.set_ylabel("Right on training strips")
    panel.set_title("Training, a line a seed")
    panel.legend(loc="lower right", fontsize=6.5)
