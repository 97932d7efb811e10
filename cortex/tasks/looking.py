"""Looking at hard images, with and without attention.

Attention is data: each area is compiled once for a shape of its input, and serves every category,
strength, source and site. Areas below the first attended one are computed once for a batch of
images, and circuits start from their states without attention.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cortex.areas import AbstractArea, VisualSystem, map_shapes
from cortex.attention import AbstractForm, feature_pattern, quadrant_mask, spatial_pattern
from cortex.circuit import EI, Modulation
from cortex.frontends.conv import AbstractReadout
from cortex.stimuli.trials import AbstractTrials

from .detectors import Detectors
from .observer import Observer

Report = Callable[[int], object]
Answer = Callable[[np.ndarray, int], np.ndarray]
Batch = Float[Array, "images channels height width"]


class Focus(eqx.Module):
    """What an area attends to.

    Attributes:
        values: one a map.
        feature_strength: beta.
        quadrant: attended, 0 to 3; -1 for none.
        spatial_strength: beta_s; +1 of it inside the quadrant, -1 outside.
    """

    values: Float[Array, " maps"]
    feature_strength: Float[Array, ""]
    quadrant: Int[Array, ""]
    spatial_strength: Float[Array, ""]

    def modulation(self, form: AbstractForm, height: int, width: int) -> Modulation:
        """Both patterns added, in the form in which they reach the area."""
        shape = (height, width)
        pattern = feature_pattern(self.values, self.feature_strength, shape)
        mask = quadrant_mask(shape, self.quadrant)
        return form(pattern + spatial_pattern(mask, self.spatial_strength, len(self.values)))


class Condition(NamedTuple):
    """What is attended by, where, and how strongly.

    Attributes:
        values: by area, what feature attention is applied by, (categories, maps).
        feature_strength: beta of each area; 0 leaves an area alone.
        spatial_strength: beta_s of each area, for the cued quadrant.
    """

    values: tuple[Float[Array, "categories _"], ...]
    feature_strength: Sequence[float] | np.ndarray
    spatial_strength: Sequence[float] | np.ndarray

    @property
    def first(self) -> int:
        """The lowest area that is attended; 0 if none is."""
        strength = np.abs(np.asarray(self.feature_strength, float))
        strength = strength + np.abs(np.asarray(self.spatial_strength, float))
        return int(np.flatnonzero(strength)[0]) if strength.any() else 0


class Outcome(NamedTuple):
    """What one condition gives, stacked over categories.

    Attributes:
        answers: what `answer` made of the logits, (categories, images) or (categories, images,
            logits).
        rates_E, rates_I: by area, mean rate of each map over places and images,
            (categories, maps); NaN for areas below the attended one, which do not change.
        settled: fraction of images for which all circuits settled.
    """

    answers: np.ndarray
    rates_E: tuple[np.ndarray, ...]
    rates_I: tuple[np.ndarray, ...]
    settled: float


def own_category(logits: np.ndarray, category: int) -> np.ndarray:
    """The logit of the category that is sought."""
    return logits[:, category]


def every_answer(logits: np.ndarray, category: int) -> np.ndarray:
    """All logits."""
    return logits


class Passed(eqx.Module):
    """What an area does with a batch of images.

    Attributes:
        sent: what the next area receives; the output of the topmost one.
        means: mean rates over the places of each map, (images, maps).
        rates: of a circuit; none of a plain area.
        settled: (images,).
    """

    sent: Float[Array, "*images sent sent_height sent_width"]
    means: EI[Float[Array, "*images maps"]]
    rates: EI[Float[Array, "*images maps height width"]] | None
    settled: Float[Array, "*images"]


@eqx.filter_jit
def pass_area(
    area: AbstractArea,
    received: Batch,
    focus: Focus,
    quadrants: Int[Array, " images"],
    form: AbstractForm,
    initial: EI[Float[Array, "images maps height width"]] | None,
    shape: tuple[int, int],
    top: bool,
) -> Passed:
    """One area's responses to what the area below sent for a batch of images.

    Args:
        focus: its quadrant is replaced, image by image, by `quadrants`.
        initial: rates that circuits start from; none for a plain area.
        shape: (height, width) of the area's maps; static.
        top: the output is wanted, rather than what would be sent; static.
    """

    def one(image: Array, quadrant: Array, start: EI | None) -> Passed:
        own = eqx.tree_at(lambda f: f.quadrant, focus, quadrant)
        response = area(image, own.modulation(form, *shape), start)
        return Passed(
            sent=response.output if top else response.with_skip,
            means=response.rates.map(lambda r: jnp.mean(r, axis=(1, 2))),
            rates=response.rates if area.recurrent else None,
            settled=response.converged.astype(image.dtype),
        )

    return jax.vmap(one)(received, quadrants, initial)


@eqx.filter_jit
def read_out(
    readout: AbstractReadout, maps: Float[Array, "images maps height width"]
) -> Float[Array, "images units"]:
    """Readout units for the topmost area's outputs."""
    return jax.vmap(readout.units)(maps)


@eqx.filter_jit
def detect(
    readout: AbstractReadout,
    detectors: Detectors,
    maps: Float[Array, "images maps height width"],
) -> Float[Array, "images categories"]:
    """Logits for the topmost area's outputs."""
    return jax.vmap(lambda x: detectors(readout.units(x)))(maps)


