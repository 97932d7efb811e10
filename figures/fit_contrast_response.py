"""Figure of `fit_contrast_response`: data and fits, the descent, errors, what was not fitted."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.plot import style

MARKS = "osD^v"


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.fit_contrast_response`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=118.0)
    (fitted, descent, errors), (valley, held_out, pair) = panels
    _fitted(fitted, data)
    _descent(descent, data)
    _errors(errors, data)
    _valley(valley, data)
    _held_out(held_out, config, data)
    _pair(pair, config, data)
    style.letters(panels.flat)
    return figure


def _contrast_axis(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.set_xscale("log")
    panel.set_xlim(0.9 * axis[0], 1.1 * axis[-1])
    ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 50, 100, 200) if axis[0] / 1.1 < t < 1.1 * axis[-1]]
    style.plain_log(panel.xaxis, ticks)
    panel.minorticks_off()


def _fitted(panel: Any, data: Any) -> None:
    axis, place = data["axis_contrast"].values, data["place"].values
    start = data["curve"].sel(circuit="start").values
    fit = data["curve"].isel(circuit=1).values
    for population, colour in enumerate((style.E, style.I)):
        name = "EI"[population]
        for i in range(len(place)):
            seen = data["data"].values[0, :, i, population]
            label = f"{name}, fitted" if i == 0 else None
            panel.plot(axis, fit[:, i, population], color=colour, lw=1.0, label=label)
            mark = {"marker": MARKS[i % len(MARKS)], "mec": "white", "mew": 0.4, "ls": "none"}
            panel.plot(data["contrast"], seen, color=colour, **mark)
        label = "at the start" if population == 0 else None
        panel.plot(axis, start[:, 0, population], color=colour, lw=0.8, ls=":", label=label)
    for i, away in enumerate(place):
        mark = {"marker": MARKS[i % len(MARKS)], "ls": "none", "mfc": style.GREY, "mew": 0.0}
        panel.plot([], [], label=f"{away:g}° away", **mark)
    _contrast_axis(panel, data)
    panel.set_yscale("log")
    seen = data["data"].values[0]
    low = max(seen[seen > 0].min(), 0.02)
    panel.set_ylim(0.5 * low, 60 * seen.max())
    style.plain_log(panel.yaxis, [t for t in (0.1, 1, 10, 100, 1000) if low / 2 < t < seen.max()])
    panel.set_xlabel("Contrast (%)")
    panel.set_ylabel("Rate (Hz)")
    panel.set_title("Noisy recordings, fitted")
    panel.legend(loc="upper left", ncols=2, columnspacing=0.8, handlelength=1.2)


def _descent(panel: Any, data: Any) -> None:
    cost = 2 * data["cost"].values
    panel.plot(cost.T, color=style.PALE, lw=0.7)
    panel.plot(cost[0], color=style.GREEN, label="first data set")
    freedom = data["data"][0].size - data.sizes["weight"]
    panel.axhline(freedom, color=style.INK, lw=0.7, ls="--", label="expected of noise")
    panel.plot([], [], color=style.PALE, label="the others")
    panel.set_yscale("log")
    panel.set_xlim(0, cost.shape[1] - 1)
    panel.set_xlabel("Step")
    panel.set_ylabel("Misfit (noise variances)")
    panel.set_title("Descents arrive at the noise")
    panel.legend(loc="upper right")


def _errors(panel: Any, data: Any) -> None:
    true = data["true"].values
    away = 100 * (data["fitted"].values / true[None, :] - 1)
    begun = 100 * (data["start"].values / true[None, :] - 1)
    predicted = 100 * np.median(data["standard_error"].values, axis=0)
    spread = np.linspace(-0.16, 0.16, len(away))
    panel.axhline(0, color=style.INK, lw=0.6)
    for i in range(len(true)):
        panel.plot(i - 0.25 + 0 * begun[:, i], begun[:, i], "_", color=style.GREY, ms=5, mew=0.7)
        panel.plot(i + 0.08 + spread, away[:, i], "o", color=style.GREEN, ms=2.6, mew=0.0)
        panel.errorbar(i + 0.38, 0.0, 2 * predicted[i], color=style.INK, lw=1.0, capsize=2)
    panel.plot([], [], "_", color=style.GREY, ms=5, label="start")
    panel.plot([], [], "o", color=style.GREEN, ms=3, label="recovered")
    panel.plot([], [], color=style.INK, lw=1.0, label="±2 predicted SE")
    names = [f"$J_{{{name[2:]}}}$" for name in data["weight"].values]
    panel.set_xticks(range(len(names)), names)
    panel.set_xlim(-0.5, len(names) - 0.4)
    top = 1.1 * max(np.abs(begun).max(), np.abs(away).max())
    panel.set_ylim(-top, 2.1 * top)
    panel.set_ylabel("Away from the true weight (%)")
    panel.set_title("All four weights come back")
    panel.legend(loc="upper left")


def _valley(panel: Any, data: Any) -> None:
    """Two of the weights trade off: the cloud of fits and the ellipse predicted for it."""
    names = list(data["weight"].values)
    pair = [names.index("J_EE"), names.index("J_EI")]
    true = data["true"].values
    away = 100 * np.log(data["fitted"].values / true[None, :])[:, pair]
    matrix = np.mean(data["information"].values.astype(float), axis=0)
    covariance = np.linalg.inv(matrix)[np.ix_(pair, pair)]
    angle = np.linspace(0, 2 * np.pi, 200)
    circle = np.sqrt(-2 * np.log(0.05)) * np.stack([np.cos(angle), np.sin(angle)])
    ring = 100 * np.linalg.cholesky(covariance) @ circle
    panel.plot(*ring, color=style.INK, lw=0.8, label="95 % predicted")
    panel.plot(*away.T, "o", color=style.GREEN, ms=3, mew=0.0, label="recovered")
    panel.plot(0, 0, "+", color=style.INK, ms=7, label="true")
    panel.set_xlabel("$J_{EE}$ (% from true)")
    panel.set_ylabel("$J_{EI}$ (% from true)")
    panel.set_ylim(top=1.6 * max(ring[1].max(), away[:, 1].max()))
    panel.set_title("Errors are as predicted")
    panel.legend(loc="upper left")


def _held_out(panel: Any, config: Any, data: Any) -> None:
    found = data["held_out"].values
    off = 100 * (found[1:-1] / found[:1] - 1)
    noise = 100 * config.recording.relative_noise
    panel.axhspan(-noise, noise, color=style.PALE, alpha=0.5, lw=0, label="noise of a recording")
    levels = data["held_out_contrast"].values
    for population, colour in enumerate((style.E, style.I)):
        values = off[:, :, :, population].transpose(1, 0, 2).reshape(len(levels), -1)
        low, middle, high = np.percentile(values, (2.5, 50, 97.5), axis=1)
        place = levels * (0.97, 1.03)[population]
        bars = np.stack([middle - low, high - middle])
        name = "EI"[population]
        panel.errorbar(
            place, middle, bars, fmt="o", color=colour, capsize=2, lw=1, ms=3, label=name
        )
    panel.axhline(0, color=style.INK, lw=0.6)
    _contrast_axis(panel, data)
    bound = 1.1 * max(np.abs(panel.get_ylim()).max(), noise)
    panel.set_ylim(-bound, 2.0 * bound)
    panel.set_xlabel("Contrast not fitted (%)")
    panel.set_ylabel("Prediction − true rate (%)")
    panel.set_title("Other contrasts are predicted")
    panel.legend(loc="upper left")


def _pair(panel: Any, config: Any, data: Any) -> None:
    axis, curves = data["axis_contrast"].values, data["curve_w"].values
    low, high = np.percentile(curves[1:-1], (2.5, 97.5), axis=0)
    panel.axhline(1.0, color=style.INK, lw=0.5)
    panel.fill_between(axis, low, high, color=style.GREEN, alpha=0.35, lw=0, label="fits (95 %)")
    panel.plot(axis, curves[0], color=style.INK, lw=1.0, label="true ring")
    level = config.stimulus.pair_contrast
    value, error = data["pair_w"].values[1], data["pair_w_error"].values[0]
    panel.errorbar(
        level,
        value,
        2 * error,
        fmt="o",
        color=style.E,
        ms=3,
        capsize=2,
        lw=1,
        label="first fit ± 2 SE",
    )
    _contrast_axis(panel, data)
    panel.set_xlabel("Contrast of each grating (%)")
    panel.set_ylabel("Sum weight of a pair, E")
    panel.set_title("So is a pair, never fitted")
    panel.legend(loc="upper right")
