"""Detection with and without attention: observers, tasks, sources, layers and strengths to scores.

Source: the design of Lindsay & Miller 2018, eLife 7:e38105.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import jax
import numpy as np
import xarray as xr

from cortex.labelled import Labelled, label
from cortex.progress import stage
from cortex.stimuli.trials import AbstractTrials
from cortex.tasks import LayerValues, Observer

from .activity import activity_change, activity_slope
from .conditions import Shares, Source, attend
from .looks import Looked, look

NETWORK = "network"
Asked = Callable[[str, str, str], bool]  # of a task, a source and a site


@dataclass(frozen=True)
class Subject:
    """An observer of one task, and by name the sources of attention that it has.

    Attributes:
        observer: who looks.
        sources: each from a layer (1 the lowest) and a strength.
        values: by layer, (categories, maps): if given, the slope of activity on these values is
            measured where attention is applied.
    """

    observer: Observer
    sources: Mapping[str, Source]
    values: LayerValues | None = None


def detection_study(
    subjects: Mapping[str, Mapping[str, Subject]],
    tasks: Mapping[str, AbstractTrials],
    *,
    at: Mapping[str, Shares],
    strengths: Sequence[float],
    asked: Asked = lambda task, source, site: True,
    answer: Literal["sought", "all"] = "sought",
    batch: int = 50,
) -> xr.Dataset:
    """Every subject looks at the hard images of its task, with every source at every strength.

    Args:
        subjects: by variant of the network and by task; all have the same layers.
        tasks: hard images by name, as many a category in each.
        at: by name, the share of the strength that each layer gets.
        strengths: beta [1].
        asked: whether, in a task, a source is applied at a site, by their names; NaN where it is
            not, nor where a subject has no such source.
        answer: which logits are kept, see `look`; all of them have a dimension ``logit``.
        batch: images at a time, at most.

    Returns:
        `score` (variant, task, source, site, strength, category, image), the detector's logit;
        `rate` (..., population, layer), mean rates; `settled_share`; the same without attention,
        `..._unattended`; `settled`; `activity_change` (variant, task, source, site, strength), of
        what the attended layers send, see `activity_change`; and, of subjects with values,
        `activity_slope`, that of the E rates of the layer attended, NaN where there are several.
        The coordinate `present` of `image` says whether the category is shown.
    """
    every = [one for by_task in subjects.values() for one in by_task.values()]
    names = list(dict.fromkeys(name for one in every for name in one.sources))
    variants = []
    for variant, by_task in subjects.items():
        each = {
            task: [(x, site) for x in by_task[task].sources for site in at if asked(task, x, site)]
            for task in tasks
        }
        looks = sum(
            len(tasks[task]) * (1 + len(strengths) * len(conditions))
            for task, conditions in each.items()
        )
        with stage(f"{variant}: hard images", total=looks) as advance:
            one_look = functools.partial(look, batch=batch, answer=answer, advance=advance)
            found = [
                _one_task(by_task[task], tasks[task], names, conditions, at, strengths, one_look)
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


def over_networks(found: Mapping[int, xr.Dataset]) -> xr.Dataset:
    """What several networks did, by the seed of their weights; `example` is that of the first."""
    words = {"units": "1", "long_name": "network, by the seed of its weights"}
    seeds = xr.Variable(NETWORK, list(found), words)
    data = xr.concat(found.values(), seeds, coords="minimal")
    return data.assign(example=data["example"].isel({NETWORK: 0}, drop=True))


def single_layers(data: xr.Dataset | xr.DataArray) -> list[str]:
    """Sites of `detection_study` that are one layer, from the lowest."""
    return [site for site in data["site"].values.tolist() if site.startswith("layer ")]


def last_layer(data: xr.Dataset) -> str:
    """The highest of the `single_layers`."""
    return single_layers(data)[-1]


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
    beta = {"units": "1", "long_name": "strength of attention, beta"}
    axes = {
        "source": _words("source", names, "what attention is applied by"),
        "site": _words("site", at, "where attention is applied"),
        "strength": xr.Variable("strength", np.asarray(strengths, float), beta),
    }
    unattended = _dataset([before], {}, "without attention")
    unattended = unattended.rename({name: f"{name}_unattended" for name in unattended})
    attended = _dataset(after, axes, "with attention")
    every = [np.flatnonzero(shares) for _ in names for shares in at.values() for _ in strengths]
    shape = tuple(axis.size for axis in axes.values())

    def along(numbers: Iterable[float], what: str) -> tuple[Any, ...]:
        return tuple(axes), np.reshape(list(numbers), shape), {"units": "1", "long_name": what}

    attended["activity_change"] = along(
        (
            float(np.mean([activity_change(one.sent[n], before.sent[n]) for n in layers]))
            for one, layers in zip(after, every, strict=True)
        ),
        "mean absolute log of activity with attention over without, attended layers",
    )
    if (values := subject.values) is not None:
        attended["activity_slope"] = along(
            (
                activity_slope(one.rates[n[0]].E, before.rates[n[0]].E, np.asarray(values[n[0]]))
                if len(n) == 1
                else float("nan")
                for one, n in zip(after, every, strict=True)
            ),
            "log activity ratio per value, attended layer",
        )
    present = xr.Variable(
        "image", trials.present[0], {"units": "1", "long_name": "whether the category is shown"}
    )
    return attended.merge(unattended).assign_coords(present=present)


def _dataset(looks: Sequence[Looked], axes: Mapping[str, xr.Variable], how: str) -> xr.Dataset:
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
            [[[r.E.mean() for r in one.rates], [r.I.mean() for r in one.rates]] for one in looks],
            ("population", "layer"),
            "Hz",
            "mean rate of a layer",
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


def _words(name: str, words: Sequence[str] | Mapping[str, Any], long_name: str) -> xr.Variable:
    return xr.Variable(name, list(words), {"units": "1", "long_name": long_name})
