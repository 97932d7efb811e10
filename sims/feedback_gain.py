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

import numpy as np
import xarray as xr
from jax import Array

from cortex.analysis import bootstrap
from cortex.experiment import Above, Claim, Experiment, settled_claim
from cortex.labelled import Labelled, described, label
from cortex.models.learned import trained_source
from cortex.models.learned.through_circuits import asked_logits
from cortex.progress import stage
from cortex.settings import quantity
from cortex.sources import Source
from cortex.studies.learned_source import (
    SMALL,
    LearnedSourceSettings,
    detection,
    detection_claims,
    look_in_conditions,
    what_was_shown,
)

PAPER = Source("stollenga2014", "direction")
FATES = ("corrected", "broken", "net")
WHY = "trained on choices between two images; of yes and no few are hits at the fixed threshold"


class Settings(LearnedSourceSettings):
    """Settings of `feedback_gain`."""

    passes: int = quantity(
        3, "1", "looks with gains, each from the last state; trained for one", ge=1, le=100
    )


def simulate(s: Settings, key: Array) -> dict[str, Labelled]:
    """First looks, and passes with feedback."""
    sources = s.sources(trained_source("feedback"))
    observer = s.observer()
    shown = s.hard_images(observer, key)
    looks = look_in_conditions(s, observer, shown, sources, s.passes, "feedback")
    first = asked_logits(shown.seen.logits, shown)
    return {
        **looks,
        **what_was_shown(shown),
        "first_score": label(first, "1", "logit before any feedback", image=None),
    }


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Detection, and what becomes of the choices of the first look, with intervals."""

    def means(drawn: xr.Dataset) -> xr.Dataset:
        share = fates(drawn, data).mean("seed")
        learned, untrained = (
            share.sel(condition=name, drop=True) for name in ("learned", "untrained")
        )
        return xr.Dataset({"fate": share, "advantage": learned - untrained})

    with stage("intervals"):
        strata = {"category": data.category, "present": data.present}
        found = bootstrap(
            means,
            data[["score", "first_score"]].assign_coords(strata),
            "image",
            within=("category", "present"),
            n=s.resamples,
            level=s.level,
            rng=rng,
        )
        shares = described(
            fate=(found.fate, "share of choices of the first look"),
            advantage=(found.advantage, "share of choices, learned minus first weights"),
        )
        return shares | detection(s, data, rng)


def fates(scores: xr.Dataset, shown: xr.Dataset) -> xr.DataArray:
    """What becomes of right and wrong choices of the first look.

    A choice is between an image with the digit asked for and one without; all such pairs of a
    category count, and categories alike.

    Args:
        scores: ``score``, and ``first_score`` before any feedback, over images and more.
        shown: ``present`` and ``category``, images in the order of categories, as many of each.

    Returns:
        In place of images a dimension ``fate_of``: ``corrected``, the share of wrong choices that
        are right after the pass; ``broken``, of right ones that are wrong; ``net``, corrected
        minus broken choices as a share of all.
    """
    kinds = len(np.unique(shown.category))
    present = shown.present.values.reshape(kinds, -1)

    def count(before: np.ndarray, after: np.ndarray) -> np.ndarray:
        sums: np.ndarray | float = 0.0
        by_category = zip(_right(before, present), _right(after, present), strict=True)
        for was, now in by_category:
            was, now = np.broadcast_arrays(was, now)
            kept = (~was & now, was & ~now, ~was, was)
            sums = sums + np.stack([kind.sum(axis=(-2, -1)) for kind in kept])
        corrected, broken, wrong, right = np.asarray(sums)
        net = (corrected - broken) / (wrong + right)
        return np.stack([corrected / wrong, broken / right, net], axis=-1)

    found = xr.apply_ufunc(
        count,
        scores.first_score,
        scores.score,
        input_core_dims=[["image"], ["image"]],
        output_core_dims=[["fate_of"]],
    )
    return found.assign_coords(fate_of=list(FATES))


def _right(scores: np.ndarray, present: np.ndarray) -> list[np.ndarray]:
    """By category, whether each image with the digit scores higher than each without."""
    by_category = np.moveaxis(scores.reshape(*scores.shape[:-1], *present.shape), -2, 0)
    return [
        one[..., here, None] > one[..., None, ~here]
        for one, here in zip(by_category, present, strict=True)
    ]


CLAIMS = (
    Claim(
        "net_corrected",
        lambda d: d.fate.sel(condition="learned", fate_of="net"),
        Above(0),
        PAPER,
        "a later pass corrects more choices of the first look than it breaks",
        headline=True,
    ),
    Claim(
        "net_advantage",
        lambda d: d.advantage.sel(fate_of="net"),
        Above(0),
        PAPER,
        "more than feedback with first weights",
        headline=True,
    ),
    *detection_claims("feedback gain", WHY),
    settled_claim(),
)

experiment = Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small=SMALL | {"passes": 2},
)
