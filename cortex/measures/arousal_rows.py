"""Arousal: what it selects, and which measures of performance are inverted U's of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jax.numpy as jnp
import numpy as np
import xarray as xr
from scipy.special import ndtri

from cortex.analysis.tuning import tuning_width
from cortex.experiment import Measure
from cortex.tasks import area_under_curve, bootstrap_counts, detection_rates, interval

from .common import converged_share

LECTURE = "direction: Lindsay's lecture on attention (overall arousal)"
YERKES = "direction: Yerkes & Dodson 1908"
MEASURES = {
    "performance": ("1", "right answers, detection at a fixed criterion"),
    "sensitivity": ("1", "d' of detection, whatever the criterion"),
    "criterion": ("1", "criterion c of detection"),
    "identification": ("1", "right answers, which patch"),
}
U_SHAPED = ("performance", "sensitivity", "identification")
EDGE = 0.5  # trials: areas under the curve of 0 and 1 are moved in by half a pair's weight
Variables = dict[str, tuple[Any, Any, dict[str, str]]]


def summarise_arousal(data: xr.Dataset, resamples: int, level: float, seed: int = 0) -> xr.Dataset:
    """Performance at every level with intervals, and whether it peaks in between.

    The level with the best performance is chosen on the first half of each repeat's trials; the
    peak's height above the higher of the two ends, ``drop_...``, is that of the other half.

    Args:
        data: ``evidence`` (task, readout, repeat, way, level, trial), ``present`` and ``target``
            (trial).
        resamples: bootstrap resamples over trials within repeat and presence.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        Dataset: each of `MEASURES` (readout, way, level) with ``_low`` and ``_high``; for those
        of `U_SHAPED` ``peak_<name>`` (readout, way), number of a level, ``drop_<name>`` with
        ``_low`` and ``_high``, and ``each_drop_<name>`` (readout, way, repeat).
    """
    rng = np.random.default_rng(seed)
    evidence = data["evidence"].transpose("task", "repeat", "trial", "readout", "way", "level")
    values = np.moveaxis(evidence.values, 2, -1)  # (task, repeat, readout, way, level, trial)
    present = data["present"].values.astype(bool)
    target = data["target"].values.astype(int)
    trials = present.size
    early = np.arange(trials) < trials // 2
    counts = np.stack([bootstrap_counts(rng, present, resamples) for _ in values[0]])
    late = np.stack([_within(rng, present, ~early, resamples) for _ in values[0]])
    out: Variables = {}
    dims = ("readout", "way", "level")
    found = _quantities(values, present, target)
    drawn = _quantities(values, present, target, counts)
    first = _quantities(values, present, target, early[None, None].repeat(len(counts), 0))
    second = _quantities(values, present, target, (~early)[None, None].repeat(len(counts), 0))
    redrawn = _quantities(values, present, target, late)
    for name, (unit, words) in MEASURES.items():
        own = found[name].mean(axis=0)[0]
        ends = interval(drawn[name].mean(axis=0), level)
        for label, array in (("", own), ("_low", ends[0]), ("_high", ends[1])):
            out[f"{name}{label}"] = _variable(dims, array, unit, words)
    for name in U_SHAPED:
        unit, words = MEASURES[name]
        peak = np.argmax(first[name].mean(axis=0)[0], axis=-1)
        drop = _drop(second[name].mean(axis=0)[0], peak)
        ends = interval(_drop(redrawn[name].mean(axis=0), peak), level)
        out[f"peak_{name}"] = _variable(dims[:2], peak, "1", f"level of the best {words}")
        for label, array in (("", drop), ("_low", ends[0]), ("_high", ends[1])):
            out[f"drop_{name}{label}"] = _variable(
                dims[:2], array, unit, f"{words}: peak above the higher end"
            )
        single = np.moveaxis(_drop(second[name][:, 0], peak), 0, -1)
        out[f"each_drop_{name}"] = _variable(
            (*dims[:2], "repeat"), single, unit, f"{words}: peak above the higher end, by repeat"
        )
    return xr.Dataset(out)


def _variable(dims: Any, values: Any, unit: str, words: str) -> tuple[Any, Any, dict[str, str]]:
    return dims, np.asarray(values), {"units": unit, "long_name": words}


def _within(
    rng: np.random.Generator, present: np.ndarray, chosen: np.ndarray, resamples: int
) -> np.ndarray:
    """Bootstrap counts over the chosen trials, zero elsewhere: (resamples, trials)."""
    counts = np.zeros((resamples, present.size), int)
    counts[:, chosen] = bootstrap_counts(rng, present[chosen], resamples)
    return counts


def _drop(curves: np.ndarray, peak: np.ndarray) -> np.ndarray:
    """Value at the peak less the larger of the two ends: (..., readout, way)."""
    index = np.broadcast_to(peak, curves.shape[:-1])[..., None]
    best = np.take_along_axis(curves, index, axis=-1)[..., 0]
    return best - np.maximum(curves[..., 0], curves[..., -1])


def _quantities(
    values: np.ndarray, present: np.ndarray, target: np.ndarray, counts: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Each measure of every repeat: (repeat, resample or 1, readout, way, level).

    Args:
        values: (task, repeat, readout, way, level, trial).
        present, target: (trial,).
        counts: how often each trial counts, (repeat, resample, trial); once each by default.
    """
    if counts is None:
        counts = np.ones((values.shape[1], 1, present.size), int)
    names: dict[str, list[np.ndarray]] = {name: [] for name in MEASURES}
    for detect, identify, weights in zip(*values, counts, strict=True):
        wide = weights[:, None, None, None, :]
        rates = detection_rates(detect[None], present, wide)
        pairs = (weights[:, present].sum(1) * weights[:, ~present].sum(1))[:, None, None, None]
        area = area_under_curve(detect, present, weights)
        area = np.clip(area, EDGE / pairs, 1 - EDGE / pairs)
        right = (identify > 0) == (target == 1)
        shown = wide * present
        names["performance"].append(np.asarray(rates.performance))
        names["criterion"].append(np.asarray(rates.criterion))
        names["sensitivity"].append(np.sqrt(2) * ndtri(area))
        names["identification"].append((right[None] * shown).sum(-1) / shown.sum(-1))
    return {name: np.stack(parts) for name, parts in names.items()}


