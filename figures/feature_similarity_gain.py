"""Figure of `feature_similarity_gain`: tuning curves, scaling, grading, ratio test, places."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

ATTENDED, ACROSS = style.GREEN, style.PURPLE
LOOKS = {
    form: {"color": colour, "marker": marker}
    for (form, colour), marker in zip(style.FORMS.items(), "os^", strict=True)
}
DEFAULT, EVERYWHERE, LOCAL = "input to E", "everywhere", "first place only"


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.feature_similarity_gain`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=125.0)
    near = int(np.argmin(np.abs(data["similarity"].values)))
    far = int(np.argmax(np.abs(data["similarity"].values)))
    _tuning(panels[0, 0], config, data, near, far)
    _scaling(panels[0, 1], data, near, far)
    _grading(panels[0, 2], config, data)
    _test(panels[1, 0], data)
    _population(panels[1, 1], config, data)
    _places(panels[1, 2], config, data)
    style.letters(panels.flat)
    return figure


def _curves(data: Any, unit: int) -> tuple[Any, Any]:
    """E rates of one unit over the gratings shown, without attention and with the input to E."""
    rates = data["rates_E"].sel(spread=EVERYWHERE).isel(preferred=unit, stimulus=slice(0, -1))
    return rates.sel(attention="unattended").values, rates.sel(attention=DEFAULT).values


def _signed(place: Any, config: Any) -> Any:
    half = config.circuit.period / 2
    return np.mod(place + half, config.circuit.period) - half


def _orientation_axis(panel: Any, config: Any, label: str) -> None:
    half = config.circuit.period / 2
    panel.set_xlim(-half, half)
    panel.set_xticks(np.linspace(-half, half, 5))
    panel.set_xlabel(label)


def _tuning(panel: Any, config: Any, data: Any, near: int, far: int) -> None:
    shown = data["stimulus"].values[:-1]
    top = 0.0
    for unit, colour, label in (
        (near, ATTENDED, "preferred attended"),
        (far, ACROSS, "across attended"),
    ):
        place = _signed(shown - data["preferred"].values[unit], config)
        order = np.argsort(place)
        before, after = _curves(data, unit)
        # The first place shows the attended orientation, so each unit has a baseline of its own.
        panel.plot(place[order], before[order], color=colour, ls=(0, (3, 1.5)), lw=1.0)
        panel.plot(place[order], after[order], color=colour, label=label)
        top = max(top, np.nanmax(before), np.nanmax(after))
    panel.plot([], [], color=style.GREY, ls=(0, (3, 1.5)), lw=1.0, label="no attention")
    _orientation_axis(panel, config, "Shown − preferred (deg)")
    panel.set_ylim(0, 1.42 * top if top > 0 else 1)
    panel.set_ylabel("E rate (Hz)")
    panel.set_title("Attention scales tuning curves")
    panel.legend(loc="upper center")


def _scaling(panel: Any, data: Any, near: int, far: int) -> None:
    here = data.sel(spread=EVERYWHERE, attention=DEFAULT)
    top = 0.0
    for unit, colour, label in ((near, ATTENDED, "preferred"), (far, ACROSS, "across")):
        before, after = _curves(data, unit)
        top = max(top, np.nanmax(before), np.nanmax(after))
        gain, explained = (float(here[name][unit]) for name in ("gain", "gain_r2"))
        line = np.array([before.min(), before.max()])
        fitted = after.mean() + gain * (line - before.mean())
        panel.plot(before, after, "o", color=colour, ms=2.8, mew=0)
        panel.plot(
            line, fitted, color=colour, lw=1.0, label=f"{label}: ×{gain:.2f}, r² = {explained:.3f}"
        )
    panel.plot([0, top], [0, top], color=style.INK, lw=0.6)
    panel.set_xlim(0, None)
    panel.set_ylim(0, 1.3 * top if top > 0 else 1)
    panel.set_xlabel("Rate without attention (Hz)")
    panel.set_ylabel("Rate with attention (Hz)")
    panel.set_title("The change is close to a gain")
    panel.legend(loc="upper left")


def _grading(panel: Any, config: Any, data: Any) -> None:
    order = np.argsort(data["similarity"].values)
    place = data["similarity"].values[order]
    panel.axhline(1, color=style.INK, lw=0.6)
    highest = 1.0
    for form, look in LOOKS.items():
        ratio = data["ratio_own"].sel(spread=EVERYWHERE, attention=form).values[order]
        panel.plot(place, ratio, color=look["color"], label=form)
        highest = max(highest, np.nanmax(ratio))
    _orientation_axis(panel, config, "Attended − preferred (deg)")
    low = panel.get_ylim()[0]
    panel.set_ylim(low, highest + 0.45 * (highest - low))
    panel.set_ylabel("Rate, attended/unattended")
    panel.set_title("Graded by similarity")
    panel.legend(loc="upper center")


def _test(panel: Any, data: Any) -> None:
    positions = data["position"].values
    panel.axhline(1, color=style.INK, lw=0.6)
    for form, look in LOOKS.items():
        here = data.sel(attention=form)
        slope, intercept = (float(here[f"test_{n}"].mean()) for n in ("slope", "intercept"))
        label = f"{form}: {slope:+.2f}, {intercept:.2f}".replace("-", "−")
        panel.plot(positions, here["test"].mean("preferred"), ls="none", ms=4, **look)
        panel.plot(positions, intercept + slope * positions, color=look["color"], label=label)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.42 * (high - low))
    panel.set_xlim(positions[0] - 0.3, positions[-1] + 0.3)
    panel.set_xticks(positions)
    panel.set_xlabel("Position from the preferred orientation")
    panel.set_ylabel("Rate, attended/unattended")
    panel.set_title("The ratio falls with distance")
    panel.legend(loc="upper right", title="slope, intercept", title_fontsize=7, alignment="left")


def _population(panel: Any, config: Any, data: Any) -> None:
    """The attended orientation is shown, at all places."""
    order = np.argsort(-data["similarity"].values)
    place = -data["similarity"].values[order]
    rates = data["rates_E"].sel(spread=EVERYWHERE).isel(stimulus=0)
    before, after = (rates.sel(attention=a).values[order] for a in ("unattended", DEFAULT))
    order = np.argsort(place)
    panel.plot(place[order], before[order], color=style.INK, label="no attention")
    panel.plot(place[order], after[order], color=style.ORANGE, label=DEFAULT)
    _orientation_axis(panel, config, "Preferred − attended (deg)")
    top = np.nanmax([before, after])
    panel.set_ylim(0, 1.3 * top if np.isfinite(top) and top > 0 else 1)
    panel.set_ylabel("E rate (Hz)")
    panel.set_title(f"{config.attention.orientation:g}° shown and attended")
    panel.legend(loc="upper center")


def _places(panel: Any, config: Any, data: Any) -> None:
    order = np.argsort(data["similarity"].values)
    place = data["similarity"].values[order]
    here = data.sel(attention=DEFAULT)
    panel.axhline(1, color=style.INK, lw=0.6)
    looks = (
        (EVERYWHERE, "ratio_blank", {"color": style.ORANGE, "ls": "--"}, "everywhere, no grating"),
        (EVERYWHERE, "ratio_own", {"color": style.ORANGE}, "everywhere, grating"),
        (LOCAL, "ratio_blank", {"color": style.INK, "ls": "--"}, "first place only, no grating"),
        (LOCAL, "ratio_own", {"color": style.INK}, "first place only, grating"),
    )
    for spread, name, look, label in looks:
        panel.plot(place, here[name].sel(spread=spread).values[order], label=label, **look)
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    panel.set_ylim(low, high * (high / low) ** 0.75)
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low <= t <= 1.1 * high]
    style.plain_log(panel.yaxis, ticks)
    panel.minorticks_off()
    _orientation_axis(panel, config, "Attended − preferred (deg)")
    panel.set_ylabel("Rate, attended/unattended")
    panel.set_title("Global only if the signal is global")
    panel.legend(loc="upper center", labelspacing=0.3)
