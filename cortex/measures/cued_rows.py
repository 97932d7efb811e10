"""Spatial against feature attention: what each does to the criterion and to sensitivity."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.analysis.detection import LONG_NAMES, QUANTITIES, quantities
from cortex.experiment import Measure
from cortex.tasks import bootstrap_counts, interval

# By name: the values of feature attention, none if there is none; and whether a place is attended.
KINDS: dict[str, tuple[str | None, bool]] = {
    "spatial": (None, True),
    "tuning": ("tuning", False),
    "gradient": ("gradient", False),
    "spatial and tuning": ("tuning", True),
    "spatial and gradient": ("gradient", True),
}
PAPER = "direction: Lindsay & Miller 2018, on VGG-16"


def summarise_cued(data: xr.Dataset, resamples: int, level: float, seed: int = 0) -> xr.Dataset:
    """Every quantity of detection, and its change by attention with a bootstrap interval.

    Args:
        data: `score` (variant, kind, site, strength, orientation, image), `score_unattended`
            (variant, orientation, image), `present` (orientation, image).
        resamples: bootstrap resamples over images, within orientation and presence.
        level: of the intervals.
        seed: of the bootstrap.

    Returns:
        Dataset: `<quantity>` and `<quantity>_unattended`; `change_<quantity>` (variant, kind,
        site, strength) with `_low` and `_high`; and the same for the mean over strengths,
        `mean_change_<quantity>` (variant, kind, site). The bootstrap differences between kinds
        are in `feature_minus_spatial_<quantity>` (variant, site), tuning values against spatial
        attention, mean over strengths.
    """
    rng = np.random.default_rng(seed)
    lead = ("variant", "kind", "site", "strength")
    scores = data["score"].transpose(*lead, "orientation", "image").values
    plain = data["score_unattended"].transpose("variant", "orientation", "image").values
    present = data["present"].transpose("orientation", "image").values.astype(bool)
    counts = np.stack([bootstrap_counts(rng, row, resamples) for row in present])
    found, before = quantities(scores, present), quantities(plain, present)
    drawn, drawn_before = quantities(scores, present, counts), quantities(plain, present, counts)
    kinds = list(data["kind"].values)
    out: dict[str, tuple[tuple[str, ...], np.ndarray, dict[str, str]]] = {}

    def put(name: str, dims: tuple[str, ...], value: np.ndarray, words: str) -> None:
        out[name] = (dims, value, {"units": "1", "long_name": words})

    for name in QUANTITIES:
        words = LONG_NAMES[name]
        put(name, lead, found[name], words)
        put(f"{name}_unattended", lead[:1], before[name], f"{words}, no attention")
        change = found[name] - before[name][:, None, None, None]
        drawn_change = drawn[name] - drawn_before[name][:, :, None, None, None]
        mean, drawn_mean = change.mean(axis=-1), drawn_change.mean(axis=-1)
        spatial, tuning = kinds.index("spatial"), kinds.index("tuning")
        for label, dims, value, samples, what in (
            ("change", lead, change, drawn_change, f"change of {words}"),
            ("mean_change", lead[:3], mean, drawn_mean, f"change of {words}, mean over beta"),
            (
                "feature_minus_spatial",
                ("variant", "site"),
                mean[:, tuning] - mean[:, spatial],
                drawn_mean[:, :, tuning] - drawn_mean[:, :, spatial],
                f"change of {words}: by tuning values, less that by place",
            ),
        ):
            low, high = interval(samples, level)
            put(f"{label}_{name}", dims, value, what)
            put(f"{label}_{name}_low", dims, low, f"{what}, lower end")
            put(f"{label}_{name}_high", dims, high, f"{what}, upper end")
    return xr.Dataset(out, {name: data[name] for name in lead})


def cued_measures(data: xr.Dataset) -> list[Measure]:
    """All measures of `spatial_and_feature_attention`.

    Args:
        data: its results with `summarise_cued` of them.
    """
    measures = []
    for variant in data["variant"].values:
        here = data.sel(variant=variant)
        measures += list(_unattended(here, str(variant)))
        for site in data["site"].values:
            measures += list(_site(here.sel(site=site), f"{variant},{site}"))
        measures += list(_together(here, str(variant)))
    return measures


def _unattended(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    for name in ("performance", "auc", "sensitivity", "criterion"):
        yield Measure.reported(
            f"{name}_unattended[{variant}]", float(here[f"{name}_unattended"]), "1"
        )
    settled = min(float(here["settled"].min()), float(here["settled_unattended"]))
    yield Measure.compared(
        f"settled_lowest[{variant}]",
        settled,
        "1",
        reference=1.0,
        absolute=0.0,
        provenance="required here: every state is a steady one",
        effect="every steady state was reached",
    )


def _site(here: xr.Dataset, where: str) -> Iterator[Measure]:
    for kind in here["kind"].values:
        for name in ("performance", "sensitivity", "criterion", "auc"):
            for end in ("", "_low", "_high"):
                value = float(here[f"mean_change_{name}{end}"].sel(kind=kind))
                yield Measure.reported(f"mean_change_{name}{end}[{where},{kind}]", value, "1")
    rows = (
        ("criterion", "< 0", "feature attention lowers the criterion more than spatial attention"),
        ("sensitivity", "< 0", "sensitivity is higher with spatial than with feature attention"),
    )
    for name, expected, effect in rows:
        key = f"feature_minus_spatial_{name}"
        low, high = (float(here[f"{key}_{end}"]) for end in ("low", "high"))
        yield Measure.expecting(
            f"{key}[{where}]",
            float(here[key]),
            "1",
            expected=expected,
            provenance=PAPER,
            effect=f"{effect}: {where.replace(',', ' network, ')}",
            headline=True,
            note=f"Mean over strengths, tuning values; interval {low:.2f} to {high:.2f}.",
        )


def _together(here: xr.Dataset, variant: str) -> Iterator[Measure]:
    """The best of both kinds together against the best of either alone, over sites and beta."""
    best = here["performance"].max(["site", "strength"])
    alone = max(float(best.sel(kind=kind)) for kind in ("spatial", "tuning"))
    together = float(best.sel(kind="spatial and tuning"))
    yield Measure.expecting(
        f"both_minus_better_alone[{variant}]",
        together - alone,
        "1",
        expected="> 0",
        provenance=PAPER,
        effect=f"spatial and feature attention combine, {variant} network",
        headline=True,
        note=f"Best performance over layers and strengths: {alone:.1%} alone, {together:.1%} both; "
        "chosen and reported on the same images, alike for all.",
    )
