"""Figure of `lateral_attention`: who attends to whom, what gains, and what detection gains."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from cortex.attention.inspection import on_image
from cortex.plot import legend_of, style

from . import learned_panels

WORDS = {"self": "self-attention", "graph": "graph attention"}
COLOURS = {"self": style.GREEN, "graph": style.PURPLE}
LEARNING = {"unlearned": 0.4, "learned": 0.95}  # opacity
SHAPE = (7, 7)  # places of a map


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Five panels from the results alone; returns a `Figure`."""
    figure = learned_panels.canvas(115)
    top, below = figure.subfigures(2, 1)
    maps, grouping = top.subplots(1, 2, width_ratios=(2.2, 1))
    gain, rates, detection = below.subplots(1, 3)
    _maps(maps, data)
    _bars(grouping, 100 * data.grouping)
    grouping.set(ylabel="Extra weight to the digit (%)", title="Who attends to whom")
    _bars(gain, 100 * data.gain_apart)
    gain.set(ylabel="Gain on digit minus clutter (%)", title="What gains")
    _rates(rates, 100 * data.rate_change.sel(learning="learned"))
    _detection(detection, data)
    style.letters([maps, grouping, gain, rates, detection])
    return figure


def _example(data: Any) -> int:
    """The image in which learned self-attention sets digit and clutter most apart."""
    gain = data.gain_of.sel(source="self").isel(training=-1)
    apart = gain.sel(kind="digit") - gain.sel(kind="clutter")
    enough = (data.owned.sum("place") >= 4).all("kind")
    return int(np.nanargmax(np.where(enough.values, apart.values, -np.inf)))


def _maps(panel: Any, data: Any) -> None:
    """An image, and over it weights, gain and rollout of both kinds, learned."""
    style.unframed(panel)
    number = _example(data)
    image = data.example.values[number]
    titles = ("weights from\nthe digit", "gain of\nthe drive", "rollout, two\nlayers")
    width, height = 0.225, 0.40
    inset = panel.inset_axes((0.0, 0.28, 0.2, height))
    inset.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    inset.set_title("image", fontsize=6.5, pad=2, loc="center")
    style.unframed(inset)
    for row, source in enumerate(WORDS):
        one = data.sel(source=source).isel(training=-1, image=number)
        shown = (
            (_spread(one.attended, image.shape), "Greens", None),
            (_wide(one.gain.values, image.shape), "PuOr_r", 1.0),
            (_spread(one.rollout, image.shape), "Greens", None),
        )
        for column, (values, colours, middle) in enumerate(shown):
            place = (0.30 + 0.235 * column, 0.50 - 0.49 * row, width, height)
            inset = panel.inset_axes(place)
            limits = {"vmin": 0, "vmax": float(np.quantile(values, 0.995))}
            if middle is not None:
                reach = max(float(np.abs(values - middle).max()), 1e-6)
                limits = {"vmin": middle - reach, "vmax": middle + reach}
            inset.imshow(values, cmap=colours, **limits)
            inset.contour(image, levels=[0.5], colors=style.INK, linewidths=0.5)
            style.unframed(inset)
            if row == 0:
                inset.set_title(titles[column], fontsize=6.5, pad=2, loc="center")
            if column == 0:
                inset.set_ylabel(WORDS[source], fontsize=6.5, labelpad=2)
    panel.set_title("A digit among clutter, learned attention", pad=8)


def _spread(places: Any, shape: tuple[int, ...]) -> np.ndarray:
    """Weights of places over the pixels of the image."""
    return np.asarray(on_image(jnp.asarray(places.values).reshape(SHAPE), shape))


def _wide(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each place as a square of pixels."""
    return np.kron(values, np.ones([n // m for n, m in zip(shape, values.shape, strict=True)]))


def _bars(panel: Any, estimates: Any) -> None:
    """Both kinds of attention, unlearned and learned, with intervals over images."""
    for place, source, learning in _places():
        value, error = _ends(estimates.sel(source=source, learning=learning))
        panel.bar(place, value, 0.44, color=COLOURS[source], alpha=LEARNING[learning])
        panel.errorbar(place, value, error, color=style.INK, lw=0.9, capsize=2)
    panel.axhline(0, color=style.INK, lw=0.6)
    _names(panel)


def _ends(estimate: Any) -> tuple[float, Any]:
    """An estimate, and how far its interval reaches below and above."""
    value, low, high = (float(estimate.sel(bound=end)) for end in ("value", "low", "high"))
    return value, [[value - low], [high - value]]


def _places() -> list[tuple[float, str, str]]:
    return [
        (1.25 * s + 0.52 * k - 0.26, source, learning)
        for s, source in enumerate(WORDS)
        for k, learning in enumerate(LEARNING)
    ]


def _names(panel: Any) -> None:
    places = [place for place, _, _ in _places()]
    panel.set_xticks(places, ["un-\nlearned", "learned"] * len(WORDS), fontsize=6)
    look = {"transform": panel.get_xaxis_transform(), "ha": "center", "va": "top", "fontsize": 6.5}
    for s, source in enumerate(WORDS):
        panel.text(1.25 * s, -0.19, WORDS[source], color=COLOURS[source], **look)


def _rates(panel: Any, change: Any) -> None:
    """Change of E and I rates on the digit and on clutter, learned."""
    for p, (population, colour) in enumerate((("E", style.E), ("I", style.I))):
        for s, source in enumerate(WORDS):
            for kind, alpha, shift in (("digit", 0.95, -0.1), ("clutter", 0.4, 0.1)):
                one = change.sel(population=population, source=source, kind=kind)
                value, error = _ends(one)
                place, label = s + 0.45 * p - 0.22 + shift, f"{population}, {kind}"
                look = {"color": colour, "alpha": alpha, "label": label if s == 0 else None}
                panel.bar(place, value, 0.18, **look)
                panel.errorbar(place, value, error, color=style.INK, lw=0.8, capsize=1.5)
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xticks(range(len(WORDS)), list(WORDS.values()), fontsize=6.5)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.35 * (high - low))
    panel.set(ylabel="Change of rates, learned (%)", title="E and I follow")
    legend_of(panel, loc="upper center", ncols=2, fontsize=6, columnspacing=0.8)


def _detection(panel: Any, data: Any) -> None:
    """Area under the curve without attention, unlearned and learned."""
    low, high = (float(data.auc_before.sel(bound=end)) for end in ("low", "high"))
    none = float(data.auc_before.sel(bound="value"))
    panel.axhspan(low, high, color=style.PALE, alpha=0.6, lw=0)
    panel.axhline(none, color=style.GREY, lw=1.0)
    look = {"textcoords": "offset points", "fontsize": 6, "color": style.GREY, "ha": "center"}
    panel.annotate("no\nattention", (0.62, none), xytext=(0, 3), **look)
    for place, source, learning in _places():
        value, error = _ends(data.auc.sel(source=source, learning=learning))
        look = {"color": COLOURS[source], "alpha": max(LEARNING[learning], 0.5)}
        panel.errorbar(place, value, error, marker="o", ms=5, lw=1.2, capsize=2, **look)
    panel.margins(y=0.1)
    panel.set_xlim(-0.6, 1.85)
    _names(panel)
    panel.set(ylabel="Area under the ROC curve", title="Detection among clutter")
