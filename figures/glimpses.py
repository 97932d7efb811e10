"""Figure of `glimpses`: where a network learns to look, and what circuits do there.

**a**, six glimpses at three images with learned and random places. **b**, right answers by the
number of glimpses. **c**, distance of the glimpse to the digit; grey is on the digit. **d**, E
rates without attention and their change by windows at the last learned and random glimpse. **e**,
rates of E and I on and off the digit relative to no attention, by where the window is. **f**,
images in which the digit's detector is the strongest, with a window on the whole image (covert) and
with the part around the place cut out (overt). n: 3 networks, 1,000 images (**b**, **c**) and 200
(**e**, **f**); thin lines are single networks; bars and bands are 95 % bootstrap
intervals.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, interval_bars, legend_below, merged, style

LOOKS = {
    "learned": (style.ATTENDED, "o", "learned places"),
    "random": (style.GREY, "s", "random places"),
    "digit": (style.INK, "D", "the digit's place"),
    "centre": (style.OLIVE, "v", "centre, or none"),
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
            inset.spines[:].set(visible=True, color=style.PALE)
        row[0].set_ylabel(LOOKS[policy][2].replace(" ", "\n"), fontsize=7, color=colour)
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
    words = "last one on digit:"
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
    rates = data.rates.sel(population="E").isel(seed=0, case=chosen)
    grid = _insets(panel, SHOWN, 3)
    before = rates.sel(where="centre")
    shown = {"E rate": before}
    shown |= {f"Δ, {name}": rates.sel(where=name) - before for name in ("learned", "random")}
    reach = max(float(np.abs(change).max()) for change in list(shown.values())[1:]) or 1.0
    for column, (title, values) in enumerate(shown.items()):
        look = {"cmap": "gray_r", "vmin": 0} if column == 0 else {"cmap": "RdBu_r", "vmin": -reach}
        look["vmax"] = reach if column else float(before.max()) or 1.0
        for row, one in zip(grid, values.transpose("case", ...).values, strict=True):
            image = row[column].imshow(one, **look)
            row[column].spines[:].set(visible=True, color=style.PALE)
        grid[0][column].set_title(title, fontsize=7, loc="center", pad=2)
        if column < 2:
            place = panel.inset_axes((0.02 + column * 0.5, -0.08, 0.27, 0.03))
            bar = panel.figure.colorbar(image, cax=place, orientation="horizontal")
            bar.set_label("Hz", labelpad=1)
            bar.outline.set_linewidth(0.4)


def _rates(panel: Any, data: Any) -> None:
    """E and I on the digit and off it, relative to no attention."""
    change = data.rate / data.rate.sel(where="centre", bound="value", drop=True)
    change = change.sel(where=["random", "learned", "digit"])
    looks = {where: {"color": c, "fmt": m} for where, (c, m, _) in LOOKS.items()}
    names = {where: words for where, (_, _, words) in LOOKS.items()}
    cases = merged(change, "case", ("part", "population"), "{1}, {0}".format)
    interval_bars(panel, cases, "case", "where", looks=looks, names=names)
    panel.axhline(1, color=style.GREY, lw=0.6, zorder=0)
    panel.set(xlabel="Population, on or off the digit", ylabel="Rate (× unattended)")
    panel.set_title("The window moves E and I rates")
    legend_below(panel, title="window at")


def _detection(panel: Any, data: Any) -> None:
    """How often the digit's detector has the largest logit, by where attention is."""
    share = 100 * data.detection.sel(quantity="chosen", where=list(LOOKS))
    looks = {where: {"color": c, "fmt": m} for where, (c, m, _) in LOOKS.items()}
    names = {where: words for where, (_, _, words) in LOOKS.items()}
    interval_bars(panel, share, "looking", "where", looks=looks, names=names)
    panel.axhline(10, color=style.GREY, lw=0.6, ls=(0, (3, 2)), zorder=0)
    place = {"transform": panel.get_yaxis_transform(), "ha": "right", "va": "top"}
    panel.text(0.99, 9, "chance", color=style.GREY, **place)
    words = {"covert": "window on\nthe whole", "overt": "cut around\nthe place"}
    panel.set_xticks(range(2), [words[str(name)] for name in share["looking"].values])
    panel.set(xlabel="", ylim=(0, 100), ylabel="Its detector strongest (%)")
    panel.set_title("What detectors make of it")
    legend_below(panel, 2)
