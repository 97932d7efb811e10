"""Figure of `regimes`: inhibition stabilisation, stability, supersaturation.

**a**, leading eigenvalue of the E units alone against contrast: above 1 (shaded) the ring is stable
by inhibition only. **b**, change of steady rates by input to I, from the Jacobian (lines) and
settled anew (rings). **c**, rate of I after a step of input to I, contrast from light to dark.
**d**, eigenvalues of the whole ring at these contrasts. **e**, what becomes of one E/I pair over
two weights; the dashed line is where excitation outgrows inhibition. **f**, E rate of the pair
against contrast for two weights from I to I. Deterministic: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import ListedColormap

from cortex.labelled import asked
from cortex.plot import legend_below, style, time_course
from cortex.plot.panels import axis_of

# From light to dark, told apart in grey as well.
OUTCOMES = ("E stable alone", "inhibition-stabilised", "oscillates", "runs away")
COLOURS = ("#F2F2F2", style.SKY, style.ORANGE, "#4D4D4D")


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=128.0)
    (index, paradox, step), (plane, map_, saturation) = panels
    _index(index, data)
    _paradox(paradox, data)
    _step(step, settings, asked(data.step_response))
    _plane(plane, asked(data.spectrum))
    _map(map_, settings, data)
    _saturation(saturation, settings, data)
    style.letters(panels.flat)
    return figure


def _shade(panel: Any, data: Any) -> None:
    """Where the ring is inhibition-stabilised."""
    where = {"where": data.E_eigenvalue > 1, "transform": panel.get_xaxis_transform()}
    panel.fill_between(data.contrast, 0, 1, color=style.SKY, alpha=0.2, lw=0, **where)


def _index(panel: Any, data: Any) -> None:
    _shade(panel, data)
    panel.plot(data.contrast, data.E_eigenvalue, color=style.E)
    panel.axhline(1.0, color=style.INK, lw=0.6, ls="--")
    axis_of(panel, data.contrast)
    panel.set_ylim(0, 1.1 * max(1.2, float(data.E_eigenvalue.max())))
    panel.set_ylabel("Leading eigenvalue of E alone")
    panel.set_title("Inhibition stabilises the ring")
    panel.text(0.97, 0.04, "shaded: inhibition-\nstabilised", transform=panel.transAxes, ha="right")


def _paradox(panel: Any, data: Any) -> None:
    _shade(panel, data)
    panel.axhline(0, color=style.INK, lw=0.6)
    ring = {"marker": "o", "ls": "none", "mfc": "white", "ms": 3.5, "mew": 0.8}
    for name, colour in (("E", style.E), ("I", style.I)):
        one = data.sel(population=name)
        panel.plot(one.contrast, one.paradox, color=colour, label=name)
        panel.plot(one.contrast[::2], one.resettled[::2], mec=colour, **ring)
    panel.plot([], [], mec=style.INK, label="re-settled", **ring)
    axis_of(panel, data.contrast)
    low, high = float(data.paradox.min()), float(data.paradox.max())
    panel.set_ylim(low - 0.1 * (high - low), high + 0.1 * (high - low))
    panel.set_ylabel("dr / d(input to I) (Hz/%)")
    panel.set_title("More input to I lowers r$_I$")
    legend_below(panel)


def _step(panel: Any, settings: Any, response: Any) -> None:
    panel.axhline(0, color=style.INK, lw=0.6)
    panel.axvline(0, color=style.GREY, lw=0.6, ls=":")
    looks = _shades(response.contrast.values)
    names = {c: f"{c:g} %" for c in looks}
    time_course(panel, response, "contrast", names=names, looks=looks)
    panel.set_ylabel("Change of r$_I$ (Hz)")
    panel.set_title(f"A step of {settings.step:g} % to I")
    legend_below(panel, title="contrast")


def _shades(contrasts: Any) -> dict[float, Any]:
    """A colour for each contrast, from light to dark."""
    return dict(zip(contrasts, style.shades(style.I, len(contrasts)), strict=True))


def _plane(panel: Any, spectrum: Any) -> None:
    panel.axvline(0, color=style.INK, lw=0.6, ls="--")
    for i, (contrast, colour) in enumerate(_shades(spectrum.contrast.values).items()):
        real, imaginary = spectrum.values[i].T
        mark = {"marker": "osD^v"[i % 5], "ms": 3, "mew": 0, "alpha": 0.8, "ls": "none"}
        panel.plot(real, imaginary, color=colour, label=f"{contrast:g} %", **mark)
    real, imaginary = (spectrum.sel(part=part).values for part in ("real", "imaginary"))
    panel.set_xlim(1.08 * real.min(), max(0.12 * np.ptp(real), 1.2 * real.max()))
    bound = max(1.3 * np.abs(imaginary).max(), 1.0)
    panel.set_ylim(-bound, bound)
    panel.set_xlabel("Real part (1/s)")
    panel.set_ylabel("Imaginary part (1/s)")
    panel.set_title("The whole spectrum is stable")
    legend_below(panel, title="contrast")


def _map(panel: Any, settings: Any, data: Any) -> None:
    outcome = data.outcome.values[1]
    index = np.nan_to_num(data.map_index.values[1])
    kind = np.where(outcome == 0, np.where(index > 1, 1, 0), outcome + 1)
    J_EE, J_EI = data.J_EE.values, data.J_EI.values
    colours = ListedColormap(COLOURS)
    panel.pcolormesh(J_EE, J_EI, kind, cmap=colours, vmin=-0.5, vmax=3.5, shading="nearest")
    pair = settings.pair
    edge = J_EE * pair.J_II / pair.J_IE if pair.J_IE else np.inf + 0 * J_EE
    panel.plot(J_EE, edge, color="white", lw=1.0, ls="--")
    panel.set_xlim(J_EE[0], J_EE[-1])
    panel.set_ylim(J_EI[0], J_EI[-1])
    panel.set_xlabel("J$_{EE}$ (1/Hz)")
    panel.set_ylabel("J$_{EI}$ (1/Hz)")
    panel.set_title(f"One E/I pair, I of {pair.tau_slow:g} ms")
    for colour, name in zip(COLOURS, OUTCOMES, strict=True):
        panel.plot([], [], "s", color=colour, ms=5, mec=style.INK, mew=0.4, label=name)
    legend_below(panel, 2)


def _saturation(panel: Any, settings: Any, data: Any) -> None:
    rates = data.pair_rates.sel(population="E")
    for one, dash in zip(rates, ("-", ":"), strict=True):
        weight = float(one.J_II)
        sign = "<" if weight < settings.pair.J_EI else "≥"
        label = f"J$_{{II}}$ = {weight:g} {sign} J$_{{EI}}$"
        panel.plot(data.contrast, one, color=style.E, ls=dash, label=label)
    axis_of(panel, data.contrast)
    panel.set_yscale("log")
    panel.set_ylim(0.5 * float(rates.min()), 2 * float(rates.max()))
    style.plain_log(panel.yaxis, (0.1, 1, 10, 100))
    panel.minorticks_off()
    panel.set_ylabel("E rate of the pair (Hz)")
    panel.set_title("Supersaturation if J$_{II}$ < J$_{EI}$")
    legend_below(panel)
