"""Figure of `cued_category`: what a cued digit does to sensitivity and criterion in noise."""

from __future__ import annotations

from typing import Any

from matplotlib.lines import Line2D

from cortex.analysis.bootstrap import ENDS
from cortex.plot import interval_bars, style

LOOKS = {
    "valid": {"color": style.GREEN, "ms": 3.5, "fmt": "o-"},
    "uncued": {"color": style.INK, "ms": 3.5, "fmt": "s-"},
    "invalid": {"color": style.PURPLE, "ms": 3.5, "fmt": "^-"},
}
NAMES = {"valid": "valid cue", "uncued": "no cue", "invalid": "invalid cue"}
CONTRASTS = {
    "valid less uncued": (style.GREEN, "valid − none"),
    "uncued less invalid": (style.PURPLE, "none − invalid"),
}
CHANGES = (
    ("sensitivity_free", "D", "d′, any criterion"),
    ("sensitivity", "o", "d′, fixed criterion"),
    ("criterion", "x", "criterion c"),
)
TASKS = {
    "this digit or noise": "this or\nnoise",
    "this digit or another": "this or\nanother",
    "any digit or noise": "any or\nnoise",
}
READOUTS = {"ordinary": "Detectors from ordinary digits", "noisy": "Detectors from noisy digits"}
SHOWN = "this digit or noise"  # the task whose sensitivity is drawn against noise


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Images; sensitivity against noise by network and readout; the changes in all tasks."""
    variants, readouts = list(data["variant"].values), list(data["readout"].values)
    count = len(readouts)
    figure, panels = style.figure(
        count, 2 + len(variants), height=64 * count, width_ratios=[0.62, *[1] * len(variants), 2.5]
    )
    sensitivity = data["detection"].sel(measure="sensitivity_free", task=SHOWN)
    for row, readout in enumerate(readouts):
        here = sensitivity.sel(readout=readout)
        _images(panels[row, 0], data, row)
        for panel, variant in zip(panels[row, 1:-1], variants, strict=True):
            _sensitivity(panel, here.sel(variant=variant))
            panel.set_ylim(min(0.0, 1.05 * float(here.min())), 1.2 * float(here.max()))
            panel.set_title(style.VARIANTS[variant].capitalize())
        panels[row, 1].set_ylabel(f"d′, this digit or noise\n{READOUTS[readout].lower()}")
        _changes(panels[row, -1], data["change"].sel(readout=readout))
        panels[row, -1].set_title(READOUTS[readout])
    panels[0, 1].legend(loc="upper right", fontsize=6.5)
    handles = [
        Line2D([], [], color=style.INK, marker=marker, ls="none", ms=4, mew=1.0, label=words)
        for _, marker, words in CHANGES
    ]
    panels[0, -1].legend(
        handles=handles, loc="lower left", ncols=3, columnspacing=0.6, handletextpad=0.0, fontsize=6
    )
    style.letters(panels.flat)
    return figure


def _images(panel: Any, data: Any, number: int) -> None:
    """A digit, or nothing, at every level of noise, one above the other."""
    panel.axis("off")
    images = data["example"].isel(shown=number)
    levels = data["noise"].values
    height = 0.98 / len(levels)
    for place, level in enumerate(levels):
        inset = style.unframed(
            panel.inset_axes((0.12, 1 - (place + 1) * height, 0.88, 0.94 * height))
        )
        inset.imshow(images.sel(noise=level).values, cmap="gray", vmin=0, vmax=1)
        inset.set_ylabel(f"SD {level:g}", fontsize=6.5)
    panel.set_title(("Digit", "Noise alone")[number])


def _sensitivity(panel: Any, here: Any) -> None:
    """d' from the area under the curve against noise, after each cue."""
    interval_bars(panel, here, "noise", "cue", looks=LOOKS, names=NAMES, width=0.45)
    panel.axhline(0.0, color=style.PALE, lw=0.8, zorder=0)
    panel.set_ylabel("")


def _changes(panel: Any, here: Any) -> None:
    """Every change with its interval, by network and task."""
    place, middles, names, groups = 0.0, [], [], []
    for variant in here["variant"].values:
        first = place
        for task, words in TASKS.items():
            start = place
            for contrast, (colour, _) in CONTRASTS.items():
                at = here.sel(variant=variant, task=task, contrast=contrast)
                for name, marker, _ in CHANGES:
                    value, low, high = at.sel(measure=name, bound=list(ENDS)).values
                    panel.vlines(place, low, high, color=colour, lw=0.9)
                    panel.plot(
                        place, value, marker=marker, color=colour, ms=3.5, mew=1.0, ls="none"
                    )
                    place += 1.0
                place += 0.5
            names.append(words)
            middles.append((start + place - 1.5) / 2)
            place += 1.2
        groups.append(((first + place - 2.7) / 2, style.VARIANTS[variant]))
        place += 1.5
    panel.axhline(0.0, color=style.GREY, lw=0.6, zorder=0)
    panel.set_xticks(middles, names, fontsize=5.5)
    panel.tick_params(axis="x", length=0)
    low, high = panel.get_ylim()
    room = high - low
    panel.set_ylim(low - 0.12 * room, high + 0.2 * room)
    for middle, words in groups:
        panel.text(middle, high + 0.17 * room, words, ha="center", va="top", fontsize=7)
    for (colour, words), shift in zip(CONTRASTS.values(), (0.02, 0.27), strict=True):
        panel.text(
            shift, 0.9, words, color=colour, transform=panel.transAxes, va="top", fontsize=6.5
        )
    panel.set_ylabel("Change, mean over noise")
