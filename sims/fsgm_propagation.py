"""Feature-similarity gain applied at one layer: does it stay, fade or emerge at those above?

Shown: gratings that fill the image, in every orientation and five colours. Simulated: a large
network with attention to the orientation shown, by tuning values or by gradient values, at one of
five layers; without circuits and with circuits at some layers. Measured: the ratio of attended to
unattended activity of every map, at the layer attended and at all above it, against how much the
map prefers the orientation; the share of maps with *feature matching* (a falling line that starts
above 1); and, with two gratings in an image, how much attention turns the response of a layer
towards that to the attended orientation alone.

Source: Lindsay & Miller 2018, eLife 7:e38105, for the test. Their layers are 2, 6, 8, 10 and 12 of
the 13 of VGG-16; those of other networks have the same relative depth. Colours, circuits, and our
reading of the measure of angles are chosen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import methodcaller
from typing import Any

import numpy as np
import xarray as xr
from jax import Array
from pydantic import model_validator

from cortex import experiment as ex
from cortex.analysis import similarity_gain as similarity
from cortex.analysis.bootstrap import bootstrap
from cortex.labelled import Labelled, coordinate, described, each, label, to_dataset
from cortex.models.networks import NetworkSection, load_study_network
from cortex.models.study import CODE, FormSection, StatisticsSection
from cortex.progress import stage
from cortex.settings import Positive, choice, quantity, require_distinct
from cortex.sources import Source
from cortex.stimuli import FirstAlone, FullFieldTrials
from cortex.stimuli.grating_images import ORIENTATIONS
from cortex.stimuli.trials import AbstractTrials
from cortex.studies import Looked, attend, gratings, layer_axis, look
from cortex.studies.gratings import Gratings

PUBLISHED_LAYERS, PUBLISHED_DEPTH = (2, 6, 8, 10, 12), 13
PAPER, LAYERS = Source("lindsay2018"), Source("lindsay2018", "2, 6, 8, 10, 12 of 13")
BATCH = 5  # images at a time, as many as there are colours
TURNS = {
    "turn": (similarity.turn_towards, "cos(attended, alone) - cos(unattended, alone), of two"),
    "turn_centred": (similarity.turn_of_deviation, "the same for deviations from the mean"),
}


class Attention(FormSection):
    """What attention is applied by, where and how."""

    sources: tuple[gratings.SourceName, ...] = choice(
        ("tuning", "gradient"), "values attention is applied by; the others are controls", PAPER
    )
    layers: tuple[int, ...] = quantity(
        (), "1", "layers attended, one at a time; none: of the same depth as published", LAYERS
    )
    strength: Positive = quantity(0.5, "1", "beta", CODE)

    @model_validator(mode="after")
    def _distinct(self) -> Attention:
        require_distinct(self, "sources")
        require_distinct(self, "layers")
        return self


class Settings(gratings.GratingSettings):
    """Settings of `fsgm_propagation`; trials have two gratings, for angles."""

    network: NetworkSection = NetworkSection(
        name="efficientnet_lite0", how="inserted", circuits=(14,)
    )
    gratings: Gratings = Gratings(detectors=10, tuning=10, trials=4)
    phases: int = quantity(1, "1", "phases of each colour in the test, evenly spaced", ge=1)
    attention: Attention = Attention()
    least_activity: float = quantity(
        1e-3, "1", "least activity of a map with a ratio, of its layer's mean", "0 published", ge=0
    )
    statistics: StatisticsSection = StatisticsSection(resamples=300)


def attended_layers(s: Settings, layers: int) -> tuple[int, ...]:
    """Layers attended, 1 the lowest; by default of the same relative depth as those published."""
    beyond = [layer for layer in s.attention.layers if not 1 <= layer <= layers]
    if beyond:
        raise ex.ConfigError(f"attention.layers: found {beyond}, allowed: 1 to {layers}")
    scale = (layers - 1) / (PUBLISHED_DEPTH - 1)
    same = [1 + int((layer - 1) * scale + 0.5) for layer in PUBLISHED_LAYERS]
    return s.attention.layers or tuple(dict.fromkeys(same))


def simulate(s: Settings, _: Array) -> xr.Dataset:
    """Each variant learns, and is tested with attention at one layer after the other."""
    network = load_study_network(s.network)
    attended = attended_layers(s, len(network.layers))
    images = s.gratings.images(network, s.seed, positive_only=True)
    full_field = FullFieldTrials(images.field, s.phases, preprocessing=network.preprocessing)
    learned = gratings.learn_gratings(s, network, images, batch=BATCH)
    shown = full_field, images.trials, FirstAlone(images.trials)
    found = each(variant=s.network.variants)(
        lambda variant: looks_of(s, learned[variant], shown, attended)
    )
    maps = [len(one.convolution.bias) for one in network.network.stages]
    of_map = np.repeat(np.arange(1, len(maps) + 1), maps)
    data = to_dataset(found).merge(gratings.what_was_learned(learned))
    return data.assign_coords(
        layer_of_map=("map", of_map, {"units": "1", "long_name": "layer that a map is of"}),
        layer_name=("layer", list(network.layers), {"units": "1", "long_name": "its name"}),
    )


def looks_of(
    s: Settings, learned: gratings.LearnedGratings, shown: Sequence[Any], attended: Sequence[int]
) -> dict[str, Labelled]:
    """One variant with and without attention; the maps of all layers in one row."""
    full_field, pairs, firsts = shown
    areas = learned.orientation.system.areas
    at, cases = np.eye(len(areas)), [(x, n) for x in s.attention.sources for n in attended]
    # Searches with attention start from the states found without it. So does one more search
    # without attention, to compare with: what a search leaves of its start is then in both.
    again = [attend(learned.by("nothing"), at[0], 0.0)] * any(area.recurrent for area in areas)
    attentions = [attend(learned.by(name), at[n - 1], s.attention.strength) for name, n in cases]
    total = (1 + len(again) + len(cases)) * (len(full_field) + len(pairs)) + len(pairs)
    with stage("gratings with attention", total=total) as advance:

        def seen(trials: AbstractTrials, attentions: Sequence[Any]) -> list[Looked]:
            observer = learned.orientation
            first, others = look(observer, trials, attentions, batch=BATCH, advance=advance)
            return others if again and attentions else [first, *others]

        alone, *alone_attended = seen(full_field, again + attentions)
        both, *both_attended = seen(pairs, again + attentions)
        (first,) = seen(firsts, [])
    least = [np.full(one.E.shape[1], s.least_activity * one.E.mean()) for one in alone.rates]
    rate, unattended = joined(alone), (alone.settled.mean() + both.settled.mean()) / 2
    counted = np.where((rate > 0) & (rate > np.concatenate(least)), rate, np.nan)
    of_maps = {"orientation": coordinate(ORIENTATIONS, "deg", "shown and attended"), "map": None}
    by_layer = {"layer": layer_axis(len(areas)), "orientation": None}
    found = dict(zip(cases, zip(alone_attended, both_attended, strict=True), strict=True))

    def compare(source: str, layer: int) -> dict[str, Labelled]:
        one, two = found[source, layer]
        rates = list(zip(two.rates, both.rates, first.rates, strict=True))
        turns = {
            name: label(np.array([turn(*(r.E for r in of)) for of in rates]), "1", text, **by_layer)
            for name, (turn, text) in TURNS.items()
        }
        share = (one.settled.mean() + two.settled.mean()) / 2
        return turns | {
            "ratio": label(joined(one) / counted, "1", "attended/unattended activity", **of_maps),
            "settled_share": label(share, "1", "share of images whose circuits settled"),
        }

    layers = coordinate(attended, "1", "layer attended, 1 the lowest")
    tuning = np.concatenate(learned.values["tuning"], axis=1)
    return each(source=s.attention.sources, attended=layers)(compare) | {
        "rate": label(rate, "Hz", "unattended activity, in a plain layer without unit", **of_maps),
        "tuning": label(tuning, "1", "tuning value", **of_maps),
        "settled_share_unattended": label(unattended, "1", "the same without attention"),
    }


def joined(seen: Looked) -> np.ndarray:
    """Activity of the maps of all layers in one row, (orientations, maps)."""
    return np.concatenate([layer.E for layer in seen.rates], axis=1)


def analyse(s: Settings, data: xr.Dataset, rng: np.random.Generator) -> dict[str, xr.DataArray]:
    """Lines of all maps, and what they come to at every layer from the attended one up."""
    folded, slope, intercept = similarity.lines_by_preference(data.ratio, data.tuning)
    matches = xr.apply_ufunc(similarity.matching, slope, intercept)
    known = folded.where(np.isfinite(slope) & (data.layer_of_map == data.attended))
    quartiles = known.quantile([0.25, 0.5, 0.75], "map")
    quartiles["quantile"].attrs = {"units": "1", "long_name": "share of maps below"}
    options: Any = {"n": s.statistics.resamples, "level": s.statistics.level, "rng": rng}

    def by_layer(values: xr.DataArray, statistic: str = "mean") -> xr.DataArray:
        dim, found = "map" if "map" in values.dims else "orientation", []
        for layer in data.layer.values:
            own = (data.layer_of_map == layer).values
            here = values.isel(map=own) if dim == "map" else values.sel(layer=layer)
            here = here.drop_vars(("layer", "layer_name"), errors="ignore")
            found.append(bootstrap(methodcaller(statistic, dim), here, dim, **options))
        whole = xr.concat(found, data.layer.variable).transpose(..., "layer", "bound")
        return whole.where(data.layer >= data.attended)

    def change(some: xr.DataArray) -> xr.DataArray:
        of, top = some.layer_of_map, data.layer.values[-1]
        return some.where(of == top).mean("map") - some.where(of == data.attended).mean("map")

    changes = bootstrap(change, matches, "map", within=("layer_of_map",), **options)
    return described(
        matching_share_change=(changes, "that share in the last layer less in the one attended"),
        quartiles=(quartiles, "quartiles over maps of the layer attended"),
        slope_median=(by_layer(slope, "median"), "median slope of the ratio over positions"),
        intercept_median=(by_layer(intercept, "median"), "median intercept of the same line"),
        matching_share=(by_layer(matches), "share of maps with slope < 0 and intercept > 1"),
        turn_mean=(by_layer(data.turn), "turn of the population vector, mean over orientations"),
        turn_centred_mean=(by_layer(data.turn_centred), "the same for deviations from the mean"),
    )


DIRECTION = Source("lindsay2018", "direction, on VGG-16")
BY_DEFINITION = (
    "Without a circuit the ratio at this layer is 1 + beta f by construction, so that the row "
    "checks the calculation; with one it is the circuit's doing."
)
FADES = (
    "From the layer attended to the last. Of maps whose ratios have nothing to do with what they "
    "prefer, .42 match (see matching_by_chance): a line that falls by chance starts above 1."
)
EMERGES = (
    f"{FADES} On EfficientNet-Lite0 gradient values hardly agree with tuning below the last layer "
    "(`tuning_and_gradients`), and shares stay about there or below."
)


def claim(statistic: str, source: str, expect: Any, effect: str, known: str = "") -> ex.Claim:
    """About a statistic with attention by some values: at the layer attended, or its change."""
    name, effect = f"{statistic}_with_{source}", f"attention by {source} values: {effect}"

    def value(d: xr.Dataset) -> xr.DataArray:
        values = d[statistic].sel(source=source, drop=True)
        if known:
            return values.isel(attended=d.attended.values < d.layer.values[-1])
        return values.sel(layer=d.attended).drop_vars("layer")

    note, asked = known or BY_DEFINITION, gratings.asks(source)
    return ex.Claim(name, value, expect, DIRECTION, effect, True, note, when=asked)


BELOW, ABOVE, SHARE = ex.Below(0), ex.Above(0), "matching_share_change"
CLAIMS = (
    claim("slope_median", "tuning", BELOW, "the ratio falls away from the preferred orientation"),
    claim("intercept_median", "tuning", ex.Above(1), "it raises what prefers the orientation"),
    claim(SHARE, "tuning", BELOW, "matching fades in the layers above", FADES),
    claim(SHARE, "gradient", ABOVE, "matching emerges in those above", EMERGES),
    gratings.SETTLED,
)

experiment = ex.Experiment(
    Settings,
    simulate,
    CLAIMS,
    analyse=analyse,
    compiled=False,
    small=gratings.SMALL | {"attention.layers": [2, 3], "statistics.resamples": 20},
)
