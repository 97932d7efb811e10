"""Detection with and without attention: observers, tasks, sources, layers and strengths to scores.

Sources of attention are data to one compiled look, see `cortex.tasks.Observer`: of every batch of
hard images, what lies below the attended layer is computed once, and each source at each strength
goes through the same programs.

Source: the design of Lindsay & Miller 2018, eLife 7:e38105.
"""

from __future__ import annotations

import functools
import operator
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Array, Bool, Float

from cortex.areas import VisualSystem, probe_areas
from cortex.attention import (
    AbstractForm,
    AbstractSource,
    Attention,
    FeatureSimilarity,
    QuadrantWindow,
    Scaled,
    Sum,
)
from cortex.circuit import EI
from cortex.experiment.claims import Above, AbstractExpectation, AtLeast, Below, Claim
from cortex.labelled import Coordinate, Labelled, coordinate, label
from cortex.models.networks import feature_errors
from cortex.progress import stage
from cortex.sources import Source as SourceOf
from cortex.stimuli.trials import AbstractTrials
from cortex.tasks import LayerValues, Observer, even_batch
from cortex.tasks.observer import Pass

Source = Callable[[int, Any], AbstractSource]  # from a layer (1 the lowest) and a strength [1]
Shares = Sequence[float | int] | np.ndarray  # of the strength, at each layer from the lowest
Asked = Callable[[str, str], bool]  # of a source and a site
Advance = Callable[[int], object]


def by_values(values: LayerValues, forms: Sequence[AbstractForm]) -> Source:
    """Feature attention by the values of each layer's maps, in the form of each layer.

    Args:
        values: by layer, (categories, maps).
        forms: by layer.
    """
    return lambda layer, strength: FeatureSimilarity(values[layer - 1], strength, forms[layer - 1])


def by_place(forms: Sequence[AbstractForm], fixed: float | None = None) -> Source:
    """Attention to the cued quadrant, in the form of each layer.

    Args:
        forms: by layer.
        fixed: beta_s, whatever strength is asked for; by default the strength asked for.
    """

    def source(layer: int, strength: Any) -> AbstractSource:
        return QuadrantWindow(strength if fixed is None else jnp.asarray(fixed), forms[layer - 1])

    return source


def together(*sources: Source) -> Source:
    """Sources whose patterns add up, in the form of the first."""

    def source(layer: int, strength: Any) -> AbstractSource:
        parts = tuple(one(layer, strength) for one in sources)
        return Sum(parts, parts[0].form)

    return source


def attend(source: Source, shares: Shares, strength: float) -> Attention:
    """Attention at one or more layers at once.

    Args:
        source: gives the source of a layer (1 the lowest) at a strength.
        shares: of each layer, from the lowest: what the pattern there is multiplied by; a layer
            without a share is left alone.
        strength: beta [1].
    """
    parts = [
        Scaled(source(layer, strength), share).at(layer)
        for layer, share in enumerate(shares, 1)
        if share
    ]
    return functools.reduce(operator.add, parts)


class Looked(NamedTuple):
    """What an observer makes of the hard images of every category under one condition.

    Attributes:
        answers: the logit of the category sought, (categories, images), or all logits,
            (categories, images, logits).
        rates: by layer, mean rate of each map over places and images, (categories, maps) [Hz, or
            the activity of a layer without a circuit]; NaN below the attended layer, where
            nothing changes.
        settled: whether all circuits settled.
    """

    answers: Float[np.ndarray, "categories images *logits"]
    rates: tuple[EI[Float[np.ndarray, "categories maps"]], ...]
    settled: Bool[np.ndarray, "categories images"]


def look(
    observer: Observer,
    trials: AbstractTrials,
    attentions: Sequence[Attention],
    *,
    batch: int = 50,
    answer: Literal["sought", "all"] = "sought",
    advance: Advance | None = None,
) -> tuple[Looked, list[Looked]]:
    """Hard images of every category without attention, and with every attention to the category.

    On a CPU some categories are computed side by side, one a core, up to four: small circuits
    leave all but one core idle.

    Args:
        observer: who looks.
        trials: the hard images; each batch is made once for all attentions.
        attentions: asked, image by image, for the category sought and the place of its quadrant.
        batch: images at a time, at most; the last ones are filled up.
        answer: which logits are kept: that of the category "sought", or "all".
        advance: told how many looks are done, one image seen once being a look.

    Returns:
        What is seen without attention, and with each.
    """
    size = even_batch(trials.present.shape[1], batch)
    side_by_side = min(os.cpu_count() or 1, 4) if jax.default_backend() == "cpu" else 1
    of_category = functools.partial(_look_for, observer, trials, attentions, size, answer, advance)
    with ThreadPoolExecutor(side_by_side) as pool:
        seen = list(pool.map(of_category, range(len(trials.present))))
    first, *others = (_stacked(found) for found in zip(*seen, strict=True))
    return first, others


