"""Figure of `feature_similarity_gain`: tuning curves, scaling, grading, ratio test, places.

**a**, orientation tuning of a unit whose preferred orientation is attended and of one that prefers
the orthogonal one, with attention (solid) and without (dashed). **b**, their rates with against
without attention, with the gain fitted. **c**, rate attended over unattended against the difference
of the attended and the preferred orientation. **d**, that ratio against the rank of the preferred
orientation among those tested (dots) with the line fitted to all units. **e**, the population when
the attended orientation is shown. **f**, the ratio at a place that is not the attended one, where
attention acts everywhere or at the first place only, with and without a grating. Deterministic
steady states of one ring: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.feature_similarity_gain import DEFAULT, EVERYWHERE

from cortex.plot import legend_below, style

ATTENDED, ACROSS = style.ATTENDED, style.ELSEWHERE
LOOKS = {
    form: {"color": colour, "marker": marker}
    for (form, colour), marker in zip(style.FORMS.items(), "os^", strict=True)
}
DASHED = {"ls": (0, (3, 1.5)), "lw": 1.0}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=148.0)
    (tuning, scaling, grading), (test, population, places) = panels
    half = settings.circuit.period / 2
    likeness = abs(data.similarity)
    alike, across = likeness.argmin("preferred").item(), likeness.argmax("preferred").item()
    _tuning(tuning, data, {"preferred": alike, "across": across}, half)
    _scaling(scaling, data, {"preferred": alike, "across": across})
    data = data.assign_coords(similarity=data.similarity).sortby("similarity")
    _grading(grading, data)
    _test(test, data)
    _population(population, data.isel(shown=0), settings.attended)
    _places(places, data.sel(attention=DEFAULT))
    for panel in (tuning, grading, population, places):
        panel.set(xlim=(-half, half), xticks=np.linspace(-half, half, 5))
    style.letters(panels.flat)
    return figure


def _curves(data: Any, unit: int) -> tuple[Any, Any]:
    """E rates of one unit over the gratings shown, without attention and with the input to E."""
    rates = data.rates.sel(spread="everywhere", population="E").isel(preferred=unit)
    return rates.sel(attention="unattended"), rates.sel(attention=DEFAULT)


def _tuning(panel: Any, data: Any, units: dict[str, int], half: float) -> None:
    top = 0.0
    for (name, unit), colour in zip(units.items(), (ATTENDED, ACROSS), strict=True):
        before, after = _curves(data, unit)
        place = (before.shown - before.preferred + half) % (2 * half) - half
        order = np.argsort(place.values)
        # The first place shows the attended orientation, so each unit has a baseline of its own.
        panel.plot(place[order], before[order], color=colour, **DASHED)
        panel.plot(place[order], after[order], color=colour, label=f"{name} attended")
        top = max(top, float(before.max()), float(after.max()))
    panel.plot([], [], color=style.GREY, label="no attention (dashed)", **DASHED)
    panel.set(ylim=(0, 1.05 * top if top > 0 else 1), title="Attention scales tuning curves")
    panel.set(xlabel="Shown − preferred (deg)", ylabel="E rate (Hz)")
    legend_below(panel, 2)


def _scaling(panel: Any, data: Any, units: dict[str, int]) -> None:
    top = 0.0
    for (name, unit), colour in zip(units.items(), (ATTENDED, ACROSS), strict=True):
        before, after = _curves(data, unit)
        gain, _, explained = data.scaling.sel(EVERYWHERE).isel(preferred=unit).values
        ends = np.array([before.min(), before.max()])
        fitted = after.mean().item() + gain * (ends - before.mean().item())
        panel.plot(before, after, "o", color=colour, ms=2.8, mew=0)
        words = f"{name}: ×{gain:.2f}, r² = {explained:.3f}"
        panel.plot(ends, fitted, color=colour, lw=1.0, label=words)
        top = max(top, float(before.max()), float(after.max()))
    panel.plot([0, top], [0, top], color=style.INK, lw=0.6)
    panel.set(xlim=(0, None), ylim=(0, 1.05 * top if top > 0 else 1))
    panel.set(xlabel="Rate without attention (Hz)", ylabel="Rate with attention (Hz)")
    panel.set_title("The change is close to a gain")
    legend_below(panel, 1)


def _grading(panel: Any, data: Any) -> None:
    panel.axhline(1, color=style.INK, lw=0.6)
    for form, look in LOOKS.items():
        ratio = data.ratio_own.sel(spread="everywhere", attention=form)
        panel.plot(data.similarity, ratio, color=look["color"], label=form)
    panel.set(xlabel="Attended − preferred (deg)", ylabel="Rate, attended/unattended")
    panel.set_title("Graded by similarity")
    legend_below(panel, 2)


def _test(panel: Any, data: Any) -> None:
    positions = np.arange(data.sizes["position"])
    panel.axhline(1, color=style.INK, lw=0.6)
    for form, look in LOOKS.items():
        here = data.sel(attention=form)
        slope, intercept = here.fsgm_slope.mean().item(), here.fsgm_intercept.mean().item()
        label = f"{form}: {slope:+.2f}, {intercept:.2f}".replace("-", "−")
        panel.plot(positions, here.ratio_test.mean("preferred"), ls="none", ms=4, **look)
        panel.plot(positions, intercept + slope * positions, color=look["color"], label=label)
    panel.set(xlim=(-0.3, positions[-1] + 0.3), xticks=positions)
    panel.set(xlabel="Position from the preferred orientation", ylabel="Rate, attended/unattended")
    panel.set_title("The ratio falls with distance")
    legend_below(panel, 1, title="slope, intercept")


def _population(panel: Any, data: Any, attended: float) -> None:
    """The attended orientation is shown, at all places."""
    rates = data.rates.sel(spread="everywhere", population="E")
    for form, label in {"unattended": "no attention", DEFAULT: DEFAULT}.items():
        colour = style.FORMS.get(form, style.INK)
        panel.plot(-data.similarity, rates.sel(attention=form), color=colour, label=label)
    panel.set_ylim(0, None)
    panel.set(xlabel="Preferred − attended (deg)", ylabel="E rate (Hz)")
    panel.set_title(f"{attended:g}° shown and attended")
    legend_below(panel)


def _places(panel: Any, data: Any) -> None:
    panel.axhline(1, color=style.INK, lw=0.6)
    for spread, colour in {"everywhere": style.ORANGE, "first place only": style.INK}.items():
        here = data.sel(spread=spread)
        panel.plot(
            here.similarity, here.ratio_blank, "--", color=colour, label=f"{spread}, no grating"
        )
        panel.plot(here.similarity, here.ratio_own, color=colour, label=f"{spread}, grating")
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low <= t <= 1.1 * high]
    style.plain_log(panel.yaxis, ticks)
    panel.yaxis.set_minor_locator(style.no_ticks())
    panel.set_ylim(low, high)
    panel.set(xlabel="Attended − preferred (deg)", ylabel="Rate, attended/unattended")
    panel.set_title("Global only if the signal is global")
    legend_below(panel, 1)
