"""What studies of detection compare, each with its interval, and the claims about it.

Source: Lindsay & Miller 2018, eLife 7:e38105.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr

from cortex.analysis.attention_gain import (
    THRESHOLD,
    at_change,
    attention_gains,
    lag_of_false_positives,
)
from cortex.analysis.bootstrap import bootstrap
from cortex.analysis.curves import thirds
from cortex.analysis.yes_no import mean_area, yes_no
from cortex.experiment.claims import Above, AtLeast, Below, Between, Claim, Reported
from cortex.models.study import StatisticsSection
from cortex.progress import stage
from cortex.sources import Source

from .detection import NETWORK, last_layer, single_layers

LEARNED = ("tuning", "gradient")
EQUAL_CHANGE = 0.2  # mean absolute log of activity; every system passes it


def detection_results(
    data: xr.Dataset, statistics: StatisticsSection, rng: np.random.Generator
) -> dict[str, xr.DataArray]:
    """Measures of detection, what attention gains by source and site, and what is compared.

    Args:
        data: of `detection_study`, along ``network`` too: estimates are means over networks, which
            are drawn again as their images are.
        statistics: resamples and level.
        rng: of the bootstrap.
    """
    attended, unattended = data["score"], data["score_unattended"]
    change = data["activity_change"]

    def contrasts(gains: xr.Dataset, course: xr.DataArray) -> dict[str, xr.DataArray]:
        return compared(gains, course, change)

    with stage("what attention gains, and its intervals"):
        found = attention_gains(
            attended,
            unattended,
            contrasts=contrasts,
            nested_in=NETWORK,
            n=statistics.resamples,
            level=statistics.level,
            rng=rng,
        )
        if "score_ceiling" in data:
            found["room"] = room(data, statistics, rng)
    measures = {"detection": yes_no(attended), "detection_unattended": yes_no(unattended)}
    return measures | {str(name): array for name, array in found.items()}


def room(data: xr.Dataset, statistics: StatisticsSection, rng: np.random.Generator) -> xr.DataArray:
    """Area under the ROC curve at each ceiling, less that without attention, with intervals.

    Args:
        data: with the scores of `ceilings_of`.
        statistics: resamples and level.
        rng: of the bootstrap.
    """
    scores = data[["score_ceiling", "score_unattended"]]

    def statistic(drawn: xr.Dataset) -> xr.DataArray:
        return mean_area(drawn["score_ceiling"]) - mean_area(drawn["score_unattended"])

    found: xr.DataArray = bootstrap(
        statistic,
        scores,
        "image",
        within=("present", "category"),
        nested_in=NETWORK,
        n=statistics.resamples,
        level=statistics.level,
        rng=rng,
    )
    return found.assign_attrs(
        units="1", long_name="area under the ROC curve at a ceiling less that without attention"
    )


def compared(
    gains: xr.Dataset, course: xr.DataArray, change: xr.DataArray
) -> dict[str, xr.DataArray]:
    """What is compared within each network, from the estimates of `attention_gains`.

    Args:
        gains: of one resample or many.
        course: performance and rates, likewise, by source, site and strength, 0 first.
        change: of activity, by source, site and strength.
    """
    single = single_layers(gains)
    right = gains["gain"].sel(measure="performance", drop=True)
    by_layer = right.sel(site=single)
    sources = [str(name) for name in right["compared"].values if name != THRESHOLD]
    learned = [name for name in LEARNED if name in sources]
    found = {}
    if len(single) > 1:
        numbers = np.array([int(site.removeprefix("layer ")) for site in single], float)
        along = xr.DataArray(numbers - numbers.mean(), {"site": single}, "site")
        slope = (by_layer * along).sum("site", skipna=False) / float((along**2).sum())
        found["gain_slope"] = slope.sel(compared=sources).assign_attrs(
            units="1", long_name="slope of the gain in performance over layers, per layer"
        )
    parts = thirds(by_layer, "site")
    found["gain_by_part"] = parts.assign_attrs(units="1", long_name="gain, mean over a third")
    if set(LEARNED) <= set(sources):
        ahead = parts.sel(compared="gradient", drop=True) - parts.sel(compared="tuning", drop=True)
        found["gradient_minus_tuning"] = ahead.assign_attrs(
            units="1", long_name="gain by gradient less that by tuning values, by third of layers"
        )
    for control in {"shuffled", "gradient_ordinary"} & set(sources):
        ahead = by_layer.sel(compared=learned) - by_layer.sel(compared=control, drop=True)
        found[f"gain_over_{control}"] = ahead.rename(compared="by").assign_attrs(
            units="1", long_name=f"gain less that by {control.replace('_', ', ')} values"
        )
    if "shuffled" in sources:
        own = gains["published_gain"].sel(site=single)
        ahead = own.sel(compared=learned) - own.sel(compared="shuffled", drop=True)
        found["published_gain_over_shuffled"] = ahead.rename(compared="by").assign_attrs(
            units="1", long_name="published gain less that by shuffled values"
        )
    if "all" in right["site"].values:
        every = right.sel(site="all", compared=learned, drop=True).rename(compared="by")
        ahead = every - gains["best_layer_gain"].sel(source=learned).rename(source="by")
        found["all_minus_best_layer"] = ahead.assign_attrs(
            units="1", long_name="gain with attention to all layers less that at the best one"
        )
    course = course.sel(source=learned).rename(source="by")
    last = course.sel(site=single[-1], drop=True)
    found["false_positive_lag"] = lag_of_false_positives(last)
    strongest = last.sel(measure="performance").isel(strength=-1, drop=True)
    best = gains["best"].sel(measure="performance", compared=learned, site=single[-1], drop=True)
    loss = strongest.drop_vars("measure") - best.rename(compared="by")
    found["loss_at_strongest"] = loss.assign_attrs(
        units="1", long_name="performance at the strongest attention less that at the best"
    )
    rising = course.sel(measure="performance", site=single, drop=True)
    equal = at_change(
        rising - rising.isel(strength=0, drop=True),
        change.sel(site=single, source=learned).rename(source="by"),
        EQUAL_CHANGE,
    )
    found["gain_at_equal_change"] = equal.assign_attrs(
        units="1", long_name=f"gain where activity has changed by {EQUAL_CHANGE:g} (mean |log|)"
    )
    if {"circuits", "no recurrence"} <= set(right["variant"].values.tolist()):
        pairs = {"": by_layer.sel(compared=learned).rename(compared="by"), "_at_equal": equal}
        for name, values in pairs.items():
            more = values.sel(variant="circuits") - values.sel(variant="no recurrence")
            found[f"recurrence_adds{name}"] = more.drop_vars("variant", errors="ignore")
    return found


def best_inside(d: xr.Dataset) -> xr.DataArray:
    """How often performance is best at a strength that is neither the first nor the last tried."""
    right = d["detection"].sel(measure="performance", drop=True).mean(NETWORK)
    learned = [name for name in LEARNED if name in right["source"].values]
    at = right.sel(source=learned, site=single_layers(d)).sortby("strength")
    place = at.fillna(-1.0).argmax("strength")
    inside = (place > 0) & (place < at.sizes["strength"] - 1)
    return inside.mean(("source", "site"))


def at_last(name: str, **choices: Any) -> Callable[[xr.Dataset], xr.DataArray]:
    """A variable at the highest single layer attended: the value of a claim."""
    return lambda d: d[name].sel(choices, drop=True).sel(site=last_layer(d), drop=True)


def learned_at_last(name: str) -> Callable[[xr.Dataset], xr.DataArray]:
    """As `at_last`, of the learned values that attention was applied by."""
    value = at_last(name)
    return lambda d: value(d).sel(source=[one for one in LEARNED if one in d["source"].values])


def at_layers(name: str, **choices: Any) -> Callable[[xr.Dataset], xr.DataArray]:
    """A variable at every single layer attended: the value of a claim."""
    return lambda d: d[name].sel(choices, drop=True).sel(site=single_layers(d))


def conclusion(d: xr.Dataset, level: float) -> str:
    """What was asked, what came out, and how sure that is: of the first task, at the last layer.

    Args:
        d: results.
        level: of the intervals.
    """
    from cortex.plot.style import VARIANTS  # slow to import, seldom needed

    task, site = str(d["task"].values[0]), last_layer(d)
    names = [str(name) for name in d["variant"].values]
    here = d.sel(task=task, site=site)
    by = next(name for name in LEARNED if name in d["source"].values)

    def told(name: str, factor: float | int, form: str, **at: str) -> str:
        low, value, high = (
            factor * float(here[name].sel(at | {"bound": b})) for b in ("low", "value", "high")
        )
        return f"{value:{form}} [{low:{form}}, {high:{form}}]"

    def each(tell: Callable[[str], str]) -> str:
        return ", ".join(f"{tell(name)} ({VARIANTS[name]})" for name in names)

    points = {"measure": "performance"}
    gains = each(lambda v: told("gain", 100, "+.1f", variant=v, compared=by, **points))
    moved = each(lambda v: told("gain", 100, "+.1f", variant=v, compared=THRESHOLD, **points))
    criterion = each(lambda v: told("gain", 1, "+.2f", variant=v, compared=by, measure="criterion"))
    area = each(lambda v: told("area_gain", 1, "+.3f", variant=v, source=by))
    images = d.sizes["category"] * d.sizes["image"]
    networks = f"{d.sizes[NETWORK]} networks" if d.sizes[NETWORK] > 1 else "a single network"
    estimates = here["gain"].sel(points | {"compared": by})
    half = 50 * float((estimates.sel(bound="high") - estimates.sel(bound="low")).max())
    limits = here["area_gain"].sel(source=by)
    widest = float(np.abs(limits.sel(bound=["low", "high"])).max())
    room = ""
    if "room" in d:
        most = here["room"].max("ceiling")
        room = " of " + each(lambda v: f"{float(most.sel(variant=v, bound='value')):.3f}")
        room = f"; the largest rise{room} is what was found possible"
    return (
        f"Asked: does attention to what is sought help to see it, or does it help to say yes? "
        f"({task} images, attention by {by} values, {site}.)\n"
        f"Found: performance changes by {gains} points, where a better threshold alone brings "
        f"{moved}; the criterion moves by {criterion}, the area under the ROC curve, at the "
        f"strength best for it, by {area}.\n"
        f"How sure: {images} images for each of {networks}, {level:.0%} intervals "
        f"over networks and images of at most ±{half:.1f} points; a change of the area by more "
        f"than {widest:.3f} is excluded{room}."
    )


DIRECTION = Source("lindsay2018", "direction, on VGG-16 and photographs")
CONTROL = Source(detail="required here: gains have to be beyond those of a control")
OURS = Source(detail="asked here: is it sensitivity, and is it recurrence")
CLOSE = Between(-0.05, 0.05, "the margin is chosen here")
RIGHT = {"measure": "performance"}


def has(*names: str) -> Callable[[Any], bool]:
    """A test of settings: whether attention is applied by all of these values."""
    return lambda s: set(names) <= set(s.attention.sources)


def variants(*names: str) -> Callable[[Any], bool]:
    """A test of settings: whether all of these variants of the network are compared."""
    return lambda s: set(names) <= set(s.network.variants)


def base_in_words(d: xr.Dataset, place: dict[str, Any]) -> str:
    """How well the task is done without attention, and what a better threshold would gain."""
    here = {name: place[name] for name in ("variant", "task") if name in place}
    here.setdefault("variant", "circuits")  # of what is compared with its other variants
    here.setdefault("task", d["task"].values[0])
    base = d["detection_unattended"].sel(here).mean(NETWORK)
    site, gain = last_layer(d), d["gain"].sel(here).sel(RIGHT | {"compared": THRESHOLD})
    low, value, high = (100 * float(gain.sel(site=site, bound=b)) for b in ("low", "value", "high"))
    return (
        f"Without attention {float(base.sel(measure='performance')):.1%}, area "
        f"{float(base.sel(measure='auc')):.3f}; a better threshold gains {value:+.1f} "
        f"[{low:.1f}, {high:.1f}] points; networks: {d.sizes[NETWORK]}."
    )


GAIN_CLAIMS = (
    *(
        Claim(
            f"{source}_gain",
            at_layers("gain", compared=source, **RIGHT),
            Above(0),
            DIRECTION,
            f"attention by {source} values helps to detect",
            headline=source == "tuning",
            known=base_in_words,
            when=has(source),
        )
        for source in LEARNED
    ),
    Claim(
        "gain_over_shuffled",
        at_last("gain_over_shuffled"),
        Above(0),
        CONTROL,
        "it helps more than by shuffled values",
        known=base_in_words,
        when=lambda s: has("shuffled")(s) and (has("tuning")(s) or has("gradient")(s)),
    ),
    Claim(
        "gain_over_gradient_ordinary",
        at_layers("gain_over_gradient_ordinary", by="gradient"),
        Above(0),
        Source(detail="found here: gradients have to be averaged over hard images"),
        "gradients over hard images help more than over ordinary ones",
        when=has("gradient", "gradient_ordinary"),
    ),
    Claim(
        "gain_slope",
        lambda d: d["gain_slope"].sel(compared="tuning", drop=True),
        Above(0),
        DIRECTION,
        "the later the layer, the more tuning values gain",
        headline=True,
        known=base_in_words,
        when=lambda s: has("tuning")(s) and len(s.attention.layers) != 1,
    ),
    Claim(
        "gradient_minus_tuning",
        lambda d: d["gradient_minus_tuning"].sel(
            part=[p for p in ("early", "middle") if p in d["part"]]
        ),
        Above(0),
        DIRECTION,
        "before the last layers gradient values gain more than tuning values",
        known=base_in_words,
        when=has("gradient", "tuning"),
    ),
    Claim(
        "gradient_minus_tuning_late",
        lambda d: d["gradient_minus_tuning"].sel(part="late"),
        CLOSE,
        DIRECTION,
        "at the last layers they gain alike",
        known=base_in_words,
        when=lambda s: has("gradient", "tuning")(s) and len(s.attention.layers) not in (1, 2),
    ),
    Claim(
        "all_minus_best_layer",
        lambda d: d["all_minus_best_layer"].dropna("by", how="all"),  # not applied to all layers
        CLOSE,
        DIRECTION,
        "attention to all layers at once gains what it does at the best one",
        known=base_in_words,
        when=lambda s: s.attention.all_layers and (has("tuning")(s) or has("gradient")(s)),
    ),
    Claim(
        "false_positive_lag",
        lambda d: d["false_positive_lag"].sel(by="tuning", drop=True),
        Above(0),
        DIRECTION,
        "true positives rise at smaller strengths than false positives",
        known=base_in_words,
        when=has("tuning"),
    ),
    Claim(
        "loss_at_strongest",
        lambda d: d["loss_at_strongest"].sel(by="tuning", drop=True),
        Below(0),
        DIRECTION,
        "attention that is too strong costs performance",
        known=base_in_words,
        when=has("tuning"),
    ),
    Claim(
        "beyond_threshold",
        learned_at_last("beyond_threshold"),
        Above(0),
        OURS,
        "attention gains more than a better threshold does",
        known=base_in_words,
        when=lambda s: has("tuning")(s) or has("gradient")(s),
    ),
    Claim(
        "area_gain",
        learned_at_last("area_gain"),
        Above(0),
        OURS,
        "attention raises the area under the ROC curve, at the strength best for it",
        headline=True,
        known=base_in_words,
        when=lambda s: has("tuning")(s) or has("gradient")(s),
    ),
    Claim(
        "room",
        lambda d: d["room"].dropna("ceiling", how="all"),
        Reported(),
        Source(detail="computed here: detectors of hard images, and gains by gradient descent"),
        "how much larger the area under the ROC curve could be",
        headline=True,
        when=lambda s: hasattr(s, "ceilings"),
    ),
    Claim(
        "place_area_gain",
        lambda d: at_layers("area_gain", source="spatial")(d).dropna("task", how="all"),
        Above(0),
        DIRECTION,
        "attention to the place raises the area under the ROC curve",
        headline=True,
        known=base_in_words,
        when=has("spatial"),
    ),
    Claim(
        "published_gain",
        lambda d: at_last("published_gain")(d),
        Reported(),
        Source("lindsay2018", "the paper's statistic: best strength by category, same images"),
        "gain by the paper's statistic, which is above 0 for shuffled values too",
    ),
    Claim(
        "published_gain_over_shuffled",
        at_last("published_gain_over_shuffled"),
        Above(0),
        CONTROL,
        "by the paper's statistic too, it is more than by shuffled values",
        when=lambda s: has("shuffled")(s) and (has("tuning")(s) or has("gradient")(s)),
    ),
    Claim(
        "recurrence_adds",
        at_last("recurrence_adds"),
        Above(0),
        OURS,
        "with recurrence attention gains more than without, all else equal",
        headline=True,
        known=base_in_words,
        when=variants("circuits", "no recurrence"),
    ),
    Claim(
        "recurrence_adds_at_equal_change",
        at_last("recurrence_adds_at_equal"),
        Above(0),
        OURS,
        "and where it has changed activity as much",
        known=base_in_words,
        when=variants("circuits", "no recurrence"),
    ),
    Claim(
        "best_strength_inside",
        best_inside,
        AtLeast(1),
        Source(detail="required here: a grid of strengths holds the best of each system"),
        "share of sources and layers whose best strength is not at an end of the grid",
        unit="1",
        when=lambda s: has("tuning")(s) or has("gradient")(s),
    ),
)
