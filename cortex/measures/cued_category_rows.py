"""Cued digits in noise: sensitivity and criterion after a valid, an invalid and no cue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from scipy.special import ndtri

from cortex.experiment import Measure
from cortex.stimuli.noisy_trials import KINDS
from cortex.tasks import Rates, area_under_curve, interval

PAPER = "direction: Lupyan & Ward 2013 (images suppressed from awareness)"
QUESTIONS = ("this", "any")
# By task: the question, and what is shown where the answer should be no.
TASKS = {
    "this digit or noise": ("this", "nothing"),
    "this digit or another": ("this", "other"),
    "any digit or noise": ("any", "nothing"),
}
QUANTITIES = {
    "sensitivity": "d' at the fixed criterion",
    "sensitivity_free": "d' whatever the criterion",
    "criterion": "criterion c",
}
CONTRASTS = ("valid less uncued", "uncued less invalid", "valid less invalid")
Variables = dict[str, tuple[Any, Any, dict[str, str]]]


def summarise_categories(
    data: xr.Dataset, resamples: int, level: float, seed: int = 0
) -> xr.Dataset:
    """Sensitivity and criterion of all cues, their differences, and intervals of both.

    Rates and areas under the curve are means over digits and observers. Images are resampled
    within observer, noise, digit and kind, the same ones for all cues, layers and networks.

    Args:
        data: ``score`` (variant, observer, noise, cue, layer, readout, question, category, image),
            ``score_uncued`` without cue and layer, ``kind`` (category, image).
        resamples: of the bootstrap.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        Dataset: each of `QUANTITIES` (variant, readout, task, layer, state, noise), the states
        being valid, uncued and invalid, with ``_low`` and ``_high``; ``change_<quantity>``
        (variant, readout, task, layer, contrast), mean over noise, with ``_low`` and ``_high``;
        and, without intervals, ``each_change_<quantity>`` (..., observer).
    """
    rng = np.random.default_rng(seed)
    order = ("observer", "noise", "question", "category", "image", "variant", "readout", "layer")
    cued = data["score"].transpose(*order, "cue")
    uncued = data["score_uncued"].expand_dims(layer=data["layer"]).transpose(*order)
    # In this order, and state.
    scores = np.stack(
        [cued.sel(cue="valid").values, uncued.values, cued.sel(cue="invalid").values], axis=-1
    )
    kind = data["kind"].values
    observers, noises = scores.shape[:2]
    weights = np.ones((1 + resamples, observers, noises, *kind.shape), int)
    for k in range(len(KINDS)):
        for category, row in enumerate(kind):
            at = np.flatnonzero(row == k)
            weights[1:, :, :, category, at] = rng.multinomial(
                len(at), np.full(len(at), 1 / len(at)), (resamples, observers, noises)
            )
    # Each (1 + resamples, observer, task, variant, readout, layer, state, noise), first as found.
    hits, alarms, areas = (np.moveaxis(x, 1, -1) for x in _rates(scores, kind, weights))
    out: Variables = {}
    dims = ("variant", "readout", "task", "layer", "state", "noise")
    whole = _quantities(hits.mean(axis=1), alarms.mean(axis=1), areas.mean(axis=1))
    single = _quantities(hits, alarms, areas)
    for name, words in QUANTITIES.items():
        value = np.moveaxis(whole[name], 1, 3)  # (resample, *dims)
        _put(out, name, dims, value, level, words)
        change = _contrasts(value).mean(axis=-1)
        _put(out, f"change_{name}", (*dims[:4], "contrast"), change, level, f"change of {words}")
        own = _contrasts(np.moveaxis(single[name][0], 1, 3)).mean(axis=-1)
        out[f"each_change_{name}"] = (
            (*dims[:4], "contrast", "observer"),
            np.moveaxis(own, 0, -1),
            {"units": "1", "long_name": f"change of {words}, by observer"},
        )
    return xr.Dataset(
        out,
        {
            "task": ("task", list(TASKS), _labels("what is asked")),
            "state": ("state", ["valid", "uncued", "invalid"], _labels("cue, or none")),
            "contrast": ("contrast", list(CONTRASTS), _labels("which states are compared")),
        },
    )


def _labels(words: str) -> dict[str, str]:
    return {"units": "1", "long_name": words}


def _put(
    out: Variables, name: str, dims: tuple[str, ...], values: np.ndarray, level: float, words: str
) -> None:
    """The first of the values, and the interval of the others."""
    low, high = interval(values[1:], level)
    for label, array in (("", values[0]), ("_low", low), ("_high", high)):
        out[f"{name}{label}"] = (dims, array, _labels(words))


def _contrasts(values: np.ndarray) -> np.ndarray:
    """Differences of states (..., state, noise) in the order of `CONTRASTS`."""
    valid, uncued, invalid = np.moveaxis(values, -2, 0)
    return np.stack([valid - uncued, uncued - invalid, valid - invalid], axis=-2)


def _rates(
    scores: np.ndarray, kind: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Hits, false alarms and areas, means over digits.

    Args:
        scores: (observer, noise, question, category, image, variant, readout, layer, state).
        kind: (category, image).
        weights: (resample, observer, noise, category, image).

    Returns:
        Three arrays (resample, noise, observer, task, variant, readout, layer, state).
    """
    found: list[list[Any]] = [[], [], []]
    for asked, other in TASKS.values():
        question = QUESTIONS.index(asked)
        sums: list[Any] = [0.0, 0.0, 0.0]
        for category, row in enumerate(kind):
            yes, no = row == KINDS.index("sought"), row == KINDS.index(other)
            parts: list[list[Any]] = [[], [], []]
            for o, n in np.ndindex(scores.shape[:2]):
                one = np.moveaxis(scores[o, n, question, category], 0, -1)  # (..., image)
                counts = weights[:, o, n, category]
                for which, mask in ((0, yes), (1, no)):
                    share = counts[:, mask] / counts[:, mask].sum(1, keepdims=True)
                    said = (one[..., mask] > 0).astype(float)
                    parts[which].append(np.moveaxis(said @ share.T, -1, 0))
                used = yes | no
                parts[2].append(area_under_curve(one[..., used], yes[used], counts[:, used]))
            for which in range(3):
                sums[which] = sums[which] + np.stack(parts[which]) / len(kind)
        for which in range(3):
            found[which].append(sums[which])
    shape = scores.shape[:2]

    def ordered(each: list[Any]) -> np.ndarray:
        stacked = np.stack(each)  # (task, observer * noise, resample, ...)
        split = stacked.reshape(stacked.shape[0], *shape, *stacked.shape[2:])
        return np.moveaxis(split, (3, 2, 1, 0), (0, 1, 2, 3))

    hits, alarms, areas = (ordered(each) for each in found)
    return hits, alarms, areas


