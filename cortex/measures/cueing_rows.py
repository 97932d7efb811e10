"""Valid against neutral against invalid cues: psychometric functions, reaction times, courses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr

from cortex.analysis.onset import onset_latency
from cortex.analysis.psychometric import (
    Resampled,
    Shape,
    bootstrap_psychometric,
    deviance,
    fit_psychometric,
)
from cortex.experiment import Measure
from cortex.tasks import interval

from .common import converged_share

POSNER = "direction: Posner 1980"
BUFFALO = "direction: Buffalo et al. 2010"
FITTED = {
    "threshold": ("%", "contrast at the threshold"),
    "slope": ("1", "slope over the logarithm of contrast"),
    "steepness": ("1/%", "slope at the threshold over contrast"),
}
PAIRS = tuple(pairwise(("valid", "neutral", "invalid")))
Variables = dict[str, tuple[Any, Any, dict[str, str]]]


def summarise_cueing(
    data: xr.Dataset,
    resamples: int,
    level: float,
    fitted: tuple[Shape, float],
    onset_share: float,
    seed: int = 0,
) -> xr.Dataset:
    """Psychometric functions of each cue with intervals; accuracy and reaction times; onsets.

    Intervals of the functions are of a parametric bootstrap, each cue by itself. Those of mean
    accuracy and reaction time resample trials within repeat and contrast, the same ones for all
    cues, which met the same noise.

    Args:
        data: ``correct``, ``reaction`` [ms] (repeat, cue, contrast, trial); ``course_E``,
            ``course_I`` [Hz] (attention, time, site); ``onset_of_attention`` [ms].
        resamples: of the bootstrap.
        level: of the intervals.
        fitted: shape of the psychometric functions, and the largest lapse rate.
        onset_share: see `_onsets`.
        seed: of the bootstrap.

    Returns:
        Dataset: ``threshold``, ``slope``, ``steepness``, ``lapse``, ``fit_probability`` (cue) of
        all repeats together, the first three with ``_low``, ``_high``, and, without intervals, by
        ``repeat`` as ``each_threshold``, ...; ``<name>_ratio`` (pair) of the first cue of a pair
        over the second, ``accuracy``, ``reaction_mean`` (cue), ``<name>_difference`` (pair), all
        with intervals; ``effect`` (population, epoch), ``onset`` (population, epoch).
    """
    rng = np.random.default_rng(seed)
    levels = data["contrast"].values
    correct = data["correct"].transpose("cue", "repeat", "contrast", "trial").values.astype(bool)
    _, repeats, _, each = correct.shape
    shape, most = fitted
    out: Variables = {}
    drawn: list[Resampled] = []
    fits, own, found = [], [], []
    for answers in correct:
        right, trials = answers.sum(axis=(0, 2)), np.full(len(levels), repeats * each)
        fit = fit_psychometric(levels, right, trials, shape=shape, most_lapses=most)
        drawn.append(
            bootstrap_psychometric(
                fit, levels, trials, resamples=resamples, rng=rng, most_lapses=most
            )
        )
        found.append(drawn[-1].fit_probability(deviance(fit, levels, right, trials)))
        fits.append(fit)
        trials = np.full(len(levels), each)
        own.append(
            [
                fit_psychometric(levels, one.sum(axis=1), trials, shape=shape, most_lapses=most)
                for one in answers
            ]
        )
    for name, (unit, words) in FITTED.items():
        values = np.array([getattr(fit, name) for fit in fits])
        ends = np.array([d.interval(name, level) for d in drawn])
        _put(out, name, "cue", values, ends.T, unit, words)
        single = [[getattr(fit, name) for fit in row] for row in own]
        out[f"each_{name}"] = _variable(("cue", "repeat"), single, unit, f"{words}, by repeat")
        ratios = np.array([getattr(a, name) / getattr(b, name) for a, b in pairwise(drawn)])
        _put(
            out,
            f"{name}_ratio",
            "pair",
            values[:-1] / values[1:],
            np.stack(interval(ratios.T, level)),
            "1",
            f"{words}, first cue over second",
        )
    out["lapse"] = _variable("cue", [fit.lapse for fit in fits], "1", "lapse rate")
    out["fit_probability"] = _variable("cue", found, "1", "probability of so bad a fit")
    counts = rng.multinomial(each, np.full(each, 1 / each), (resamples, repeats, len(levels)))
    for name, short, unit, words in (
        ("correct", "accuracy", "1", "share of right answers, mean over contrasts"),
        ("reaction", "reaction_mean", "ms", "time of the decision, mean over trials"),
    ):
        values = data[name].transpose("cue", "repeat", "contrast", "trial").values.astype(float)
        samples = np.einsum("brct,krct->bk", counts, values, optimize=True) / values[0].size
        means = values.mean(axis=(1, 2, 3))
        _put(out, short, "cue", means, np.stack(interval(samples, level)), unit, words)
        _put(
            out,
            f"{short}_difference",
            "pair",
            means[:-1] - means[1:],
            np.stack(interval(samples[:, :-1] - samples[:, 1:], level)),
            unit,
            f"{words}: first cue less second",
        )
        by_repeat = values.mean(axis=(2, 3))
        out[f"each_{short}"] = _variable(("cue", "repeat"), by_repeat, unit, f"{words}, by repeat")
    out |= _onsets(data, onset_share)
    pairs = [f"{a} to {b}" for a, b in PAIRS]
    return xr.Dataset(
        out,
        {
            "pair": _variable("pair", pairs, "1", "first and second cue"),
            "population": _variable("population", ["E", "I"], "1", "population"),
            "epoch": _variable("epoch", ["delay", "target"], "1", "epoch"),
        },
    )


def _variable(dims: Any, values: Any, unit: str, words: str) -> tuple[Any, Any, dict[str, str]]:
    return dims, np.asarray(values), {"units": unit, "long_name": words}


def _put(
    out: Variables, name: str, dims: str, values: Any, ends: np.ndarray, unit: str, words: str
) -> None:
    out[name] = _variable(dims, values, unit, words)
    for label, end, side in (("low", ends[0], "lower"), ("high", ends[1], "upper")):
        out[f"{name}_{label}"] = _variable(dims, end, unit, f"{words}, {side} end")


def attention_effect(data: xr.Dataset, population: str) -> xr.DataArray:
    """Rate at the target's place after a valid cue less that after an invalid one [Hz] (time)."""
    course = data[f"course_{population}"].sel(site="target")
    return course.sel(attention="valid") - course.sel(attention="invalid")


