"""Figure of `glimpses`: where a network learns to look, and what circuits do there.

**a**, six glimpses at three images with learned and random places. **b**, right answers by the
number of glimpses. **c**, distance of the glimpse to the digit; grey is on the digit. **d**, E
rates without attention and their change by windows at the last learned and random glimpse. **e**,
rates of E and I on and off the digit relative to no attention, by where the window is. **f**,
images in which the digit's detector is the strongest, with a window on the whole image (covert) and
with the part around the place cut out (overt). n: 3 networks, 1,000 images (**b**, **c**) and 200
(**e**, **f**); thin lines and small dots are single networks; bars and bands are 95 % bootstrap
intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, legend_below, style

LOOKS = {
    "learned": (style.GREEN, "o", "learned places"),
    "random": (style.GREY, "s", "random places"),
    "digit": (style.INK, "D", "the digit's place"),
    "centre": (style.OLIVE, "v", "one central glimpse"),
}
SHOWN = 3


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Glimpses on top, circuits below; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=118.0, width_ratios=(1.15, 1.0, 1.0))
    (examples, accuracy, distance), (maps, rates, detection) = panels
    chosen = _examples(data)
    _paths(examples, data, chosen)
    _accuracy(accuracy, data)
    _distance(distance, settings, data)
    _maps(maps, data, chosen)
    _rates(rates, data)
    _detection(detection, data)
    style.letters(panels.flat)
    return figure


def _examples(data: Any) -> np.ndarray:
    """Of the images kept, those with the digit farthest from the centre."""
    count = min(data.sizes["drawn"], data.sizes["case"])
    away = np.abs(data["digit"].values[:count] - 0.5).max(-1)
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


def _accuracy(panel: Any, data: Any) -> None:
    looks = {name: {"color": LOOKS[name][0], "marker": LOOKS[name][1]} for name in LOOKS}
    looks["centre"] = {"color": style.OLIVE, "ls": "--"}
    names = {name: words for name, (_, _, words) in LOOKS.items()}
    by_seed = 100 * data.right.mean("image")
    for policy in ("learned", "random"):
        for one in by_seed.sel(policy=policy):
            panel.plot(data.glimpse, one, color=LOOKS[policy][0], lw=0.5, alpha=0.7)
    percent = (100 * data.accuracy).assign_attrs(units="%", long_name="right answers")
    curves(panel, percent, "glimpse", "policy", looks=looks, names=names)
    panel.set_xticks(data.glimpse.values)
    panel.set_xlim(0.8, data.glimpse.values[-1] + 0.2)
    panel.set_ylim(0, 100)
    panel.set_title("Accuracy by glimpses")
    legend_below(panel, 2)


def _distance(panel: Any, settings: Any, data: Any) -> None:
    words = "last glimpse on the digit:"
    for policy in ("learned", "random"):
        colour, marker, _ = LOOKS[policy]
        by_seed = data.distance.sel(policy=policy).mean("image")
        panel.plot(data.glimpse, by_seed.T, color=colour, lw=0.5, alpha=0.7)
        panel.plot(data.glimpse, by_seed.mean("seed"), color=colour, marker=marker)
        share = float(data.on_digit.sel(policy=policy).isel(glimpse=-1).mean())
        words += f"\n{policy} {style.percent(share)}"
    panel.axhspan(0, settings.on_digit, color=style.PALE, alpha=0.5, lw=0, zorder=0)
    panel.text(0.97, 0.62, words, transform=panel.transAxes, ha="right", va="center")
    panel.set_xticks(data.glimpse.values)
    panel.set(xlabel="Number of glimpses", ylabel="Distance to the digit (px)", ylim=(0, None))
    panel.set_title("Where glimpses go")


def _maps(panel: Any, data: Any, chosen: np.ndarray) -> None:
    """E rates without attention, and their change under two windows, for the same images."""
    windows = ("learned", "random")
    rates = data.rates.sel(population="E").isel(seed=0, case=chosen)
    grid = _insets(panel, SHOWN, 1 + len(windows))
    before = rates.sel(where="centre").values
    change = [rates.sel(where=window).values - before for window in windows]
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


def _rates(panel: Any, data: Any) -> None:
    """E and I on the digit and off it, relative to no attention."""
    cases = [(population, part) for part in ("on", "off") for population in "EI"]
    for k, (population, part) in enumerate(cases):
        rate = data.rate.sel(population=population, part=part)
        before = float(rate.sel(where="centre", bound="value"))
        for j, window in enumerate(("random", "learned", "digit")):
            colour, marker, words = LOOKS[window]
            look = {
                "color": colour,
                "fmt": marker,
                "elinewidth": 1.0,
                "label": None if k else words,
            }
            _estimate(panel, k + 0.24 * (j - 1), rate.sel(where=window) / before, **look)
    panel.axhline(1, color=style.PALE, lw=1, zorder=0)
    panel.set_xticks(range(len(cases)), [f"{p}, {part}" for p, part in cases])
    for tick, (population, _) in zip(panel.get_xticklabels(), cases, strict=True):
        tick.set_color(style.E if population == "E" else style.I)
    panel.set_xlabel("Population, on or off the digit")
    panel.set_ylabel("Rate (× unattended)")
    panel.set_title("The window moves E and I rates")
    legend_below(panel, title="window at")


def _estimate(panel: Any, at: float, estimate: Any, **look: Any) -> None:
    low, value, high = (float(estimate.sel(bound=end)) for end in ("low", "value", "high"))
    panel.errorbar(at, value, [[value - low], [high - value]], **look)


def _detection(panel: Any, data: Any) -> None:
    """How often the digit's detector has the largest logit, by where attention is."""
    share, by_seed = 100 * data.detection.sel(quantity="chosen"), 100 * data.chosen.mean("case")
    ticks, at = [], 0.0
    for looking, first in (("covert", "none"), ("overt", "centre")):
        for where in ("centre", "random", "learned", "digit"):
            colour, marker, _ = LOOKS[where]
            look = {"color": colour, "fmt": marker, "ms": 5, "elinewidth": 1.2}
            _estimate(panel, at, share.sel(looking=looking, where=where), **look)
            if where in ("learned", "random"):
                values = by_seed.sel(looking=looking, where=where)
                beside = at + 0.25 * np.linspace(-1, 1, len(values))
                panel.plot(beside, values, color=colour, ls="", marker=".", ms=3, alpha=0.6)
            ticks.append((at, first if where == "centre" else where))
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
