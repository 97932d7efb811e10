"""Figure of `arousal_selectivity`: uniform gain favours neither a place nor a preference.

**a**, orientation tuning of E rates over their own peak at several gains that are the same
everywhere, from light to dark. **b**, E rates with attention over those without: by place, with a
uniform gain (arousal) and attention to a place; by preferred orientation, with arousal and
attention to an orientation. Deterministic steady states of one circuit: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import legend_beside, style

SOURCES = {
    "arousal": (style.FORMS["gain on drive"], "o", "arousal"),
    "place": (style.WINE, "P", "a place"),
    "orientation": (style.INDIGO, "D", "an orientation"),
}
OF = {"by_place": "place", "by_preference": "orientation"}  # attention that selects


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Tuning at several gains, and what gain and attention change by place and by preference.

    Returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(1, 2, height=72.0)
    _tuning(panels[0, 0], data)
    _selectivity(panels[0, 1], data)
    style.letters(panels.flat)
    return figure


def _tuning(panel: Any, data: Any) -> None:
    """Tuning curves, each over its own peak."""
    angles = data["orientation"].values
    preferred = angles[int(data["tuning"].isel(gain=0).values.argmax())]
    away = (angles - preferred + 90.0) % 180.0 - 90.0
    order = np.argsort(away)
    gains = data["gain"].values
    shades = style.shades(SOURCES["arousal"][0], len(gains))
    for gain, shade in zip(gains, shades, strict=True):
        curve = data["tuning"].sel(gain=gain).values
        panel.plot(
            away[order], (curve / curve.max())[order], color=shade,
            label=f"{gain:g}, {curve.max():.1f} Hz",
        )  # fmt: skip
    panel.set_xlim(-90, 75)
    panel.set_xticks([-90, -45, 0, 45])
    panel.set_ylim(0, None)
    panel.set_xlabel("Orientation from preferred (deg)")
    panel.set_ylabel("E rate / peak")
    panel.set_title("Gain sharpens tuning a little")
    legend_beside(panel, title="Gain, peak")


def _selectivity(panel: Any, data: Any) -> None:
    """Ratio attended/unattended by place and by preference."""
    starts, ticks, names = {}, [], []
    for name, dimension, words in (
        ("by_place", "place", "place"),
        ("by_preference", "preferred", "preference"),
    ):
        count = data.sizes[dimension]
        starts[name] = len(ticks) + len(starts)
        ticks += list(starts[name] + np.arange(count))
        names.append((starts[name] + (count - 1) / 2, words))
    for source, (colour, marker, words) in SOURCES.items():
        for name, start in starts.items():
            if source not in ("arousal", OF[name]):
                continue
            rates = data[name]
            ratio = (rates.sel(condition=source) / rates.sel(condition="none")).values
            panel.plot(
                start + np.arange(len(ratio)), ratio, color=colour, marker=marker, ms=4, lw=0.9,
                label=None if (source, name) == ("arousal", "by_preference") else words,
            )  # fmt: skip
    panel.axhline(1.0, color=style.PALE, lw=0.8, zorder=0)
    panel.set(xlim=(-0.5, ticks[-1] + 0.5), xticks=[])
    for middle, words in names:
        panel.text(
            middle, -0.03, f"by {words}", transform=panel.get_xaxis_transform(), ha="center",
            va="top", fontsize=7,
        )  # fmt: skip
    panel.set_yscale("log")
    panel.minorticks_off()
    style.plain_log(panel.yaxis, (0.5, 1, 2, 4))
    legend_beside(panel, title="Gain by")
    panel.set_ylabel("E rate / without")
    panel.set_title("Arousal favours none")
