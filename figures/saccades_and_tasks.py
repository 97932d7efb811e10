"""Figure of `saccades_and_tasks`: scan paths by task, how alike they are, and what they tell.

**a** to **d**, a crowd of bars, and **e** to **h**, a photograph, drawn without its colours:
fixations of all observers (white) and the path of the first (green, beginning at the square), in
four tasks. **i**, similarity of scan paths of each two tasks, mean over images. **j**, similarity
of paths of different and of the same task, a line an image. **k**, tasks decoded from a path, on
the same and on a new image. **l**, change of the contrast of E and I rates at what is sought by the
task's saliency as gain. n: 12 observers, 6 tasks, 8 images; bars are 95 % bootstrap intervals over
observers and images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import heat, interval_bars, legend_below, style


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Twelve panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, whole = style.figure(1, 1, height=134.0)
    whole[0, 0].remove()
    top, below = figure.subfigures(2, 1, height_ratios=(1.4, 1))
    images, numbers = top.subplots(2, 4, height_ratios=(1.5, 1)), below.subplots(1, 4)
    chosen = _chosen([str(task) for task in data["task"].values])
    crowd = str(data["crowd"].values[0])
    photo = str(data["image"].values[data.sizes["crowd"]])
    for row, image, name in ((0, crowd, "crowd_image"), (1, photo, "photograph")):
        for panel, task in zip(images[row], chosen, strict=False):
            _path(panel, data, image, data[name].values, task, titled=row == 0)
        for panel in images[row][len(chosen) :]:
            panel.axis("off")
    _matrix(numbers[0], data.similarity)
    _alike(numbers[1], data)
    _decoded(numbers[2], data)
    _sought(numbers[3], data)
    style.letters([*images.flat, *numbers])
    return figure


def _chosen(tasks: list[str]) -> list[str]:
    """Four tasks as unlike as there are."""
    order = ("free", "red", "blue", "vertical", "horizontal", "green")
    return [task for task in (*order, *tasks) if task in tasks][:4]


def _path(panel: Any, data: Any, image: str, picture: Any, task: str, titled: bool) -> None:
    """Fixations of all observers as dots, and the path of the first."""
    shown = np.moveaxis(picture, 0, -1)
    if not titled:  # a photograph, whose own colours would hide the path
        shown = np.repeat(0.4 + 0.6 * shown.mean(-1, keepdims=True), 3, axis=-1)
    height, width = shown.shape[:2]
    style.unframed(panel).imshow(np.clip(shown, 0, 1), extent=(0, width, height, 0))
    places = data["places"].sel(image=image, task=task).values * [height, width]
    rows, columns = places.reshape(-1, 2).T
    panel.plot(columns, rows, "o", ms=2.4, mfc="white", mec=style.INK, mew=0.4)
    rows, columns = places[0].T
    panel.plot(columns, rows, color="white", lw=1.8)
    panel.plot(columns, rows, color=style.ATTENDED, lw=1.0)
    panel.plot(columns, rows, "o", ms=3.4, mfc=style.ATTENDED, mec="white", mew=0.5)
    panel.plot(columns[:1], rows[:1], "s", ms=4.6, mfc="white", mec=style.ATTENDED, mew=1.0)
    panel.set_xlim(0, width)
    panel.set_ylim(height, 0)
    if titled:
        panel.set_title(_words(task))


def _words(task: str) -> str:
    return "Free viewing" if task == "free" else f"Look for {task.replace('_', ' ')}"


def _matrix(panel: Any, similarity: Any) -> None:
    names = [str(task) for task in similarity.task.values]
    lowest = min(0.0, float(similarity.min()))
    look = {"cmap": "cividis", "vmin": lowest, "origin": "upper", "aspect": "equal"}
    places = {"extent": (-0.5, len(names) - 0.5, len(names) - 0.5, -0.5)}
    heat(panel, similarity.assign_attrs(long_name=""), "other_task", "task", **look, **places)
    panel.set_xticks(
        range(len(names)), names, rotation=55, ha="right", rotation_mode="anchor", fontsize=6
    )
    panel.set_yticks(range(len(names)), names, fontsize=6)
    panel.set(xlabel="", ylabel="")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)
    panel.set_title("Similarity of paths", fontsize=7.5)


def _alike(panel: Any, data: Any) -> None:
    """One line an image, from different tasks to the same."""
    crowds = data.sizes["crowd"]
    for n, image in enumerate(data.image.values):
        kind = "crowds" if n < crowds else "photographs"
        colour, marker = (style.GREY, "o") if n < crowds else (style.INK, "s")
        ends = data.alike.sel(image=image, pair=["different tasks", "same task"])
        label = kind if n in (0, crowds) else None
        panel.plot([0, 1], ends, marker=marker, ms=3.2, lw=1, color=colour, label=label)
    panel.set_xticks([0, 1], ["different\ntasks", "same\ntask"])
    panel.set(xlim=(-0.3, 1.3), ylim=(min(0.0, panel.get_ylim()[0]), 1.05))
    panel.set_ylabel("Similarity of two paths")
    panel.set_title("Same task, same path", fontsize=7.5)
    legend_below(panel, 2)


def _decoded(panel: Any, data: Any) -> None:
    interval_bars(panel, 100 * data.accuracy, "on", looks={None: style.INK})
    chance = 100 / data.sizes["task"]
    panel.axhline(chance, color=style.GREY, lw=0.8, ls=(0, (3, 2)))
    place = {"transform": panel.get_yaxis_transform(), "ha": "right", "va": "bottom"}
    panel.text(0.99, chance, "chance", color=style.GREY, **place)
    names = [str(name).replace(" ", "\n") for name in data["on"].values]
    panel.set_xticks(range(len(names)), names)
    panel.set(ylim=(0, 103), xlabel="", ylabel="Tasks decoded (%)")
    panel.set_title("Task read from path", fontsize=7.5)


def _sought(panel: Any, data: Any) -> None:
    """Change of the contrast of rates at what is sought, by the task's saliency as gain."""
    change = data.contrast_change.expand_dims(at=["at what\nis sought"])
    interval_bars(panel, change, "at", "population", width=0.4)
    panel.set(xlabel="", ylabel="Change of rate contrast", ylim=(0, None))
    panel.set_title("Circuits follow", fontsize=7.5)
    legend_below(panel, 2)