def _onsets(data: xr.Dataset, share: float) -> Variables:
    """Size of the effect at the end of delay and target; when it has grown by a share of that.

    Onsets are from the beginning of attention, and from that of the target; growth within the
    latter is counted from what the effect is when the target appears.
    """
    time, begin = data["time"].values, float(data["onset_of_attention"])
    spans = {"delay": (begin, 0.0), "target": (0.0, float(time[-1]))}
    sizes, onsets = np.full((2, 2), np.nan), np.full((2, 2), np.nan)
    for row, population in enumerate(("E", "I")):
        effect = attention_effect(data, population).values
        for column, (start, stop) in enumerate(spans.values()):
            inside = (time >= start - 1e-6) & (time <= stop + 1e-6)
            here = effect[inside]
            sizes[row, column] = here[-1]
            growth = here - here[0]
            goal = np.asarray(share * growth[-1])
            onsets[row, column] = onset_latency(time[inside] - start, growth, goal)
    dims = ("population", "epoch")
    return {
        "effect": _variable(dims, sizes, "Hz", "effect of attention at the end of the epoch"),
        "onset": _variable(dims, onsets, "ms", "onset of the effect, or of its growth"),
    }


def cueing_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of `cueing`."""
    rows = [*_orders(data), *_fits(data), *_course(data)]
    finished = np.mean(data["finished"].values)
    rows.append(
        Measure.compared(
            "courses_finished",
            finished,
            "1",
            reference=1.0,
            absolute=0.0,
            provenance="required here: every course was integrated to its end",
            effect="every time course was integrated to its end",
        )
    )
    return [*rows, converged_share(data)]


# Name, end of the interval that is nearer to no effect, direction, unit, words.
CLAIMS = (
    ("accuracy_difference", "low", "> 0", "1", "answers are more often right"),
    ("threshold_ratio", "high", "< 1", "1", "the threshold is lower"),
    ("steepness_ratio", "low", "> 1", "1", "the psychometric function is steeper"),
    ("reaction_mean_difference", "high", "< 0", "ms", "decisions are faster"),
)
EACH = {"accuracy_difference": "accuracy", "reaction_mean_difference": "reaction_mean"}


def _orders(data: xr.Dataset) -> Iterator[Measure]:
    for name, end, expected, unit, words in CLAIMS:
        single = data[f"each_{EACH.get(name, name.removesuffix('_ratio'))}"]
        better = 1 if expected.startswith(">") else -1
        for first, second in PAIRS:
            at = data.sel(pair=f"{first} to {second}")
            ends = [float(at[f"{name}_{side}"]) for side in ("low", "high")]
            apart = better * (single.sel(cue=first) - single.sel(cue=second)).values
            yield Measure.expecting(
                f"{name}_{end}[{first} to {second}]",
                float(at[f"{name}_{end}"]),
                unit,
                expected=expected,
                provenance=f"{POSNER} (the end of the interval that is nearer to no effect)",
                headline=True,
                effect=f"{words} after a cue that is {first} than after one that is {second}",
                note=f"{float(at[name]):.3g}, interval {ends[0]:.3g} to {ends[1]:.3g}; in this "
                f"order in {int((apart > 0).sum())} of {apart.size} repeats.",
            )


def _fits(data: xr.Dataset) -> Iterator[Measure]:
    for cue in data["cue"].values:
        at = data.sel(cue=cue)
        for name, (unit, _) in FITTED.items():
            note = f"Interval {float(at[f'{name}_low']):.3g} to {float(at[f'{name}_high']):.3g}."
            yield Measure.reported(f"{name}[{cue}]", float(at[name]), unit, note=note)
        for name, unit in (("accuracy", "1"), ("reaction_mean", "ms"), ("lapse", "1")):
            yield Measure.reported(f"{name}[{cue}]", float(at[name]), unit)
        yield Measure.reported(
            f"reached[{cue}]",
            float(data["reached"].sel(cue=cue).mean()),
            "1",
            note="Share of trials in which evidence met the bound; others count with their end.",
        )
        yield Measure.expecting(
            f"fit_probability[{cue}]",
            float(at["fit_probability"]),
            "1",
            expected="> 0.01",
            provenance="required here: the deviance is one that the fitted function would give",
            effect=f"a psychometric function describes performance after a cue that is {cue}",
        )
    for first, second in PAIRS:
        at = data.sel(pair=f"{first} to {second}")
        ends = f"{float(at['slope_ratio_low']):.3g} to {float(at['slope_ratio_high']):.3g}"
        yield Measure.reported(
            f"slope_ratio[{first} to {second}]",
            float(at["slope_ratio"]),
            "1",
            note=f"Over the logarithm of contrast; interval {ends}. One says that the cue only "
            "shifts the function, as a gain on contrast does.",
        )


def _course(data: xr.Dataset) -> Iterator[Measure]:
    for population in data["population"].values:
        for epoch in data["epoch"].values:
            at = data.sel(population=population, epoch=epoch)
            yield Measure.expecting(
                f"attention_effect[{population},{epoch}]",
                float(at["effect"]),
                "Hz",
                expected="> 0",
                provenance=BUFFALO,
                headline=population == "E",
                effect=f"attention raises {population} rates at the target's place in the {epoch}"
                + (" epoch" if epoch == "target" else ", with nothing to see"),
                note=f"Onset {float(at['onset']):.0f} ms after "
                + ("attention begins." if epoch == "delay" else "the target appears."),
            )
    course = data["course_E"].isel(time=-1)
    at_target = course.sel(site="target")
    for cue, base in (("valid", "no attention"), ("invalid", "no attention")):
        ratio = float(at_target.sel(attention=cue) / at_target.sel(attention=base))
        yield Measure.reported(f"rate_E_over_unattended[{cue}]", ratio, "1")
