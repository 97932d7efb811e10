"""The named scalars of object detection, row by row after the results of the published study."""

from collections.abc import Iterator

import numpy as np
import xarray as xr

from cortex.analysis.object_summary import by_strength, last_layer
from cortex.experiment import Measure

PAPER = "Lindsay & Miller 2018"
DIRECTION = f"direction: {PAPER}, on VGG-16 and photographs"
HERE = "required here: the circuits must compute"
ON_DIGITS = (
    "Here a network of eight layers looks at handwritten digits; the paper's numbers are those of "
    "VGG-16 on photographs, and only its directions are asked for."
)
# From the paper: unattended performance, and the best gain, at layer 13 (shares, not points).
REFERENCES = {"merged": (0.644, 0.188), "array": (0.556, 0.228)}
WITHIN = 0.05  # of the paper's numbers, for a network trained by others; chosen here
TASKS = {"merged": "merged images", "array": "array images"}
REGIME = (
    ("sum_weight", "1", "< 1", "in the network, two images suppress each other"),
    ("leading_eigenvalue", "1", "> 1", "in the network, E alone would be unstable"),
    ("paradoxical_I", "Hz", "< 0", "in the network, input to I lowers I"),
    ("surround_suppression", "1", "> 0", "in the network, the surround suppresses"),
    ("converged", "1", ">= 1", "every steady state was reached"),
)
QUANTITIES = ("performance", "auc", "sensitivity", "criterion")


def object_measures(data: xr.Dataset, published: bool, digits: bool) -> list[Measure]:
    """All measures.

    Args:
        data: results of `object_detection`, with the summaries of them.
        published: the configuration is that of the paper, whose numbers are then compared with.
        digits: the images are digits, which notes say.
    """
    note = ON_DIGITS if digits else ""
    rows = [*_networks(data), *_activity(data)]
    for variant in data["variant"].values:
        for task in data["task"].values:
            here = data.sel(variant=variant, task=task)
            where = f"{variant},{task}"
            rows += _unattended(here, where, published and variant == "plain")
            rows += _gains(here, where)
            rows += _claims(here, where, published and variant == "plain", note)
            rows += _strengths(here, where, note)
        rows += _forms(data.sel(variant=variant), str(variant), note)
    return rows


def _networks(data: xr.Dataset) -> Iterator[Measure]:
    for variant in data["variant"].values:
        here = data.sel(variant=variant)
        yield Measure.reported(f"ordinary_performance[{variant}]", float(here["ordinary"]), "1")
        for layer in data["layer"].values:
            at = here.sel(layer=layer)
            place = f"[{variant},layer={layer}]"
            if np.isfinite(at["value_correlation"]):
                yield Measure.reported(
                    f"tuning_gradient_correlation{place}", float(at["value_correlation"]), "1"
                )
            if np.isfinite(at["feature_error"]) and float(at["feature_error"]) > 0:
                yield Measure.reported(f"feature_error{place}", float(at["feature_error"]), "1")
            if not np.isfinite(at["sum_weight"]):
                continue
            for name, unit, expected, effect in REGIME:
                yield Measure.expecting(
                    f"{name}{place}",
                    float(at[name]),
                    unit,
                    expected=expected,
                    provenance=HERE,
                    effect=effect,
                )
        settled = float(np.nanmin(here["settled"]))
        if np.isfinite(here["sum_weight"]).any():
            yield Measure.reported(f"settled_lowest[{variant}]", settled, "1", headline=True)


def _activity(data: xr.Dataset) -> Iterator[Measure]:
    """Slope of the log activity ratio on tuning value, at each attended layer."""
    if "tuning" not in data["source"].values:
        return
    strength = data["strength"].values[0]
    here = data["activity_slope"].isel(task=0).sel(source="tuning", strength=strength)
    for variant in data["variant"].values:
        slopes = here.sel(variant=variant)
        for site in slopes["site"].values:
            if np.isfinite(slopes.sel(site=site)):
                yield Measure.reported(
                    f"activity_slope[{variant},{site},beta={strength:g}]",
                    float(slopes.sel(site=site)),
                    "1",
                )
        yield Measure.expecting(
            f"activity_slope_lowest[{variant},beta={strength:g}]",
            float(slopes.min()),
            "1",
            expected="> 0",
            provenance="direction: feature-similarity gain (Treue & Martinez-Trujillo 1999)",
            headline=True,
            effect="at every layer, attention scales a map's activity by its tuning",
        )


