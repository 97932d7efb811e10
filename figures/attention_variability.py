"""Figure of `attention_variability`: what attention does to variability and correlations."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
DOTS_ALONE = {"ls": "none", "marker": "o", "mec": "white", "mew": 0.5}
DOTS = {**DOTS_ALONE, "elinewidth": 0.8}
COLOURS = (style.INK, *style.FORMS.values())


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.attention_variability`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=124.0)
    (ratio, correlation, tuning), (changes, places, spectrum) = panels
    _against_contrast(ratio, data, "ratio")
    ratio.set_ylabel("Variance/mean of the rate (Hz)")
    ratio.set_title("Attention quenches noise")
    _log_range(ratio, data["axis_ratio"], data["sim_ratio"])
    _against_contrast(correlation, data, "correlation")
    correlation.set_ylabel("Noise correlation of the pair")
    correlation.set_title("... and decorrelates the pair")
    correlation.axhline(0, color=style.INK, lw=0.6)
    index = int(np.argmin(np.abs(np.log(data["contrast"].values / config.spectrum.contrast))))
    _against_difference(tuning, config, data, index)
    _changes(changes, data)
    _places(places, config, data)
    _spectrum(spectrum, config, data)
    ratio.plot([], [], color=style.GREY, **DOTS_ALONE, label="simulated")
    handles, labels = ratio.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels))
    style.letters(panels.flat)
    return figure


def _log_x(panel: Any, values: Any, ticks: Any = TICKS) -> None:
    low, high = float(np.min(values)), float(np.max(values))
    panel.set_xscale("log")
    panel.set_xlim(low / 1.08, high * 1.08)
    style.plain_log(panel.xaxis, [t for t in ticks if low <= t <= high])
    panel.minorticks_off()


def _log_range(panel: Any, *curves: Any) -> None:
    values = np.concatenate([np.ravel(curve) for curve in curves])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size == 0:
        return
    low, high = values.min() / 1.4, values.max() * 1.4
    panel.set_yscale("log")
    panel.set_ylim(low, high)
    style.plain_log(panel.yaxis, [10.0**n for n in range(-8, 6) if low <= 10.0**n <= high])
    panel.minorticks_off()


def _forms(data: Any) -> Any:
    return zip(data["attention"].values, COLOURS, strict=True)


def _against_contrast(panel: Any, data: Any, name: str) -> None:
    for form, colour in _forms(data):
        here = data.sel(attention=form)
        panel.plot(data["axis_contrast"], here[f"axis_{name}"], color=colour, label=form)
        error = here[f"sim_{name}_error"]
        panel.errorbar(data["contrast"], here[f"sim_{name}"], error, color=colour, **DOTS)
    _log_x(panel, data["axis_contrast"].values)
    panel.set_xlabel("Contrast (%)")


def _against_difference(panel: Any, config: Any, data: Any, index: int) -> None:
    for form, colour in _forms(data):
        here = data.sel(attention=form).isel(contrast=index)
        panel.plot(data["difference"], here["by_difference"], color=colour)
        panel.errorbar(
            data["small_difference"],
            here["sim_by_difference"],
            here["sim_by_difference_error"],
            color=colour,
            **{**DOTS, "markersize": 3},
        )
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.set_xlim(0, config.circuit.period / 2)
    panel.set_xticks(np.linspace(0, config.circuit.period / 2, 4))
    panel.set_xlabel("Tuning difference of the pair (deg)")
    panel.set_ylabel("Noise correlation")
    panel.set_title(f"Pairs of any tuning, c = {float(data['contrast'][index]):g} %")


def _changes(panel: Any, data: Any) -> None:
    """Attended over unattended, at every contrast simulated."""
    none = data.sel(attention="unattended")
    panel.axhline(1, color=style.INK, lw=0.6)
    for form, colour in list(_forms(data))[1:]:
        here = data.sel(attention=form)
        panel.plot(data["axis_contrast"], here["axis_ratio"] / none["axis_ratio"], color=colour)
        factor = here["sim_ratio"] / none["sim_ratio"]
        # Upper bound: the noise met is the same, so that errors partly cancel.
        relative = [one["sim_ratio_error"] / one["sim_ratio"] for one in (here, none)]
        error = factor * np.hypot(*relative)
        panel.errorbar(data["contrast"], factor, error, color=colour, **DOTS)
    _log_x(panel, data["axis_contrast"].values)
    factors = data["axis_ratio"] / none["axis_ratio"]
    values = factors.values[np.isfinite(factors.values) & (factors.values > 0)]
    if values.size:
        low, high = min(0.5, values.min()), max(2.0, values.max())
        panel.set_yscale("log")
        panel.set_ylim(low / 1.2, high * 1.2)
        ticks = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
        style.plain_log(panel.yaxis, [t for t in ticks if low <= t <= high])
        panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")
    panel.set_ylabel("Variance/mean, att./unatt.")
    panel.set_title("Weak stimuli get noisier")


def _places(panel: Any, config: Any, data: Any) -> None:
    """Change of the correlation by input to E, against the pair's place."""
    period = config.circuit.period
    away = (data["preferred"].values - config.focus.orientation + period / 2) % period - period / 2
    order = np.argsort(away)
    here = data["by_place"]
    change = (here.sel(attention="input to E") - here.sel(attention="unattended")).values
    contrasts = data["contrast"].values
    styles = ("-", "--", "-.", ":")
    shown = np.argsort(contrasts)[
        np.unique(np.linspace(0, len(contrasts) - 1, 4).round()).astype(int)
    ]
    for index, dashes in zip(shown, styles, strict=False):
        label = f"{contrasts[index]:g} %"
        panel.plot(
            away[order],
            change[index][order],
            color=style.FORMS["input to E"],
            ls=dashes,
            label=label,
        )
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.axvline(0, color=style.PALE, lw=0.8, zorder=0)
    panel.set_xlim(-period / 2, period / 2)
    panel.set_xticks(np.linspace(-period / 2, period / 2, 5))
    low, high = np.nanmin(change, initial=0.0), np.nanmax(change, initial=0.0)
    panel.set_ylim(low - 0.55 * (high - low), high + 0.08 * (high - low) + 1e-3)
    panel.set_xlabel("Pair's place from the attended (deg)")
    panel.set_ylabel("Change of the correlation")
    panel.set_title("Pairs near the focus change most")
    panel.legend(loc="lower center", ncols=2, title="contrast", title_fontsize=7)


def _spectrum(panel: Any, config: Any, data: Any) -> None:
    for form, colour in _forms(data):
        here = data.sel(attention=form)
        panel.plot(data["frequency"], here["power"] / here["power_rate"], color=colour)
    _log_x(panel, data["frequency"].values, (0.01, 0.1, 1, config.spectrum.slow, 10, 100, 1000))
    power = (data["power"] / data["power_rate"]).values
    top = np.nanmax(power, initial=0.0)
    if top > 0:
        panel.set_yscale("log")
        panel.set_ylim(max(np.nanmin(power), 1e-5 * top), 2 * top)
        panel.minorticks_off()
    panel.axvline(config.spectrum.slow, color=style.PALE, lw=0.8, zorder=0)
    panel.set_xlabel("Frequency (Hz)")
    panel.set_ylabel("Power/mean rate (Hz/Hz)")
    panel.set_title(f"Slow noise goes, c = {config.spectrum.contrast:g} %")
