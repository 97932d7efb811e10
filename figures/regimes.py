"""Figure of `regimes`: inhibition stabilisation, stability, supersaturation, oscillation."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap

from cortex.plot import style

# From light to dark, told apart in grey as well.
OUTCOMES = ("E stable alone", "inhibition-stabilised", "oscillates", "runs away")
COLOURS = ("#F2F2F2", style.SKY, style.ORANGE, "#4D4D4D")


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Nine panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.regimes`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(3, 3, height=170.0)
    (index, paradox, step), (plane, map_, saturation), (onset, spectra, cycle) = panels
    _index(index, data)
    _paradox(paradox, data)
    _step(step, config, data)
    _plane(plane, data)
    _map(map_, config, data)
    _saturation(saturation, config, data)
    _onset(onset, config, data)
    _spectra(spectra, data)
    _cycle(cycle, config, data)
    style.letters(panels.flat)
    return figure


def _contrast_axis(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.set_xscale("log")
    panel.set_xlim(axis[0], axis[-1])
    ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300) if axis[0] <= t <= axis[-1]]
    style.plain_log(panel.xaxis, ticks)
    panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")


def _shade(panel: Any, data: Any) -> None:
    """Where the ring is inhibition-stabilised."""
    axis, index = data["axis_contrast"].values, data["index"].values
    panel.fill_between(
        axis,
        0,
        1,
        where=index > 1,
        transform=panel.get_xaxis_transform(),
        color=style.SKY,
        alpha=0.2,
        lw=0,
    )


def _index(panel: Any, data: Any) -> None:
    _shade(panel, data)
    panel.plot(data["axis_contrast"], data["index"], color=style.E)
    panel.axhline(1.0, color=style.INK, lw=0.6, ls="--")
    _contrast_axis(panel, data)
    panel.set_ylim(0, 1.1 * max(1.2, float(data["index"].max())))
    panel.set_ylabel("Leading eigenvalue of E alone")
    panel.set_title("Inhibition stabilises the ring")
    panel.text(0.97, 0.04, "shaded: inhibition-\nstabilised", transform=panel.transAxes, ha="right")


def _paradox(panel: Any, data: Any) -> None:
    _shade(panel, data)
    axis = data["axis_contrast"].values
    panel.axhline(0, color=style.INK, lw=0.6)
    for i, colour in enumerate((style.E, style.I)):
        panel.plot(axis, data["paradox"][:, i], color=colour, label="EI"[i])
        some = slice(None, None, 2)
        mark = {"marker": "o", "ls": "none", "mfc": "white", "mec": colour, "ms": 3.5, "mew": 0.8}
        panel.plot(axis[some], data["paradox_difference"][some, i], **mark)
    panel.plot(
        [], [], marker="o", ls="none", mfc="white", mec=style.INK, ms=3.5, label="re-settled"
    )
    _contrast_axis(panel, data)
    low, high = float(data["paradox"].min()), float(data["paradox"].max())
    panel.set_ylim(low - 0.5 * (high - low), high + 0.1 * (high - low))
    panel.set_ylabel("dr / d(input to I) (Hz/%)")
    panel.set_title("More input to I lowers r$_I$")
    panel.legend(loc="lower left")


def _step(panel: Any, config: Any, data: Any) -> None:
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.axvline(0, color=style.GREY, lw=0.6, ls=":")
    for i, contrast in enumerate(data["contrast"].values):
        colour = style.SERIES[i % len(style.SERIES)]
        panel.plot(data["time"], data["step_response"][i], color=colour, label=f"{contrast:g} %")
    panel.set_xlim(data["time"].values[0], data["time"].values[-1])
    panel.set_xlabel("Time after the step (ms)")
    panel.set_ylabel("Change of r$_I$ (Hz)")
    panel.set_title(f"A step of {config.stimulus.step:g} % to I")
    place = {"loc": "upper right", "bbox_to_anchor": (1.0, 0.86)}
    panel.legend(title="contrast", title_fontsize=7, **place)


def _plane(panel: Any, data: Any) -> None:
    panel.axvline(0, color=style.INK, lw=0.6, ls="--")
    for i, contrast in enumerate(data["contrast"].values):
        real, imaginary = data["spectrum"].values[i].T
        colour = style.SERIES[i % len(style.SERIES)]
        mark = {"marker": "osD^v"[i % 5], "ms": 3, "mew": 0, "alpha": 0.8, "ls": "none"}
        panel.plot(real, imaginary, color=colour, label=f"{contrast:g} %", **mark)
    real, imaginary = data["spectrum"].values.transpose(2, 0, 1).reshape(2, -1)
    panel.set_xlim(1.08 * real.min(), max(0.12 * np.ptp(real), 1.2 * real.max()))
    bound = max(1.3 * np.abs(imaginary).max(), 1.0)
    panel.set_ylim(-bound, 3.2 * bound)
    panel.set_xlabel("Real part (1/s)")
    panel.set_ylabel("Imaginary part (1/s)")
    panel.set_title("The whole spectrum is stable")
    panel.legend(loc="upper left", title="contrast", title_fontsize=7)


def _map(panel: Any, config: Any, data: Any) -> None:
    outcome = data["outcome"].values[1]
    index = np.nan_to_num(data["map_index"].values[1])
    kind = np.where(outcome == 0, np.where(index > 1, 1, 0), outcome + 1)
    J_EE, J_EI = data["J_EE"].values, data["J_EI"].values
    colours = ListedColormap(COLOURS)
    panel.pcolormesh(J_EE, J_EI, kind, cmap=colours, vmin=-0.5, vmax=3.5, shading="nearest")
    pair = config.pair
    edge = J_EE * pair.J_II / pair.J_IE if pair.J_IE else np.inf + 0 * J_EE
    panel.plot(J_EE, edge, color="white", lw=1.0, ls="--")
    panel.set_xlim(J_EE[0], J_EE[-1])
    panel.set_ylim(J_EI[0], 1.45 * J_EI[-1])
    panel.set_yticks([t for t in panel.get_yticks() if 0 <= t <= J_EI[-1]])
    panel.set_xlabel("J$_{EE}$ (1/Hz)")
    panel.set_ylabel("J$_{EI}$ (1/Hz)")
    panel.set_title(f"One E/I pair, I of {pair.tau_slow:g} ms")
    for colour, name in zip(COLOURS, OUTCOMES, strict=True):
        panel.plot([], [], "s", color=colour, ms=5, mec=style.INK, mew=0.4, label=name)
    panel.legend(
        loc="upper center", ncols=2, handletextpad=0.1, columnspacing=0.6, borderaxespad=0.2
    )


def _saturation(panel: Any, config: Any, data: Any) -> None:
    axis, rates = data["axis_contrast"].values, data["pair_rates"].values
    for i, weight in enumerate(data["weight"].values):
        sign = "<" if weight < config.pair.J_EI else "≥"
        label = f"J$_{{II}}$ = {weight:g} {sign} J$_{{EI}}$"
        panel.plot(axis, rates[i, :, 0], color=style.E, ls=("-", ":")[i], label=label)
    _contrast_axis(panel, data)
    panel.set_yscale("log")
    panel.set_ylim(0.5 * np.nanmin(rates[..., 0]), 12 * np.nanmax(rates[..., 0]))
    style.plain_log(panel.yaxis, (0.1, 1, 10, 100))
    panel.minorticks_off()
    panel.set_ylabel("E rate of the pair (Hz)")
    panel.set_title("Supersaturation if J$_{II}$ < J$_{EI}$")
    panel.legend(loc="upper left")


def _onset(panel: Any, config: Any, data: Any) -> None:
    tau_I, growth, ringing = (data[name].values for name in ("tau_I", "growth", "ringing"))
    panel.axhline(0, color=style.INK, lw=0.6, ls="--")
    panel.plot(tau_I, growth, color=style.PURPLE)
    panel.set_xlim(tau_I[0], tau_I[-1])
    panel.set_xlabel("Time constant of I (ms)")
    panel.set_ylabel("Growth rate (1/s)", color=style.PURPLE)
    beside = panel.twinx()
    beside.spines["right"].set_visible(True)
    beside.plot(tau_I, np.where(ringing > 0, ringing, np.nan), color=style.GREEN)
    beside.set_ylim(0, 1.3 * max(ringing.max(), 1.0))
    beside.set_ylabel("Frequency (Hz)", color=style.GREEN)
    panel.set_title(f"Slow I rings (τ$_E$ = {config.oscillation.tau_E:g} ms)")


def _spectra(panel: Any, data: Any) -> None:
    frequency = data["frequency"].values
    for i, contrast in enumerate(data["spectrum_contrast"].values):
        colour = style.SERIES[i % len(style.SERIES)]
        trials = data["power_simulated"].values[i]
        mean, error = trials.mean(0), trials.std(0, ddof=1) / np.sqrt(len(trials))
        low, high = np.maximum(mean - 2 * error, 0.2 * mean), mean + 2 * error
        panel.fill_between(frequency, low, high, color=colour, alpha=0.35, lw=0)
        theory = data["power_theory"].values[i]
        panel.plot(frequency, theory, color=colour, lw=1.0, label=f"{contrast:g} %")
    panel.fill_between([], [], color=style.GREY, alpha=0.35, lw=0, label="simulated")
    panel.set_yscale("log")
    panel.set_xlim(0, frequency[-1])
    power = data["power_theory"].values
    panel.set_ylim(0.5 * power.min(), 60 * power.max())
    panel.set_xlabel("Frequency (Hz)")
    panel.set_ylabel("Power of mean r$_E$ (Hz²/Hz)")
    panel.set_title("Gamma rises with contrast")
    panel.legend(loc="upper center", ncols=2)


def _cycle(panel: Any, config: Any, data: Any) -> None:
    shown = data["cycle_time"].values <= 100
    time, rates = data["cycle_time"].values[shown], data["cycle"].values[shown]
    panel.plot(time, rates[:, 0], color=style.E, label="E")
    panel.plot(time, rates[:, 1], color=style.I, label="I")
    panel.set_xlim(0, time[-1])
    top = np.nanmax(rates, initial=0.0)
    panel.set_ylim(0, 1.25 * top if np.isfinite(top) and top > 0 else 1)
    panel.set_xlabel("Time (ms)")
    panel.set_ylabel("Rate (Hz)")
    panel.set_title(f"Limit cycle, I of {config.oscillation.tau_slow:g} ms")
    panel.legend(loc="upper right", ncols=2)
