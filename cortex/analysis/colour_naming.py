"""Which colour is named: that of the grating attended to, that of the other, or neither."""

from __future__ import annotations

import numpy as np
import xarray as xr

from cortex.analysis.signal_detection import interval

NAMES = ("own", "other")
LONG_NAMES = {
    "own": "trials in which the colour of the attended orientation is named",
    "other": "trials in which the colour of the other grating is named",
}


def summarise_colours(data: xr.Dataset, resamples: int, level: float, seed: int = 0) -> xr.Dataset:
    """Shares of trials in which either grating's colour is named, with bootstrap intervals.

    The strength of attention is chosen on the first half of each orientation's images, for the
    colour of the attended orientation to be named most often; everything named `best_...` and
    `gain_...` is of the other half.

    Args:
        data: `answer` (variant, source, site, strength, orientation, image), number of the
            colour named, NaN where nothing was asked, -1 where there was no answer;
            `answer_unattended` (variant, orientation, image); `colour` and `other_colour`
            (orientation, image).
        resamples: bootstrap resamples over images, within orientation.
        level: of the intervals.
        seed: of the resamples.

    Returns:
        Dataset: `own`, `other` of all images, also `_unattended`; `best_strength`;
        `best_own`, `best_other` and `gain_own`, `gain_other` with `_low` and `_high`;
        `base_own`, `base_other`, without attention, on the second half.
    """
    lead = ("variant", "source", "site", "strength")
    attended = data["answer"].transpose(*lead, "orientation", "image").values
    plain = data["answer_unattended"].transpose("variant", "orientation", "image").values
    shown = {"own": data["colour"].values, "other": data["other_colour"].values}
    half = shown["own"].shape[1] // 2
    choose, report = slice(0, half), slice(half, None)
    known = np.isfinite(attended).all(axis=(-2, -1))
    hits = {name: (attended == shown[name]).astype(float) for name in NAMES}
    before = {name: (plain == shown[name]).astype(float) for name in NAMES}

    asked = known.all(axis=-1)
    index = np.argmax(hits["own"][..., choose].mean(axis=(-2, -1)), axis=-1)
    weights = _weights(np.random.default_rng(seed), shown["own"][:, report].shape, resamples)
    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {
        "best_strength": (lead[:3], np.where(asked, data["strength"].values[index], np.nan))
    }
    for name in NAMES:
        out[name] = (lead, np.where(known, hits[name].mean(axis=(-2, -1)), np.nan))
        out[f"{name}_unattended"] = (lead[:1], before[name].mean(axis=(-2, -1)))
        best = np.take_along_axis(hits[name], index[..., None, None, None], axis=3)[:, :, :, 0]
        best, base = best[..., report], before[name][..., report]
        drawn, drawn_base = (np.einsum("...oi,boi->b...", x, weights) for x in (best, base))
        gain = drawn - drawn_base[:, :, None, None]
        low, high = interval(drawn, level)
        gain_low, gain_high = interval(gain, level)
        value, start = best.mean(axis=(-2, -1)), base.mean(axis=(-2, -1))
        for label, array in (
            (f"best_{name}", value),
            (f"best_{name}_low", low),
            (f"best_{name}_high", high),
            (f"gain_{name}", value - start[:, None, None]),
            (f"gain_{name}_low", gain_low),
            (f"gain_{name}_high", gain_high),
        ):
            out[label] = (lead[:3], np.where(asked, array, np.nan))
        out[f"base_{name}"] = (lead[:1], start)
    summary = xr.Dataset(out, {name: data[name] for name in lead})
    for key, item in summary.data_vars.items():
        which = next((n for n in NAMES if n in str(key).split("_")), None)
        words = LONG_NAMES[which] if which else str(key).replace("_", " ")
        item.attrs.update(units="1", long_name=words)
    return summary


def _weights(rng: np.random.Generator, shape: tuple[int, ...], resamples: int) -> np.ndarray:
    """Weight of each image in the mean of each resample, (resamples, orientations, images)."""
    orientations, images = shape
    size = (resamples, orientations)
    counts = rng.multinomial(images, np.full(images, 1 / images), size=size)
    return counts / (images * orientations)
