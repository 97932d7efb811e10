"""Feedback over passes: what the first look made of an image sets gains that correct its errors.

Shown: 2 x 2 arrays of held-out digits; one of them, or another, is asked for. Simulated: the digit
network with circuits looks once without attention; then a small policy reads the mean activity of
each map of the last area and all logits, sets the gain of each map, and the circuits settle again;
several such passes. The policy as trained through the circuits (for one pass with gains), with its
first weights, and none, at one energy. Measured: of the pairs of an image with the digit asked for
and one without that a look puts in the wrong order, how many a later pass corrects, and how many
right ones it breaks; detection; E and I rates.

Source: Stollenga, Masci, Gomez & Schmidhuber 2014, NeurIPS 27:3545 (dasNet), whose policy is
found by an evolution strategy and serves classification; gain of circuits and training through
them are our design.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.experiment import Measure, Progress, Section, quantity
from cortex.experiment.results import variable
from cortex.measures import converged_share
from cortex.measures.learned_rows import detection_by_condition, detection_rows, interval_row
from cortex.models.learned import study
from cortex.models.learned.feedback import learned as feedback
from cortex.tasks import bootstrap_counts, interval

PAPER = "direction: Stollenga et al. 2014"
FATES = ("corrected", "broken", "net")
CATEGORIES = 10
WHY = "trained on choices between two images; of yes and no few are hits at the fixed threshold"


class PassesSection(Section):
    """Looks with gains, after the first one without."""

    count: int = quantity(
        3, "1", "looks with gains, each from the last state", source="chosen here", ge=1
    )


class Config(study.StudyConfig):
    """Configuration of `feedback_gain`."""

    passes: PassesSection = PassesSection()


def run(config: Config, progress: Progress) -> xr.Dataset:
    """First looks, passes with feedback, and statistics."""
    sources = study.sources_of(config, feedback())
    with progress.stage("detectors"):
        observer = study.observer_of(config)
    shown = study.held_out_images(config, observer, "array", progress)
    count = config.passes.count
    found = study.look_at_all(config, observer, shown, sources, progress, count, "feedback")
    logits = np.asarray(shown.seen.logits)
    category = np.asarray(shown.queries.category)
    first = logits[np.arange(len(shown)), category]
    kept = study.label(shown, found) | {
        "first_score": variable("image", first, "1", "logit before any feedback"),
        "example": variable(
            ("shown", "y", "x"), np.asarray(shown.images[:1, 0]), "1", "luminance of an image"
        ),
    }
    axes = study.coordinates(config) | {
        "pass": variable("pass", np.arange(2, count + 2), "1", "pass, the first being unattended")
    }
    data = xr.Dataset(kept, axes)
    s = config.statistics
    with progress.stage("intervals"):
        detection = detection_by_condition(data, s.resamples, s.level, config.seed)
        return data.merge(detection).merge(fates(data, s.resamples, s.level, config.seed))


def fates(data: xr.Dataset, resamples: int, level: float, seed: int) -> xr.Dataset:
    """What becomes of right and wrong choices of the first look, by condition and pass.

    A choice is between an image with the digit asked for and one without; all such pairs of a
    category count, and categories alike.

    Returns:
        `fate` (condition, pass, fate_of) with `_low`, `_high`, means over seeds: `corrected`, the
        share of wrong choices that are right after the pass; `broken`, of right ones that are
        wrong; `net`, corrected minus broken choices as a share of all. `advantage` (pass, fate_of),
        learned minus untrained, with `_low`, `_high`.
    """
    present = data["present"].values.reshape(CATEGORIES, -1)
    rng = np.random.default_rng(seed)
    counts = np.stack([bootstrap_counts(rng, one, resamples) for one in present])
    whole = np.ones((CATEGORIES, 1, present.shape[1]), int)
    before = data["first_score"].values.reshape(CATEGORIES, -1)
    after = data["score"].transpose("condition", "seed", "pass", "image").values
    after = after.reshape(*after.shape[:3], CATEGORIES, -1)
    value = _fates(before, after, present, whole)[0]
    drawn = _fates(before, after, present, counts)  # (resample, condition, seed, pass, fate)
    kept = {}
    for name, dims, pick in (
        ("fate", ("condition", "pass", "fate_of"), lambda x: x),
        ("advantage", ("pass", "fate_of"), lambda x: x[..., 2, :, :] - x[..., 1, :, :]),
    ):
        middle, samples = pick(value.mean(axis=1)), pick(drawn.mean(axis=2))
        low, high = interval(samples, level)
        for suffix, array in (("", middle), ("_low", low), ("_high", high)):
            kept[name + suffix] = variable(dims, array, "1", "share of choices")
    axis = variable("fate_of", list(FATES), "1", "what becomes of choices of the first look")
    return xr.Dataset(kept, {"fate_of": axis})


def _fates(
    before: np.ndarray, after: np.ndarray, present: np.ndarray, counts: np.ndarray
) -> np.ndarray:
    """(resample, condition, seed, pass, fate), from counts (category, resample, image)."""
    sums = np.zeros((4, counts.shape[1], *after.shape[:3]))
    for category, here in enumerate(present):
        up, down = counts[category][:, here], counts[category][:, ~here]
        was = before[category][here][:, None] > before[category][~here][None, :]
        scores = after[..., category, :]
        now = scores[..., here][..., :, None] > scores[..., ~here][..., None, :]
        was = np.broadcast_to(was, now.shape)
        for row, kind in enumerate((~was & now, was & ~now, ~was, was)):
            sums[row] += np.einsum("bp,csqpn,bn->bcsq", up, kind.astype(float), down, optimize=True)
    corrected, broken, wrong, right = sums
    net = (corrected - broken) / (wrong + right)
    return np.stack([corrected / wrong, broken / right, net], axis=-1)


def measure(config: Config, data: xr.Dataset) -> list[Measure]:
    """What later passes correct and break, and what they do to rates and detection."""
    return [
        *_passes(data),
        *detection_rows(data, "feedback gain", WHY),
        *_rates(data),
        converged_share(data, "settled"),
    ]


def _passes(data: xr.Dataset) -> Iterator[Measure]:
    for number in data["pass"].values:
        one = data.sel({"pass": number})
        for fate in ("corrected", "broken"):
            here = one.sel(fate_of=fate, condition="learned")
            ends = ("", "_low", "_high")
            value, low, high = (float(here[f"fate{end}"]) for end in ends)
            note = f"{low:.3g} to {high:.3g}"
            yield Measure.reported(f"{fate}_share[learned,pass={number}]", value, "1", note=note)
        net = one.sel(fate_of="net")
        learned = net.sel(condition="learned")
        yield interval_row(
            f"net_corrected_lowest[learned,pass={number}]",
            tuple(float(learned[f"fate{end}"]) for end in ("", "_low", "_high")),
            "> 0",
            PAPER,
            f"pass {number} corrects more choices of the first look than it breaks",
        )
        yield interval_row(
            f"net_advantage_lowest[over_untrained,pass={number}]",
            tuple(float(net[f"advantage{end}"]) for end in ("", "_low", "_high")),
            "> 0",
            PAPER,
            f"in pass {number} more than feedback with first weights",
        )


def _rates(data: xr.Dataset) -> Iterator[Measure]:
    for name in ("E", "I"):
        rates = data[f"rate_{name}"].isel({"pass": -1}).mean(("seed", "image", "row", "column"))
        none = float(rates.sel(condition="none"))
        for condition in ("untrained", "learned"):
            ratio = float(rates.sel(condition=condition)) / none
            yield Measure.reported(f"rate_{name}_ratio[{condition}_over_none]", ratio, "1")
