"""Sources of attention trained through the circuits: by the gradient of the error after a look.

A source modulates one area of the digit network with circuits. The error is that of
telling a hard image with the digit asked for from one without, and its gradient goes back from
the detector through the steady states of the attended area and of those above to the pattern,
and on into the source.
Patterns are scaled to one root mean square, so that all sources learn, and can be compared, at
the same energy. The network, its circuits and the detectors stay as they are.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.analysis.signal_detection import quantities
from cortex.attention import AbstractSource, Attention, EnergyMatched, NoAttention, Query
from cortex.circuit import EI
from cortex.tasks import Observer, Pass
from cortex.trainer import Curve, Report, fit

from .base import TrainedSource
from .hard_digits import (
    BATCH,
    TASKS,
    HardImages,
    circuits_system,
    concatenate,
    fitted_observer,
    hard_images,
    rows,
    split,
    to_numpy,
)


class Training(NamedTuple):
    """How a source is trained.

    Attributes:
        layer: the area attended, 0 the lowest.
        size: root mean square of the pattern [1].
        passes: looks with attention, each from the state that the one before left; the error is
            the mean of theirs.
        tasks: kinds of hard images, some of `TASKS`.
        per_category: hard images a category of each task, half of them with it.
        epochs: passes over all images with each category that they show.
        batch: pairs of images a step.
        learning_rate: of AdamW, at the start; it falls to 0 along a cosine.
        weight_decay: of AdamW.
    """

    layer: int = 2
    size: float = 0.5
    passes: int = 1
    tasks: tuple[str, ...] = tuple(TASKS)
    per_category: int = 120
    epochs: int = 2
    batch: int = 25
    learning_rate: float = 1e-2
    weight_decay: float = 1e-2


def trainable(source: AbstractSource) -> Any:
    """Every number of a source, but not the form in which it reaches the circuit."""
    mask = jax.tree.map(eqx.is_inexact_array, source)
    frozen = jax.tree.map(lambda _: False, source.form)
    return eqx.tree_at(lambda s: s.form, mask, frozen)


class Choices(eqx.Module):
    """Pairs of images, one with the category asked for and one without; leaves (pairs,).

    Attributes:
        having, lacking: passes of both without attention.
        queries: the category asked for; no place is cued.
    """

    having: Pass
    lacking: Pass
    queries: Query


def draw_pairs(
    shows: Bool[np.ndarray, "images categories"], rng: np.random.Generator
) -> Int[np.ndarray, "pairs 3"]:
    """Every image once with each category that it shows, beside any image without it.

    Args:
        shows: whether each category is in each image.
        rng: of the partners, and of the order.

    Returns:
        Rows of the image with the category and of that without, and the category, in random order.
    """
    having, category = np.nonzero(shows)
    lacking = np.empty_like(having)
    for one in np.unique(category):
        without = np.flatnonzero(~shows[:, one])
        lacking[category == one] = rng.choice(without, int(np.sum(category == one)))
    return rng.permutation(np.stack([having, lacking, category], axis=-1))


def choice_error(
    source: AbstractSource,
    observer: Observer,
    choices: Choices,
    layer: int,
    size: float | Array,
    passes: int = 1,
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Mean cross-entropy [nat] of the choice between two images, after looks with attention.

    Which of two images has the category asked for? With logits z the observer chooses the first
    with probability sigmoid(z_1 - z_2). The error does not depend on where detectors put their
    threshold, so that a source cannot learn to shift all logits; the share of right choices is
    the area under the ROC curve. Pairs in which a circuit did not settle do not count.

    Args:
        source: whose pattern is scaled to the root mean square `size`.
        observer: who looks.
        choices: between what.
        layer: the area attended, 0 the lowest.
        size: root mean square of the pattern [1].
        passes: looks with attention, one after the other; the error is the mean over them.

    Returns:
        The error, and the share `right` of choices after the last look, and that of pairs
        `unsettled`.
    """
    # Both in one batch: its circuits settle together.
    seen = concatenate([choices.having, choices.lacking])
    queries = concatenate([choices.queries, choices.queries])
    attention = Attention((EnergyMatched(source, size),), (queries,), (layer + 1,))
    answers, settled = [], []
    for _ in range(passes):
        seen = observer.next_pass(seen, attention)
        logits = jnp.take_along_axis(seen.logits, queries.category[:, None], axis=1)[:, 0]
        answers.append(jnp.where(seen.settled, logits, 0.0))
        settled.append(seen.settled)
    having, lacking = jnp.stack(answers, axis=1).reshape(2, -1, passes)
    apart, valid = having - lacking, jnp.stack(settled, axis=1).reshape(2, -1, passes).all(axis=0)
    errors = jnp.where(valid, jax.nn.softplus(-apart), 0.0)
    loss = jnp.sum(errors) / jnp.maximum(jnp.sum(valid), 1)
    return loss, {"right": jnp.mean(apart[:, -1] > 0), "unsettled": jnp.mean(~valid)}


