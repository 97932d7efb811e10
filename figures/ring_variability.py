"""Figure of `ring_variability`: what contrast and attention do to variability, twice over.

**a** and **b**, variance over mean of the rate, and noise correlation of a pair, against contrast:
linear theory (lines), on a uniform background (grey), spontaneous on it (dotted), and simulated
(dots). **c**, noise correlation of pairs that straddle the grating against their difference of
tuning, contrast from light to dark. **d**, simulated variance over that of linear theory against
the noise. **e** and **f**, variance over mean and correlation against the strength of attention.
Bars are standard errors of the simulation, mostly smaller than the dots.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, legend_below, style

DOTS = {"ls": "none", "marker": "o", "mec": "white", "mew": 0.5, "elinewidth": 0.8}
UNIFORM = style.GREY  # on a background
CORRELATION = "Noise correlation of the pair"


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=136.0)
    (ratio, correlation, tuning), (valid, quenched, decorrelated) = panels
    # The simulated noise nearest to that of linear theory.
    away = np.abs(np.log(data.noise_sd.values / settings.noise.sd))
    standard = data.isel(noise_sd=int(away.argmin()))

    _against_contrast(ratio, data, standard, "ratio", settings.background)
    ratio.set(ylabel="Variance/mean of the rate (Hz)", title="High contrast quenches noise")
    _decades(ratio, data.ratio)
    legend_below(ratio, 2)
    _against_contrast(correlation, data, standard, "correlation", settings.background)
    correlation.set(ylabel=CORRELATION, title="... and decorrelates the pair")
    style.from_zero(correlation, data.correlation, standard.simulated_correlation)

    _against_difference(tuning, data, standard, settings.circuit.period)
    _validity(valid, data)

    for panel, name in ((quenched, "ratio"), (decorrelated, "correlation")):
        dots = {"marker": "o", "mec": "white", "mew": 0.5}
        curves(
            panel, data[f"attended_{name}"], "strength", looks={None: style.E}, log=False, **dots
        )
        panel.set_xlabel("Attentional input to E (%)")
        style.from_zero(panel, data[f"attended_{name}"])
        place = {"transform": panel.transAxes, "ha": "right", "va": "top", "color": style.GREY}
        panel.text(0.98, 0.98, f"contrast {settings.attended_contrast:g} %", **place)
    quenched.set(ylabel="Variance/mean of the rate (Hz)", title="Attention quenches noise")
    decorrelated.set(ylabel=CORRELATION, title="... and decorrelates the pair")
    style.letters(panels.flat)
    return figure


def _against_contrast(panel: Any, data: Any, standard: Any, name: str, level: float) -> None:
    """Linear theory on both backgrounds, spontaneous activity, and the simulation."""
    looks = {"none": style.E, "uniform": UNIFORM}
    names = {"none": "linear theory", "uniform": f"on a background of {level:g} %"}
    array = data[name].copy()
    array["contrast"].attrs.pop("asked", None)  # the dots are those of the simulation
    curves(panel, array, "contrast", "background", looks=looks, names=names)
    # Spontaneous activity has no place on a logarithmic axis.
    spontaneous = float(data[f"spontaneous_{name}"])
    panel.axhline(spontaneous, color=UNIFORM, lw=0.8, ls=":", label="spontaneous, on it")
    panel.errorbar(
        standard.simulated_contrast,
        standard[f"simulated_{name}"],
        standard[f"error_{name}"],
        color=style.E,
        label="simulated",
        **DOTS,
    )
    panel.set_xlabel("Contrast (%)")


def _decades(panel: Any, array: Any) -> None:
    """A logarithmic axis that holds the curves."""
    values = array.values[np.isfinite(array.values) & (array.values > 0)]
    if values.size:
        style.decades(panel, values.min() / 1.5, values.max() * 1.5)


def _series(data: Any) -> Any:
    """Up to five simulated contrasts, weak to strong, with their colours."""
    count = data.sizes["simulated_contrast"]
    take = np.unique(np.linspace(0, count - 1, min(5, count)).round().astype(int))
    return zip(data.simulated_contrast.values[take], style.shades(style.E, len(take)), strict=True)


def _against_difference(panel: Any, data: Any, standard: Any, period: float) -> None:
    theory = data.by_difference.sel(background="none")
    for contrast, colour in _series(data):
        here = standard.sel(simulated_contrast=contrast)
        line = theory.sel(contrast=contrast, method="nearest")
        curves(panel, line, "difference", looks={None: colour}, log=False, label=f"{contrast:g} %")
        values = (here.small_difference, here.simulated_by_difference, here.error_by_difference)
        panel.errorbar(*values, color=colour, **DOTS | {"markersize": 3})
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set(xlim=(0, period / 2), xticks=np.linspace(0, period / 2, 4), ylim=(-1.05, 1.05))
    panel.set(ylabel="Noise correlation", title="Pairs that straddle the grating")
    legend_below(panel, title="contrast")


def _validity(panel: Any, data: Any) -> None:
    """Simulated over predicted variance, against the strength of the noise."""
    panel.axhspan(0.95, 1.05, color=style.PALE, lw=0, label="within 5 %")
    panel.axhline(1, color=style.INK, lw=0.6)
    ratio = data.simulated_variance / data.predicted_variance
    error = data.error_variance / data.predicted_variance
    for contrast, colour in _series(data):
        one, its = (array.sel(simulated_contrast=contrast) for array in (ratio, error))
        look = {"color": colour, "label": f"{contrast:g} %", "marker": "o", "ms": 3}
        panel.errorbar(data.noise_sd, one, its, **look)
    sds = data.noise_sd.values
    panel.set_xscale("log")
    panel.set_xlim(sds[0] / 1.08, sds[-1] * 1.08)
    style.plain_log(panel.xaxis, sds)
    panel.set_yscale("log")
    low, high = min(0.8, np.nanmin(ratio, initial=1.0)), max(1.25, np.nanmax(ratio, initial=1.0))
    panel.set_ylim(low / 1.1, high * 1.15)
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 0.8, 1, 1.25, 2, 5, 10, 20) if low <= t <= high]
    style.plain_log(panel.yaxis, ticks)
    panel.minorticks_off()
    panel.set(xlabel="SD of the noise (%)", ylabel="Variance, simulated/linear")
    panel.set_title("Linear theory holds for weak noise")
    legend_below(panel, title="contrast")
