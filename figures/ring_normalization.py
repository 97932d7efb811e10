"""Figure of `ring_normalization`: equal and unequal pairs, and where the input comes from."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import style


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.ring_normalization`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=115.0)
    (responses, weights, contrast), (unequal, competition, inputs) = panels
    _responses(responses, config, data)
    _weights(weights, config, data, measures)
    _contrast(contrast, data)
    _unequal(unequal, config, data)
    _competition(competition, config, data)
    _inputs(inputs, data)
    style.letters(panels.flat)
    return figure


def _angles(config: Any) -> tuple[str, str]:
    return tuple(f"{angle:g}°" for angle in config.stimulus.orientations)


def _ring_axis(panel: Any, config: Any) -> None:
    period = config.circuit.period
    panel.set_xlim(0, period)
    panel.set_xticks(np.linspace(0, period, 5))
    panel.set_xlabel("Preferred orientation (deg)")
    panel.set_ylabel("Excitatory rate (Hz)")


def _curves(panel: Any, preferred: Any, rates: Any, names: tuple[str, str]) -> None:
    """The two single responses, their sum and the response to both."""
    first, second, both = rates
    # Underneath and broad: where the gratings do not overlap the sum is a single response.
    panel.plot(preferred, first + second, color=style.PALE, lw=4.5, label="sum of the two")
    panel.plot(preferred, first, color=style.GREEN, lw=1.0, label=f"{names[0]} alone")
    panel.plot(preferred, second, color=style.PURPLE, lw=1.0, label=f"{names[1]} alone")
    panel.plot(preferred, both, color=style.E, lw=1.8, label="both")


def _legend_on_top(panel: Any, rates: Any) -> None:
    """Leave room above the curves for a legend."""
    first, second, both = rates
    top = np.nanmax([first + second, both])
    if np.isfinite(top) and top > 0:
        panel.set_ylim(0, 1.6 * top)
    panel.legend(loc="upper left", labelspacing=0.25)


def _responses(panel: Any, config: Any, data: Any) -> None:
    index = int(np.argmax(data["contrast"].values))
    rates = data["rates_E"].values[index]
    _curves(panel, data["preferred"].values, rates, _angles(config))
    _ring_axis(panel, config)
    _legend_on_top(panel, rates)
    weight, level = data["w_E"].values[index], data["contrast"].values[index]
    panel.set_title(f"Two gratings at {level:g} %: w = {weight:.2f}")


def _contrast_axis(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.set_xscale("log")
    panel.set_xlim(axis[0], axis[-1])
    ticks = [t for t in (0.1, 0.3, 1, 3, 10, 30, 100, 300) if t >= axis[0]]
    style.plain_log(panel.xaxis, [t for t in ticks if t <= axis[-1]])
    panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")


def _weights(panel: Any, config: Any, data: Any, measures: Any) -> None:
    axis = data["axis_contrast"].values
    panel.axhline(1.0, color=style.INK, lw=0.6)
    panel.plot(axis, data["axis_w_E"], color=style.E, label="E")
    panel.plot(axis, data["axis_w_I"], color=style.I, label="I")
    for name, colour in (("w_E", style.E), ("w_I", style.I)):
        panel.plot(data["contrast"], data[name], "o", color=colour, mec="white", mew=0.5)
    references = {m.name: m.reference for m in measures if m.reference is not None}
    marked = [
        (level, references[f"{name}[c={level:g}]"])
        for level in data["contrast"].values
        for name in ("w_E", "w_I")
        if f"{name}[c={level:g}]" in references
    ]
    if marked:
        ring = {"mfc": "none", "mec": style.INK, "mew": 0.7, "ms": 7, "ls": "none"}
        panel.plot(*zip(*marked, strict=True), marker="o", label="other program", **ring)
    low, high = _range(data["axis_w_E"], data["axis_w_I"], data["w_E"], data["w_I"])
    panel.set_ylim(low, high + 0.3 * (high - low))
    _contrast_axis(panel, data)
    panel.set_ylabel("Sum weight w")
    panel.set_title("Summation turns sublinear")
    place = {"transform": panel.get_yaxis_transform(), "color": style.GREY, "ha": "right"}
    panel.text(0.99, 1.02, "supralinear", va="bottom", **place)
    panel.text(0.99, 0.98, "sublinear", va="top", **place)
    panel.legend(loc="upper right")


def _range(*curves: Any) -> tuple[float, float]:
    values = np.concatenate([np.ravel(curve) for curve in curves])
    values = np.append(values[np.isfinite(values)], 1.0)
    low, high = values.min(), values.max()
    margin = 0.12 * max(high - low, 0.1)
    return low - margin, high + margin


def _contrast(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.plot(axis, data["axis_r_E"], color=style.E, label="E")
    panel.plot(axis, data["axis_r_I"], color=style.I, label="I")
    for name, colour in (("r_E", style.E), ("r_I", style.I)):
        panel.plot(data["contrast"], data[name], "o", color=colour, mec="white", mew=0.5)
    _contrast_axis(panel, data)
    panel.set_ylim(bottom=0)
    panel.set_ylabel("Rate at the grating (Hz)")
    panel.set_title("Response to one grating")
    panel.legend(loc="upper left")


def _unequal(panel: Any, config: Any, data: Any) -> None:
    levels = config.stimulus.unequal_pair
    angles = _angles(config)
    names = tuple(f"{angle}, {level:g} %" for angle, level in zip(angles, levels, strict=True))
    rates = data["unequal_E"].values
    _curves(panel, data["preferred"].values, rates, names)
    _ring_axis(panel, config)
    _legend_on_top(panel, rates)
    first, second = data["unequal_w_E"].values
    panel.set_title(f"Unequal: weights {first:.2f} and {second:.2f}")


def _competition(panel: Any, config: Any, data: Any) -> None:
    """Weights of both gratings as the second one's contrast rises to the first's."""
    share = 100 * data["share"].values
    angles = _angles(config)
    level = config.stimulus.unequal_pair[0]
    for index, colour in enumerate((style.GREEN, style.PURPLE)):
        weight = data["share_w_E"].values[:, index]
        panel.plot(share, weight, "o-", color=colour, mec="white", mew=0.5)
        name = f"{angles[index]} at {level:g} %" if index == 0 else f"{angles[index]}, weaker"
        panel.annotate(
            name,
            (share[len(share) // 3], weight[len(share) // 3]),
            xytext=(6, -9 if index else 6),
            textcoords="offset points",
            color=colour,
        )
    panel.set_xlim(0, 105)
    panel.set_ylim(0, 1.1)
    panel.set_xlabel("Contrast of the second (% of the first)")
    panel.set_ylabel("Weight in the response to both")
    panel.set_title("The stronger one wins")


def _inputs(panel: Any, data: Any) -> None:
    """Share of the network in the input, and of excitation in the network's."""
    axis = data["axis_contrast"].values
    drive, excitation, inhibition = (
        data[f"axis_input_{name}"].values for name in ("drive", "EE", "EI")
    )
    network = excitation + inhibition
    panel.plot(axis, network / (network + drive), color=style.INK, label="network / all input")
    panel.plot(axis, excitation / network, color=style.E, label="excitation / network")
    _contrast_axis(panel, data)
    panel.set_ylim(0, 1.2)
    panel.set_yticks(np.linspace(0, 1, 6))
    panel.legend(loc="upper left", labelspacing=0.25)
    panel.set_ylabel("Share of the input to the E unit")
    panel.set_title("Where the input comes from")
