"""Any maps of photographs against the eyes of people who saw them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float
from scipy.ndimage import gaussian_filter, zoom

from cortex.analysis.bootstrap import bootstrap
from cortex.analysis.fixations import (
    MEASURES,
    agreement,
    fixation_map,
    measured,
    scanpath_saliency,
    shuffled_auc,
)
from cortex.analysis.scan_paths import aligned
from cortex.attention.saliency import WinnerTakeAll, scan_path
from cortex.errors import UserError
from cortex.labelled import Labelled, label
from cortex.progress import stage
from cortex.stimuli.recordings import OSIE_SIZE, Viewing

BIASES = ("alone", "with centre")
Maps = Float[np.ndarray, "photographs height width"]


class Eyes(NamedTuple):
    """Where people looked on some photographs, (row, column) from 0 to 1.

    Attributes:
        people: fixations of each person on each photograph.
        at: those of all people.
        elsewhere: those on some other photographs, for shuffled AUC.
    """

    people: list[tuple[np.ndarray, ...]]
    at: list[np.ndarray]
    elsewhere: list[np.ndarray]

    @classmethod
    def on(
        cls,
        viewings: Sequence[Viewing],
        rows: Sequence[int] | np.ndarray,
        pool: Sequence[int] | np.ndarray,
        others: int,
        rng: np.random.Generator,
    ) -> Eyes:
        """Of photographs `rows`; `others` photographs of `pool` are elsewhere for each."""
        every = [np.concatenate(viewing.people) for viewing in viewings]
        drawn = [rng.permutation(np.setdiff1d(pool, [row]))[:others] for row in rows]
        elsewhere = [np.concatenate([every[one] for one in some]) for some in drawn]
        return cls([viewings[row].people for row in rows], [every[row] for row in rows], elsewhere)


def blurred(maps: Maps, blur: float) -> Maps:
    """Maps blurred by a Gaussian [px of a photograph of OSIE as shown, 800 px wide]."""
    places = blur * maps.shape[-1] / OSIE_SIZE[1]
    return gaussian_filter(maps, (0, places, places), mode="nearest")


def finished(
    maps: Maps, blur: float, weight: float, centre: Float[np.ndarray, "rows columns"]
) -> Float[np.ndarray, "photographs rows columns"]:
    """Maps as they are compared: blurred, of the size of `centre`, standardised.

    Args:
        maps: of any size.
        blur: see `blurred`.
        weight: of the map `centre`, standardised too, that is added.
        centre: where people look on all photographs.
    """
    maps = blurred(maps, blur) if blur else maps
    if centre.shape != maps.shape[1:]:
        finer = np.divide(centre.shape, maps.shape[1:])
        maps = zoom(maps, (1, *finer), order=1, mode="nearest", grid_mode=True)
    maps = maps - maps.mean((1, 2), keepdims=True)
    maps = maps / np.maximum(maps.std((1, 2), keepdims=True), 1e-9)
    return maps + weight * (centre - centre.mean()) / centre.std()


class Choice(NamedTuple):
    """What is chosen for a predictor on some photographs, to be reported on others.

    Attributes:
        option: the best of its options.
        blur: the best for it [px].
        weight: the best of the centre.
    """

    option: Any
    blur: float
    weight: float


def choose(
    options: Iterable[tuple[Any, Maps | None]],
    eyes: Eyes,
    centre: Float[np.ndarray, "rows columns"],
    blurs: Sequence[float],
    weights: Sequence[float],
) -> tuple[dict[str, Choice], list[float]]:
    """Choose among maps, blurs and weights of the centre, on photographs that are not reported.

    Args:
        options: anything, with its maps of the photographs; None instead of maps that are no good.
        eyes: where people looked on them.
        centre: where people look on all photographs.
        blurs: to choose among [px].
        weights: of the centre, to choose among.

    Returns:
        The best by bias: alone, by shuffled AUC; with the centre, by NSS. And the shuffled AUC of
        all options, each with its best blur; NaN where there are no maps.

    Raises:
        UserError: no option has maps.
    """
    alone, biased, scores = [], [], []
    for option, maps in options:
        if maps is None:
            scores.append(np.nan)
            continue
        own = []
        for blur in blurs:
            values = blurred(maps, blur)
            each = map(shuffled_auc, values, eyes.at, eyes.elsewhere)
            own.append((float(np.mean(list(each))), Choice(option, blur, 0.0)))
            for weight in weights:
                sums = finished(values, 0.0, weight, centre)
                nss = float(np.mean(list(map(scanpath_saliency, sums, eyes.at))))
                biased.append((nss, Choice(option, blur, weight)))
        scores.append(max(score for score, _ in own))
        alone += own
    if not alone:
        raise UserError("no option has maps: all circuits to choose from run away; lower contrasts")
    best = (max(some, key=lambda one: one[0])[1] for some in (alone, biased))
    return dict(zip(BIASES, best, strict=True)), scores


def with_controls(
    predictors: Mapping[str, Mapping[str, Maps]],
    centre: Float[np.ndarray, "rows columns"],
    control: str,
) -> dict[str, Mapping[str, Maps]]:
    """Predictors, by bias, and two controls: another photograph, and the centre alone.

    Args:
        predictors: finished maps by predictor and bias.
        centre: where people look on all photographs.
        control: predictor whose maps of other photographs are the first control.
    """
    count = len(predictors[control][BIASES[0]])
    alone = np.broadcast_to((centre - centre.mean()) / centre.std(), (count, *centre.shape))
    another = {bias: np.roll(maps, 1, 0) for bias, maps in predictors[control].items()}
    return {**predictors, "another photograph": another, "centre": dict.fromkeys(BIASES, alone)}


def measure(
    eyes: Eyes, predictors: Mapping[str, Mapping[str, Maps]], spread: float
) -> dict[str, Labelled]:
    """All measures of all predictors, and of the other people, on each photograph.

    Args:
        eyes: where people looked.
        predictors: maps by predictor and bias, all of one size.
        spread: of the fixation map [px of the maps].

    Returns:
        ``score`` (predictor, bias, photograph, measure), ``ceiling`` (photograph, measure), and
        the mean maps over photographs: ``average`` (predictor, row, column), of the first bias, and
        ``average_eyes`` (row, column).
    """
    biases = list(next(iter(predictors.values())))
    shape = next(iter(predictors.values()))[biases[0]].shape[1:]
    fixated = [fixation_map(at, shape, spread) for at in eyes.at]
    scores, average = [], []
    with stage("measures", len(predictors) + 1) as advance:
        for by_bias in predictors.values():
            given = (eyes.at, eyes.elsewhere, fixated)
            scores.append([list(map(measured, maps, *given)) for maps in by_bias.values()])
            average.append(by_bias[biases[0]].mean(0))
            advance()
        each = zip(eyes.people, eyes.elsewhere, strict=True)
        ceiling = [agreement(people, elsewhere, shape, spread) for people, elsewhere in each]
    names, last = tuple(predictors), {"photograph": None, "measure": MEASURES}
    of, place = {"predictor": names}, {"row": None, "column": None}
    return {
        "score": label(np.array(scores), "1", "score", **of, bias=tuple(biases), **last),
        "ceiling": label(np.array(ceiling), "1", "score of the other people", **last),
        "average": label(np.stack(average), "1", "mean map, standardised", **of, **place),
        "average_eyes": label(np.mean(fixated, 0), "1", "share of fixations", **place),
    }


def compare_paths(
    eyes: Eyes, maps: Mapping[str, Maps], competition: WinnerTakeAll, steps: int, reach: float
) -> Labelled:
    """Scan paths over maps, and of people, against those of people on the same photograph.

    Args:
        eyes: where people looked; those with fewer fixations than `steps` are left out.
        maps: of any unit, by name; the lowest value of each is none.
        competition: who wins.
        steps: fixations of a path.
        reach: distance at which two fixations have nothing in common, in widths of a photograph.

    Returns:
        Similarity (path, photograph), see `aligned`: of ``other people``, of ``people elsewhere``
        (their paths on another photograph), and of the maps.
    """
    tall = np.array([OSIE_SIZE[0] / OSIE_SIZE[1], 1.0])
    walk = jax.jit(jax.vmap(lambda one: scan_path(competition, one, steps).places))
    above = {name: given - given.min((1, 2), keepdims=True) for name, given in maps.items()}
    made = {name: np.asarray(walk(given), float) * tall for name, given in above.items()}
    people = [[p[:steps] * tall for p in one if len(p) >= steps] for one in eyes.people]
    found: dict[str, list[float]] = {"other people": [], "people elsewhere": []}
    found |= {name: [] for name in maps}
    for number, own in enumerate(people):
        group, others = np.array(own), np.array(people[number - 1])
        among, count = aligned(group[:, None], group[None], reach), len(group)
        found["other people"].append(float((among.sum() - count) / (count * (count - 1))))
        elsewhere = aligned(group[:, None], others[None], reach)
        found["people elsewhere"].append(float(elsewhere.mean()))
        for name, paths in made.items():
            one = np.broadcast_to(paths[number], group.shape)
            found[name].append(float(aligned(one, group, reach).mean()))
    values, words = np.array(list(found.values())), "similarity to people's scan paths"
    return label(values, "1", words, path=tuple(found), photograph=None)


def summarise(
    data: xr.Dataset,
    compared: Sequence[tuple[str, str]],
    walked: Sequence[tuple[str, str]],
    base: str,
    **draws: Any,
) -> xr.Dataset:
    """Means over photographs, and differences on the same photographs, with intervals.

    Args:
        data: ``score`` and ``ceiling`` of `measure`, ``paths`` of `compare_paths`.
        compared, walked: pairs of predictors, and of paths, whose difference is asked for.
        base: predictor that the other people are compared with.
        **draws: of `bootstrap`: ``n``, ``level``, ``rng``.

    Returns:
        With a dimension ``bound``: ``mean`` (predictor, bias, measure), ``mean_ceiling`` (measure),
        ``mean_path`` (path), ``difference`` (compared, bias, measure), ``path_difference``
        (walked), ``people_above`` (measure): the other people less `base`.
    """
    scored = ["score", "ceiling", "paths"]

    def means(drawn: xr.Dataset) -> xr.Dataset:
        score, ceiling, path = (drawn[name].mean("photograph") for name in scored)
        found = {"mean": score, "mean_ceiling": ceiling, "mean_path": path}
        found["difference"] = _differences(score, "predictor", "compared", compared)
        found["path_difference"] = _differences(path, "path", "walked", walked)
        found["people_above"] = ceiling - score.sel(predictor=base, bias=BIASES[1], drop=True)
        return xr.Dataset(found)

    with stage("intervals"):
        found = bootstrap(means, data[scored], "photograph", **draws)
    for name, text in _WORDS.items():
        found[name].attrs = {"units": "1", "long_name": text}
    return found


def _differences(
    array: xr.DataArray, dim: str, name: str, pairs: Sequence[tuple[str, str]]
) -> xr.DataArray:
    apart = [array.sel({dim: a}, drop=True) - array.sel({dim: b}, drop=True) for a, b in pairs]
    return xr.concat(apart, xr.Variable(name, [f"{a} - {b}" for a, b in pairs]))


_WORDS = {
    "mean": "score",
    "mean_ceiling": "score of the other people",
    "mean_path": "similarity to people's scan paths",
    "difference": "difference in score",
    "path_difference": "difference in similarity",
    "people_above": "score of the other people, less that of the predictor",
}
