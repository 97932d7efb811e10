"""Detection with attention against detection without: gains, and what they consist of."""

import numpy as np
import xarray as xr

from cortex.analysis.signal_detection import (
    Rates,
    area_under_curve,
    bootstrap_counts,
    detection_rates,
    interval,
)
from cortex.analysis.yes_no import MEASURES

QUANTITIES = tuple(MEASURES)[:6]
UNITS = dict.fromkeys(QUANTITIES, "1")
LONG_NAMES = MEASURES
Table = dict[str, np.ndarray]


def summarise_detection(
    data: xr.Dataset, resamples: int, level: float, seed: int = 0, partial: bool = False
) -> xr.Dataset:
    """Every quantity of detection for every condition, with bootstrap intervals.

    The strength of attention, and the threshold of the control without attention, are
    chosen on the first half of each category's images; everything named `best_...` is
    reported on the other half. Rates are means over categories, c and d' come from those
    means, the area under the curve is a mean over categories.

    Args:
        data: `score` (variant, task, source, site, strength, category, image),
            `score_unattended` (variant, task, category, image), `present` (task, category,
            image); images of each category alternate between present and absent.
        resamples: bootstrap resamples over images, within category and kind of image.
        level: of the intervals.
        partial: where scores are missing at some strengths, as where a circuit does not settle,
            choose among the others; otherwise such a source and site have no best strength.

    Returns:
        Dataset: `<quantity>` for all images; `<quantity>_unattended`; `best_strength`;
        `best_<quantity>`, `base_<quantity>` on the second half; and their difference
        `gain_<quantity>` with `_low` and `_high`; the source "threshold" (no attention, a
        better threshold) stands beside the others in the best_ variables.
    """
    rows = []
    for task in data["task"].values:
        one = data.sel(task=task)
        rows.append(_one_task(one, resamples, level, np.random.default_rng(seed), partial))
    summary = xr.concat(rows, dim=data["task"], combine_attrs="override")
    summary["compared"].attrs.update(units="1", long_name="source of attention, or control")
    for name, variable in summary.data_vars.items():
        quantity = next((q for q in QUANTITIES if q in str(name)), None)
        units = UNITS[quantity] if quantity else "1"
        words = LONG_NAMES[quantity] if quantity else str(name).replace("_", " ")
        variable.attrs.update(units=units, long_name=words)
    return summary


