"""Figure of `noisy_detection`: what attention is worth in noise, what its gain is due to, and when.

Rows are kinds of attention at the last layer, all with one mean E rate, 20 % above that without
attention; grey are two merged digits, black arrays of four. **a**, gain in the area under the ROC
curve (AUC) of single trials, and **b**, the same less what a uniform rise of equal rate and form
gains. **c**, what of the gain on arrays is due to the mean rates, to the variances of units and to
their noise correlations. **d** and **e**, change of variance over mean and of noise correlation of
the most active E units in the cued quadrant, by contrast. **f**, gain on arrays by the time read.
n: 3 networks, 8 images a digit and 3 trials of each; bars are 95 % bootstrap intervals over images.
"""

from __future__ import annotations

from typing import Any

from cortex.plot import forest, interval_bars, legend_below, style

TASKS = {
    "merged": {"color": style.GREY, "fmt": "o", "ms": 3.5},
    "array": {"color": style.INK, "fmt": "s", "ms": 3.5},
}
SHOWN = ("gain", "over_uniform")
NAMES = {"merged": "merged digits", "array": "arrays"}
PARTS = {
    "rates": {"color": style.GREEN, "fmt": "o", "ms": 3.5},
    "variances": {"color": style.YELLOW, "fmt": "D", "ms": 3.5},
    "correlations": {"color": style.PURPLE, "fmt": "v", "ms": 3.5},
}
COURSES = {
    "place, gain": {"color": style.FORMS["gain on drive"], "fmt": "s"},
    "place, input to E": {"color": style.FORMS["input to E"], "fmt": "s"},
    "tuning, gain": {"color": style.VALUES["tuning"][0], "fmt": "o"},
    "uniform, gain": {"color": style.VALUES["uniform"][0], "fmt": "^"},
}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Gains by condition, less a uniform rise, and by part; below, the attended place, and time."""
    names = [name for name in data.condition.values if name != "none"]
    upper, lower = 4.4 * len(names) + 26, 56
    figure, panels = style.figure(2, 3, height=upper + lower + 14, height_ratios=(upper, lower))
    last, first = str(data.task.values[-1]), data.isel(contrast=0).sel(condition=names)
    of_tasks = {"looks": TASKS, "names": NAMES}
    forest(panels[0, 0], first.gain.isel(read=-1), "condition", "task", **of_tasks)
    forest(panels[0, 1], first.over_uniform.isel(read=-1), "condition", "task", **of_tasks)
    forest(panels[0, 2], first.part_of_gain.sel(task=last), "condition", "part", looks=PARTS)
    labels = ("Gain in AUC", "Gain less a uniform one", f"Parts of the gain, {NAMES[last]}")
    for panel, label in zip(panels[0], labels, strict=True):
        panel.set_xlabel(label)
        if panel is not panels[0, 0]:
            panel.set_yticks([])
    legend_below(panels[0, 0], 2)
    legend_below(panels[0, 2])
    _below(panels[1], data.sel(task=last), NAMES[last])
    figure.suptitle(_claim(data), fontsize=8)
    style.letters(panels.ravel())
    return figure


def _below(panels: Any, here: Any, task: str) -> None:
    """E units at the attended place by contrast, and the gain by the time of reading."""
    tried = [name for name in COURSES if name in here.condition.values]
    placed = [name for name in tried if name.startswith("place")]
    shown = {
        "Relative change of\nvariance over mean of E": (here.ratio_change, placed, "contrast"),
        "Change of noise\ncorrelation of E": (here.correlation_change, placed, "contrast"),
        f"Gain in AUC,\n{task}": (here.gain.isel(contrast=0), tried, "read"),
    }
    for panel, (label, (values, names, x)) in zip(panels, shown.items(), strict=True):
        interval_bars(panel, values.sel(condition=names), x, "condition", looks=COURSES)
        panel.axhline(0.0, color=style.GREY, lw=0.6, zorder=0)
        panel.set_ylabel(label)
    for panel in panels[:2]:
        panel.set_xlabel("Contrast (1: as trained)")
    panels[2].set_xlabel("Read until, after the onset (ms)")
    legend_below(panels[2], 2)


def _claim(data: Any) -> str:
    """What the figure shows, as it came out."""
    late, parts = data.isel(contrast=0, read=-1), []
    tried = [n for n in data.condition.values if not n.startswith(("none", "uniform"))]
    for task in data.task.values:
        gain, beyond = (late[name].sel(task=task, condition=tried) for name in SHOWN)
        count = int(gain.sel(bound="value").notnull().sum())
        helped, more = (int((one.sel(bound="low") > 0).sum()) for one in (gain, beyond))
        parts.append(f"{NAMES[task]}: {helped} of {count} help, {more} more than a uniform rise")
    return "Attention in noise, at one mean rate\n" + "; ".join(parts)
