"""Figure of `lateral_attention`: who attends to whom, what gains, and what detection gains."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
from cortex.sims.lateral_attention import SHAPE, SOURCES, WORDS, rollout_on_image, statistics

from cortex.attention.inspection import on_image
from cortex.plot import style

COLOURS = {"self": style.GREEN, "graph": style.PURPLE}
KINDS = {"unlearned": 0.4, "learned": 0.95}  # opacity


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.lateral_attention`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    found = statistics(config, data)
    figure, panels = style.figure(2, 3, height=112.0, width_ratios=(1.5, 1.0, 1.0))
    (maps, grouping, gain), (curve, rates, detection) = panels
    _maps(maps, data)
    _bars(grouping, found, "grouping", 100)
    grouping.set_ylabel("Extra weight to the digit (%)")
    grouping.set_title("Who attends to whom")
    _bars(gain, found, "gain_apart", 100)
    gain.set_ylabel("Gain on digit minus clutter (%)")
    gain.set_title("What gains")
    _curve(curve, data)
    _rates(rates, found)
    _detection(detection, found)
    style.letters(panels.flat)
    return figure


def _example(data: Any) -> int:
    """The image in which learned self-attention sets digit and clutter most apart."""
    apart = (data["gain_on"] - data["gain_off"]).sel(source="self").isel(training=-1)
    enough = (data["on"].sum("place") >= 4) & (data["off"].sum("place") >= 4)
    return int(np.nanargmax(np.where(enough.values, apart.values, -np.inf)))


def _maps(panel: Any, data: Any) -> None:
    """An image, and over it weights, gain and rollout of both kinds, learned."""
    style.unframed(panel)
    example, training = _example(data), str(data["training"].values[-1])
    image = data["shown"].values[example]
    titles = ("weights from\nthe digit", "gain of\nthe drive", "rollout, two\nlayers")
    width, height = 0.225, 0.40
    inset = panel.inset_axes((0.0, 0.28, 0.2, height))
    inset.imshow(image, cmap="gray_r", vmin=0, vmax=1)
    inset.set_title("image", fontsize=6.5, pad=2, loc="center")
    style.unframed(inset)
    for row, source in enumerate(SOURCES):
        one = data.sel(source=source, training=training).isel(image=example)
        weights = on_image(jnp.asarray(one["weights_on"].values).reshape(SHAPE), image.shape)
        shown = (
            (np.asarray(weights), "Greens", None),
            (_wide(one["gain"].values, image.shape), "PuOr_r", 1.0),
            (rollout_on_image(data, source, training, example), "Greens", None),
        )
        for column, (values, colours, middle) in enumerate(shown):
            place = (0.30 + 0.235 * column, 0.50 - 0.49 * row, width, height)
            inset = panel.inset_axes(place)
            if middle is None:
                limits = {"vmin": 0, "vmax": float(np.quantile(values, 0.995))}
            else:
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


def _wide(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Each place as a square of pixels."""
    return np.kron(values, np.ones([n // m for n, m in zip(shape, values.shape, strict=True)]))


def _bars(panel: Any, found: Any, name: str, scale: int) -> None:
    """Both kinds of attention, unlearned and learned, with intervals over images."""
    for s, source in enumerate(SOURCES):
        for k, (kind, alpha) in enumerate(KINDS.items()):
            _bar(panel, _place(s, k), found[f"{name}[{source},{kind}]"], scale, source, alpha)
    panel.axhline(0, color=style.INK, lw=0.6)
    _names(panel)


def _bar(panel: Any, place: float, found: Any, scale: int, source: str, alpha: float) -> None:
    value, low, high = (scale * x for x in found)
    panel.bar(place, value, 0.44, color=COLOURS[source], alpha=alpha)
    error = [[value - low], [high - value]]
    panel.errorbar(place, value, error, color=style.INK, lw=0.9, capsize=2)


def _place(s: int, k: int) -> float:
    return 1.25 * s + 0.52 * k - 0.26


def _names(panel: Any) -> None:
    places = [_place(s, k) for s in range(len(SOURCES)) for k in range(len(KINDS))]
    panel.set_xticks(places, ["un-\nlearned", "learned"] * len(SOURCES), fontsize=6)
    for s, source in enumerate(SOURCES):
        panel.text(
            1.25 * s, -0.19, WORDS[source], transform=panel.get_xaxis_transform(),
            ha="center", va="top", fontsize=6.5, color=COLOURS[source],
        )  # fmt: skip


def _rates(panel: Any, found: Any) -> None:
    """Change of E and I rates on the digit and on clutter, learned."""
    for p, (population, colour) in enumerate((("E", style.E), ("I", style.I))):
        for s, source in enumerate(SOURCES):
            for where, alpha, shift in (("on", 0.95, -0.1), ("off", 0.4, 0.1)):
                value, low, high = (
                    100 * x for x in found[f"{population}_{where}[{source},learned]"]
                )
                place = s + 0.45 * p - 0.22 + shift
                label = {"on": "digit", "off": "clutter"}[where]
                panel.bar(
                    place, value, 0.18, color=colour, alpha=alpha,
                    label=f"{population}, {label}" if s == 0 else None,
                )  # fmt: skip
                panel.errorbar(
                    place, value, [[value - low], [high - value]], color=style.INK, lw=0.8,
                    capsize=1.5,
                )  # fmt: skip
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xticks(range(len(SOURCES)), [WORDS[source] for source in SOURCES], fontsize=6.5)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.35 * (high - low))
    panel.legend(loc="upper center", ncols=2, fontsize=6, columnspacing=0.8)
    panel.set_ylabel("Change of rates, learned (%)")
    panel.set_title("E and I follow")


def _detection(panel: Any, found: Any) -> None:
    """Area under the curve without attention, unlearned and learned."""
    value, low, high = found["auc[none]"]
    panel.axhspan(low, high, color=style.PALE, alpha=0.6, lw=0)
    panel.axhline(value, color=style.GREY, lw=1.0)
    panel.annotate(
        "no\nattention", (0.62, value), xytext=(0, 3), textcoords="offset points", fontsize=6,
        color=style.GREY, ha="center",
    )  # fmt: skip
    ends = [low, high]
    for s, source in enumerate(SOURCES):
        for k, (kind, alpha) in enumerate(KINDS.items()):
            value, low, high = found[f"auc[{source},{kind}]"]
            ends += [low, high]
            panel.errorbar(
                _place(s, k), value, [[value - low], [high - value]], color=COLOURS[source],
                alpha=max(alpha, 0.5), marker="o", ms=5, lw=1.2, capsize=2,
            )  # fmt: skip
    panel.set_xlim(-0.6, 1.85)
    panel.set_ylim(min(ends) - 0.03, max(ends) + 0.03)
    _names(panel)
    panel.set_ylabel("Area under the ROC curve")
    panel.set_title("Detection among clutter")


def _curve(panel: Any, data: Any) -> None:
    """Right choices on training images, by epoch and seed."""
    for source in SOURCES:
        for number, row in enumerate(data["curve"].sel(source=source).values):
            label = WORDS[source] if number == 0 else None
            panel.plot(
                data["epoch"], row, color=COLOURS[source], marker="o", ms=2.5, lw=1, label=label
            )
    panel.set_xlabel("Epoch of training")
    panel.set_xticks([1, *range(5, data.sizes["epoch"] + 1, 5)])
    panel.set_ylabel("Places set apart rightly")
    panel.set_title("Training, a line a seed")
    panel.legend(loc="lower right")