def arousal_measures(data: xr.Dataset, tolerance: float) -> list[Measure]:
    """All measures of `arousal`.

    Args:
        data: its results with `summarise_arousal` of them.
        tolerance: relative change of the tuning width that counts as none.
    """
    return [
        *_selectivity(data, tolerance),
        *_inverted(data),
        *_supersaturation(data),
        converged_share(data),
    ]


def spread(data: xr.Dataset, name: str) -> xr.DataArray:
    """Standard deviation of the logarithm of attended over unattended rates (condition)."""
    rates = data[name].copy(data=np.log(data[name].values))
    return (rates - rates.sel(condition="none")).std(str(rates.dims[-1]))


def _selectivity(data: xr.Dataset, tolerance: float) -> Iterator[Measure]:
    widths = np.asarray(tuning_width(jnp.asarray(data["tuning"].values), 180.0))
    gains = data["gain"].values
    ordinary = widths[gains == 1.0][0]
    for gain, width in zip(gains, widths, strict=True):
        if gain == 1.0:
            yield Measure.reported("tuning_width[gain=1]", width, "deg")
            continue
        yield Measure.compared(
            f"tuning_width[gain={gain:g}]",
            width,
            "deg",
            reference=ordinary,
            relative=tolerance,
            provenance=f"{LECTURE}: the width at a gain of 1; tolerance chosen here",
            effect=f"tuning is as wide at {gain:g} times the ordinary drive",
            note=f"{width / ordinary - 1:+.0%}; tuning sharpens as drive grows, for the circuit "
            "turns from summing to suppression between orientations.",
        )
    low, high = (data["tuning"].isel(gain=n).values for n in (0, -1))
    for label, curve in ((f"gain={gains[0]:g}", low), (f"gain={gains[-1]:g}", high)):
        index = (curve.max() - curve.min()) / (curve.max() + curve.min())
        yield Measure.reported(f"selectivity_index[{label}]", index, "1")
    for name, source, by in (
        ("by_place", "place", "place"),
        ("by_preference", "orientation", "preference"),
    ):
        apart = spread(data, name)
        for condition in apart["condition"].values[:-1]:
            value = float(apart.sel(condition=condition))
            yield Measure.reported(f"log_ratio_spread[{by},{condition}]", value, "1")
        share = float(apart.sel(condition="arousal") / apart.sel(condition=source))
        yield Measure.expecting(
            f"arousal_spread_over_attention_spread[{by}]",
            share,
            "1",
            expected="< 0.1",
            provenance=f"{LECTURE}; bound chosen here",
            headline=True,
            effect=f"arousal scales responses alike at every {by}, unlike attention to a {source} "
            "of the same energy",
        )