def _unattended(here: xr.Dataset, where: str, published: bool) -> Iterator[Measure]:
    task = str(here["task"].item())
    for name in QUANTITIES:
        label, value = f"{name}_unattended[{where}]", float(here[f"{name}_unattended"])
        if name == "performance" and published:
            yield Measure.compared(
                label,
                value,
                "1",
                reference=REFERENCES[task][0],
                absolute=WITHIN,
                provenance=PAPER,
                headline=True,
                effect=f"detection in {TASKS[task]} without attention",
            )
        else:
            yield Measure.reported(label, value, "1", headline=name == "performance")


def _gains(here: xr.Dataset, where: str) -> Iterator[Measure]:
    """Best-strength gains of every source at every site, with intervals."""
    for source in here["compared"].values:
        sites = here["site"].values if source != "threshold" else here["site"].values[:1]
        for site in sites:
            one = here.sel(compared=source, site=site)
            if not np.isfinite(one["gain_performance"]):
                continue
            place = f"[{where},{source}]" if source == "threshold" else f"[{where},{source},{site}]"
            for name in QUANTITIES:
                for suffix in ("", "_low", "_high"):
                    value = float(one[f"gain_{name}{suffix}"])
                    yield Measure.reported(f"{name}_gain{suffix}{place}", value, "1")
            if source != "threshold":
                yield Measure.reported(f"best_strength{place}", float(one["best_strength"]), "1")


def _claims(here: xr.Dataset, where: str, published: bool, note: str) -> Iterator[Measure]:
    task, last = str(here["task"].item()), last_layer(here)
    words, sources = TASKS[task], list(here["source"].values)
    for source in ("tuning", "gradient"):
        if source not in sources:
            continue
        at = here.sel(compared=source, site=last)
        if published and source == "tuning":
            yield Measure.compared(
                f"tuning_gain[{where},{last}]",
                float(at["gain_performance"]),
                "1",
                reference=REFERENCES[task][1],
                absolute=WITHIN,
                provenance=PAPER,
                headline=True,
                effect=f"gain of attention at the last layer, {words}",
            )
        yield Measure.expecting(
            f"{source}_gain_low[{where},{last}]",
            float(at["gain_performance_low"]),
            "1",
            expected="> 0",
            provenance=f"{DIRECTION} (lower end of the interval)",
            headline=True,
            effect=f"{source} values at the last layer help to detect in {words}",
            note=note,
        )
    if "tuning" in sources:
        yield from _by_layer(here, where, words, note)
    yield from _advantages(here, where, words, note)
    for source in ("tuning", "gradient"):
        if source in sources and "all_minus_best" in here:
            at = here.sel(source=source)
            yield Measure.expecting(
                f"all_minus_best_layer[{where},{source}]",
                float(at["all_minus_best"]),
                "1",
                expected="-0.05 to 0.05",
                provenance=f"{DIRECTION}; the margin is chosen here",
                headline=source == "tuning",
                effect=f"all layers at once are like the best one, {words}",
                note=f"{note} The interval is {float(at['all_minus_best_low']):.3f} to "
                f"{float(at['all_minus_best_high']):.3f}.".strip(),
            )
            yield Measure.reported(f"best_layer[{where},{source}]", float(at["best_layer"]), "1")
    for source in sources:
        for suffix in ("", "_low", "_high"):
            yield Measure.reported(
                f"{source}_beyond_threshold{suffix}[{where},{last}]",
                float(here[f"beyond_threshold_performance{suffix}"].sel(source=source, site=last)),
                "1",
                headline=source == "tuning",
            )


def _by_layer(here: xr.Dataset, where: str, words: str, note: str) -> Iterator[Measure]:
    """Gain grows with the layer attended."""
    single = [site for site in here["site"].values if site != "all"]
    gains = here["gain_performance"].sel(compared="tuning", site=single).values
    early, _, late = np.array_split(gains, 3)
    if early.size == 0 or late.size == 0:
        return
    yield Measure.expecting(
        f"late_minus_early_gain[{where},tuning]",
        float(late.mean() - early.mean()),
        "1",
        expected="> 0",
        provenance=DIRECTION,
        headline=True,
        effect=f"attention gains more in the late third of the layers than early, {words}",
        note=note,
    )


