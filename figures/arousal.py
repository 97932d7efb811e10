"""Figure of `arousal`: performance from drowsy to overexcited.

**a** and **e**, steady rates of E and I at the patch, with it (solid) and without (dashed), against
the gain on all drive and against the input to all units. **b** to **d**, from spike counts, with
readouts fitted at ordinary arousal: sensitivity d′, right yes-no answers at the fixed criterion,
and right orientations, at the levels of arousal of **a** and **e** (step 0 is ordinary arousal,
gain 1 and no input; the gain doubles at each step); arousal is a gain on drive, a gain on drive and
noise, or an input to E and I; titles say at which gain the best is. **f** to **h**, how far each
falls off from its peak on the side where it falls less: above zero it is an inverted U; rows are
the readouts, of rates, of spikes, and of spikes fitted anew at every level, whose fall is not there
by construction. n: 3 observers of 96 trials a level; bars are 95 % bootstrap intervals over trials.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import forest, style

WAYS = {
    "gain": {"color": style.FORMS["gain on drive"], "marker": "o"},
    "gain on noise too": {"color": style.FORMS["gain on drive"], "marker": "s", "mfc": "white"},
    "input": {"color": style.FORMS["input to E and I"], "marker": "^"},
}
NAMES = {
    "gain": "gain on drive",
    "gain on noise too": "gain on drive and noise",
    "input": "input to E and I",
}
MEASURES = {
    "sensitivity": "Sensitivity d′",
    "performance": "Right, fixed criterion",
    "identification": "Right orientation",
}
TASKS = {"sensitivity": "Detect", "performance": "Detect", "identification": "Identify"}
ROWS = {"rates": "rates", "spikes": "spikes", "spikes, refitted": "spikes,\nrefitted"}
SHOWN = "spikes"
NORMAL = {"gain": 1.0, "input": 0.0}  # ordinary arousal


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Rates at every level; three measures of performance against it; how far each falls off.

    Returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(2, 4, height=120.0)
    _rates(panels[0, 0], data, "gain")
    panels[0, 0].set_xscale("log")
    panels[0, 0].minorticks_off()
    style.plain_log(panels[0, 0].xaxis, (0.25, 1, 4, 16, 64))
    panels[0, 0].set(xlabel="Gain on drive", title="I silences E")
    _rates(panels[1, 0], data, "input")
    panels[1, 0].set_xscale("symlog", linthresh=2.0)
    panels[1, 0].set_xticks([-2, 0, 2, 8, 32], ["−2", "0", "2", "8", "32"])
    panels[1, 0].set(xlabel="Input to E and I (%)", title="Input hides the patch")
    for (name, words), above, below in zip(
        MEASURES.items(), panels[0, 1:], panels[1, 1:], strict=True
    ):
        _curve(above, data["score"].sel(readout=SHOWN, measure=name), data)
        above.set(ylabel=words, xlabel="Arousal (step)")
        above.set_title(f"{TASKS[name]}: peak at {_best(data, name):g}×")
        drop = data["drop"].sel(measure=name)
        looks = {way: {"fmt": "", "ls": "none", "ms": 3} | look for way, look in WAYS.items()}
        readouts = [ROWS[str(readout)] for readout in data["readout"].values]
        forest(below, drop, "readout", "way", looks=looks, names=NAMES, rows=readouts)
        inverted = drop.sel(bound="low") > 0
        below.set_title(f"Inverted U: {int(inverted.sum())} of {inverted.size}")
        below.set_xlabel(f"Fall off ({'z units' if name == 'sensitivity' else 'points'})")
        if name != "sensitivity":
            above.set_ylim(0.4, 1.02)
            style.percent_axis(above.yaxis)
            below.xaxis.set_major_formatter(lambda value, _: style.number(100 * value, 0))
        if name != next(iter(MEASURES)):
            below.set_yticklabels([])
    handles, labels = panels[1, 1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, title="Arousal acts as")
    style.letters(panels.flat)
    return figure


def _best(data: Any, measure: str) -> float:
    """The gain on the drive at which a measure is highest."""
    score = data["score"].sel(readout=SHOWN, measure=measure, way="gain", bound="value")
    return float(
        data["strength"].sel(way="gain").values[int(np.argmax(score.fillna(-np.inf).values))]
    )


def _rates(panel: Any, data: Any, way: str) -> None:
    """Response to the patch against the level, with what there is without it."""
    levels = data["strength"].sel(way=way).values
    for name, colour in (("E", style.E), ("I", style.I)):
        at = data["steady"].sel(way=way, population=name)
        panel.plot(levels, at.sel(patch="with"), color=colour)
        panel.plot(levels, at.sel(patch="without"), color=colour, ls=(0, (3, 1.2)))
        end = float(at.sel(patch="with")[-1])
        panel.annotate(name, (levels[-1], end), (3, 0), textcoords="offset points", color=colour)
    panel.set_yscale("log")
    panel.minorticks_off()
    style.plain_log(panel.yaxis, (0.01, 0.1, 1, 10, 100))
    panel.set_ylabel("Rate at the patch (Hz)")


def _curve(panel: Any, score: Any, data: Any) -> None:
    """One measure of performance against the level, for each way."""
    strengths = data["strength"].sel(way="gain").values
    steps = np.arange(len(strengths)) - int(np.argmin(np.abs(strengths - NORMAL["gain"])))
    for number, (way, look) in enumerate(WAYS.items()):
        value, low, high = (score.sel(way=way, bound=end) for end in ("value", "low", "high"))
        moved = steps + 0.12 * (number - 1)
        panel.vlines(moved, low, high, color=look["color"], lw=0.7)
        panel.plot(moved, value, ms=3, lw=1, **look, ls="--" if "mfc" in look else "-")
    chance = 0.0 if score["measure"].item() == "sensitivity" else 0.5
    panel.axhline(chance, color=style.PALE, lw=0.8, zorder=0)
    panel.set_xticks(steps[::2], [style.number(float(step), 0) for step in steps[::2]])
