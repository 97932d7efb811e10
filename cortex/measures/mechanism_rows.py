"""What each mechanism of attention buys, and through which neural change: summary and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import xarray as xr
from scipy.special import ndtri

from cortex.analysis import detection
from cortex.analysis.signal_detection import CLIP
from cortex.experiment import Measure
from cortex.labelled import variable
from cortex.tasks import bootstrap_counts, interval

# d' at the fixed criterion, and d' whatever the criterion: sqrt(2) z(area under the curve), which
# a source that moves the criterion far does not push to the ends of what rates can tell.
QUANTITIES = ("sensitivity", "discriminability", "criterion", "auc", "performance")
LEARNED = "asked of what was trained on such images, at this energy, on other digits"
STUDY = "direction: Lindsay & Miller 2018, on VGG-16 and photographs"
COHEN = "direction: Cohen & Maunsell 2009, in V4"
AROUSAL = "follows from what it is: a gain without selectivity"
CONTROL = "required of a control"
WHY = {
    "soft attention": "It was trained to point at the digit, not to detect it; see soft_attention.",
    "glimpse": "It was trained on the probability of the right choice; see cortex.models.learned.",
}
WORDS = detection.LONG_NAMES | {"discriminability": "d' whatever the criterion, from that area"}


def summarise_mechanisms(
    data: xr.Dataset, resamples: int, level: float, seed: int = 0
) -> xr.Dataset:
    """Changes by attention, over the images of all seeds, with bootstrap intervals.

    Args:
        data: results of `mechanism_comparison`: `score` (task, source, attended, seed, category,
            image), `score_unattended`, `present`, `correlation` and `correlation_unattended`.
        resamples: bootstrap resamples over images, within category and kind of image.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        `<quantity>_unattended` by task, `change_<quantity>` with `_low` and `_high` by task,
        source and layer attended; the same of `gain_over_shuffled`, `gain_over_tuning` (of
        discriminability) and `criterion_below_place`; `change_correlation` by task and source.
    """
    rng = np.random.default_rng(seed)
    found = [_one_task(data.sel(task=task), resamples, level, rng) for task in data["task"].values]
    summary = xr.concat(found, dim=data["task"], combine_attrs="override")
    for name, item in summary.data_vars.items():
        quantity = next((q for q in QUANTITIES if q in str(name)), None)
        words = f"{name}: {WORDS[quantity]}" if quantity else str(name).replace("_", " ")
        item.attrs.update(units="1", long_name=words)
    return summary


def _one_task(
    data: xr.Dataset, resamples: int, level: float, rng: np.random.Generator
) -> xr.Dataset:
    present = _pooled(data["present"]).astype(bool)
    scores, plain = _pooled(data["score"]), _pooled(data["score_unattended"])
    counts = np.stack([bootstrap_counts(rng, row, resamples) for row in present])
    value, base = _quantities(scores, present), _quantities(plain, present)
    drawn, drawn_base = (_quantities(x, present, counts) for x in (scores, plain))
    dims = ("source", "attended")
    out: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for name in QUANTITIES:
        change = value[name] - base[name]
        low, high = interval(drawn[name] - drawn_base[name][:, None, None], level)
        out[f"{name}_unattended"] = ((), base[name])
        out[f"change_{name}"] = (dims, change)
        out[f"change_{name}_low"] = (dims, low)
        out[f"change_{name}_high"] = (dims, high)
    names = list(data["source"].values)
    for label, control, name, sign in (
        ("gain_over_shuffled", "shuffled values", "discriminability", 1),
        ("gain_over_tuning", "tuning values", "discriminability", 1),
        ("criterion_below_place", "place", "criterion", -1),
    ):
        if control in names:
            other = names.index(control)
            apart = sign * (drawn[name] - drawn[name][:, other : other + 1])
            low, high = interval(apart, level)
            out[label] = (dims, sign * (value[name] - value[name][other : other + 1]))
            out[f"{label}_low"], out[f"{label}_high"] = (dims, low), (dims, high)
    out |= _correlations(data, resamples, level, rng)
    coordinates = {name: data[name].values for name in dims}
    return xr.Dataset({k: variable(d, v, "1", k) for k, (d, v) in out.items()}, coordinates)


def _quantities(
    scores: np.ndarray, present: np.ndarray, counts: np.ndarray | None = None
) -> detection.Table:
    """Those of `detection.quantities`, and the discriminability."""
    table = detection.quantities(scores, present, counts)
    # An area of 1, as few images can have, would be infinitely discriminable.
    area = np.clip(table["auc"], *CLIP)
    return table | {"discriminability": np.sqrt(2) * ndtri(area)}


def _pooled(scores: xr.DataArray) -> np.ndarray:
    """Images of all seeds side by side, (..., category, image)."""
    last = scores.transpose(..., "category", "seed", "image").values
    return last.reshape(*last.shape[:-2], -1)


def _correlations(
    data: xr.Dataset, resamples: int, level: float, rng: np.random.Generator
) -> dict[str, tuple[tuple[str, ...], np.ndarray]]:
    """Change of the noise correlation, over the images of all seeds."""
    change = data["correlation"] - data["correlation_unattended"]
    flat = change.transpose("source", "seed", "noisy_image").values
    flat = flat.reshape(len(flat), -1)
    before = data["correlation_unattended"].values.ravel()
    if not flat.shape[1]:
        nothing = np.full(len(flat), np.nan)
        low = high = mean = nothing
        unattended = np.asarray(np.nan)
    else:
        rows = rng.integers(0, flat.shape[1], (resamples, flat.shape[1]))
        low, high = interval(flat[:, rows].mean(axis=-1).T, level)
        mean, unattended = flat.mean(axis=1), np.asarray(before.mean())
    return {
        "mean_correlation_unattended": ((), unattended),
        "change_correlation": (("source",), mean),
        "change_correlation_low": (("source",), low),
        "change_correlation_high": (("source",), high),
    }


def mechanism_measures(
    data: xr.Dataset, learned_on: Mapping[str, tuple[str, ...]]
) -> list[Measure]:
    """All rows; what is claimed is claimed at the highest layer at which a source acts.

    Args:
        data: results of `mechanism_comparison` with their summary.
        learned_on: of each source that learned, the tasks whose images it was trained on; only
            of those a gain is asked.
    """
    rows: list[Measure] = []
    for task in data["task"].values:
        here = data.sel(task=task)
        rows += _unattended(here, str(task))
        for source in data["source"].values:
            at = here.sel(source=source)
            if np.isfinite(at["change_sensitivity"]).any():
                rows += _reported(at, f"{task},{source}")
        rows += _claims(highest(here), str(task), learned_on)
    lowest = float(np.nanmin(data["settled"]))
    rows.append(Measure.reported("settled_lowest", lowest, "1", headline=True))
    return rows


def highest(here: xr.Dataset) -> xr.Dataset:
    """Every source at the highest of the attended layers at which it acts.

    Args:
        here: one task.

    Returns:
        Without the dimension of layers attended; `acts_at` says at which.
    """
    known = np.isfinite(here["change_sensitivity"].transpose("source", "attended").values)
    last = known.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    place = xr.DataArray(np.where(known.any(axis=1), last, known.shape[1] - 1), dims="source")
    return here.isel(attended=place).rename(attended="acts_at")


def _unattended(here: xr.Dataset, task: str) -> Iterator[Measure]:
    for name in QUANTITIES:
        value = float(here[f"{name}_unattended"])
        yield Measure.reported(f"{name}_unattended[{task}]", value, "1")
    value = float(here["mean_correlation_unattended"])
    if np.isfinite(value):
        yield Measure.reported(f"noise_correlation_unattended[{task}]", value, "1")


def _reported(at: xr.Dataset, where: str) -> Iterator[Measure]:
    """Every change with its interval, at every layer attended."""
    for layer in at["attended"].values:
        own = at.sel(attended=layer)
        if not np.isfinite(own["change_sensitivity"]):
            continue
        place = f"[{where},layer {layer}]"
        for name in ("discriminability", "sensitivity", "criterion"):
            low, high = (float(own[f"change_{name}_{end}"]) for end in ("low", "high"))
            yield Measure.reported(
                f"change_{name}{place}",
                float(own[f"change_{name}"]),
                "1",
                note=f"interval {low:.2f} to {high:.2f}",
            )
        for name in ("E", "I"):
            change = own[f"change_{name}"].mean("seed")
            for area in change["layer"].values:
                if np.isfinite(change.sel(layer=area)):
                    label = f"change_of_{name}_in_layer_{area}{place}"
                    yield Measure.reported(label, float(change.sel(layer=area)), "1")
    if np.isfinite(at["change_correlation"]):
        low, high = (float(at[f"change_correlation_{end}"]) for end in ("low", "high"))
        yield Measure.reported(
            f"change_noise_correlation[{where}]",
            float(at["change_correlation"]),
            "1",
            note=f"interval {low:.3f} to {high:.3f}",
        )


def _claims(
    here: xr.Dataset, task: str, learned_on: Mapping[str, tuple[str, ...]]
) -> Iterator[Measure]:
    names = [name for name in here["source"].values if np.isfinite(_at(here, name))]

    def claim(
        label: str, source: str, name: str, expected: str, whose: str, effect: str, note: str = ""
    ) -> Measure:
        """On the end of the interval that is nearer to what is not expected."""
        low, high = (_at(here, source, f"{name}_{end}") for end in ("low", "high"))
        end = low if expected == "> 0" else high
        interval = f"{_at(here, source, name):.2g} [{low:.2g}, {high:.2g}]"
        return Measure.expecting(
            label,
            end,
            "1",
            expected=expected,
            provenance=f"{whose} ({'lower' if end == low else 'upper'} end of the interval)",
            effect=effect,
            headline=True,
            note=f"{interval}. {note}" if note else interval,
        )

    for name in names:
        if task in learned_on.get(name, ()):
            yield claim(
                f"learned_gain_low[{task},{name}]",
                name,
                "change_discriminability",
                "> 0",
                LEARNED,
                f"learned {name} helps to see ({task})",
                WHY.get(name, ""),
            )
            if "tuning values" in names:
                yield claim(
                    f"learned_over_tuning_low[{task},{name}]",
                    name,
                    "gain_over_tuning",
                    "> 0",
                    LEARNED,
                    f"learned {name} helps more than tuning values do ({task})",
                )
    if "place" in names:
        yield claim(
            f"place_gain_low[{task}]",
            "place",
            "change_discriminability",
            "> 0",
            STUDY,
            "attention to the place helps to see",
        )
        if "tuning values" in names:
            yield claim(
                f"feature_attention_lowers_criterion_more_low[{task}]",
                "tuning values",
                "criterion_below_place",
                "> 0",
                STUDY,
                "feature attention lowers the criterion more than attention to the place",
            )
    if "tuning values" in names and "shuffled values" in names:
        yield claim(
            f"tuning_over_shuffled_low[{task}]",
            "tuning values",
            "gain_over_shuffled",
            "> 0",
            CONTROL,
            f"tuning values help more than the same ones shuffled ({task})",
            "In this network tuning values move the criterion; see digits_detection.",
        )
    if "arousal" in names:
        ends = [_at(here, "arousal", f"change_discriminability_{end}") for end in ("low", "high")]
        yield Measure.expecting(
            f"arousal_interval_beyond_zero[{task}]",
            max(ends[0], -ends[1]),
            "1",
            expected="<= 0 (the interval holds 0)",
            provenance=AROUSAL,
            effect=f"the same gain everywhere buys no sensitivity ({task})",
            headline=True,
            note=f"interval {ends[0]:.2g} to {ends[1]:.2g}",
        )
    before = float(here["mean_correlation_unattended"])
    for name in ("place", "tuning values"):
        if name in names and np.isfinite(here["change_correlation"].sel(source=name)):
            yield claim(
                f"noise_correlation_change_high[{task},{name}]",
                name,
                "change_correlation",
                "< 0",
                COHEN,
                f"attention by {name} lowers noise correlations ({task})",
                f"Without attention the mean over pairs is {before:.2g}.",
            )


def _at(here: xr.Dataset, source: str, name: str = "change_sensitivity") -> float:
    return float(here[name].sel(source=source))
