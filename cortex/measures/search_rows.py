"""Visual search: slopes of fixations over set size, and contrast of rates at the target."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr

from cortex.experiment import Measure
from cortex.tasks import interval

TREISMAN = "direction: Treisman & Gelade 1980; in the saliency model: Itti & Koch 2000"
GUIDED = "direction: guided search, Wolfe 1994; in the saliency model: Navalpakkam & Itti 2005"
HERE = "expected here: the purpose of a gain by saliency"
FLAT = 0.05  # fixations a bar; below, a search counts as parallel


def slope(sizes: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Least squares slope over the last axis but for leading ones."""
    centred = sizes - sizes.mean()
    return np.asarray(values @ centred / (centred @ centred))


def contrast(rates: np.ndarray) -> np.ndarray:
    """(target - others) / (target + others), roles on the last axis; 0 where both are silent."""
    total = rates.sum(-1)
    return np.asarray((rates[..., 0] - rates[..., 1]) / np.where(total > 0, total, 1.0))


def summarise_search(data: xr.Dataset, resamples: int, level: float, seed: int) -> xr.Dataset:
    """Means, slopes and contrasts, with percentile intervals of a bootstrap over displays.

    Args:
        data: `fixations`, `search_time` (search, set_size, display); `rate_E`, `rate_I`
            (attention, display, role), `strong_E` (energy, display, role).
        resamples: of the displays; of each search and set size anew, of the circuits' displays
            alike for all states of attention.
        level: of the intervals.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    out: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]] = {}

    def put(
        name: str,
        dims: tuple[str, ...],
        value: Any,
        drawn: Any,
        unit: str,
        words: str,
    ) -> None:
        low, high = interval(drawn, level)
        for end, array in (("", value), ("_low", low), ("_high", high)):
            out[name + end] = (dims, np.asarray(array), {"units": unit, "long_name": words})

    sizes = data["set_size"].values.astype(float)
    for name, unit in (("fixations", "1"), ("search_time", "ms")):
        values = data[name].transpose("search", "set_size", "display").values
        rows = rng.integers(values.shape[-1], size=(resamples, *values.shape))
        drawn = np.take_along_axis(np.broadcast_to(values, rows.shape), rows, -1).mean(-1)
        mean = values.mean(-1)
        put(f"mean_{name}", ("search", "set_size"), mean, drawn, unit, f"mean {name}")
        put(
            f"slope_{name}",
            ("search",),
            slope(sizes, mean),
            slope(sizes, drawn),
            unit,
            "slope a bar",
        )
        saved = slope(sizes, mean[2]) - slope(sizes, mean[3])
        drawn_saved = slope(sizes, drawn[:, 2]) - slope(sizes, drawn[:, 3])
        put(f"guidance_{name}", (), saved, drawn_saved, unit, "slope saved by guidance")
    rows = rng.integers(data.sizes["display"], size=(resamples, data.sizes["display"]))
    for name, lead in (("rate_E", "attention"), ("rate_I", "attention"), ("strong_E", "energy")):
        each = contrast(data[name].transpose(lead, "display", "role").values)
        drawn = np.moveaxis(each[:, rows].mean(-1), 1, 0)
        words = "contrast of rates, target against others"
        put(f"contrast_{name}", (lead,), each.mean(-1), drawn, "1", words)
        change, drawn_change = each - each[:1], drawn - drawn[:, :1]
        put(f"change_{name}", (lead,), change.mean(-1), drawn_change, "1", f"change of {words}")
    return xr.Dataset(
        out, {name: data[name] for name in ("search", "set_size", "attention", "energy")}
    )


def search_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of `saliency_search`, from its results with `summarise_search` of them."""
    return [*_slopes(data), *_circuits(data)]


def _slopes(data: xr.Dataset) -> Iterator[Measure]:
    first, last = data["set_size"].values[[0, -1]]
    for search in data["search"].values:
        one = data.sel(search=search)
        value, low, high = (float(one[f"slope_fixations{end}"]) for end in ("", "_low", "_high"))
        ends = [float(one["mean_fixations"].sel(set_size=size)) for size in (first, last)]
        note = (
            f"{value:.3f} fixations a bar, interval {low:.3f} to {high:.3f}; {ends[0]:.1f} "
            f"fixations with {first} bars, {ends[1]:.1f} with {last}; one after another without "
            "return: 0.5."
        )
        if search in ("colour", "orientation"):
            yield Measure.expecting(
                f"slope_high[{search}]",
                high,
                "1",
                expected=f"<= {FLAT}",
                provenance=TREISMAN,
                effect=f"an odd {search} pops out: fixations hardly grow with the number of bars",
                headline=True,
                note=f"Upper end. {note}",
            )
        elif search == "conjunction":
            yield Measure.expecting(
                f"slope_low[{search}]",
                low,
                "1",
                expected=f"> {FLAT}",
                provenance=TREISMAN,
                effect="a conjunction takes the more fixations, the more bars there are",
                headline=True,
                note=f"Lower end. {note}",
            )
        else:
            yield Measure.reported(f"slope[{search}]", value, "1", note=note)
        time = float(one["slope_search_time"])
        yield Measure.reported(f"slope_time[{search}]", time, "ms", note="a bar")
        yield Measure.reported(f"found[{search}]", float(one["found"].mean()), "1")
    low, high = (float(data[f"guidance_fixations{end}"]) for end in ("_low", "_high"))
    yield Measure.expecting(
        "slope_saved_by_guidance_low",
        low,
        "1",
        expected="> 0",
        provenance=GUIDED,
        effect="weights for red and vertical make conjunction search more efficient",
        headline=True,
        note=f"Lower end of {low:.3f} to {high:.3f} fixations a bar; the same displays.",
    )


def _circuits(data: xr.Dataset) -> Iterator[Measure]:
    for name, units in (("rate_E", "E"), ("rate_I", "I")):
        for attention in data["attention"].values:
            one = data.sel(attention=attention)
            value, low, high = (
                float(one[f"contrast_{name}{end}"]) for end in ("", "_low", "_high")
            )
            rates = one[name].mean("display")
            yield Measure.reported(
                f"target_contrast[{units},{attention}]",
                value,
                "1",
                note=f"Interval {low:.3f} to {high:.3f}; "
                f"{float(rates[0]):.2f} Hz at the target, {float(rates[1]):.2f} Hz at the others.",
            )
            if attention in ("image saliency", "own saliency"):
                value, low, high = (
                    float(one[f"change_{name}{end}"]) for end in ("", "_low", "_high")
                )
                yield Measure.expecting(
                    f"target_contrast_change_low[{units},{attention}]",
                    low,
                    "1",
                    expected="> 0",
                    provenance=HERE,
                    effect=f"{attention} as gain makes the target stand out of {units} rates",
                    headline=units == "E",
                    note=f"Lower end; change {value:.3f}, interval {low:.3f} to {high:.3f}.",
                )
    low, high = (
        float(data[f"change_rate_E{end}"].sel(attention="other display"))
        for end in ("_low", "_high")
    )
    yield Measure.reported(
        "target_contrast_change[E,other display]",
        float(data["change_rate_E"].sel(attention="other display")),
        "1",
        note=f"Control: the saliency of another display; interval {low:.3f} to {high:.3f}.",
    )
    yield Measure.compared(
        "settled",
        float(data["settled"].mean()),
        "1",
        reference=1.0,
        absolute=0.0,
        provenance="required here: every state is a steady one",
        effect="every steady state was reached",
    )