def _look_for(
    observer: Observer,
    trials: AbstractTrials,
    attentions: Sequence[Attention],
    size: int,
    answer: str,
    advance: Advance | None,
    category: int,
) -> list[Looked]:
    """As `look`, for one category; without the axis of categories."""
    count = trials.present.shape[1]
    lowest = [0, *(min(map(observer.system.index, one.layers)) for one in attentions)]
    parts: list[list[Looked]] = [[] for _ in lowest]

    def keep(number: int, found: Pass, rows: int) -> None:
        logits = np.asarray(found.logits)[:rows]
        own = logits[:, category] if answer == "sought" else logits
        rates = [
            layer.means.map(lambda r, n=n: _summed(r, rows, n < lowest[number]))
            for n, layer in enumerate(found.layers)
        ]
        parts[number].append(Looked(own, tuple(rates), np.asarray(found.settled)[:rows]))
        if advance is not None:
            advance(rows)

    for start in range(0, count, size):
        stop = min(start + size, count)
        rows = np.minimum(np.arange(start, start + size), stop - 1)
        images = trials.images(category, start, stop)[rows - start]
        places = quadrant_places(trials.quadrant[category, rows])
        seen = observer.first_pass(images)
        keep(0, seen, stop - start)
        for number, one in enumerate(attentions, 1):
            attention = one(category=category, place=places)
            keep(number, observer.next_pass(seen, attention), stop - start)
    return [_joined(found, count) for found in parts]


def _summed(rates: Array, rows: int, below: bool) -> np.ndarray:
    total = np.asarray(rates, float)[:rows].sum(axis=0)
    return np.full_like(total, np.nan) if below else total


def _joined(parts: list[Looked], count: int) -> Looked:
    """Batches of images as one, sums of rates as means."""
    answers, rates, settled = zip(*parts, strict=True)
    means = jax.tree.map(lambda *sums: sum(sums) / count, *rates)
    return Looked(np.concatenate(answers), means, np.concatenate(settled))


def _stacked(categories: Sequence[Looked]) -> Looked:
    return jax.tree.map(lambda *arrays: np.stack(arrays), *categories)


