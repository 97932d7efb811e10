"""Figure of `ring_variability`: what contrast and attention do to variability, twice over."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

TICKS = (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500)
DOTS = {"ls": "none", "marker": "o", "mec": "white", "mew": 0.5, "elinewidth": 0.8}


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.ring_variability`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=118.0)
    (ratio, correlation, tuning), (valid, quenched, decorrelated) = panels
    _against_contrast(ratio, config, data, "ratio")
    ratio.set_ylabel("Variance/mean of the rate (Hz)")
    ratio.set_title("High contrast quenches noise")
    _log_ratio(ratio, data["axis_ratio"], data["lit_ratio"])
    ratio.legend(loc="lower left")
    _against_contrast(correlation, config, data, "correlation")
    correlation.set_ylabel("Noise correlation of the pair")
    correlation.set_title("... and decorrelates the pair")
    _against_difference(tuning, config, data)
    _validity(valid, data)
    _against_attention(quenched, config, data, "ratio")
    quenched.set_ylabel("Variance/mean of the rate (Hz)")
    quenched.set_title("Attention quenches noise")
    _against_attention(decorrelated, config, data, "correlation")
    decorrelated.set_ylabel("Noise correlation of the pair")
    decorrelated.set_title("... and decorrelates the pair")
    style.letters(panels.flat)
    return figure


def _log_axis(panel: Any, values: Any, ticks: Any) -> None:
    low, high = float(np.min(values)), float(np.max(values))
    panel.set_xscale("log")
    panel.set_xlim(low / 1.08, high * 1.08)
    style.plain_log(panel.xaxis, [t for t in ticks if low <= t <= high])
    panel.minorticks_off()


def _standard(config: Any, data: Any) -> int:
    """The simulated noise nearest to that of linear theory."""
    return int(np.argmin(np.abs(np.log(data["noise_sd"].values / config.noise.sd))))


def _from_zero(panel: Any, *curves: Any) -> None:
    values = np.concatenate([np.ravel(curve) for curve in curves])
    top = np.nanmax(values, initial=0.0)
    panel.set_ylim(min(0.0, 1.1 * np.nanmin(values, initial=0.0)), 1.1 * top if top > 0 else 1.0)


def _against_contrast(panel: Any, config: Any, data: Any, name: str) -> None:
    axis, level = data["axis_contrast"].values, config.stimulus.background
    dark, lit = data[f"axis_{name}"], data[f"lit_{name}"]
    panel.plot(axis, dark, color=style.E, label="linear theory")
    panel.plot(axis, lit[1:], color=style.GREEN, label=f"on a background of {level:g} %")
    # Spontaneous activity has no place on a logarithmic axis.
    panel.axhline(float(lit[0]), color=style.GREEN, lw=0.8, ls=":", label="spontaneous, on it")
    some = data.isel(noise_sd=_standard(config, data))
    panel.errorbar(
        data["contrast"],
        some[f"sim_{name}"],
        some[f"sim_{name}_error"],
        color=style.E,
        label="simulated",
        **DOTS,
    )
    if name == "correlation":
        panel.axhline(0, color=style.INK, lw=0.6)
    if name == "correlation":
        _from_zero(panel, dark, lit, some[f"sim_{name}"])
    _log_axis(panel, axis, TICKS)
    panel.set_xlabel("Contrast (%)")


def _log_ratio(panel: Any, *curves: Any) -> None:
    """A logarithmic axis that leaves a decade below the curves for the legend."""
    values = np.concatenate([np.ravel(curve) for curve in curves])
    values = values[np.isfinite(values) & (values > 0)]
    if values.size:
        panel.set_yscale("log")
        panel.set_ylim(values.min() / 20, values.max() * 1.5)
        ticks = [10.0**n for n in range(-6, 4) if values.min() / 2 < 10.0**n < values.max() * 1.5]
        style.plain_log(panel.yaxis, ticks)
        panel.minorticks_off()


def _shown(data: Any) -> list[int]:
    """Up to five contrasts, weak to strong: positions in the dataset."""
    order = np.argsort(data["contrast"].values)
    take = np.unique(np.linspace(0, len(order) - 1, min(5, len(order))).round().astype(int))
    return [int(i) for i in order[take]]


def _against_difference(panel: Any, config: Any, data: Any) -> None:
    some = data.isel(noise_sd=_standard(config, data))
    for index, colour in zip(_shown(data), style.SERIES, strict=False):
        here = some.isel(contrast=index)
        label = f"{float(here['contrast']):g} %"
        panel.plot(data["difference"], here["by_difference"], color=colour, label=label)
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
    panel.set_ylim(-1.05, 1.05)
    panel.set_xlabel("Tuning difference of the pair (deg)")
    panel.set_ylabel("Noise correlation")
    panel.set_title("Pairs that straddle the grating")
    space = {"handlelength": 1.2, "columnspacing": 0.9, "borderaxespad": 0.2}
    panel.legend(loc="lower center", ncols=3, title="contrast", title_fontsize=7, **space)


def _validity(panel: Any, data: Any) -> None:
    sds = data["noise_sd"].values
    order = np.argsort(sds)
    panel.axhspan(0.95, 1.05, color=style.PALE, lw=0, label="within 5 %")
    panel.axhline(1, color=style.INK, lw=0.6)
    off = []
    for index, colour in zip(_shown(data), style.SERIES, strict=False):
        here = data.isel(contrast=index)
        ratio = (here["sim_variance"] / here["small_variance"]).values[order]
        error = (here["sim_variance_error"] / here["small_variance"]).values[order]
        label = f"{float(here['contrast']):g} %"
        panel.errorbar(sds[order], ratio, error, color=colour, label=label, marker="o", ms=3)
        off.append(ratio)
    _log_axis(panel, sds, sorted(sds))
    panel.set_yscale("log")
    low, high = min(0.8, np.nanmin(off, initial=1.0)), max(1.25, np.nanmax(off, initial=1.0))
    panel.set_ylim(low / 1.1, high * 1.15)
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 0.8, 1, 1.25, 2, 5, 10, 20) if low <= t <= high]
    style.plain_log(panel.yaxis, ticks)
    panel.minorticks_off()
    panel.set_xlabel("SD of the noise (%)")
    panel.set_ylabel("Variance, simulated/linear")
    panel.set_title("Linear theory holds for weak noise")
    panel.legend(loc="upper left", title="contrast", title_fontsize=7)


def _against_attention(panel: Any, config: Any, data: Any, name: str) -> None:
    values = data[f"attended_{name}"]
    panel.plot(data["strength"], values, color=style.E, marker="o", mec="white", mew=0.5)
    panel.set_xlabel("Attentional input to E (%)")
    if name == "correlation":
        panel.axhline(0, color=style.INK, lw=0.6)
    _from_zero(panel, values)
    place = {"transform": panel.transAxes, "ha": "right", "va": "top", "color": style.GREY}
    panel.text(0.98, 0.98, f"contrast {config.attention.contrast:g} %", **place)