def train(
    source: AbstractSource,
    observer: Observer,
    shown: Sequence[HardImages],
    seed: int,
    training: Training | None = None,
    report: Report | None = None,
) -> tuple[AbstractSource, Curve]:
    """Fit a source to tell hard images with a category from those without.

    Each epoch pairs the images anew, see `draw_pairs`, those of one task with each other.

    Args:
        source: with first weights.
        observer: who looks; nothing of it changes.
        shown: by task, hard images, with the layer that is to be attended.
        seed: of the pairs.
        training: how.
        report: told an epoch's number and its row.

    Returns:
        The trained source and a row an epoch: `loss` [nat], `right` and `unsettled` as in
        `choice_error`, means over its steps. Steps whose gradient is not finite are left out.
    """
    training = training or Training()
    layer, size, passes = training.layer, jnp.asarray(training.size, float), training.passes
    rng = np.random.default_rng(seed)
    starts = np.cumsum([0, *(len(one) for one in shown)])
    shows = [np.asarray(one.shows) for one in shown]
    steps = sum(int(one.sum()) for one in shows) // training.batch

    def epochs() -> Iterator[np.ndarray]:
        for _ in range(training.epochs):
            by_task = [
                draw_pairs(one, rng) + np.array([start, start, 0])
                for one, start in zip(shows, starts[:-1], strict=True)
            ]
            pairs = rng.permutation(np.concatenate(by_task))[: steps * training.batch]
            yield pairs.reshape(steps, training.batch, 3)

    def loss(source: AbstractSource, pairs: Array, observer: Observer, seen: Pass) -> Any:
        choices = Choices(rows(seen, pairs[:, 0]), rows(seen, pairs[:, 1]), asked(pairs[:, 2]))
        value, facts = choice_error(source, observer, choices, layer, size, passes)
        return value, {"loss": value} | facts

    schedule = optax.cosine_decay_schedule(training.learning_rate, training.epochs * steps)
    optimiser = optax.apply_if_finite(
        optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.adamw(schedule, weight_decay=training.weight_decay),
        ),
        max_consecutive_errors=10,
    )
    return fit(
        source,
        loss,
        epochs(),
        optimiser,
        trainable=trainable(source),
        data=(observer, concatenate([one.seen for one in shown])),
        report=report,
    )


def asked(categories: Int[Array, " queries"]) -> Query:
    """Queries for these categories; no place is cued."""
    return jax.vmap(Query)(categories)


class Attended(NamedTuple):
    """What attention at one layer does; arrays of NumPy with a leading axis of images.

    Attributes:
        pattern: by which the layer was attended.
        rates: E and I rates of the attended layer and of each above it [Hz].
        logits: one for each category.
        settled: whether all circuits settled.
    """

    pattern: Float[Array, "images maps height width"]
    rates: tuple[EI[Array] | None, ...]
    logits: Float[Array, "images categories"]
    settled: Bool[Array, " images"]


def unattended(shown: HardImages) -> Attended:
    """What hard images give without attention, in the form of what they give with it."""
    seen = shown.seen
    rates = tuple(layer.rates for layer in seen.layers[shown.layer - 1 :])
    found = Attended(jnp.zeros_like(shown.features), rates, seen.logits, seen.settled)
    return to_numpy(found)  # type: ignore[no-any-return]


