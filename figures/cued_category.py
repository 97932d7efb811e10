"""Figure of `cued_category`: what a cued digit does to sensitivity and criterion in noise.

**a**, a digit, and no digit, in each level of pixel noise. **b** to **e**, changes by the cue, mean
over noise: a valid cue against none (green) and none against an invalid cue (purple), without
circuits (open) and with (filled), in three tasks (rows: which digits are to be told from what).
**b** and **c**, for detectors of ordinary digits; **d** and **e**, for detectors trained in noise;
titles count the intervals that lie above and below zero;
**b** and **d**, sensitivity d′ whatever the criterion, which a helpful cue raises (right of zero);
**c** and **e**, criterion c, where left of zero is more willing to say yes. n: images of each kind
by level of noise as in the settings, and 3 observers; bars are 95 % bootstrap intervals over
images.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import forest, merged, style

CONTRASTS = {
    "valid less uncued": (style.ATTENDED, "valid − no cue"),
    "uncued less invalid": (style.ELSEWHERE, "no cue − invalid"),
}
TASKS = {
    "this digit or noise": "this digit\nor noise",
    "this digit or another": "this digit\nor another",
    "any digit or noise": "any digit\nor noise",
}
READOUTS = {"ordinary": "Ordinary digits", "noisy": "Trained in noise"}
NAMED = {"sensitivity_free": "d′", "criterion": "c"}
CHANGES = {"sensitivity_free": "Change of d′ (z units)", "criterion": "Change of c (z units)"}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Images; then changes of sensitivity and of criterion, a row of panels for each readout."""
    readouts = list(data["readout"].values)
    figure, panels = style.figure(
        len(readouts), 3, height=10 + 54 * len(readouts), width_ratios=[0.75, 1, 1], sharex="col"
    )
    change = data["change"].sel(contrast=list(CONTRASTS))
    change = merged(change, "series", ("contrast", "variant"), "{}, {}".format)
    looks, names = _looks(change)
    for row, readout in zip(panels, readouts, strict=True):
        for panel, (measure, words) in zip(row[1:], CHANGES.items(), strict=True):
            here = change.sel(readout=readout, measure=measure, task=list(TASKS))
            marks = {"looks": looks, "names": names, "rows": list(TASKS.values()), "height": 0.6}
            forest(panel, here, "task", "series", **marks)
            panel.set_xlabel(words if readout == readouts[-1] else "")
            of = f"{READOUTS[str(readout)]}: " if panel is row[1] else ""
            panel.set_title(f"{of}{NAMED[measure]} {_moved(here)}")
        row[2].set_yticklabels([])
    images = style.joined(panels[:, 0])
    _images(images, data)
    handles, labels = panels[0, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
    style.letters([images, *panels[:, 1:].flat])
    return figure


def _moved(change: Any) -> str:
    """How many of the changes are up and how many down, by their intervals."""
    up = int((change.sel(bound="low") > 0).sum())
    down = int((change.sel(bound="high") < 0).sum())
    return f"{up} up, {down} down"


def _looks(change: Any) -> tuple[dict[str, Any], dict[str, str]]:
    looks, names = {}, {}
    for series in map(str, change["series"].values):
        contrast, _, variant = series.rpartition(", ")
        colour, words = CONTRASTS[contrast]
        looks[series] = {"color": colour, "ms": 3.5}
        looks[series] |= {"mfc": style.VARIANT_LOOKS[variant].get("mfc", colour)}
        names[series] = f"{words}, {style.VARIANTS[variant]}"
    return looks, names


def _images(panel: Any, data: Any) -> None:
    """A digit, and nothing, at every level of noise."""
    style.unframed(panel)
    levels = data["noise"].values
    height = 0.94 / max(len(levels), 2)
    for place, level in enumerate(levels):
        for column, words in enumerate(("digit", "noise alone")):
            where = (0.5 * column, 0.94 - (place + 1) * height, 0.47, 0.92 * height)
            inset = style.unframed(panel.inset_axes(where))
            image = data["example"].isel(shown=column).sel(noise=level)
            inset.imshow(np.asarray(image), cmap="gray", vmin=0, vmax=1)
            if place == 0:
                inset.set_title(words, loc="center", fontsize=7)
            if column == 0:
                inset.set_ylabel(f"SD {level:g}")