def _advantages(here: xr.Dataset, where: str, words: str, note: str) -> Iterator[Measure]:
    """Sources against each other: early, in the middle, late."""
    expectations = {
        ("tuning - shuffled", "late"): ("> 0", "tuning values help more than shuffled ones, late"),
        ("gradient - shuffled", "late"): ("> 0", "gradient values help more than shuffled, late"),
        ("gradient - tuning", "middle"): ("> 0", "gradient beat tuning values in middle layers"),
        ("gradient - tuning", "late"): ("-0.05 to 0.05", "gradient equal tuning values, late"),
    }
    for comparison in here["comparison"].values:
        one, _, other = str(comparison).partition(" - ")
        for part in here["part"].values:
            at = here.sel(comparison=comparison, part=part)
            value = float(at["advantage_part"])
            if not np.isfinite(value):
                continue
            name = f"{one}_minus_{other}[{where},{part}]"
            low, high = (float(at[f"advantage_part_{end}"]) for end in ("low", "high"))
            found = expectations.get((str(comparison), str(part)))
            text = f"{note} The interval is {low:.3f} to {high:.3f}.".strip()
            if found is None:
                yield Measure.reported(name, value, "1", note=text)
                continue
            yield Measure.expecting(
                name,
                value,
                "1",
                expected=found[0],
                provenance=DIRECTION,
                headline=True,
                effect=f"{found[1]}, {words}",
                note=text,
            )


def half_rise(strengths: np.ndarray, rates: np.ndarray) -> float:
    """Strength at which a rate has risen half-way to its largest value; NaN if it never rises.

    Args:
        strengths: ascending, the first of them 0, no attention.
        rates: at each strength.
    """
    goal = (rates[0] + rates.max()) / 2
    if not rates.max() > rates[0]:
        return float("nan")
    after = int(np.argmax(rates >= goal))
    span = rates[after] - rates[after - 1]
    share = (goal - rates[after - 1]) / span
    return float(strengths[after - 1] + share * (strengths[after] - strengths[after - 1]))


def _strengths(here: xr.Dataset, where: str, note: str) -> Iterator[Measure]:
    """True positives, then false positives, then a net loss, as attention grows."""
    if "tuning" not in here["source"].values:
        return
    last = last_layer(here)
    positive = np.sort(here["strength"].values[here["strength"].values > 0])
    if positive.size < 2:
        return
    strengths = np.append(0.0, positive)
    hits, alarms, right = (
        by_strength(here, name, "tuning", last)
        for name in ("true_positive", "false_positive", "performance")
    )
    settled = np.isfinite(right)  # at all images
    strengths, hits, alarms, right = (x[settled] for x in (strengths, hits, alarms, right))
    if strengths.size < 3:
        return
    lag = half_rise(strengths, alarms) - half_rise(strengths, hits)
    yield Measure.expecting(
        f"false_positives_lag[{where},{last}]",
        lag,
        "1",
        expected="> 0",
        provenance=f"{DIRECTION}; strengths at half of the rise are read off here",
        headline=True,
        effect="as attention grows, true positives rise before false positives",
        note=note,
    )
    yield Measure.expecting(
        f"loss_at_strongest[{where},{last}]",
        float(right[-1] - right.max()),
        "1",
        expected="< 0",
        provenance=DIRECTION,
        effect="the strongest attention is worse than the best",
        note=note,
    )


def _forms(here: xr.Dataset, variant: str, note: str) -> Iterator[Measure]:
    """The four forms at one layer, each at its best strength."""
    gains = {str(form): float(here["form_gain"].sel(form=form)) for form in here["form"].values}
    if not all(np.isfinite(list(gains.values()))):
        return
    for form in gains:
        for suffix in ("", "_low", "_high"):
            value = float(here[f"form_gain{suffix}"].sel(form=form))
            yield Measure.reported(f"form_gain{suffix}[{variant},{form}]", value, "1")
    first, *others = gains
    yield Measure.expecting(
        f"best_form_advantage[{variant}]",
        gains[first] - max(gains[form] for form in others),
        "1",
        expected=">= 0",
        provenance=DIRECTION,
        headline=True,
        effect="multiplicative attention of both signs is the best of the four forms",
        note=note,
    )
