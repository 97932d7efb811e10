"""Figure of `saccades_and_tasks`: scan paths by task, how alike they are, and what they tell."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.ticker import PercentFormatter

from cortex.plot import style


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Twelve panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.saccades_and_tasks`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(3, 4, height=128.0, height_ratios=(1.05, 0.7, 1))
    chosen = _chosen([str(task) for task in data["task"].values])
    crowd = str(data["crowd"].values[0])
    photo = str(data["image"].values[data.sizes["crowd"]])
    for row, image, name in ((0, crowd, "crowd_image"), (1, photo, "photograph")):
        for panel, task in zip(panels[row], chosen, strict=False):
            _path(panel, data, image, data[name].values, task, titled=row == 0)
        for panel in panels[row][len(chosen) :]:
            panel.axis("off")
    _matrix(figure, panels[2, 0], data)
    _within(panels[2, 1], data)
    _decoded(panels[2, 2], data)
    _sought(panels[2, 3], data)
    style.letters(panels.flat)
    return figure


def _chosen(tasks: list[str]) -> list[str]:
    """Four tasks as unlike as there are."""
    order = ("free", "red", "blue", "vertical", "horizontal", "green")
    return [task for task in (*order, *tasks) if task in tasks][:4]


def _path(panel: Any, data: Any, image: str, picture: Any, task: str, titled: bool) -> None:
    """Fixations of all observers as dots, and the path of the first."""
    shown = np.moveaxis(picture, 0, -1)
    height, width = shown.shape[:2]
    style.unframed(panel).imshow(np.clip(shown, 0, 1), extent=(0, width, height, 0))
    places = data["places"].sel(image=image, task=task).values * [height, width]
    rows, columns = places.reshape(-1, 2).T
    panel.plot(columns, rows, "o", ms=2, mfc="white", mec=style.INK, mew=0.3, alpha=0.7)
    rows, columns = places[0].T
    panel.plot(columns, rows, color="white", lw=1.8)
    panel.plot(columns, rows, color=style.E, lw=1.0)
    panel.plot(columns, rows, "o", ms=3.4, mfc=style.E, mec="white", mew=0.5)
    panel.plot(columns[:1], rows[:1], "s", ms=4.6, mfc="white", mec=style.E, mew=1.0)
    panel.set_xlim(0, width)
    panel.set_ylim(height, 0)
    if titled:
        panel.set_title(_words(task))


def _words(task: str) -> str:
    return "Free viewing" if task == "free" else f"Look for {task.replace('_', ' ')}"


def _matrix(figure: Any, panel: Any, data: Any) -> None:
    names = [str(task) for task in data["task"].values]
    values = data["similarity"].values
    drawn = panel.imshow(values, cmap="cividis", vmin=min(0.0, values.min()), vmax=values.max())
    panel.set_xticks(
        range(len(names)), names, rotation=55, ha="right", rotation_mode="anchor", fontsize=6
    )
    panel.set_yticks(range(len(names)), names, fontsize=6)
    panel.tick_params(length=0)
    for spine in panel.spines.values():
        spine.set_visible(False)
    bar = figure.colorbar(drawn, cax=panel.inset_axes((1.05, 0.0, 0.06, 1.0)))
    bar.outline.set_visible(False)
    panel.set_title("Similarity of paths", fontsize=7.5)


def _within(panel: Any, data: Any) -> None:
    """One line an image, from between tasks to within."""
    for n, image in enumerate(data["image"].values):
        one = data.sel(image=image)
        photograph = n >= data.sizes["crowd"]
        look = {"color": style.I if photograph else style.GREY, "lw": 1}
        marker = "s" if photograph else "o"
        ends = [float(one["between"]), float(one["within"])]
        label = {0: "crowds", data.sizes["crowd"]: "photographs"}.get(n)
        panel.plot([0, 1], ends, marker=marker, ms=3.2, label=label, **look)
    panel.set_xticks([0, 1], ["different\ntasks", "same\ntask"])
    panel.set_xlim(-0.3, 1.3)
    low = panel.get_ylim()[0]
    panel.set_ylim(min(0.0, low), 1.05)
    panel.set_ylabel("Similarity of two paths")
    panel.set_title("Same task, same path", fontsize=7.5)
    panel.legend(loc="upper left")


def _decoded(panel: Any, data: Any) -> None:
    rows = (("mean_accuracy", "same\nimage", style.GREEN), ("elsewhere", "new\nimage", style.SKY))
    for at, (name, _, colour) in enumerate(rows):
        value, low, high = (float(data[f"{name}{end}"]) for end in ("", "_low", "_high"))
        panel.bar(at, value, 0.6, color=colour)
        panel.errorbar(at, value, [[value - low], [high - value]], ecolor=style.INK, elinewidth=0.8)
        panel.annotate(
            f"{100 * value:.0f} %",
            (at, high),
            xytext=(0, 2),
            textcoords="offset points",
            ha="center",
            va="bottom",
        )
    chance = 1 / data.sizes["task"]
    panel.axhline(chance, color=style.INK, lw=0.8, ls=(0, (3, 2)))
    panel.annotate("chance", (1.48, chance), ha="right", va="bottom", fontsize=6.5)
    panel.set_xticks(range(len(rows)), [words for _, words, _ in rows])
    panel.set_xlim(-0.5, 1.5)
    panel.set_ylim(0, 1.12)
    panel.set_yticks(np.linspace(0, 1, 5))
    panel.yaxis.set_major_formatter(PercentFormatter(1.0))
    panel.set_ylabel("Tasks decoded")
    panel.set_title("Task read from path", fontsize=7.5)


def _sought(panel: Any, data: Any) -> None:
    """Change of the contrast of rates at what is sought, by the task's saliency as gain."""
    for at, (name, colour) in enumerate((("rate_E", style.E), ("rate_I", style.I))):
        key = f"mean_{name}_change"
        value, low, high = (float(data[f"{key}{end}"]) for end in ("", "_low", "_high"))
        panel.bar(at, value, 0.6, color=colour)
        panel.errorbar(at, value, [[value - low], [high - value]], ecolor=style.INK, elinewidth=0.8)
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xticks([0, 1], ["E", "I"])
    panel.set_xlim(-0.6, 1.6)
    panel.set_xlabel("Circuits")
    panel.set_ylabel("Change of rate contrast")
    panel.set_title("At what is sought", fontsize=7.5)
