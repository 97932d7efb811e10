"""Figure of `oscillations`: the onset, spectra of noisy rates, and the limit cycle.

**a**, growth rate (solid) and frequency (dashed) of the leading mode against the time constant of I
units: above zero the steady state gives way to a cycle. **b**, power spectra of the mean E rate
under noise, contrast from light to dark: theory (lines) and simulation (bands of two standard
errors over 12 trials). **c**, E and I rates of the limit cycle. **a** and **c** are deterministic:
no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, legend_below, style, time_course


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Three panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(1, 3, height=66)
    onset, spectra, cycle = panels[0]
    _onset(onset, settings, data)
    _spectra(spectra, data)
    _cycle(cycle, settings, data)
    style.letters(panels.flat)
    return figure


def _onset(panel: Any, settings: Any, data: Any) -> None:
    panel.axhline(0, color=style.INK, lw=0.6, ls="--")
    curves(panel, data.growth, "tau_I", looks={None: style.INK})
    panel.set_ylabel("Growth rate (1/s), solid")
    beside = panel.twinx()
    beside.spines["right"].set_visible(True)
    curves(
        beside,
        data.ringing.where(data.ringing > 0),
        "tau_I",
        looks={None: {"color": style.GREY, "ls": (0, (3, 1.5))}},
    )
    beside.set_ylim(0, 1.1 * np.nanmax(data.ringing.values, initial=1.0))
    beside.set_ylabel("Frequency (Hz), dashed", color=style.GREY)
    panel.set_title(f"Slow I rings (τ$_E$ = {settings.tau_E:g} ms)")


def _spectra(panel: Any, data: Any) -> None:
    frequency, theory = data.frequency.values, data.power_theory
    names = {c: f"{c:g} %" for c in data.contrast.values}
    looks = dict(zip(names, style.shades(style.E, len(names)), strict=True))
    shades = style.shades(style.E, data.sizes["contrast"])
    for one, colour in zip(data.power_simulated, shades, strict=True):
        trials = one.values
        mean, error = trials.mean(0), trials.std(0, ddof=1) / np.sqrt(len(trials))
        low, high = np.maximum(mean - 2 * error, 0.2 * mean), mean + 2 * error
        panel.fill_between(frequency, low, high, color=colour, alpha=0.35, lw=0)
    curves(panel, theory, "frequency", "contrast", names=names, looks=looks, log=False, lw=1.0)
    panel.fill_between([], [], color=style.GREY, alpha=0.35, lw=0, label="simulated")
    panel.set_yscale("log")
    panel.set_ylim(0.5 * float(theory.min()), 2 * float(theory.max()))
    panel.set_xlim(0, frequency[-1])
    panel.set_ylabel("Power of mean r$_E$ (Hz²/Hz)")
    panel.set_title("Gamma rises with contrast")
    legend_below(panel, 2)


def _cycle(panel: Any, settings: Any, data: Any) -> None:
    shown = data.cycle.sel(time=slice(0, 100))
    time_course(panel, shown, "population")
    top = float(shown.max())
    panel.set_ylim(0, 1.05 * top if np.isfinite(top) and top > 0 else 1)
    panel.set_ylabel("Rate (Hz)")
    panel.set_title(f"Limit cycle, I of {settings.tau_slow:g} ms")
    legend_below(panel, 2)
