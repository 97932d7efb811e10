"""The named scalars of feature-similarity gain across layers: at the one attended, at the last."""

from __future__ import annotations

import xarray as xr

from cortex.analysis.similarity_gain import matching_by_chance
from cortex.experiment import Measure

DIRECTION = "direction: Lindsay & Miller 2018, on VGG-16"
BY_DEFINITION = (
    "Without a circuit the ratio at this layer is 1 + beta f by construction, so that the row "
    "checks the calculation; with one it is the circuit's doing."
)
CHANCE = "closed form for ratios that have nothing to do with preference, chosen here"
FADES = (
    "From the layer attended to the last. Of maps whose ratios have nothing to do with what they "
    "prefer, .42 match (see matching_by_chance): a line that falls by chance starts above 1."
)
EMERGES = (
    f"{FADES} On EfficientNet-Lite0 gradient values hardly agree with tuning below the last layer "
    "(`tuning_and_gradients`), and shares stay about there or below."
)


def propagation_measures(data: xr.Dataset) -> list[Measure]:
    """What happens at the layer attended, and what is left of it at the last.

    Parameters
    ----------
    data
        The dataset of `fsgm_propagation`.
    """
    measures: list[Measure] = []
    last = int(data["layer"].values[-1])
    chance = matching_by_chance(data.sizes["orientation"])
    measures.append(
        Measure.reported("matching_by_chance", chance, "1", provenance=CHANCE, headline=True)
    )
    for variant in data["variant"].values.tolist():
        one = data.sel(variant=variant)
        measures.append(
            Measure.reported(f"detector_auc[{variant}]", one["detector_auc"].mean(), "1")
        )
        error = one["feature_error"].dropna("layer")
        for layer in error["layer"].values.tolist():
            value = error.sel(layer=layer)
            measures.append(Measure.reported(f"feature_error[{variant},{layer}]", value, "1"))
        measures.append(
            Measure.reported(
                f"settled_lowest[{variant}]",
                min(float(one["settled"].min()), float(one["settled_unattended"])),
                "1",
                headline=True,
            )
        )
        for source in data["source"].values.tolist():
            for attended in data["attended"].values.tolist():
                here = one.sel(source=source, attended=attended)
                measures += _propagation(here, f"{variant},{source},{attended}", source, last)
    return measures


def _propagation(here: xr.Dataset, where: str, source: str, last: int) -> list[Measure]:
    attended = int(here["attended"])
    at, top = here.sel(layer=attended), here.sel(layer=last)
    rows = []
    for name, expected, effect in (
        ("slope_median", "< 0", "the ratio falls with distance from the preferred orientation"),
        ("intercept_median", "> 1", "attention raises responses to the preferred orientation"),
    ):
        if source == "tuning":
            rows.append(
                Measure.expecting(
                    f"{name}[{where},at {attended}]",
                    at[name],
                    "1",
                    expected=expected,
                    provenance=DIRECTION,
                    effect=f"attention by tuning values: {effect}",
                    note=BY_DEFINITION,
                )
            )
        else:
            rows.append(Measure.reported(f"{name}[{where},at {attended}]", at[name], "1"))
    for name in ("matching_share", "turn_mean", "turn_centred_mean"):
        rows.append(Measure.reported(f"{name}[{where},at {attended}]", at[name], "1"))
        if last == attended:
            continue
        rows += [
            Measure.reported(f"{name}{end}[{where},at {last}]", top[f"{name}{end}"], "1")
            for end in ("", "_low", "_high")
        ]
    goals = {
        "tuning": ("< 0", "by tuning values fades above the layer attended", FADES),
        "gradient": ("> 0", "by gradient values emerges above the layer attended", EMERGES),
    }
    if last > attended and source in goals:
        expected, effect, note = goals[source]
        rows.append(
            Measure.expecting(
                f"matching_share_change[{where},{attended} to {last}]",
                top["matching_share"] - at["matching_share"],
                "1",
                expected=expected,
                provenance=DIRECTION,
                headline=True,
                effect=f"feature-similarity gain {effect}",
                note=note,
            )
        )
    return rows
