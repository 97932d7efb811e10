"""Figure of `ring_normalization`: equal and unequal pairs, and where the input comes from.

**a** and **d**, E rates over preferred orientations to two gratings, each alone, their sum, and
both, at equal and unequal contrasts. **b**, sum weight w (response to both over the sum of both)
against contrast, with an independent NumPy program's values as rings. **c**, rate at a grating
shown alone. **e**, weights of the two gratings in the response to both against the contrast of the
second. **f**, share of the network in all input to E, and of excitation in the network's.
Deterministic steady states of one ring: no bars.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from cortex.sims.ring_normalization import WEIGHTS, network_share

from cortex.plot import curves, legend_below, marks, style


@style.journal()
def draw(settings: Any, data: Any, rows: Any) -> Any:
    """Six panels from the results alone; returns a `matplotlib.figure.Figure`."""
    figure, panels = style.figure(2, 3, height=130.0)
    (responses, weights, contrast), (unequal, competition, inputs) = panels
    strongest = data.contrast.attrs.get("asked", data.contrast.values)[-1]
    one, two = (f"{angle:g}°" for angle in settings.orientations)

    w = float(data.w.sel(contrast=strongest, population="E"))
    _responses(responses, data.rates.sel(contrast=strongest, population="E"), (one, two))
    responses.set_title(f"Two gratings at {strongest:g} %: w = {w:.2f}")

    _weights(weights, data, rows)
    curves(contrast, data.r, "contrast", "population")
    contrast.set(ylim=(0, None), ylabel="Rate at the grating (Hz)", title="Response to one grating")
    contrast.legend(loc="upper left")

    share = data.share.attrs["asked"][0] if "asked" in data.share.attrs else data.share.values[0]
    at = data.sel(share=share, population="E")
    levels = (f"{one}, {settings.strong:g} %", f"{two}, {share * settings.strong:.3g} %")
    _responses(unequal, at.unequal, levels)
    unequal.set_title("Unequal: weights {:.2f} and {:.2f}".format(*at.weights.values))

    _competition(competition, data.weights.sel(population="E"), settings.strong, (one, two))
    _inputs(inputs, data)
    style.letters(panels.flat)
    return figure


def _responses(panel: Any, rates: Any, names: tuple[str, str]) -> None:
    """The two single responses, their sum, and the response to both."""
    first, second, both = (rates.sel(shown=shown) for shown in ("first", "second", "both"))
    # Underneath and broad: where the gratings do not overlap the sum is a single response.
    panel.plot(rates.preferred, first + second, color=style.PALE, lw=4.5, label="sum of the two")
    panel.plot(rates.preferred, first, color=style.ATTENDED, lw=1.0, label=f"{names[0]} alone")
    panel.plot(rates.preferred, second, color=style.ELSEWHERE, lw=1.0, label=f"{names[1]} alone")
    panel.plot(rates.preferred, both, color=style.E, lw=1.8, label="both")
    top = float(np.nanmax([first + second, both]))
    if top > 0:  # false for NaN as well
        panel.set_ylim(0, 1.05 * top)
    period = 2 * rates.preferred.values[-1] - rates.preferred.values[-2]
    panel.set(xlim=(0, period), xticks=np.linspace(0, period, 5))
    panel.set(xlabel="Preferred orientation (deg)", ylabel="Excitatory rate (Hz)")
    legend_below(panel, 2)


def _weights(panel: Any, data: Any, rows: Any) -> None:
    panel.axhline(1.0, color=style.INK, lw=0.6)
    curves(panel, data.w, "contrast", "population")
    if any(row.name.startswith("w[") and row.reference is not None for row in rows):
        table = [(c, w) for c, pair in WEIGHTS.items() if c in data.contrast.values for w in pair]
        marks(panel, *zip(*table, strict=True), label="independent NumPy program")
    panel.set_title("Summation turns sublinear")
    place = {"transform": panel.get_yaxis_transform(), "color": style.GREY, "ha": "right"}
    panel.text(0.99, 1.02, "supralinear", va="bottom", **place)
    panel.text(0.99, 0.98, "sublinear", va="top", **place)
    panel.set_ylabel("Sum weight w")
    legend_below(panel)


def _competition(panel: Any, weights: Any, strong: float, angles: tuple[str, str]) -> None:
    """Weights of both gratings as the second one's contrast rises to the first's."""
    looks = {
        "first": {"color": style.ATTENDED, "marker": "o", "mec": "white", "mew": 0.5},
        "second": {"color": style.ELSEWHERE, "marker": "o", "mec": "white", "mew": 0.5},
    }
    names = {"first": f"{angles[0]} at {strong:g} %", "second": f"{angles[1]}, weaker"}
    curves(panel, weights, "share", "grating", looks=looks, names=names)
    panel.set(ylim=(0, 1.03), ylabel="Weight in the response to both", title="The stronger wins")
    panel.set_xlabel("Contrast of the second / of the first")
    legend_below(panel)


def _inputs(panel: Any, data: Any) -> None:
    """Share of the network in the input, and of excitation in the network's."""
    share = network_share(data).assign_attrs(units="1", long_name="share of the input to E")
    curves(panel, share, "contrast", label="network / all input", looks={None: style.INK})
    excitation = data.input_EE / (data.input_EE + data.input_EI)
    curves(
        panel,
        excitation.assign_attrs(share.attrs),
        "contrast",
        label="excitation / network",
        looks={None: style.E},
    )
    panel.set(ylim=(0, 1), ylabel="Share", title="Where the input comes from")
    legend_below(panel)
