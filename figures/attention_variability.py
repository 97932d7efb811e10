"""Figure of `attention_variability`: what attention does to variability and correlations.

Lines are linear theory, dots simulations of the noisy ring, black without attention. **a** and
**b**, variance over mean of the rate, and noise correlation of a pair, against contrast. **c**,
noise correlation against the difference of tuning. **d**, variance over mean with attention
relative to without. **e**, change of the correlation by input to E against the pair's place, by
contrast from light to dark. **f**, power spectrum over the mean rate; grey marks the slow frequency
of the claim. Bars are standard errors of the simulation (in **d** an upper bound).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import curves, legend_below, style

DOTS_ALONE = {"ls": "none", "marker": "o", "mec": "white", "mew": 0.5}
DOTS = DOTS_ALONE | {"elinewidth": 0.8}
LOOKS = {"unattended": style.INK, **style.FORMS}


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=124.0)
    (ratio, correlation, tuning), (changes, places, spectrum) = panels

    _against_contrast(ratio, data, "ratio")
    ratio.set(ylabel="Variance/mean of rate (Hz)", title="Attention quenches noise")
    known = data.ratio.values[np.isfinite(data.ratio.values) & (data.ratio.values > 0)]
    if known.size:
        style.decades(ratio, known.min() / 1.4, known.max() * 1.4)
    _against_contrast(correlation, data, "correlation")
    correlation.set(ylabel="Noise correlation of the pair", title="... and decorrelates the pair")
    correlation.axhline(0, color=style.INK, lw=0.6)

    _against_difference(tuning, data, settings.circuit.period)
    _changes(changes, data)
    _places(places, data, settings.attended, settings.circuit.period)
    _spectrum(spectrum, data, settings.spectrum)

    ratio.plot([], [], color=style.GREY, **DOTS_ALONE, label="simulated")
    handles, labels = ratio.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    style.letters(panels.flat)
    return figure


def _lines(panel: Any, array: Any, x: str, log: bool = True) -> None:
    """A curve for each form, without dots: those are the simulation's."""
    bare = array.copy()
    bare[x].attrs.pop("asked", None)
    curves(panel, bare, x, "attention", looks=LOOKS, log=log)


def _against_contrast(panel: Any, data: Any, name: str) -> None:
    _lines(panel, data[name], "contrast")
    for form, colour in LOOKS.items():
        here = data.sel(attention=form)
        values = (here[f"simulated_{name}"], here[f"error_{name}"])
        panel.errorbar(data.simulated_contrast, *values, color=colour, **DOTS)
    panel.set_xlabel("Contrast (%)")


def _against_difference(panel: Any, data: Any, period: float) -> None:
    """Pairs of any tuning, at the contrast of the spectrum."""
    contrast = float(data.spectrum_contrast)
    some = data.sel(simulated_contrast=contrast, method="nearest")
    contrast = float(some.simulated_contrast)
    theory = data.by_difference.sel(contrast=contrast, method="nearest")
    _lines(panel, theory, "difference", log=False)
    for form, colour in LOOKS.items():
        here = some.sel(attention=form)
        values = (here.small_difference, here.simulated_by_difference, here.error_by_difference)
        panel.errorbar(*values, color=colour, **DOTS | {"markersize": 3})
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set(xlim=(0, period / 2), xticks=np.linspace(0, period / 2, 4))
    panel.set(ylabel="Noise correlation", title=f"Pairs of any tuning, c = {contrast:g} %")


def _changes(panel: Any, data: Any) -> None:
    """Attended over unattended, at every contrast; simulated with an upper bound of the error."""
    forms = list(LOOKS)[1:]
    factor = data.ratio.sel(attention=forms) / data.ratio.sel(attention="unattended")
    panel.axhline(1, color=style.INK, lw=0.6)
    _lines(panel, factor, "contrast")
    none = data.sel(attention="unattended")
    for form in forms:
        here = data.sel(attention=form)
        found = here.simulated_ratio / none.simulated_ratio
        # The noise met is the same, so that errors partly cancel.
        relative = [one.error_ratio / one.simulated_ratio for one in (here, none)]
        error = found * np.hypot(*relative)
        panel.errorbar(data.simulated_contrast, found, error, color=LOOKS[form], **DOTS)
    values = factor.values[np.isfinite(factor.values) & (factor.values > 0)]
    if values.size:
        low, high = min(0.5, values.min()), max(2.0, values.max())
        panel.set_yscale("log")
        panel.set_ylim(low / 1.2, high * 1.2)
        ticks = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
        style.plain_log(panel.yaxis, [t for t in ticks if low <= t <= high])
        panel.minorticks_off()
    panel.set(xlabel="Contrast (%)", ylabel="Variance/mean, att./unatt.")
    panel.set_title("Weak stimuli get noisier")


def _places(panel: Any, data: Any, attended: float, period: float) -> None:
    """Change of the correlation by input to E, against the pair's place."""
    away = (data.preferred.values - attended + period / 2) % period - period / 2
    order = np.argsort(away)
    asked = data.simulated_contrast.values
    here = data.by_place.sel(contrast=asked, method="nearest")
    change = here.sel(attention="input to E") - here.sel(attention="unattended")
    shown = np.unique(np.linspace(0, len(asked) - 1, 4).round().astype(int))
    shades = style.shades(style.FORMS["input to E"], len(shown))
    for place, shade in zip(shown, shades, strict=True):
        look = {"color": shade, "label": f"{asked[place]:g} %"}
        panel.plot(away[order], change.isel(contrast=place).values[order], **look)
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.axvline(0, color=style.PALE, lw=0.8, zorder=0)
    panel.set(xlim=(-period / 2, period / 2), xticks=np.linspace(-period / 2, period / 2, 5))
    low, high = np.nanmin(change, initial=0.0), np.nanmax(change, initial=0.0)
    panel.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low) + 1e-3)
    panel.set(xlabel="Pair's place from the attended (deg)", ylabel="Change of the correlation")
    panel.set_title("Pairs near the focus change most")
    legend_below(panel, 4, title="contrast")


def _spectrum(panel: Any, data: Any, spectrum: Any) -> None:
    share = data.power / data.power_rate
    _lines(panel, share, "frequency")
    top = np.nanmax(share, initial=0.0)
    if top > 0:
        panel.set_yscale("log")
        panel.set_ylim(max(np.nanmin(share), 1e-5 * top), 2 * top)
        panel.minorticks_off()
    ticks = (0.01, 0.1, 1, spectrum.slow, 10, 100, 1000)
    style.plain_log(panel.xaxis, [t for t in ticks if spectrum.low <= t <= spectrum.high])
    panel.axvline(spectrum.slow, color=style.PALE, lw=0.8, zorder=0)
    panel.set(xlabel="Frequency (Hz)", ylabel="Power/mean rate (Hz/Hz)")
    panel.set_title(f"Slow noise goes, c = {spectrum.contrast:g} %")
