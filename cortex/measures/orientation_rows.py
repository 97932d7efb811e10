"""The named scalars of a study of orientation detection: gains, their parts, their controls."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.analysis.detection import quantities
from cortex.experiment import Measure

from .grating_rows import circuit_rows, control_rows, single_layers, variant_rows

PAPER = "Lindsay & Miller 2018"
DIRECTION = f"direction: {PAPER}, on VGG-16"
OBJECTS = f"direction: {PAPER}, on VGG-16 and photographs"
BASELINE, GAIN, LAYER = 0.6025, 0.144, 10  # published, on VGG-16
BAND = 0.05
PARTS = ("performance", "auc", "sensitivity", "criterion")
ENDS = ("", "_low", "_high")


def orientation_measures(data: xr.Dataset, published: bool) -> list[Measure]:
    """All measures of a study of orientation detection.

    Args:
        data: scores, and what `summarise_detection` makes of them, by variant.
        published: whether network and settings are those of the paper, so that its numbers are
            compared with.
    """
    rows: list[Measure] = []
    for variant in data["variant"].values.tolist():
        here = data.sel(variant=variant)
        rows += _network(here, variant)
        rows += _gains(here, variant)
        rows += _claims(here, variant)
        if published and variant == "plain":
            rows += _numbers(here, variant)
    return rows + list(variant_rows(data, _by_source(data)))


def chosen_site(here: xr.Dataset, source: str = "tuning") -> str:
    """The single layer at which one variant does best with attention.

    It is found, like the strength, on the first half of each orientation's images; gains are
    those of the other half.
    """
    names = single_layers(here)
    half = here["score"].sizes["image"] // 2 // 2 * 2
    one = here.sel(source=source, site=names).isel(image=slice(0, half))
    scores = one["score"].transpose("site", "strength", "orientation", "image")
    present = here["present"].values[:, :half]
    found = quantities(_answered(scores.values), present)["performance"]
    return names[int(np.argmax(np.nan_to_num(found, nan=-1.0).max(axis=1)))]


def _answered(scores: np.ndarray) -> np.ndarray:
    """No answer is a no."""
    return np.where(np.isnan(scores), -np.inf, scores)


def _network(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    yield Measure.expecting(
        f"right_single[{variant}]",
        here["right_single"],
        "1",
        expected="> 0.12 (more than chance)",
        provenance="required here: detectors know single gratings",
        headline=True,
        effect="single gratings are told apart by their orientation",
        note="Single gratings without noise that the detectors judging them were not trained on.",
    )
    yield from circuit_rows(here, variant)
    for name in (*PARTS, "true_positive", "false_positive"):
        yield Measure.reported(
            f"{name}_unattended[{variant}]",
            here[f"{name}_unattended"],
            "1",
            headline=name == "performance",
        )


def _gains(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    for source in here["compared"].values.tolist():
        places = here["site"].values.tolist()
        for site in places[:1] if source == "threshold" else places:
            one = here.sel(compared=source, site=site)
            if not np.isfinite(one["gain_performance"]):
                continue
            where = f"{variant},{source}" if source == "threshold" else f"{variant},{source},{site}"
            for part in PARTS:
                for end in ENDS:
                    yield Measure.reported(
                        f"{part}_gain{end}[{where}]", one[f"gain_{part}{end}"], "1"
                    )


def _claims(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    """Does attention help, by which maps, where, and beyond a shift of threshold?"""
    sources = set(here["source"].values.tolist())
    if "tuning" not in sources:
        return
    site = chosen_site(here)
    where = f"{variant},{site}"
    note = (
        f"Without attention detectors are right on {float(here['performance_unattended']):.1%} of "
        f"pairs. {site.capitalize()} is the best on the first half of the images; gains are on "
        "the other half."
    )
    gain = here.sel(compared="tuning", site=site)
    yield Measure.expecting(
        f"tuning_gain_low[{where}]",
        gain["gain_performance_low"],
        "1",
        expected="> 0",
        provenance=f"{DIRECTION} (lower end of the interval)",
        headline=True,
        effect="attention by tuning values helps to find an orientation",
        note=note,
    )
    yield from control_rows(here, variant, _by_source(here), "help")
    yield from _depth(here, variant)
    yield from _hits_first(here, where, site)
    yield Measure.expecting(
        f"tuning_criterion_gain[{where}]",
        gain["gain_criterion"],
        "1",
        expected="< 0",
        provenance=OBJECTS,
        effect="feature attention lowers the criterion",
        note=note,
    )
    for end in ENDS:
        yield Measure.reported(
            f"tuning_auc_gain{end}[{where}]", gain[f"gain_auc{end}"], "1", headline=not end
        )
    for end in ENDS:
        beyond = here[f"beyond_threshold_performance{end}"].sel(source="tuning", site=site)
        yield Measure.reported(
            f"tuning_beyond_threshold{end}[{where}]",
            beyond,
            "1",
            headline=True,
            note="Gain over what the best single threshold does without attention.",
        )
    if "gradient" in sources:
        values = here["gain_performance"].sel(site=single_layers(here))
        difference = values.sel(compared="gradient") - values.sel(compared="tuning")
        for layer in single_layers(here):
            yield Measure.reported(
                f"gradient_minus_tuning[{variant},{layer}]", difference.sel(site=layer), "1"
            )


def _depth(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    layers = single_layers(here)
    gain = here["gain_performance"].sel(compared="tuning")
    if len(layers) > 1:
        yield Measure.expecting(
            f"late_minus_early[{variant}]",
            gain.sel(site=layers[-1]) - gain.sel(site=layers[0]),
            "1",
            expected="> 0",
            provenance=f"{DIRECTION} (best at layer 10 of 13, little at early ones)",
            effect="attention helps more at a late layer than at an early one",
            note=f"{layers[-1].capitalize()} against {layers[0]}, the lowest attended here.",
        )
    if "all" in here["site"].values:
        yield Measure.reported(
            f"all_minus_best_layer[{variant}]",
            gain.sel(site="all") - gain.sel(site=chosen_site(here)),
            "1",
            headline=True,
            note=f"{PAPER}: about 0 for objects.",
        )


def _hits_first(here: xr.Dataset, where: str, site: str) -> Iterator[Measure]:
    """Hits rise before false alarms as attention grows, and then performance falls."""
    one = here.sel(source="tuning", site=site).sortby("strength")
    hits, alarms, right = (
        one[name].values - float(here[f"{name}_unattended"])
        for name in ("true_positive", "false_positive", "performance")
    )
    if not np.isfinite(right).all():
        return
    best = int(np.argmax(right))
    yield Measure.expecting(
        f"hits_minus_false_alarms[{where}]",
        hits[best] - alarms[best],
        "1",
        expected="> 0",
        provenance=OBJECTS,
        effect="attention raises hits more than false alarms",
        note=f"Change from no attention to beta = {float(one['strength'][best]):g}.",
    )
    yield Measure.expecting(
        f"loss_beyond_best[{where}]",
        right[-1] - right[best],
        "1",
        expected="< 0",
        provenance=OBJECTS,
        effect="attention that is too strong costs performance",
        note=f"From beta = {float(one['strength'][best]):g}, the best, to "
        f"{float(one['strength'][-1]):g}.",
    )


def _by_source(data: xr.Dataset) -> xr.DataArray:
    """The gain in performance, of what attention is applied by only."""
    return data["gain_performance"].rename(compared="source")


def _numbers(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    """The published numbers; colours, background and place of the gratings are ours."""
    where = f"published: {PAPER}; tolerance, colours and background chosen here"
    yield Measure.compared(
        f"baseline[{variant}]",
        here["performance_unattended"],
        "1",
        reference=BASELINE,
        absolute=BAND,
        provenance=where,
        headline=True,
        effect="orientations in pairs are found as often as published",
    )
    if "tuning" in here["source"].values and f"layer {LAYER}" in here["site"].values:
        yield Measure.compared(
            f"tuning_gain[{variant},layer {LAYER}]",
            here["gain_performance"].sel(compared="tuning", site=f"layer {LAYER}"),
            "1",
            reference=GAIN,
            absolute=BAND,
            provenance=where,
            headline=True,
            effect="attention at layer 10 adds as much as published",
        )
