"""Figure of `line_surround_suppression`: size tuning, its change with contrast, and its cause."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.colors import to_rgb

from cortex.plot import style


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.line_surround_suppression`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=122.0)
    (excitatory, inhibitory, field), (index, profile, inputs) = panels
    _tuning(excitatory, data, "E", style.E)
    _tuning(inhibitory, data, "I", style.I)
    inhibitory.set_title("I units sum over longer lines")
    excitatory.set_title("Strong lines suppress when long")
    references = {m.name: m.reference for m in measures if m.reference is not None}
    _field(field, data, references)
    _index(index, data, references)
    _profile(profile, data)
    _inputs(inputs, data)
    style.letters(panels.flat)
    return figure


def _shades(colour: str, count: int) -> list[Any]:
    """From pale to the colour itself and a little darker: more contrast, more ink."""
    full = np.asarray(to_rgb(colour))
    places = np.linspace(0.25, 1.15, count) if count > 1 else [1.0]
    return [tuple(1 - p * (1 - full) if p <= 1 else full * (2 - p)) for p in places]


def _order(data: Any) -> Any:
    return np.argsort(data["contrast"].values)


def _tuning(panel: Any, data: Any, name: str, colour: str) -> None:
    lengths = data["length"].values
    order = _order(data)
    for i, shade in zip(order, _shades(colour, len(order)), strict=True):
        rates = data[f"r_{name}"].values[i]
        top = np.max(rates)
        if not top > 0:
            continue
        level = f"{data['contrast'].values[i]:g} %"
        panel.plot(lengths, rates / top, color=shade, label=level)
        best = int(np.argmax(rates))
        panel.plot(lengths[best], 1.0, "o", color=shade, mec="white", mew=0.5, clip_on=False)
    panel.set_xlim(0, lengths[-1])
    panel.locator_params(axis="x", nbins=6)
    panel.set_ylim(0, 1.03)
    panel.set_xlabel("Length of the line (deg)")
    panel.set_ylabel(f"{name} rate, middle unit (of peak)")
    _legend_below(panel)


def _legend_below(panel: Any) -> None:
    panel.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.2),
        ncols=4,
        columnspacing=0.8,
        handlelength=1.0,
        handletextpad=0.5,
    )


def _contrast_axis(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.set_xscale("log")
    panel.set_xlim(axis[0], axis[-1])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if t >= axis[0]]
    style.plain_log(panel.xaxis, [t for t in ticks if t <= axis[-1]])
    panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")


def _marked(panel: Any, data: Any, references: Any, prefix: str) -> None:
    found = [
        (level, references[f"{prefix}[E,c={level:g}]"])
        for level in data["contrast"].values
        if f"{prefix}[E,c={level:g}]" in references
    ]
    if found:
        ring = {"mfc": "none", "mec": style.INK, "mew": 0.7, "ms": 7, "ls": "none"}
        panel.plot(*zip(*found, strict=True), marker="o", label="reference", **ring)


def _both(panel: Any, data: Any, name: str, **kind: Any) -> None:
    axis = data["axis_contrast"].values
    for population, colour in (("E", style.E), ("I", style.I)):
        panel.plot(axis, data[f"axis_{name}_{population}"], color=colour, label=population, **kind)
        panel.plot(
            data["contrast"], data[f"{name}_{population}"], "o", color=colour, mec="white", mew=0.5
        )


def _field(panel: Any, data: Any, references: Any) -> None:
    _both(panel, data, "peak", drawstyle="steps-mid")
    _marked(panel, data, references, "summation_field")
    _contrast_axis(panel, data)
    panel.set_ylim(bottom=0)
    panel.set_ylabel("Summation field (deg)")
    panel.set_title("Summation fields shrink")
    _legend_below(panel)


def _index(panel: Any, data: Any, references: Any) -> None:
    _both(panel, data, "SI")
    axis = data["axis_contrast"].values
    panel.plot(
        axis, data["axis_SI_field_E"], color=style.E, lw=1.0, ls=(0, (3, 2)), label="E, full field"
    )
    _marked(panel, data, references, "suppression_index")
    _contrast_axis(panel, data)
    panel.set_ylim(-0.03, 1.0)
    panel.set_ylabel("Suppression index")
    panel.set_title("Suppression grows from nothing")
    _legend_below(panel)


def _profile(panel: Any, data: Any) -> None:
    """Rates along the line: best length, least response beyond it, longest length."""
    order = _order(data)
    at = data.isel(contrast=int(order[-2:][0]))
    rates, lengths = at["r_E"].values, at["length"].values
    if not np.all(np.isfinite(rates)):
        return
    best = int(np.argmax(rates))
    worst = best + int(np.argmin(rates[best:]))
    chosen = sorted({best, worst, len(lengths) - 1})
    names = {best: "best", worst: "least", len(lengths) - 1: "longest"}
    for colour, i in zip(style.SERIES, chosen, strict=False):
        words = f"{lengths[i]:.2g}° ({names[i]})"
        panel.plot(data["place"], at["rates_E"].values[i], color=colour, label=words)
    reach = min(0.75 * lengths[-1], data["place"].values[-1])
    panel.set_xlim(-reach, reach)
    panel.locator_params(axis="x", nbins=6)
    top = np.max(at["rates_E"].values[chosen])
    panel.set_ylim(0, 1.45 * top if top > 0 else 1)
    panel.set_xlabel("Place of the unit (deg)")
    panel.set_ylabel("E rate (Hz)")
    panel.set_title(f"Activity along the line at {float(at['contrast']):g} %")
    panel.legend(loc="upper center")


def _inputs(panel: Any, data: Any) -> None:
    """Excitation and inhibition of the middle E unit, as shares of those at the best length."""
    at = data.isel(contrast=int(_order(data)[-1]))
    lengths = at["length"].values
    best = int(np.argmax(at["r_E"].values))
    excitation = (at["input_drive"] + at["input_EE"]).values
    inhibition = at["input_EI"].values
    panel.axhline(1.0, color=style.INK, lw=0.6)
    panel.axvline(lengths[best], color=style.GREY, lw=0.6, ls=(0, (3, 2)))
    for values, colour, name in (
        (excitation, style.E, "excitation"),
        (inhibition, style.I, "inhibition"),
    ):
        if values[best] > 0:
            panel.plot(lengths, values / values[best], color=colour, label=name)
    panel.set_xlim(0, lengths[-1])
    panel.locator_params(axis="x", nbins=6)
    panel.set_ylim(bottom=0)
    panel.set_xlabel("Length of the line (deg)")
    panel.set_ylabel("Input to the middle E unit\n(of that at the best length)")
    both = excitation[-1] < excitation[best] and inhibition[-1] < inhibition[best]
    claim = "Both inputs withdraw" if both else "Inputs of the middle unit"
    panel.set_title(f"{claim} at {float(at['contrast']):g} %")
    _legend_below(panel)
