"""Figure of `attention_and_surround`: what attention at centre and surround does to suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.lines import Line2D

from cortex.plot import style

AWAY, CENTRE, SURROUND = style.INK, style.GREEN, style.PURPLE


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.attention_and_surround`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=122.0)
    (layout, rates, contrast), (forms, width, index) = panels
    _layout(layout, config, data)
    _rates(rates, data)
    _over_contrast(contrast, data)
    _forms(forms, data)
    _over_width(width, config, data)
    _index(index, data)
    style.letters(panels.flat)
    return figure


def _forms_of(data: Any) -> list[str]:
    return [str(name) for name in data["attention"].values[1:]]


def _middle_contrast(data: Any) -> float:
    levels = np.sort(data["contrast"].values)
    return float(levels[len(levels) // 2])


def _legend_below(panel: Any, columns: int = 3, **given: Any) -> None:
    panel.legend(
        loc="upper center",
        bbox_to_anchor=(0.5, -0.22),
        ncols=columns,
        columnspacing=0.8,
        handlelength=1.1,
        handletextpad=0.5,
        **given,
    )


def _layout(panel: Any, config: Any, data: Any) -> None:
    """Stimuli as shaded drive, attention fields as curves."""
    place = data["place"].values
    shown = config.stimulus
    reach = 1.2 * (shown.centre_length / 2 + shown.gap + shown.surround_length)
    reach = min(reach, place[-1])
    centre, _, surround = data["masks"].values
    for mask, colour, name in (
        (centre, CENTRE, "centre"),
        (surround, SURROUND, "surround"),
    ):
        panel.fill_between(place, mask, color=colour, alpha=0.25, lw=0, step="mid", label=name)
    for pattern, colour in zip(data["patterns"].values, (CENTRE, SURROUND), strict=True):
        panel.plot(place, pattern, color=colour)
    panel.set_xlim(-reach, reach)
    panel.set_ylim(0, 1.05)
    panel.set_xlabel("Place (deg)")
    panel.set_ylabel("Drive, attention (of peak)")
    panel.set_title("Stimuli and attention fields")
    handles = [*panel.get_legend_handles_labels()[0][:2], Line2D([], [], color=style.GREY)]
    _legend_below(panel, handles=handles, labels=["centre", "surround", "attention"])


def _rates(panel: Any, data: Any) -> None:
    """Rate of the middle unit, alone and with the surround, in the three states."""
    level = _middle_contrast(data)
    form = _forms_of(data)[0]
    rates = data["rates_E"].sel(contrast=level)
    states = (
        ("away", rates.sel(focus="centre", attention="unattended"), AWAY),
        ("centre", rates.sel(focus="centre", attention=form), CENTRE),
        ("surround", rates.sel(focus="surround", attention=form), SURROUND),
    )
    top = 0.0
    for position, (_, values, colour) in enumerate(states):
        alone, both = values.values[:2]
        panel.bar(position - 0.19, alone, 0.34, color="white", ec=colour)
        panel.bar(position + 0.19, both, 0.34, color=colour, ec=colour)
        if alone > 0:
            share = f"{100 * (both / alone - 1):+.0f} %".replace("-", "−")
            top = max(top, alone, both)
            panel.annotate(
                share,
                (position, max(alone, both)),
                xytext=(0, 3),
                textcoords="offset points",
                ha="center",
            )
    panel.set_xticks(range(3), [name for name, *_ in states])
    panel.set_xlabel("Attended")
    panel.set_ylabel("E rate, middle unit (Hz)")
    panel.set_ylim(0, 1.12 * top if top > 0 else 1)
    panel.set_title(f"Suppression falls or rises ({level:g} %)")
    empty, full = (
        Line2D([], [], ls="none", marker="s", mec=style.GREY, mfc=fill, ms=5.5)
        for fill in ("white", style.GREY)
    )
    _legend_below(panel, handles=[empty, full], labels=["centre alone", "with surround"])


def _contrast_axis(panel: Any, data: Any) -> None:
    axis = data["axis_contrast"].values
    panel.set_xscale("log")
    panel.set_xlim(axis[0], axis[-1])
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500) if t >= axis[0]]
    style.plain_log(panel.xaxis, [t for t in ticks if t <= axis[-1]])
    panel.minorticks_off()
    panel.set_xlabel("Contrast (%)")


def _states(index: Any, form: str) -> tuple[tuple[str, Any, str], ...]:
    return (
        ("surround", index.sel(focus="surround", attention=form), SURROUND),
        ("away", index.sel(focus="centre", attention="unattended"), AWAY),
        ("centre", index.sel(focus="centre", attention=form), CENTRE),
    )


def _over_contrast(panel: Any, data: Any) -> None:
    form = _forms_of(data)[0]
    dots = {name: values for name, values, _ in _states(data["SI"], form)}
    for name, values, colour in _states(data["axis_SI"], form):
        panel.plot(data["axis_contrast"], values, color=colour, label=name)
        panel.plot(data["contrast"], dots[name], "o", color=colour, mec="white", mew=0.5)
    _contrast_axis(panel, data)
    panel.set_ylabel("Suppression index")
    panel.set_title("So at all but weak contrasts")
    panel.axhline(0, color=style.INK, lw=0.6)
    _legend_below(panel, title="attended")


def _forms(panel: Any, data: Any) -> None:
    """Change of the index for the three forms: attended surround above 0, centre below."""
    index = data["axis_SI"]
    plain = index.sel(focus="centre", attention="unattended")
    for form in _forms_of(data):
        for focus, dash in (("surround", (0, (3, 1.5))), ("centre", "-")):
            change = index.sel(focus=focus, attention=form) - plain
            name = form if focus == "centre" else None
            panel.plot(data["axis_contrast"], change, color=style.FORMS[form], ls=dash, label=name)
    panel.axhline(0, color=style.INK, lw=0.6)
    _contrast_axis(panel, data)
    panel.set_ylabel("Change of suppression index")
    panel.set_title("The three forms agree")
    low, high = panel.get_ylim()
    panel.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    place = {"transform": panel.transAxes, "ha": "right"}
    panel.text(0.99, 0.99, "attended surround (dashed)", va="top", **place)
    panel.text(0.99, 0.01, "attended centre (solid)", va="bottom", **place)
    _legend_below(panel, columns=2)


def _over_width(panel: Any, config: Any, data: Any) -> None:
    form = _forms_of(data)[0]
    order = np.argsort(data["width"].values)
    width = data["width"].values[order]
    for _, values, colour in _states(data["width_SI"], form):
        panel.plot(width, values.values[order], "o-", ms=3, color=colour)
    panel.axvline(config.field.width, color=style.GREY, lw=0.6, ls=(0, (3, 2)))
    panel.set_xscale("log")
    ticks = [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if width[0] <= t <= width[-1]]
    style.plain_log(panel.xaxis, ticks or [width[0]])
    panel.minorticks_off()
    panel.set_xlabel("Width of attention field (deg)")
    panel.set_ylabel("Suppression index")
    level = config.field.widths_contrast
    panel.set_title(f"A wide focus does little ({level:g} %)")
    names = ("surround", "away", "centre")
    lines = [Line2D([], [], color=colour) for colour in (SURROUND, AWAY, CENTRE)]
    _legend_below(panel, handles=lines, labels=names, title="attended")


def _index(panel: Any, data: Any) -> None:
    """Attention index without and with the surround, one line a form and contrast."""
    order = np.argsort(data["contrast"].values)
    forms = _forms_of(data)
    ticks, names = [], []
    for group, i in enumerate(order):
        left, right = 2.6 * group, 2.6 * group + 1
        ticks += [left, right]
        names += ["−", "+"]
        at = data.isel(contrast=int(i))
        for form in forms:
            pair = [float(at[f"AI_{part}"].sel(attention=form)) for part in ("alone", "both")]
            label = form if group == 0 else None
            panel.plot([left, right], pair, "o-", color=style.FORMS[form], label=label)
        panel.annotate(
            f"{at['contrast'].values:g} %",
            ((left + right) / 2, 1),
            xycoords=panel.get_xaxis_transform(),
            ha="center",
            va="top",
        )
    panel.set_xlim(-0.6, 2.6 * len(order) - 1)
    panel.set_xticks(ticks, names)
    panel.axhline(0, color=style.INK, lw=0.6)
    low, high = panel.get_ylim()
    panel.set_ylim(min(low, 0), high + 0.12 * (high - low))
    panel.set_xlabel("Without (−) and with (+) surround")
    panel.set_ylabel("Attention index")
    panel.set_title("More modulation with a surround")
    _legend_below(panel, columns=2)
