"""The named scalars of a detection study: regime, accuracy, gains, and their parts."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.experiment import Measure

TRIAL = "required here: the circuits must compute, and the network still work"
PAPER = "direction: Lindsay & Miller 2018, on VGG-16 and photographs"


def detection_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of a detection study.

    Args:
        data: what `cortex.tasks.records` holds, merged with `summarise_detection` of it.
    """
    return [*_networks(data), *_activity(data), *_detection(data)]


def _networks(data: xr.Dataset) -> Iterator[Measure]:
    right = {v: float(data["accuracy"].sel(variant=v)) for v in data["variant"].values}
    for variant, value in right.items():
        yield Measure.reported(f"accuracy[{variant}]", value, "1", headline=True)
    if {"plain", "circuits"} <= set(right):
        yield Measure.expecting(
            "accuracy_lost_to_circuits",
            right["plain"] - right["circuits"],
            "1",
            expected="<= 0.03",
            provenance=TRIAL,
            headline=True,
            effect="the network with circuits names digits almost as well as without",
        )
    rows = (
        ("sum_weight", "1", "< 1", "in the network, two digits suppress each other"),
        ("leading_eigenvalue", "1", "> 1", "in the network, E alone would be unstable"),
        ("paradoxical_I", "Hz", "< 0", "in the network, input to I lowers I"),
        ("surround_suppression", "1", "> 0", "in the network, the surround suppresses"),
        ("converged", "1", ">= 1", "every steady state was reached"),
        ("largest_residual", "Hz", None, ""),
    )
    circuits = data["sum_weight"].dropna("variant", how="all")
    for variant in circuits["variant"].values:
        here = data.sel(variant=variant)
        yield Measure.reported(
            f"settled_lowest[{variant}]", float(here["settled"].min()), "1", headline=True
        )
        for layer in here["layer"].values[np.isfinite(here["sum_weight"].values)]:
            for name, unit, expected, effect in rows:
                value = float(here[name].sel(layer=layer))
                label = f"{name}[{variant},layer={layer}]"
                if expected is None:
                    yield Measure.reported(label, value, unit)
                else:
                    yield Measure.expecting(
                        label,
                        value,
                        unit,
                        expected=expected,
                        provenance=TRIAL,
                        headline=True,
                        effect=effect,
                    )


def _activity(data: xr.Dataset) -> Iterator[Measure]:
    """Slope of log activity ratio on tuning value, where tuning attention is applied."""
    if "tuning" not in data["source"].values:
        return
    task, strength = data["task"].values[0], data["strength"].values[0]
    for variant in data["variant"].values:
        for layer in data["layer"].values.tolist():
            values, ratio = activity_ratio(data, variant, task, int(layer), float(strength))
            slope = np.polyfit(values, np.log(ratio), 1)[0] if values.size > 2 else np.nan
            yield Measure.expecting(
                f"activity_slope[{variant},layer={layer},beta={strength:g}]",
                slope,
                "1",
                expected="> 0",
                provenance="direction: feature-similarity gain (Treue & Martinez-Trujillo 1999)",
                headline=True,
                effect="attention scales a map's activity by its tuning to what is sought",
            )


def activity_ratio(
    data: xr.Dataset, variant: str, task: str, layer: int, strength: float
) -> tuple[np.ndarray, np.ndarray]:
    """Tuning value, and attended over unattended E activity, of every active map.

    Attention by tuning values to one layer; one point for each map and category.
    """
    here = data.sel(variant=variant, task=task, layer=layer)
    attended = here["rate_E"].sel(source="tuning", site=f"layer {layer}", strength=strength)
    before = here["rate_E_unattended"].values
    values = data["values"].sel(variant=variant, values_of="tuning", layer=layer).values
    usable = np.isfinite(attended.values) & np.isfinite(values) & (before > 1e-3)
    ratio = attended.values[usable] / before[usable]
    keep = ratio > 0
    return values[usable][keep], ratio[keep]


def _detection(summary: xr.Dataset) -> Iterator[Measure]:
    last = [name for name in summary["site"].values if name != "all"][-1]
    for variant in summary["variant"].values:
        for task in summary["task"].values:
            here = summary.sel(variant=variant, task=task)
            where = f"{variant},{task}"
            for name in ("performance", "auc", "sensitivity", "criterion"):
                yield Measure.reported(
                    f"{name}_unattended[{where}]", float(here[f"{name}_unattended"]), "1"
                )
            for source in here["compared"].values:
                places = summary["site"].values if source != "threshold" else [last]
                for site in places:
                    yield from _gains(here.sel(compared=source, site=site), where, source, site)
            yield from _comparisons(here, where, last)


def _gains(here: xr.Dataset, where: str, source: str, site: str) -> Iterator[Measure]:
    if not np.isfinite(here["gain_performance"]):
        return
    place = f"[{where},{source}]" if source == "threshold" else f"[{where},{source},{site}]"
    for name in ("performance", "auc", "sensitivity", "criterion"):
        for suffix in ("", "_low", "_high"):
            value = float(here[f"gain_{name}{suffix}"])
            yield Measure.reported(f"{name}_gain{suffix}{place}", value, "1")


def _comparisons(here: xr.Dataset, where: str, last: str) -> Iterator[Measure]:
    """What the study is about: does attention help, by what, and beyond a threshold's shift?"""
    names = set(here["compared"].values)
    gain = here["gain_performance"].sel(site=last)
    name = str(here["task"].item())
    task = {"merged": "merged digits", "array": "arrays of digits"}.get(name, name)
    note = (
        f"Without attention these detectors, fitted to whole digits, are right on "
        f"{float(here['performance_unattended']):.1%} of {task}."
    )
    if "tuning" in names:
        yield Measure.expecting(
            f"tuning_gain_low[{where},{last}]",
            float(here["gain_performance_low"].sel(site=last, compared="tuning")),
            "1",
            expected="> 0",
            provenance=PAPER + " (lower end of the interval)",
            headline=True,
            effect=f"feature attention helps to detect in {task}",
            note=note,
        )
        if "shuffled" in names:
            difference = gain.sel(compared="tuning") - gain.sel(compared="shuffled")
            yield Measure.expecting(
                f"tuning_minus_shuffled[{where},{last}]",
                float(difference),
                "1",
                expected="> 0",
                provenance=PAPER,
                headline=True,
                effect=f"in {task}, tuning values help more than shuffled ones",
                note=note,
            )
        site = here["gain_performance"].sel(compared="tuning").idxmax("site").item()
        for suffix in ("", "_low", "_high"):
            yield Measure.reported(
                f"tuning_beyond_threshold{suffix}[{where},{site}]",
                float(
                    here[f"beyond_threshold_performance{suffix}"].sel(source="tuning", site=site)
                ),
                "1",
                headline=True,
            )
