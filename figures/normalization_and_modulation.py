"""Figure of `normalization_and_modulation`: populations, correlations by cause, asymmetry."""

from __future__ import annotations

from typing import Any

import numpy as np

from cortex.analysis import bootstrap_correlation
from cortex.plot import style

DEFAULT, ALL = "input to E", "all"
LOOKS = {
    form: {"color": colour, "marker": marker}
    for (form, colour), marker in zip(style.FORMS.items(), "os^", strict=True)
}
NAMES = {
    "weights": "weights",
    "inhibition": "inhibition",
    "gain": "gain of cells",
    "drive": "drive",
    "untuned": "untuned drive",
    "top_down": "attention",
    "all": "all of them",
}


@style.journal()
def draw(config: Any, data: Any, measures: Any) -> Any:
    """Six panels from the results alone.

    Parameters
    ----------
    config, data, measures
        As in the results folder; see `cortex.sims.normalization_and_modulation`.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure, panels = style.figure(2, 3, height=122.0)
    _population(panels[0, 0], config, data)
    _forest(panels[0, 1], config, data)
    _asymmetry(panels[0, 2], data)
    for panel, causes, title in (
        (panels[1, 0], ("weights", "inhibition"), "Connections differ"),
        (panels[1, 1], ("gain", "drive"), "Gain or drive differs"),
        (panels[1, 2], ("untuned", "top_down"), "Tuning or attention differs"),
    ):
        _causes(panel, data, causes, title)
    style.letters(panels.flat)
    return figure


def _found(config: Any, data: Any, cause: str, form: str, ranks: bool = True) -> Any:
    at = data.sel(cause=cause)
    return bootstrap_correlation(
        at["normalisation"].values,
        at["modulation"].sel(attention=form).values,
        ranks=ranks,
        resamples=config.analysis.resamples,
        level=config.analysis.level,
        seed=config.seed,
    )


def _labels(panel: Any) -> None:
    panel.set_xlabel("Normalisation index")
    panel.set_ylabel("Attention modulation index")


def _population(panel: Any, config: Any, data: Any) -> None:
    at = data.sel(cause=ALL)
    x = at["normalisation"].values
    y = at["modulation"].sel(attention=DEFAULT).values
    panel.plot(x, y, "o", color=style.ORANGE, ms=3, mec="white", mew=0.3)
    good = np.isfinite(x) & np.isfinite(y)
    found = _found(config, data, ALL, DEFAULT, ranks=False)
    if np.isfinite(found.value):
        _band(panel, x[good], y[good], config)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.2 * (high - low))
    panel.text(
        0.04,
        0.98,
        f"r = {found.value:.2f} ({found.low:.2f} to {found.high:.2f}), {found.cells} cells",
        transform=panel.transAxes,
        va="top",
    )
    _labels(panel)
    panel.set_title("Modulation grows with normalisation")


def _band(panel: Any, x: Any, y: Any, config: Any) -> None:
    """Least-squares line with the bootstrap band of its place."""
    place = np.linspace(x.min(), x.max(), 30)
    draws = np.random.default_rng(config.seed).integers(len(x), size=(500, len(x)))
    lines = [np.polyval(np.polyfit(x[d], y[d], 1), place) for d in draws if x[d].std() > 0]
    tail = (1 - config.analysis.level) / 2
    low, high = np.quantile(lines, [tail, 1 - tail], axis=0)
    panel.fill_between(place, low, high, color=style.INK, alpha=0.15, lw=0)
    panel.plot(place, np.polyval(np.polyfit(x, y, 1), place), color=style.INK, lw=1.0)


def _forest(panel: Any, config: Any, data: Any) -> None:
    causes = list(data["cause"].values)
    panel.plot([0, 0], [-0.4, len(causes) - 0.4], color=style.INK, lw=0.6)
    for shift, (form, look) in zip((-0.22, 0.0, 0.22), LOOKS.items(), strict=True):
        for row, cause in enumerate(causes):
            found = _found(config, data, cause, form)
            place = row + shift
            panel.plot([found.low, found.high], [place] * 2, color=look["color"], lw=1.2)
            label = form if row == 0 else None
            panel.plot(found.value, place, ls="none", ms=3.5, mew=0, label=label, **look)
            if shift == 0.0 and not np.isfinite(found.value):
                panel.text(0.05, row, "none: alike", color=style.GREY, va="center")
    panel.set_yticks(range(len(causes)), [NAMES[cause] for cause in causes])
    panel.set_ylim(len(causes) - 0.4, -2.9)
    panel.set_xlim(-1.05, 1.05)
    panel.set_xlabel("Rank correlation")
    panel.set_title("The cause decides how tight")
    panel.legend(loc="upper left", labelspacing=0.3)


def _asymmetry(panel: Any, data: Any) -> None:
    at = data.sel(cause=ALL)
    ends = [0.0, 0.0]
    for form, look in LOOKS.items():
        x = at["modulation_null"].sel(attention=form).values
        y = at["modulation_preferred"].sel(attention=form).values
        panel.plot(x, y, ls="none", ms=2.6, mew=0, alpha=0.8, label=form, **look)
        ends = [np.nanmin([ends[0], *x, *y]), np.nanmax([ends[1], *x, *y])]
    panel.plot(ends, ends, color=style.INK, lw=0.6)
    panel.set_ylim(ends[0], ends[1] + 0.35 * (ends[1] - ends[0]))
    panel.set_xlabel("Fall, null attended (index)")
    panel.set_ylabel("Rise, preferred attended (index)")
    panel.set_title("The preferred one gains more")
    panel.legend(loc="upper left", labelspacing=0.3)


def _causes(panel: Any, data: Any, causes: tuple[str, str], title: str) -> None:
    for cause, colour in zip(causes, (style.GREEN, style.PURPLE), strict=True):
        at = data.sel(cause=cause)
        modulation = at["modulation"].sel(attention=DEFAULT)
        look = {"color": colour, "ms": 2.8, "mew": 0, "alpha": 0.8}
        panel.plot(at["normalisation"], modulation, "o", label=NAMES[cause], **look)
    low, high = panel.get_ylim()
    panel.set_ylim(low, high + 0.25 * (high - low))
    _labels(panel)
    panel.set_title(title)
    panel.legend(loc="upper left", labelspacing=0.3)