def quadrant_places(quadrant: np.ndarray) -> Float[np.ndarray, "images 2"]:
    """The middle of each image's quadrant, (row, column) from 0 to 1; that of the image for none.

    Args:
        quadrant: 0 to 3 as a page is read, -1 for none, (images,).
    """
    middles = np.stack([0.25 + 0.5 * (quadrant // 2), 0.25 + 0.5 * (quadrant % 2)], axis=-1)
    return np.where((quadrant < 0)[:, None], 0.5, middles)


@dataclass(frozen=True)
class Subject:
    """An observer, and by name the sources of attention that it has.

    Attributes:
        observer: who looks.
        sources: each from a layer (1 the lowest) and a strength.
        values: by layer, (categories, maps): if given, rates are kept layer by layer, and of the
            maps no more than how their activity follows these values where attention is applied;
            the maps of a large network are too many to keep.
    """

    observer: Observer
    sources: Mapping[str, Source]
    values: LayerValues | None = None


def detection_study(
    subjects: Mapping[str, Subject],
    tasks: Mapping[str, AbstractTrials],
    *,
    at: Mapping[str, Shares],
    strengths: Sequence[float],
    placed: Sequence[str] = (),
    asked: Asked = lambda source, site: True,
    answer: Literal["sought", "all"] = "sought",
    batch: int = 50,
) -> xr.Dataset:
    """Every subject looks at the hard images of every task, with every source at every strength.

    Args:
        subjects: by name; all have the same sources and the same layers.
        tasks: hard images by name, as many a category in each.
        at: by name, the share of the strength that each layer gets.
        strengths: beta [1].
        placed: sources that need a place, left out (NaN) of tasks where none can be cued.
        asked: whether a source is applied at a site, by their names; NaN where it is not.
        answer: which logits are kept, see `look`; all of them have a dimension ``logit``.
        batch: images at a time, at most.

    Returns:
        `score` (variant, task, source, site, strength, category, image), the detector's logit;
        `rate` (..., population, layer, category, map), mean rates of maps; `settled_share`; the
        same without attention, `..._unattended`; and `settled`. The coordinate `present` of
        `image` says whether the category is shown. Of subjects with values, `rate` is
        (..., population, layer), and `activity_slope` (variant, task, source, site, strength) is
        that of the layer attended, NaN where there are several.
    """
    variants = []
    for name, subject in subjects.items():
        sources = {task: _wanted(subject, trials, placed) for task, trials in tasks.items()}
        each = {task: _conditions(names, at, asked) for task, names in sources.items()}
        looks = sum(
            len(tasks[task]) * (1 + len(strengths) * len(conditions))
            for task, conditions in each.items()
        )
        with stage(f"{name}: hard images", total=looks) as advance:
            one_look = functools.partial(look, batch=batch, answer=answer, advance=advance)
            found = [
                _one_task(subject, tasks[task], sources[task], conditions, at, strengths, one_look)
                for task, conditions in each.items()
            ]
        variants.append(xr.concat(found, _words("task", tasks, "hard images")))
    data = xr.concat(variants, _words("variant", subjects, "network"))
    shares = data[["settled_share", "settled_share_unattended"]]
    all_settled = (shares.fillna(1.0) == 1.0).to_dataarray("look").all("look")
    data["settled"] = all_settled.assign_attrs(
        units="1", long_name="whether all circuits settled, with and without attention"
    )
    return data


def examples(tasks: Mapping[str, AbstractTrials]) -> Labelled:
    """An image of each task that shows what is sought, from dark to light."""
    greys = []
    for trials in tasks.values():
        category = min(3, len(trials.present) - 1)
        grey = np.asarray(trials.images(category, 0, 1))[0].mean(axis=0)
        greys.append((grey - grey.min()) / max(float(np.ptp(grey)), 1e-6))
    return label(
        np.stack(greys), "1", "luminance of an image of the task", task=None, y=None, x=None
    )


def single_layers(data: xr.Dataset) -> list[str]:
    """Sites of `detection_study` that are one layer, from the lowest."""
    return [site for site in data["site"].values.tolist() if site.startswith("layer ")]


def last_layer(data: xr.Dataset) -> str:
    """The highest of the `single_layers`."""
    return single_layers(data)[-1]


def _wanted(subject: Subject, trials: AbstractTrials, placed: Sequence[str]) -> list[str]:
    places = bool((trials.quadrant >= 0).any())
    return [name for name in subject.sources if places or name not in placed]


def _conditions(names: Sequence[str], at: Iterable[str], asked: Asked) -> list[tuple[str, str]]:
    return [(source, site) for source in names for site in at if asked(source, site)]


def _one_task(
    subject: Subject,
    trials: AbstractTrials,
    names: Sequence[str],
    conditions: Sequence[tuple[str, str]],
    at: Mapping[str, Shares],
    strengths: Sequence[float],
    one_look: Callable[..., tuple[Looked, list[Looked]]],
) -> xr.Dataset:
    attentions = [
        attend(subject.sources[source], at[site], beta)
        for source, site in conditions
        for beta in strengths
    ]
    before, seen = one_look(subject.observer, trials, attentions)
    nothing = jax.tree.map(lambda array: np.full(array.shape, np.nan), before)
    found = iter(seen)
    after = [
        next(found) if (source, site) in conditions else nothing
        for source in names
        for site in at
        for _ in strengths
    ]
    values, maps = subject.values, subject.values is None
    beta = {"units": "1", "long_name": "strength of attention, beta"}
    axes = {
        "source": _words("source", names, "what attention is applied by"),
        "site": _words("site", at, "where attention is applied"),
        "strength": xr.Variable("strength", np.asarray(strengths, float), beta),
    }
    unattended = _dataset([before], {}, "without attention", maps)
    unattended = unattended.rename({name: f"{name}_unattended" for name in unattended})
    attended = _dataset(after, axes, "with attention", maps)
    if values is not None:
        every = [shares for _ in names for shares in at.values() for _ in strengths]
        pairs = zip(after, every, strict=True)
        slopes = [_slope_where_attended(one, before, shares, values) for one, shares in pairs]
        along = {"units": "1", "long_name": "log activity ratio per value, attended layer"}
        shape = tuple(axis.size for axis in axes.values())
        attended["activity_slope"] = (tuple(axes), np.reshape(slopes, shape), along)
    attended = attended.reindex(source=list(subject.sources))
    present = xr.Variable(
        "image", trials.present[0], {"units": "1", "long_name": "whether the category is shown"}
    )
    return attended.merge(unattended).assign_coords(present=present)


def _slope_where_attended(
    after: Looked, before: Looked, shares: Shares, values: LayerValues
) -> float:
    attended = np.flatnonzero(shares)
    if len(attended) != 1:
        return float("nan")
    (layer,) = attended
    rates = after.rates[layer].E, before.rates[layer].E
    return activity_slope(*rates, np.asarray(values[layer]))


def _dataset(
    looks: Sequence[Looked], axes: Mapping[str, xr.Variable], how: str, maps: bool
) -> xr.Dataset:
    """Looks under conditions that run through `axes`, the last one fastest."""
    shape = tuple(along.size for along in axes.values())

    def variable(each: Sequence[Any], dims: tuple[str, ...], units: str, what: str) -> xr.Variable:
        values = np.asarray(each, np.float32)
        values = values.reshape((*shape, *values.shape[1:]))
        return xr.Variable((*axes, *dims), values, {"units": units, "long_name": f"{what} {how}"})

    found = {
        "score": variable(
            [one.answers for one in looks],
            ("category", "image", "logit")[: looks[0].answers.ndim],
            "1",
            "detector logit",
        ),
        "rate": variable(
            [(_by_population if maps else _means_of_layers)(one.rates) for one in looks],
            ("population", "layer", *(("category", "map") if maps else ())),
            "Hz",
            f"mean rate of a {'map' if maps else 'layer'}",
        ),
        "settled_share": variable(
            [one.settled.mean() for one in looks], (), "1", "share of images that settled"
        ),
    }
    layers = np.arange(1, len(looks[0].rates) + 1)
    more = {
        "population": _words("population", ("E", "I"), "population"),
        "layer": xr.Variable("layer", layers, {"units": "1", "long_name": "layer, 1 the lowest"}),
    }
    return xr.Dataset(found, {**axes, **more})


def activity_ratio(
    attended: np.ndarray, unattended: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The value of every active map, and its activity with attention over that without.

    Args:
        attended, unattended: mean rates of a layer's maps, (categories, maps).
        values: that attention is applied by, (categories, maps). Maps of NaN are left out.

    Returns:
        Values and ratios of those that are active, one for each map and category.
    """
    active = np.isfinite(attended) & np.isfinite(values) & (unattended > 1e-3) & (attended > 0)
    return values[active], attended[active] / unattended[active]


def activity_slope(attended: np.ndarray, unattended: np.ndarray, values: np.ndarray) -> float:
    """Least-squares slope of the log of `activity_ratio` on the values; NaN of too few maps."""
    found, ratio = activity_ratio(attended, unattended, values)
    if found.size < 3 or np.std(found) == 0:
        return float("nan")
    return float(np.polyfit(found, np.log(ratio), 1)[0])


def activity_at(data: xr.Dataset, variant: str, layer: int, strength: float) -> list[np.ndarray]:
    """E activity with attention by tuning values to a layer, without, and these values.

    Args:
        data: of `detection_study`, with `values` as `by_map` gives them.
        variant: the network.
        layer: 1 the lowest.
        strength: of attention.

    Returns:
        Three arrays (categories, maps), of the first task.
    """
    here = data.isel(task=0).sel(variant=variant, layer=layer, population="E")
    attended = here["rate"].sel(source="tuning", site=f"layer {layer}", strength=strength)
    arrays = attended, here["rate_unattended"], here["values"].sel(values_of="tuning")
    return [array.values for array in arrays]


def activity_slopes(data: xr.Dataset, strength: float) -> xr.DataArray:
    """`activity_slope` where attention is applied by tuning values, by network and layer.

    Args:
        data: as for `activity_at`.
        strength: of attention.
    """
    axes = {"variant": data["variant"], "layer": data["layer"]}
    found = [
        [activity_slope(*activity_at(data, v, n, strength)) for n in data["layer"].values.tolist()]
        for v in data["variant"].values.tolist()
    ]
    text = f"log activity ratio per tuning value, beta = {strength:g}"
    return xr.DataArray(found, axes, attrs={"units": "1", "long_name": text})


PROBES = {
    "sum_weight": ("1", "sum weight w_E for pairs of images"),
    "leading_eigenvalue": ("1", "leading eigenvalue of the E subnetwork"),
    "paradoxical_I": ("Hz", "change of I rate per unit of input to all I units"),
    "surround_suppression": ("1", "suppression by the surround"),
    "largest_residual": ("Hz", "largest distance from a steady state"),
    "converged": ("1", "share of the states probed that were reached"),
    "feature_error": ("1", "left out by the low-rank coupling between maps"),
}


def probed(system: VisualSystem, images: Array, others: Array) -> dict[str, Labelled]:
    """What the circuits of a system compute on pairs of images, by layer; NaN without a circuit.

    Args:
        system: whose areas, see `cortex.areas.probe`.
        images, others: the first and the second image of each pair.

    Returns:
        By name, the `PROBES`.
    """
    found = probe_areas(system, images, others)
    for layer, error in feature_errors(system).items():
        found[layer]["feature_error"] = error
    layers = range(len(system.areas))
    return {
        name: label(
            np.asarray([found.get(layer, {}).get(name, np.nan) for layer in layers], np.float32),
            units,
            text,
            layer=layer_axis(len(layers)),
        )
        for name, (units, text) in PROBES.items()
    }


def in_circuits(name: str) -> Callable[[xr.Dataset], xr.DataArray]:
    """What was found of every circuit, by variant and layer: the value of a claim.

    Args:
        name: variable of the dataset with the dimensions ``variant`` and ``layer``, NaN without a
            circuit.
    """
    return lambda d: d[name].sel(variant=["circuits"]).dropna("layer")


def circuit_claims() -> tuple[Claim, ...]:
    """That the circuits of a network compute, by what is `probed`."""
    source = SourceOf(detail="required here: the circuits must compute, and the network still work")
    rows: tuple[tuple[str, AbstractExpectation, str], ...] = (
        ("sum_weight", Below(1), "in the network, two images suppress each other"),
        ("leading_eigenvalue", Above(1), "in the network, E alone would be unstable"),
        ("paradoxical_I", Below(0), "in the network, input to I lowers I"),
        ("surround_suppression", Above(0), "in the network, the surround suppresses"),
        ("converged", AtLeast(1), "every steady state was reached"),
    )

    def when(settings: Any) -> bool:
        return "circuits" in settings.network.variants

    return tuple(
        Claim(name, in_circuits(name), expect, source, effect, headline=True, when=when)
        for name, expect, effect in rows
    )


def by_map(values: Mapping[str, LayerValues]) -> Labelled:
    """Values that attention is applied by, (values_of, layer, category, map) [1].

    Args:
        values: by name and layer, (categories, maps); NaN where a layer has fewer maps than
            another.
    """
    return label(
        np.stack([_filled_up(of_layers) for of_layers in values.values()]),
        "1",
        "value attention is applied by",
        values_of=tuple(values),
        layer=layer_axis(len(next(iter(values.values())))),
        category=None,
        map=None,
    )


def layer_axis(count: int) -> Coordinate:
    """The layers of a network, 1 the lowest."""
    return coordinate(tuple(range(1, count + 1)), "1", "layer, 1 the lowest")


def _filled_up(layers: Sequence[Any]) -> np.ndarray:
    """Arrays (categories, maps) of several layers as one, NaN where there are fewer maps."""
    most = max(layer.shape[1] for layer in layers)
    wide = [((0, 0), (0, most - layer.shape[1])) for layer in layers]
    return np.stack(
        [np.pad(a, w, constant_values=np.nan) for a, w in zip(layers, wide, strict=True)]
    )


def _by_population(rates: Sequence[EI[np.ndarray]]) -> np.ndarray:
    """(population, layer, category, map)."""
    return np.stack([_filled_up([one.E for one in rates]), _filled_up([one.I for one in rates])])


def _means_of_layers(rates: Sequence[EI[np.ndarray]]) -> np.ndarray:
    """(population, layer)."""
    return np.asarray([[one.E.mean() for one in rates], [one.I.mean() for one in rates]])


def _words(name: str, words: Sequence[str] | Mapping[str, Any], long_name: str) -> xr.Variable:
    return xr.Variable(name, list(words), {"units": "1", "long_name": long_name})