def _why(name: str, way: str, readout: str, drop: float, low: float) -> str:
    """In words, what the drop and the lower end of its interval say."""
    if low > 0:
        return "it falls off on both sides of the peak."
    if name == "sensitivity" and readout == "rates" and way == "gain":
        return (
            "rates carry no noise of their own, and gain leaves that of the input behind: at the "
            "highest gains differences of a thousandth of a Hz are still told apart, which no "
            "spikes would carry."
        )
    if readout.endswith("refitted") and drop <= 0:
        return "what there is to be read has no peak in between."
    if drop > 0:
        return "a peak in between, but no higher than chance might make it with so many trials."
    return "no peak in between, or an end that is as good."


def _inverted(data: xr.Dataset) -> Iterator[Measure]:
    for readout in data["readout"].values:
        for way in data["way"].values:
            at = data.sel(readout=readout, way=way)
            for name in U_SHAPED:
                low, high = (float(at[f"drop_{name}_{end}"]) for end in ("low", "high"))
                peak = int(at[f"peak_{name}"])
                values = at[name].values
                single = at[f"each_drop_{name}"].values
                unit = "" if way != "input" else " %"
                yield Measure.expecting(
                    f"drop_{name}_low[{way},{readout}]",
                    low,
                    "1",
                    expected="> 0",
                    provenance=f"{YERKES} (lower end of the interval)",
                    headline=True,
                    effect=f"{WORDS[name]} is an inverted U of {WAY_WORDS[way]}, from {readout}",
                    note=f"{float(at[f'drop_{name}']):.3g}, interval {low:.3g} to {high:.3g}, "
                    f"above 0 in {int((single > 0).sum())} of {single.size} repeats; "
                    f"{values[0]:.3g} at the lowest, {values[peak]:.3g} at "
                    f"{float(at['arousal'][peak]):g}{unit}, {values[-1]:.3g} at the highest level: "
                    + _why(name, way, readout, float(at[f"drop_{name}"]), low),
                )
            criterion = at["criterion"].values
            yield Measure.reported(f"criterion_lowest[{way},{readout}]", criterion.min(), "1")


WORDS = {
    "performance": "detection at a fixed criterion",
    "sensitivity": "sensitivity, whatever the criterion,",
    "identification": "telling the patches apart",
}
WAY_WORDS = {
    "gain": "gain on the drive",
    "gain on noise too": "gain on drive and noise",
    "input": "input to E and I",
}


def _supersaturation(data: xr.Dataset) -> Iterator[Measure]:
    """Where the mean response to the patch is largest, and whether it falls beyond."""
    for way in ("gain", "input"):
        at = data.sel(way=way)
        signal = (at["steady_E"].sel(patch="with") - at["steady_E"].sel(patch="without")).values
        peak = int(np.argmax(signal))
        yield Measure.reported(
            f"strongest_signal_at[{way}]",
            float(at["arousal"][peak]),
            "1" if way == "gain" else "%",
            note=f"E rate with less that without the patch: {signal[0]:.3g}, {signal[peak]:.3g}, "
            f"{signal[-1]:.3g} Hz at the lowest, at this and at the highest level.",
        )
