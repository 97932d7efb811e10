"""Figure of `glimpses`: where a network learns to look, and what circuits do there."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

LOOKS = {
    "learned": (style.GREEN, "o", "learned places"),
    "random": (style.ORANGE, "s", "random places"),
    "digit": (style.PURPLE, "D", "the digit's place"),
    "none": (style.GREY, "^", "none"),
    "centre": (style.GREY, "v", "the centre"),
}
SHOWN = 3


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Glimpses on top, circuits below.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.glimpses`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=118.0, width_ratios=(1.15, 1.0, 1.0))
    (examples, accuracy, distance), (maps, rates, detection) = panels
    chosen = _examples(data)
    _paths(examples, data, chosen)
    _accuracy(accuracy, config, data)
    _distance(distance, config, data)
    _maps(maps, data, chosen)
    _rates(rates, config, data)
    _detection(detection, config, data)
    style.letters(panels.flat)
    return figure


def _examples(data: Any) -> np.ndarray:
    """Of the images kept, those with the digit farthest from the centre."""
    away = np.abs(data["digit"].values[: data.sizes["drawn"]] - 0.5).max(-1)
    return np.argsort(-away)[:SHOWN]


def _insets(panel: Any, rows: int, columns: int) -> list[list[Any]]:
    """Images in a grid that fills the panel."""
    panel.axis("off")
    width, height = 1 / columns, 1 / rows
    return [
        [
            style.unframed(
                panel.inset_axes(
                    (c * width + 0.01, 1 - (r + 1) * height + 0.01, width - 0.02, height - 0.02)
                )
            )
            for c in range(columns)
        ]
        for r in range(rows)
    ]


def _paths(panel: Any, data: Any, chosen: np.ndarray) -> None:
    """Glimpses of the first seed, learned above, random below."""
    side = data.sizes["y"]
    for row, policy in zip(_insets(panel, 2, SHOWN), ("learned", "random"), strict=True):
        colour = LOOKS[policy][0]
        for inset, number in zip(row, chosen, strict=True):
            inset.imshow(data["example"].values[number], cmap="gray_r", vmin=0, vmax=1.6)
            one = data["place"].isel(seed=0, image=int(number)).sel(policy=policy).values
            at = np.clip(one, 0, 1) * side - 0.5
            inset.plot(at[:, 1], at[:, 0], color=colour, lw=0.8, marker="o", ms=2.5)
            inset.plot(*at[0, ::-1], color=colour, marker="o", mfc="white", ms=4)
            inset.plot(*at[-1, ::-1], color=colour, marker="*", mec=style.INK, mew=0.4, ms=8)
            inset.set_xlim(-0.5, side - 0.5)
            inset.set_ylim(side - 0.5, -0.5)
            for spine in inset.spines.values():
                spine.set_visible(True)
                spine.set_color(style.PALE)
        row[0].set_ylabel(LOOKS[policy][2], fontsize=7, color=colour)
    panel.set_title("Six glimpses each (○ first, ★ last)")


def _band(values: np.ndarray, config: Any) -> tuple[Any, Any, Any]:
    """Mean over seeds and images (seed, image, ...), with its bootstrap interval over images."""
    rng = np.random.default_rng(config.seed)
    own = values.mean(0)
    drawn = rng.integers(0, len(own), (200, len(own)))
    tail = 50 * (1 - config.statistics.level)
    low, high = np.percentile(own[drawn].mean(1), (tail, 100 - tail), axis=0)
    return own.mean(0), low, high


def _course(panel: Any, config: Any, data: Any, name: str, policy: str, scale: float = 1.0) -> None:
    values = data[name].sel(policy=policy).transpose("seed", "image", "glimpse").values * scale
    colour, marker, words = LOOKS[policy]
    glimpses = data["glimpse"].values
    mean, low, high = _band(values, config)
    panel.fill_between(glimpses, low, high, color=colour, alpha=0.2, lw=0)
    for seed in values.mean(1):
        panel.plot(glimpses, seed, color=colour, lw=0.5, alpha=0.7)
    panel.plot(glimpses, mean, color=colour, marker=marker, label=words)
    panel.set_xticks(glimpses)
    panel.set_xlabel("Number of glimpses")


def _accuracy(panel: Any, config: Any, data: Any) -> None:
    for policy in ("learned", "random"):
        _course(panel, config, data, "right", policy, 100.0)
    once = data["right_centre"].transpose("seed", "image").values * 100
    mean, low, high = _band(once, config)
    panel.axhspan(low, high, color=style.GREY, alpha=0.2, lw=0)
    panel.axhline(mean, color=style.GREY, ls="--", label="one central glimpse")
    panel.set_ylabel("Right answers (%)")
    panel.set_ylim(0, 100)
    panel.set_title("Accuracy by glimpses")
    panel.legend(loc="lower right")


def _distance(panel: Any, config: Any, data: Any) -> None:
    for policy in ("learned", "random"):
        _course(panel, config, data, "distance", policy)
    panel.axhspan(0, config.images.on_digit, color=style.PALE, alpha=0.5, lw=0, zorder=0)
    last = data["on_digit"].isel(glimpse=-1)
    words = "last glimpse on the digit:"
    for policy in ("learned", "random"):
        words += f"\n{policy} {float(last.sel(policy=policy).mean()):.0%}"
    panel.text(0.97, 0.62, words, transform=panel.transAxes, ha="right", va="center")
    panel.set_ylim(0, None)
    panel.set_ylabel("Distance to the digit (px)")
    panel.set_title("Where glimpses go")


def _maps(panel: Any, data: Any, chosen: np.ndarray) -> None:
    """E rates without attention, and their change under two windows, for the same images."""
    windows = ("none", "learned", "random")
    rates = data["example_E"].isel(seed=0, drawn=chosen)
    grid = _insets(panel, SHOWN, len(windows))
    before = rates.sel(window="none").values
    change = [rates.sel(window=w).values - before for w in windows[1:]]
    reach = np.max(np.abs(change))
    for r, row in enumerate(grid):
        row[0].imshow(before[r], cmap="gray_r", vmin=0, vmax=before.max())
        for inset, one in zip(row[1:], change, strict=True):
            inset.imshow(one[r], cmap="RdBu_r", vmin=-reach, vmax=reach)
        for inset in row:
            for spine in inset.spines.values():
                spine.set_visible(True)
                spine.set_color(style.PALE)
    titles = ("E rate", "Δ, learned", "Δ, random")
    for inset, words in zip(grid[0], titles, strict=True):
        inset.set_title(words, fontsize=7, loc="center", pad=2)
    words = f"white to black: 0 to {before.max():.0f} Hz; blue to red: ±{reach:.0f} Hz"
    panel.text(0.5, -0.02, words, transform=panel.transAxes, ha="center", va="top", fontsize=6.5)


def _rates(panel: Any, config: Any, data: Any) -> None:
    """E and I on the digit and off it, relative to no attention."""
    cases = [("E", "on"), ("I", "on"), ("E", "off"), ("I", "off")]
    windows = ("random", "learned", "digit")
    for k, (population, where) in enumerate(cases):
        name = f"rate_{population}_{where}"
        before = float(data[name].sel(window="none").mean())
        for j, window in enumerate(windows):
            values = data[name].sel(window=window).transpose("seed", "case").values / before
            mean, low, high = _band(values, config)
            colour, marker, words = LOOKS[window]
            x = k + 0.24 * (j - 1)
            panel.plot(x, mean, color=colour, marker=marker, ls="", label=None if k else words)
            panel.vlines(x, low, high, color=colour, lw=1)
    panel.axhline(1, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(len(cases)), [f"{p}, {where}" for p, where in cases])
    for tick, (population, _) in zip(panel.get_xticklabels(), cases, strict=True):
        tick.set_color(style.E if population == "E" else style.I)
    panel.set_xlabel("Population, on or off the digit")
    panel.set_ylabel("Rate (× unattended)")
    panel.set_title("The window moves E and I rates")
    panel.set_ylim(0.4, 4.2)
    panel.legend(loc="upper right", title="window at", alignment="left")


def _detection(panel: Any, config: Any, data: Any) -> None:
    """How often the digit's detector has the largest logit, by where attention is."""
    groups = (
        ("chosen", "window", ("none", "random", "learned", "digit")),
        ("cut_chosen", "fixated", ("centre", "random", "learned", "digit")),
    )
    ticks, at = [], 0.0
    for name, axis, order in groups:
        for where in order:
            values = data[name].sel({axis: where}).transpose("seed", "case").values * 100
            mean, low, high = _band(values, config)
            colour, marker, _ = LOOKS[where]
            panel.plot(at, mean, color=colour, marker=marker, ms=5)
            panel.vlines(at, low, high, color=colour, lw=1.2)
            if where in ("learned", "random"):
                beside = at + 0.25 * np.linspace(-1, 1, len(values))
                panel.plot(beside, values.mean(1), color=colour, ls="", marker=".", ms=3, alpha=0.6)
            ticks.append((at, where))
            at += 1
        at += 0.7
    panel.axhline(10, color=style.PALE, lw=1, zorder=0)
    panel.text(at - 1, 9, "chance", color=style.GREY, ha="right", va="top")
    panel.set_ylim(0, 100)
    panel.set_xlim(-0.6, at - 0.9)
    panel.set_xticks([x for x, _ in ticks], [words for _, words in ticks], rotation=40, ha="right")
    panel.tick_params(axis="x", pad=1)
    for x, words in ((1.5, "window on\nthe whole"), (6.2, "cut around\nthe place")):
        panel.text(x, 97, words, ha="center", va="top")
    panel.axvline(3.85, color=style.PALE, lw=1)
    panel.set_ylabel("Digit's detector strongest (%)")
    panel.set_title("What detectors make of it")