def _quantities(hits: np.ndarray, alarms: np.ndarray, areas: np.ndarray) -> dict[str, np.ndarray]:
    rates = Rates(hits, alarms)
    free = np.sqrt(2) * ndtri(np.clip(areas, 0.001, 0.999))
    return {
        "sensitivity": np.asarray(rates.sensitivity),
        "sensitivity_free": free,
        "criterion": np.asarray(rates.criterion),
    }


# Which contrast, of which quantity, is claimed.
CLAIMS = (
    ("valid less uncued", "a valid cue raises d'"),
    ("uncued less invalid", "an invalid cue lowers d'"),
    ("valid less invalid", "d' is higher after a valid than after an invalid cue"),
)


def cued_category_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of `cued_category`."""
    rows: list[Measure] = []
    for variant in data["variant"].values:
        for readout in data["readout"].values:
            for task in data["task"].values:
                for layer in data["layer"].values.tolist():
                    names = {"variant": variant, "readout": readout, "task": task, "layer": layer}
                    rows += _rows(data.sel(names), variant, readout, task, layer)
        settled = float(data["settled"].sel(variant=variant).min())
        rows.append(Measure.reported(f"settled_lowest[{variant}]", settled, "1"))
    return rows


# Where no effect of a cue on sensitivity can show: noise alone makes some detector answer.
BLIND = ("ordinary", "any digit or noise")


def _rows(at: xr.Dataset, variant: str, readout: str, task: str, layer: int) -> Iterator[Measure]:
    where = f"{variant},{readout},{task},layer {layer}"
    uncued = at["sensitivity_free"].sel(state="uncued").mean("noise")
    yield Measure.reported(f"sensitivity_uncued[{where}]", uncued, "1")
    for contrast, words in CLAIMS:
        here = at.sel(contrast=contrast)
        low, high = (float(here[f"change_sensitivity_free_{end}"]) for end in ("low", "high"))
        single = here["each_change_sensitivity_free"].values
        name = f"change_sensitivity_low[{contrast},{where}]"
        note = (
            f"{float(here['change_sensitivity_free']):.2f}, interval {low:.2f} to {high:.2f}, mean "
            f"over noise; above 0 for {int((single > 0).sum())} of {single.size} networks; the "
            f"criterion changes by {float(here['change_criterion']):.2f}, d' at the fixed one by "
            f"{float(here['change_sensitivity']):.2f}."
        )
        if (readout, task) == BLIND:
            yield Measure.reported(name, low, "1", note=note)
            continue
        if low <= 0:
            note += " " + WHY[readout]
        yield Measure.expecting(
            name,
            low,
            "1",
            expected="> 0",
            provenance=f"{PAPER}; lower end of the interval",
            headline=True,
            effect=f"{words}: {task}, {variant} network, detectors from {readout} digits",
            note=note,
        )
    for contrast in CONTRASTS:
        here = at.sel(contrast=contrast)
        for end in ("", "_low", "_high"):
            value = float(here[f"change_criterion{end}"])
            yield Measure.reported(f"change_criterion{end}[{contrast},{where}]", value, "1")


WHY = {
    "ordinary": "What a cue adds, it adds to noise and to other digits as well: mostly a shift of "
    "the criterion.",
    "noisy": "These detectors fit the noise as it is without a cue, so that any gain, to whatever "
    "digit, takes them out of what they were fitted to.",
}