def pass_all(
    system: VisualSystem,
    images: Batch,
    shapes: Sequence[tuple[int, int, int]],
    forms: Sequence[AbstractForm],
) -> Iterator[tuple[Array, Passed]]:
    """What each area receives and does, from the lowest up, without attention.

    The compiled programs are those of looks with attention.
    """
    nobody = jnp.full(len(images), -1, jnp.int32)
    top = len(system.areas) - 1
    for number, (area, shape, form) in enumerate(zip(system.areas, shapes, forms, strict=True)):
        nothing = jnp.zeros(())
        focus = Focus(jnp.zeros(shape[0]), nothing, nobody[0], nothing)
        silence = None
        if area.recurrent:
            silence = EI(*(jnp.zeros((len(images), *shape), images.dtype) for _ in range(2)))
        passed = pass_area(area, images, focus, nobody, form, silence, shape[1:], top=number == top)
        yield images, passed
        images = passed.sent


def even_batch(count: int, most: int = 50) -> int:
    """Images at a time, at most `most`, that fill as few batches with `count` evenly."""
    return -(-count // -(-count // most))


class _Sums:
    """One condition's outcome, filled in batch by batch; those of a category come in order."""

    def __init__(self, trials: AbstractTrials, maps: Sequence[int], first: int):
        self.shape = trials.present.shape
        self.first = first
        self.answers: np.ndarray | None = None
        self.rates = EI(*([np.zeros((self.shape[0], n)) for n in maps] for _ in range(2)))
        self.settled = np.zeros(self.shape)

    def put(self, category: int, start: int, answers: np.ndarray, passed: Sequence[Passed]) -> None:
        count = len(answers)
        if self.answers is None:
            self.answers = np.full((*self.shape, *answers.shape[1:]), np.nan, np.float32)
        self.answers[category, start : start + count] = answers
        settled = np.ones(count)
        for area, one in enumerate(passed, self.first):
            for total, means in ((self.rates.E, one.means.E), (self.rates.I, one.means.I)):
                total[area][category] += np.asarray(means)[:count].sum(axis=0) / self.shape[1]
            settled = settled * np.asarray(one.settled)[:count]
        self.settled[category, start : start + count] = settled

    def outcome(self) -> Outcome:
        assert self.answers is not None
        for below in (*self.rates.E[: self.first], *self.rates.I[: self.first]):
            below[:] = np.nan
        return Outcome(
            self.answers, tuple(self.rates.E), tuple(self.rates.I), float(self.settled.mean())
        )


def look(
    observer: Observer,
    trials: AbstractTrials,
    conditions: Sequence[Condition],
    forms: Sequence[AbstractForm],
    *,
    batch: int | None = None,
    answer: Answer = own_category,
    report: Report | None = None,
    workers: int | None = None,
) -> tuple[Outcome, list[Outcome]]:
    """Every category's images, seen without attention and under every condition.

    Args:
        observer: who looks.
        trials: the images; each batch is made once for all conditions.
        conditions: what is attended, for each category in turn.
        forms: by area, how attention reaches it.
        batch: images at a time, the last ones filled up; by default up to 50, evenly.
        answer: from the logits (images, categories) and the category to what is kept.
        report: told how many looks are done, one condition and one image being a look.
        workers: categories at a time; on a CPU one a core, up to four, for small circuits leave
            all but one core idle; else one.

    Returns:
        The outcome without attention, and one for each condition.
    """
    system = observer.system
    categories, count = trials.present.shape
    size = even_batch(count) if batch is None else batch
    shapes = map_shapes(system, trials.images(0, 0, 1)[0])
    maps = [shape[0] for shape in shapes]
    plain = _Sums(trials, maps, 0)
    sums = [_Sums(trials, maps, condition.first) for condition in conditions]
    top = len(system.areas) - 1

    def one(category: int) -> None:
        for start in range(0, count, size):
            one_batch(category, start)

    def one_batch(category: int, start: int) -> None:
        stop = min(start + size, count)
        # The last batch is filled up, so that nothing is compiled for it.
        rows = np.minimum(np.arange(start, start + size), stop - 1)
        images = trials.images(category, start, stop)[rows - start]
        quadrants = jnp.asarray(trials.quadrant[category, rows], jnp.int32)

        def answers(maps: Array) -> np.ndarray:
            logits = np.asarray(detect(system.readout, observer.detectors, maps))
            return answer(logits[: stop - start], category)

        below = list(pass_all(system, images, shapes, forms))
        plain.put(category, start, answers(below[-1][1].sent), [p for _, p in below])
        if report is not None:
            report(stop - start)
        for condition, total in zip(conditions, sums, strict=True):
            first = condition.first
            received = below[first][0]
            attended = []
            for area in range(first, top + 1):
                focus = Focus(
                    condition.values[area][category],
                    jnp.asarray(condition.feature_strength[area], float),
                    quadrants[0],
                    jnp.asarray(condition.spatial_strength[area], float),
                )
                passed = pass_area(
                    system.areas[area],
                    received,
                    focus,
                    quadrants,
                    forms[area],
                    below[area][1].rates,
                    shapes[area][1:],
                    top=area == top,
                )
                received = passed.sent
                # Rates and maps are let go as soon as the next area has them.
                attended.append(eqx.tree_at(lambda p: (p.sent, p.rates), passed, (0, None)))
            total.put(category, start, answers(received), attended)
            if report is not None:
                report(stop - start)

    if workers is None:
        workers = min(os.cpu_count() or 1, 4) if jax.default_backend() == "cpu" else 1
    with ThreadPoolExecutor(workers) as pool:
        for _ in pool.map(one, range(categories)):
            pass
    return plain.outcome(), [total.outcome() for total in sums]
