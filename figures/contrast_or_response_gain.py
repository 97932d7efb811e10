"""Figure of `contrast_or_response_gain`: contrast responses of both models, gains, maps.

**a**, contrast responses of the circuit with attention (three forms) and without, for small and
large stimuli and attention fields; numbers are the effect of the input to E at half of the largest
response (grey line) and at the highest contrast. **b**, the same in the normalisation model of
attention. **c**, log ratio of response gain to contrast gain, which a fit of both to the curves
gives, for each stimulus in each field. **d** and **e**, share of the effect that is left at the
highest contrast, over sizes of stimulus and field, in the circuit and in the model; circles are the
sizes of **a** and **b**. Deterministic steady states of one circuit: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.contrast_or_response_gain import MODEL, SIZES
from matplotlib.colors import LinearSegmentedColormap

from cortex.plot import axis_of, style

COLOURS = {**style.FORMS, MODEL: style.OLIVE}
FORM = "input to E"
# In the summary: from what the theory calls contrast gain to what it calls response gain.
ORDER = (("small", "large"), ("large", "large"), ("small", "small"), ("large", "small"))


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Contrast responses (stimulus x field) of circuit and model, their gains, and maps.

    Drawn from the results alone; returns a `matplotlib.figure.Figure`.
    """
    figure, panels = style.figure(3, 4, height=170.0, height_ratios=[1, 1, 1.25])
    for row, stimulus in enumerate(SIZES):
        for column, field in enumerate(SIZES):
            here = data.sel(stimulus=stimulus, field=field)
            _circuit(panels[row, column], here)
            _model(panels[row, 2 + column], here)
            for panel in (panels[row, column], panels[row, 2 + column]):
                # An empty line in the first row leaves room for the titles of the blocks.
                lines = "\n\n" if row == 0 else ""
                panel.set_title(f"{lines}{stimulus} stimulus, {field} field", fontsize=7)
                axis_of(panel, data.contrast)
                panel.set_xlabel("Contrast (%)" if row == 1 else "")
        for pair in (panels[row, :2], panels[row, 2:]):
            _same_height(pair)
        panels[row, 0].set_ylabel("Rate of E (Hz)")
        panels[row, 2].set_ylabel("Response (1)")
    panels[1, 1].legend(loc="upper left", bbox_to_anchor=(0, 0.82), **_TIGHT)
    panels[1, 3].legend(loc="lower right", **_TIGHT)
    _block(panels[0, 0], "a", "Circuit: size sets contrast or response gain")
    _block(panels[0, 2], "b", "Normalisation model, same stimuli and fields")
    summary, circuit, model = style.joined(panels[2, :2]), *panels[2, 2:]
    _gains(summary, data)
    image = _map(circuit, settings, data, FORM)
    circuit.set_ylabel("Stimulus (deg)")
    circuit.set_title(f"Circuit, {FORM}", fontsize=8)
    _map(model, settings, data, MODEL)
    model.set_title("Normalisation model", fontsize=8)
    bar = figure.colorbar(image, ax=[circuit, model], location="bottom", extend="both", aspect=30)
    bar.set_ticks([0.0, 0.5, 1.0], labels=["0 (contrast gain)", "0.5", "1 (response gain)"])
    bar.set_label(
        "Share of the effect left at the highest contrast\n(circles: the sizes of a and b)"
    )
    bar.outline.set_linewidth(0.4)
    for letter, panel in zip("cde", (summary, circuit, model), strict=True):
        _above(panel, letter, (-24, 5), fontsize=9, fontweight="bold", gid="letter")
    return figure


_TIGHT = {"handlelength": 1.2, "borderaxespad": 0.1, "labelspacing": 0.25}


def _above(panel: Any, words: str, offset: tuple[int, int], **how: Any) -> None:
    """Words above a panel that the layout makes no room for."""
    anchor = {"xy": (0, 1), "xycoords": "axes fraction", "textcoords": "offset points"}
    panel.annotate(words, xytext=offset, va="bottom", **anchor, **how).set_in_layout(False)


def _block(panel: Any, letter: str, title: str) -> None:
    _above(panel, letter, (-24, 17), fontsize=9, fontweight="bold", gid="letter")
    _above(panel, title, (0, 17), fontsize=8)


def _circuit(panel: Any, here: Any) -> None:
    rates, contrast = here.rates.sel(population="E"), here.contrast
    for form in style.FORMS:
        look = {"color": COLOURS[form], "lw": 1.8 if form == FORM else 0.9, "label": form}
        panel.plot(contrast, rates.sel(attention=form), **look)
    alone = rates.sel(attention="unattended")
    panel.plot(contrast, alone, color=style.INK, lw=1.2, label="unattended")
    _effect(panel, here.sel(series=FORM), contrast.values[-1])


