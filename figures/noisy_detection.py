"""Figure of `noisy_detection`: what attention is worth in noise, what its gain is due to, when."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import interval_bars, style

TASKS = {"merged": (style.PURPLE, "o", "merged digits"), "array": (style.GREEN, "s", "arrays")}
PARTS = {
    "rates": (style.INK, "mean rates"),
    "variances": (style.ORANGE, "variances"),
    "correlations": (style.SKY, "correlations"),
}
FORMS = {
    "place, gain": {"color": style.FORMS["gain on drive"], "fmt": "s"},
    "place, input to E": {"color": style.FORMS["input to E"], "fmt": "o"},
}
COURSES = FORMS | {
    "tuning, gain": {"color": style.INK, "fmt": "o"},
    "uniform, gain": {"color": style.GREY, "fmt": "^"},
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Gains by condition, less a uniform rise, and by part; below, the attended place, and time.

    Returns a `matplotlib.figure.Figure`.
    """
    import matplotlib.pyplot as plt

    names = [name for name in data.condition.values if name != "none"]
    height = 4.2 * len(names) + 90
    figure = plt.Figure(figsize=(style.DOUBLE_COLUMN / 25.4, height / 25.4), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=(4.2 * len(names) + 22, 62))
    panels = [*_conditions(upper, data, names), *_below(lower, data)]
    style.letters(panels)
    networks, level = len(settings.networks), f"{settings.level:.0%}"
    figure.suptitle(
        f"{_claim(data)}\nMeans of {networks} network{'s' * (networks > 1)}; all attention raises "
        f"the mean E rate by {settings.compared.rise:.0%}; bars: {level} intervals over images",
        fontsize=8,
    )
    return figure


def _conditions(figure: Any, data: Any, names: list[str]) -> list[Any]:
    """A row a kind of attention, at the contrast as trained."""
    first = data.isel(contrast=0)
    panels = list(figure.subplots(1, 3, sharey=True))
    shown = (first.gain.isel(read=-1), first.over_uniform.isel(read=-1))
    for number, (task, look) in enumerate(TASKS.items()):
        if task not in data.task:
            continue
        shift = 0.16 * (2 * number - 1)
        for panel, values in zip(panels, shown, strict=False):
            _intervals(panel, values.sel(task=task, condition=names), look, shift)
    task = str(data.task.values[-1])
    for number, (part, (colour, words)) in enumerate(PARTS.items()):
        one = first.part_of_gain.sel(task=task, condition=names, part=part)
        _intervals(panels[2], one, (colour, "o", words), 0.24 * (number - 1))
    labels = (
        "Gain in AUC",
        "Gain less that of a uniform rise",
        f"Parts of the gain, {TASKS[task][2]}",
    )
    for panel, label in zip(panels, labels, strict=True):
        panel.axvline(0.0, color=style.PALE, lw=1, zorder=0)
        panel.set_xlabel(label)
        for row in range(0, len(names), 2):
            panel.axhspan(row - 0.5, row + 0.5, color="#F4F4F4", lw=0, zorder=-1)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    panels[0].tick_params(axis="y", length=0)
    for panel in panels[::2]:
        tight = {"columnspacing": 0.7, "handletextpad": 0.1, "borderaxespad": 0.1}
        panel.legend(loc="lower left", bbox_to_anchor=(0.0, 1.0), ncols=3, **tight)
    return panels


def _intervals(panel: Any, estimate: Any, look: Any, shift: float) -> None:
    colour, marker, words = look
    low, value, high = (estimate.sel(bound=end).values for end in ("low", "value", "high"))
    error = np.maximum([value - low, high - value], 0.0)
    at = np.arange(len(value)) + shift
    panel.errorbar(
        value, at, xerr=error, color=colour, marker=marker, ms=3, ls="none", lw=0.9, label=words
    )


def _below(figure: Any, data: Any) -> list[Any]:
    """E units at the attended place by contrast, and the gain by the time of reading."""
    panels = list(figure.subplots(1, 3))
    task = str(data.task.values[-1])
    here = data.sel(task=task)
    forms = [name for name in FORMS if name in data.condition.values]
    for panel, name in zip(panels, ("ratio_change", "correlation_change"), strict=False):
        interval_bars(panel, here[name].sel(condition=forms), "contrast", "condition", looks=FORMS)
        panel.axhline(0.0, color=style.PALE, lw=1, zorder=0)
        panel.set_xlabel("Contrast (1: as trained), attended place")
    panels[0].set_ylabel("Relative change of\nvariance / mean of E")
    panels[1].set_ylabel("Change of noise\ncorrelation of E")
    courses = [name for name in COURSES if name in data.condition.values]
    gains = here.gain.isel(contrast=0).sel(condition=courses)
    interval_bars(panels[2], gains, "read", "condition", looks=COURSES)
    panels[2].axhline(0.0, color=style.PALE, lw=1, zorder=0)
    panels[2].set_xlabel("Read until, after the onset (ms)")
    panels[2].set_ylabel(f"Gain in AUC,\n{TASKS[task][2]}")
    for panel in panels[::2]:
        panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.32), ncols=2, columnspacing=0.8)
    return panels


def _claim(data: Any) -> str:
    """What the figure shows, as it came out."""
    late, parts = data.isel(contrast=0, read=-1), []
    for task, (_, _, words) in TASKS.items():
        if task not in data.task:
            continue
        gain, beyond = (late[name].sel(task=task) for name in ("gain", "over_uniform"))
        tried = [name for name in gain.condition.values if not name.startswith(("none", "uniform"))]
        helped = gain.sel(condition=tried, bound="low") > 0
        selective = beyond.sel(condition=tried, bound="low") > 0
        known = int(gain.sel(condition=tried, bound="value").notnull().sum())
        parts.append(
            f"{words}: {int(helped.sum())} of {known} help to see, "
            f"{int(selective.sum())} more than a uniform rise"
        )
    return "Kinds of attention in noise, at one mean rate\n" + "; ".join(parts)