def _one_task(
    data: xr.Dataset, resamples: int, level: float, rng: np.random.Generator, partial: bool
) -> xr.Dataset:
    lead = ("variant", "source", "site", "strength")
    attended = data["score"].transpose(*lead, "category", "image").values
    plain = data["score_unattended"].transpose("variant", "category", "image").values
    present = data["present"].transpose("category", "image").values.astype(bool)
    half = present.shape[1] // 2 // 2 * 2
    choose, report = slice(0, half), slice(half, None)

    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name, value in quantities(attended, present).items():
        out[name] = (lead, value)
    for name, value in quantities(plain, present).items():
        out[f"{name}_unattended"] = (("variant",), value)

    performance = quantities(attended[..., choose], present[:, choose])["performance"]
    performance = np.where(np.isnan(attended).any(axis=(-2, -1)), np.nan, performance)
    there = np.isfinite(performance)
    known = np.asarray(there.any(axis=-1) if partial else there.all(axis=-1))
    index = np.where(known, np.argmax(np.nan_to_num(performance, nan=-1.0), axis=-1), 0)
    strength = data["strength"].values[index]
    best = np.take_along_axis(attended, index[..., None, None, None], axis=3)[:, :, :, 0]
    moved, thresholds = _best_threshold(plain, present, choose)
    sites = best.shape[2]
    control = np.repeat(moved[:, None, None], sites, axis=2)
    best = np.concatenate([best, control], axis=1)  # (variant, source + threshold, site, ...)
    known = np.concatenate([known, np.ones_like(known[:, :1])], axis=1)
    strength = np.concatenate(
        [np.where(known[:, :-1], strength, np.nan), np.zeros_like(strength[:, :1])], axis=1
    )

    counts = np.stack([bootstrap_counts(rng, row, resamples) for row in present[:, report]])
    dims = ("variant", "compared", "site")
    values = quantities(best[..., report], present[:, report])
    base = quantities(plain[..., report], present[:, report])
    drawn = quantities(best[..., report], present[:, report], counts)
    drawn_base = quantities(plain[..., report], present[:, report], counts)
    for name in QUANTITIES:
        gain = values[name] - base[name][:, None, None]
        low, high = interval(drawn[name] - drawn_base[name][:, :, None, None], level)
        value_low, value_high = interval(drawn[name], level)
        for label, array in (
            (f"best_{name}", values[name]),
            (f"best_{name}_low", value_low),
            (f"best_{name}_high", value_high),
            (f"gain_{name}", gain),
            (f"gain_{name}_low", low),
            (f"gain_{name}_high", high),
        ):
            out[label] = (dims, np.where(known, array, np.nan))
        out[f"base_{name}"] = (("variant",), base[name])
        if name == "performance":
            beyond = drawn[name][:, :, :-1] - drawn[name][:, :, -1:]
            low, high = interval(beyond, level)
            for label, array in (
                ("beyond_threshold_performance", values[name][:, :-1] - values[name][:, -1:]),
                ("beyond_threshold_performance_low", low),
                ("beyond_threshold_performance_high", high),
            ):
                out[label] = (lead[:3], np.where(known[:, :-1], array, np.nan))
    out["best_strength"] = (dims, strength)
    out["best_threshold"] = (("variant",), thresholds)
    coordinates = {name: data[name].values for name in lead}
    coordinates["compared"] = np.append(data["source"].values, "threshold")
    return xr.Dataset(out, coordinates)


def quantities(scores: np.ndarray, present: np.ndarray, counts: np.ndarray | None = None) -> Table:
    """The quantities of detection from scores (..., category, image); NaN scores give NaN.

    Args:
        present: (category, image).
        counts: (category, resamples, image) bootstrap counts; results then have a leading
            axis of resamples.
    """
    hits, false_alarms, areas = [], [], []
    for category, here in enumerate(present):
        score = scores[..., category, :]
        if counts is None:
            rates = detection_rates(score, here)
            areas.append(area_under_curve(score, here))
            hits.append(rates.true_positive)
            false_alarms.append(rates.false_positive)
        else:
            yes, weights = (score > 0).astype(float), counts[category]
            for kind, into in ((here, hits), (~here, false_alarms)):
                share = weights[:, kind] / weights[:, kind].sum(1, keepdims=True)
                into.append(np.moveaxis(yes[..., kind] @ share.T, -1, 0))
            areas.append(area_under_curve(score, here, weights))
    rates = Rates(np.mean(hits, axis=0), np.mean(false_alarms, axis=0))
    table = {
        "performance": rates.performance,
        "true_positive": rates.true_positive,
        "false_positive": rates.false_positive,
        "auc": np.mean(areas, axis=0),
        "criterion": rates.criterion,
        "sensitivity": rates.sensitivity,
    }
    missing = np.isnan(scores).any(axis=(-2, -1))
    return {name: np.where(missing, np.nan, value) for name, value in table.items()}


def _best_threshold(
    scores: np.ndarray, present: np.ndarray, choose: slice
) -> tuple[np.ndarray, np.ndarray]:
    """Scores minus the one threshold, common to all categories, that serves best."""
    moved, found = [], []
    for variant in scores:  # (category, image)
        candidates = np.append(0.0, np.quantile(variant[:, choose], np.linspace(0.01, 0.99, 99)))
        shifted = variant[None, :, choose] - candidates[:, None, None]
        performance = quantities(shifted, present[:, choose])["performance"]
        found.append(candidates[int(np.argmax(performance))])
        moved.append(variant - found[-1])
    return np.stack(moved), np.asarray(found)