def _model(panel: Any, here: Any) -> None:
    for attended, colour, width in (
        ("attended", COLOURS[MODEL], 1.8),
        ("unattended", style.INK, 1.2),
    ):
        values = here.response.sel(attended=attended)
        panel.plot(here.contrast, values, color=colour, lw=width, label=attended)
    _effect(panel, here.sel(series=MODEL), here.contrast.values[-1])


def _effect(panel: Any, one: Any, top: float) -> None:
    """How large the effect is at half of the largest response, and at the highest contrast."""
    half, at_half, at_top = (one[name].item() for name in ("half", "ratio_half", "ratio_top"))
    words = f"×{at_half:.2f} at the line,\n×{at_top:.2f} at {top:g} %"
    panel.text(0.03, 0.99, words, transform=panel.transAxes, va="top")
    if np.isfinite(half):
        panel.axvline(half, ymax=0.78, color=style.PALE, lw=0.8, zorder=0)


def _same_height(panels: Any) -> None:
    """One axis of responses for both fields, with room for the words."""
    tops = [np.nanmax([np.nanmax(line.get_ydata()) for line in p.lines[:-1]]) for p in panels]
    top = np.nanmax(tops)
    for panel in panels:
        panel.set_ylim(0, 1.25 * top if np.isfinite(top) and top > 0 else 1.0)


def _gains(panel: Any, data: Any) -> None:
    """Log of response gain less log of contrast gain, every condition and series."""
    balance = np.log2(data["response_gain"]) - np.log2(data["contrast_gain"])
    series = [str(name) for name in data.series.values]
    width = 0.8 / len(series)
    for index, name in enumerate(series):
        heights = [balance.sel(stimulus=s, field=f, series=name).item() for s, f in ORDER]
        places = np.arange(len(ORDER)) + (index - (len(series) - 1) / 2) * width
        panel.bar(places, heights, 0.9 * width, color=COLOURS[name], label=name)
    panel.axhline(0.0, color=style.INK, lw=0.6)
    finite = balance.values[np.isfinite(balance.values)]
    low, high = min([*finite, -0.5]), max([*finite, 0.5])
    panel.set_ylim(low - 0.15 * (high - low), high + 0.15 * (high - low))
    panel.set_xticks(range(len(ORDER)), [f"{s} in\n{f}" for s, f in ORDER])
    panel.set_xlabel("Stimulus in attention field")
    panel.tick_params(axis="x", length=0)
    panel.set_ylabel("log$_2$ (response gain /\ncontrast gain)")
    corner = {"transform": panel.transAxes, "color": style.GREY}
    panel.text(0.99, 0.02, "contrast gain", ha="right", va="bottom", **corner)
    panel.text(0.99, 0.98, "response gain", ha="right", va="top", **corner)
    panel.legend(loc="upper left", labelspacing=0.3)
    panel.set_title("Response gain: large stimulus, small field")


def _map(panel: Any, settings: Any, data: Any, series: str) -> Any:
    values = data.map_persistence.sel(series=series).transpose("stimulus_width", "field_width")
    sizes = data.stimulus_width.values
    shades = LinearSegmentedColormap.from_list("persistence", [style.INK, style.SKY, "#FFFFFF"])
    shades = shades.with_extremes(bad=style.PALE)
    edges = _edges(sizes)
    image = panel.pcolormesh(edges, edges, values, cmap=shades, vmin=0.0, vmax=1.0)
    for stimulus in settings.patches:
        for field in settings.fields:
            panel.plot(field, stimulus, "o", mfc="none", mec=style.E, mew=1.1, ms=5)
    for axis, scale in ((panel.xaxis, panel.set_xscale), (panel.yaxis, panel.set_yscale)):
        scale("log")
        style.plain_log(axis, sizes[:: max(1, round((len(sizes) - 1) / 2))].tolist())
    panel.minorticks_off()
    panel.set_xlim(edges[0], edges[-1])
    panel.set_ylim(edges[0], edges[-1])
    panel.set_box_aspect(1)
    panel.set_xlabel("Attention field (deg)")
    return image


def _edges(sizes: Any) -> Any:
    """Borders of the cells, halfway between neighbours in log size."""
    place = np.log(sizes)
    middle = (place[1:] + place[:-1]) / 2
    ends = 2 * place[[0, -1]] - middle[[0, -1]]
    return np.exp(np.concatenate([ends[:1], middle, ends[1:]]))