def attend_to_all(
    observer: Observer,
    shown: HardImages,
    source: AbstractSource,
    passes: int = 1,
    report: Callable[[int], object] | None = None,
) -> list[Attended]:
    """Looks with attention at all hard images, one result a pass.

    Args:
        observer: who looks.
        shown: hard images, with the layer that is to be attended.
        source: as it is, not scaled; see `EnergyMatched`.
        passes: looks with attention, each from the state that the one before left.
        report: told how many images are done.
    """
    found: list[list[Attended]] = [[] for _ in range(passes)]
    for start in range(0, len(shown), BATCH):
        # The last batch is filled up, so that nothing is compiled for it.
        index = np.minimum(np.arange(start, start + BATCH), len(shown) - 1)
        count = min(BATCH, len(shown) - start)
        seen, queries = rows((shown.seen, shown.queries), index)
        for number in range(passes):
            seen = observer.next_pass(seen, Attention((source,), (queries,), (shown.layer,)))
            rates = tuple(above.rates for above in seen.layers[shown.layer - 1 :])
            one = Attended(seen.patterns[0], rates, seen.logits, seen.settled)
            found[number].append(rows(to_numpy(one), slice(count)))
        if report is not None:
            report(count)
    return [jax.tree.map(lambda *leaves: np.concatenate(leaves), *one) for one in found]


def asked_logits(logits: Array | np.ndarray, shown: HardImages) -> np.ndarray:
    """Of the category asked for, (images,); from logits (images, categories)."""
    return np.asarray(logits)[np.arange(len(shown)), np.asarray(shown.queries.category)]


@lru_cache(maxsize=1)
def standard_observer(dtype: str = "float32") -> Observer:
    """The digit network with circuits and its detectors, as in the experiments.

    Args:
        dtype: of the precision in use, for which it is kept.
    """
    return fitted_observer(circuits_system(), split()[0])


def learned_through(
    name: str, untrained: Callable[[PRNGKeyArray], AbstractSource], training: Training | None = None
) -> TrainedSource:
    """A source that is trained on hard images made of training digits.

    Args:
        name: of its module.
        untrained: from a key to the source with first weights.
        training: how.
    """
    training = training or Training()

    def trained(seed: int, report: Report | None) -> tuple[AbstractSource, Curve]:
        dtype = str(jnp.result_type(float))
        shown = standard_images(training.layer, training.per_category, False, dtype)
        first = untrained(jax.random.key(seed))
        observer = standard_observer(dtype)
        wanted = [shown[task] for task in training.tasks]
        return train(first, observer, wanted, seed, training, report)

    return TrainedSource(
        name, untrained, training.epochs, trained, partial(_score, training=training)
    )


@lru_cache(maxsize=2)
def standard_images(
    layer: int, per_category: int, held_out: bool, dtype: str = "float32"
) -> dict[str, HardImages]:
    """Hard images of each task after their first look, the same for all sources and seeds.

    Args:
        layer: the area that is to be attended, 0 the lowest.
        per_category: of each task.
        held_out: made of held-out digits, or of training digits.
        dtype: of the precision in use, for which they are kept.
    """
    digits = split()[held_out]
    return {
        task: hard_images(
            standard_observer(dtype),
            digits,
            standard_key(task, held_out),
            task,
            per_category,
            layer,
        )
        for task in TASKS
    }


def standard_key(task: str, held_out: bool) -> PRNGKeyArray:
    """Of the draw of `standard_images`."""
    return jax.random.fold_in(jax.random.key(int(held_out)), list(TASKS).index(task))


def _score(source: AbstractSource, training: Training) -> dict[str, float]:
    """Area under the ROC curve and d' on held-out digits, with the source and without."""
    dtype, count = str(jnp.result_type(float)), 40
    observer = standard_observer(dtype)
    found: dict[str, float] = {}
    for task, shown in standard_images(training.layer, count, True, dtype).items():
        present = np.asarray(shown.present).reshape(-1, count)
        for label, one in (("", EnergyMatched(source, training.size)), ("_without", NoAttention())):
            last = attend_to_all(observer, shown, one, training.passes)[-1]
            scores = asked_logits(last.logits, shown).reshape(present.shape)
            table = quantities(scores, present)
            for name in ("auc", "sensitivity"):
                found[f"{name}_{task}{label}"] = round(float(table[name]), 4)
    return found
