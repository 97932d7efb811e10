"""Figure of `fit_contrast_response`: data and fits, the descent, errors, what was not fitted.

**a**, one set of noisy recordings (marks), rates of the fitted ring (solid) and of that at the
start of the descent (dotted). **b**, misfit of every data set by step, and what the noise alone
leaves. **c**, all four weights against the true ones at the start and after fitting; black is twice
the standard error that the Fisher information predicts. **d**, two of the weights, with the
predicted 95 % ellipse. **e**, rates at contrasts that were not fitted; bars hold the middle 95 % of
fits and places. **f**, the sum weight of a pair of gratings, never fitted: the true ring, the
middle 95 % of fits, and the first fit with twice its standard error. n: 16 data sets.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.fit_contrast_response import freedom, log_error, off

from cortex.labelled import asked
from cortex.plot import axis_of, legend_below, style
from cortex.plot.panels import POPULATIONS

MARKS = "osD^v"


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=136.0)
    (fitted, descent, errors), (valley, held_out, pair) = panels
    words = {fitted: "Contrast", held_out: "Contrast not fitted", pair: "Contrast of each grating"}
    for panel, label in words.items():
        axis_of(panel, data.predicted)
        panel.set_xlabel(f"{label} (%)")
        panel.set_xlim(0.9 * float(data.predicted.min()), 1.1 * float(data.predicted.max()))
    _fitted(fitted, data)
    _descent(descent, data)
    _errors(errors, data)
    _valley(valley, data)
    _held_out(held_out, data, 100 * settings.relative_noise)
    _pair(pair, data, settings.pair_contrast)
    style.letters(panels.flat)
    return figure


def _fitted(panel: Any, data: Any) -> None:
    recorded, first = data.data.isel(data_set=0), data.curve.isel(circuit=1)
    for population, colour in POPULATIONS.items():
        seen, fit = recorded.sel(population=population), first.sel(population=population)
        for i, place in enumerate(data.place.values):
            label = f"{population}, fitted" if i == 0 else None
            panel.plot(data.predicted, fit.sel(place=place), color=colour, lw=1.0, label=label)
            mark = {"marker": MARKS[i % len(MARKS)], "mec": "white", "mew": 0.4, "ls": "none"}
            panel.plot(data.fitted, seen.sel(place=place), color=colour, **mark)
        start = data.start_curve.sel(population=population).isel(place=0)
        label = "at the start" if population == "E" else None
        panel.plot(data.predicted, start, color=colour, lw=0.8, ls=":", label=label)
    for i, away in enumerate(data.place.values):
        mark = {"marker": MARKS[i % len(MARKS)], "ls": "none", "mfc": style.GREY, "mew": 0.0}
        panel.plot([], [], label=f"{away:g}° away", **mark)
    low, high = max(float(recorded.where(recorded > 0).min()), 0.02), float(recorded.max())
    style.decades(panel, 0.5 * low, 2 * high)
    panel.set(ylabel="Rate (Hz)", title="Noisy recordings, fitted")
    legend_below(panel)


def _descent(panel: Any, data: Any) -> None:
    cost = 2 * data.cost.transpose("step", "data_set")
    panel.plot(cost, color=style.PALE, lw=0.7)
    panel.plot(cost.isel(data_set=0), color=style.ATTENDED, label="first data set")
    each = freedom(data) / data.sizes["data_set"]
    panel.axhline(each, color=style.INK, lw=0.7, ls="--", label="expected of noise")
    panel.plot([], [], color=style.PALE, label="the others")
    panel.set(yscale="log", xlim=(0, data.sizes["step"] - 1))
    panel.set(xlabel="Step", ylabel="Misfit (noise variances)")
    panel.set_title("Descents arrive at the noise")
    legend_below(panel, 2)


def _subscripted(name: Any) -> str:
    return f"$J_{{{str(name)[2:]}}}$"


def _errors(panel: Any, data: Any) -> None:
    away, begun = (100 * (found / data.true - 1) for found in (data.fitted_weight, data.start))
    predicted = 100 * data.standard_error.median("data_set")
    spread = np.linspace(-0.16, 0.16, data.sizes["data_set"])
    panel.axhline(0, color=style.INK, lw=0.6)
    for i in range(data.sizes["weight"]):
        at = begun.isel(weight=i)
        panel.plot(np.full(at.shape, i - 0.25), at, "_", color=style.GREY, ms=5, mew=0.7)
        found = away.isel(weight=i)
        panel.plot(i + 0.08 + spread, found, "o", color=style.ATTENDED, ms=2.6, mew=0.0)
        bar = 2 * float(predicted[i])
        panel.errorbar(i + 0.38, 0.0, bar, color=style.INK, lw=1.0, capsize=2)
    panel.plot([], [], "_", color=style.GREY, ms=5, label="start")
    panel.plot([], [], "o", color=style.ATTENDED, ms=3, label="recovered")
    panel.plot([], [], color=style.INK, lw=1.0, label="±2 predicted SE")
    names = [_subscripted(name) for name in data.weight.values]
    panel.set_xticks(range(len(names)), names)
    top = 1.1 * max(float(abs(begun).max()), float(abs(away).max()))
    panel.set(xlim=(-0.5, len(names) - 0.4), ylim=(-top, top))
    panel.set(ylabel="Away from the true weight (%)", title="All four weights come back")
    legend_below(panel)


def _valley(panel: Any, data: Any) -> None:
    """Two of the weights trade off: the cloud of fits and the ellipse predicted for it."""
    one, other = "J_EE", "J_EI"
    away = 100 * log_error(data)
    pair = [list(data.weight.values).index(name) for name in (one, other)]
    matrix = data.information.mean("data_set").values.astype(float)
    if np.isfinite(matrix).all():
        covariance = np.linalg.pinv(matrix)[np.ix_(pair, pair)]
        angle = np.linspace(0, 2 * np.pi, 200)
        circle = np.sqrt(-2 * np.log(0.05)) * np.stack([np.cos(angle), np.sin(angle)])
        ring = 100 * np.linalg.cholesky(covariance) @ circle
        panel.plot(*ring, color=style.INK, lw=0.8, label="95 % predicted")
    points = away.sel(weight=one), away.sel(weight=other)
    panel.plot(*points, "o", color=style.ATTENDED, ms=3, mew=0.0, label="recovered")
    panel.plot(0, 0, "+", color=style.INK, ms=7, label="true")
    panel.set_xlabel(f"{_subscripted(one)} (% from true)")
    panel.set_ylabel(f"{_subscripted(other)} (% from true)")
    panel.set_title("Errors are as predicted")
    legend_below(panel)


def _held_out(panel: Any, data: Any, noise: float) -> None:
    errors = 100 * off(asked(data.curve))
    panel.axhspan(-noise, noise, color=style.PALE, alpha=0.5, lw=0, label="recording's noise")
    for (population, colour), shift in zip(POPULATIONS.items(), (0.97, 1.03), strict=True):
        here = errors.sel(population=population)
        low, middle, high = here.quantile([0.025, 0.5, 0.975], ["circuit", "place"])
        bars = np.stack([middle - low, high - middle])
        look = {"fmt": "o", "color": colour, "capsize": 2, "lw": 1, "ms": 3}
        panel.errorbar(errors.predicted * shift, middle, bars, label=population, **look)
    panel.axhline(0, color=style.INK, lw=0.6)
    bound = 1.1 * max(np.abs(panel.get_ylim()).max(), noise)
    panel.set(ylim=(-bound, bound), ylabel="Prediction − true rate (%)")
    panel.set_title("Other contrasts are predicted")
    legend_below(panel)


def _pair(panel: Any, data: Any, contrast: float) -> None:
    fits = data.curve_w.drop_sel(circuit="true")
    low, high = fits.quantile([0.025, 0.975], "circuit")
    panel.axhline(1.0, color=style.INK, lw=0.5)
    band = {"color": style.ATTENDED, "alpha": 0.35, "lw": 0}
    panel.fill_between(data.predicted, low, high, label="fits (95 %)", **band)
    true = data.curve_w.sel(circuit="true")
    panel.plot(data.predicted, true, color=style.INK, lw=1.0, label="true ring")
    value, error = data.pair_w.isel(circuit=1), data.pair_w_error.isel(data_set=0)
    look = {"fmt": "o", "color": style.E, "ms": 3, "capsize": 2, "lw": 1}
    panel.errorbar(contrast, value, 2 * error, label="first fit ± 2 SE", **look)
    panel.set(ylabel="Sum weight of a pair, E", title="So is a pair, never fitted")
    legend_below(panel)
