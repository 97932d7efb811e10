"""How much sensitivity there is to gain: detectors fitted to hard images, and the best gains.

"No room" is told apart from "no effect". Detectors that are fitted to the hard images themselves
show what the units of a network hold of them; gains of maps that gradient descent finds show what
attention of any values could do for the detectors that there are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from jaxtyping import Array, Bool, Float, Int

from cortex.attention import FeatureSimilarity
from cortex.labelled import label, to_dataset
from cortex.progress import stage
from cortex.settings import Settings, choice, quantity
from cortex.stimuli.trials import AbstractTrials, ComposedTrials
from cortex.tasks import Detectors, Observer, Pass, batch_within, even_batch

from .detection import Subject
from .looks import look

BATCH = 50
DETECTORS = "detectors of hard images"


class CeilingSection(Settings):
    """How much sensitivity there is to gain."""

    layers: tuple[int, ...] = quantity((), "1", "layers whose best gains are searched for")
    variants: tuple[Literal["plain", "no recurrence", "circuits"], ...] = choice(
        ("plain",), "networks in which they are"
    )
    steps: int = quantity(200, "1", "steps of gradient descent", ge=1)


def shown_categories(
    trials: ComposedTrials, labels: Int[np.ndarray, " singles"], categories: int
) -> Bool[np.ndarray, "asked images categories"]:
    """Which categories are in each hard image, asked for or not.

    Args:
        trials: hard images.
        labels: category of each single image.
        categories: how many.
    """
    same = np.asarray(labels)[trials.sources][..., None] == np.arange(categories)
    return (same & (trials.sources >= 0)[..., None]).any(axis=-2)


def with_detectors_of(
    observer: Observer,
    hard: AbstractTrials,
    shows: Bool[np.ndarray, "asked images categories"],
    penalty: float,
    *,
    common: bool = False,
) -> Observer:
    """The same system with detectors that are fitted to hard images.

    Args:
        observer: whose system.
        hard: images of the task, none of them in a test.
        shows: see `shown_categories`.
        penalty, common: as of `Detectors.fit`.
    """
    categories, count = hard.present.shape
    size = even_batch(count, batch_within(observer.system, lambda: hard.images(0, 0, 1), BATCH))
    units = [
        np.asarray(observer.first_pass(hard.images(c, start, start + size)).units)
        for c in range(categories)
        for start in range(0, count, size)
    ]
    member = np.asarray(shows).reshape(-1, np.shape(shows)[-1])
    fitted = Detectors.fit(np.concatenate(units), member, categories, penalty, common=common)
    return Observer(observer.system, fitted)


def best_gains(
    observer: Observer,
    hard: AbstractTrials,
    layer: int,
    rng: np.random.Generator,
    *,
    steps: int = 200,
    each: int = 20,
    rate: float = 0.05,
    advance: Callable[[int], object] = lambda steps: None,
) -> Float[np.ndarray, "categories maps"]:
    """Gains of the maps of a layer, less one, that serve each category's detector best.

    Found by gradient descent on the mean logistic loss of pairs of an image with the category and
    one without, a smooth bound on 1 - the area under the ROC curve; through the steady states of
    circuits by implicit derivatives. A lower bound of what gains can do: descent may stop short.

    Args:
        observer: whose detectors.
        hard: images of the task, none of them in a test.
        layer: attended, 1 the lowest.
        rng: of the choice of images in each step.
        steps: of descent (Adam).
        each: images with and as many without the category in each step, or as many as there are.
        rate: of learning, falling to 0.
        advance: told of each step.

    Returns:
        Values for `FeatureSimilarity` at strength 1.
    """
    categories = len(hard.present)
    each = min(each, *(int(kind.sum(axis=1).min()) for kind in (hard.present, ~hard.present)))
    maps = observer.first_pass(hard.images(0, 0, 1)).layers[layer - 1].means.E.shape[-1]
    optimiser = optax.adam(optax.cosine_decay_schedule(rate, steps))
    category = jnp.repeat(jnp.arange(categories), 2 * each)
    place = jnp.full((len(category), 2), 0.5)

    def loss(values: Array, seen: Pass) -> Array:
        attention = FeatureSimilarity(values, jnp.ones(())).at(layer)(
            category=category, place=place
        )
        logits = observer.next_pass(seen, attention).logits
        own = jnp.take_along_axis(logits, category[:, None], axis=1).reshape(categories, 2, each)
        ahead = own[:, 0, :, None] - own[:, 1, None, :]
        return jnp.mean(jax.nn.softplus(-ahead))

    @eqx.filter_jit
    def step(values: Array, state: optax.OptState, seen: Pass) -> tuple[Array, optax.OptState]:
        updates, state = optimiser.update(jax.grad(loss)(values, seen), state)
        return optax.apply_updates(values, updates), state

    values: Array = jnp.zeros((categories, maps))
    state = optimiser.init(values)
    images = [hard.images(c, 0, hard.present.shape[1]) for c in range(categories)]
    for _ in range(steps):
        rows = [
            np.concatenate([rng.permutation(np.flatnonzero(kind))[:each] for kind in (here, ~here)])
            for here in hard.present
        ]
        batch = [shown[chosen] for shown, chosen in zip(images, rows, strict=True)]
        seen = observer.first_pass(jnp.concatenate(batch))
        values, state = step(values, state, seen)
        advance(1)
    return np.asarray(values)


def ceilings_of(
    section: CeilingSection,
    penalty: float,
    subjects: Mapping[str, Mapping[str, Subject]],
    learned: Mapping[str, ComposedTrials],
    tested: Mapping[str, AbstractTrials],
    labels: Int[np.ndarray, " singles"],
    seed: int,
    *,
    common: bool = False,
) -> xr.Dataset:
    """What the ceilings of every subject and task say of the hard images of a test.

    Args:
        section: at which layers of which variants the best gains are searched for.
        penalty, common: as of `Detectors.fit`.
        subjects: by variant and task.
        learned: by task, hard images to fit to, none of them in the test.
        tested: by task, those that are looked at.
        labels: category of each of the single images that `learned` are composed of.
        seed: of the descent.

    Returns:
        `score_ceiling` (variant, task, ceiling, category, image), logits without attention by
        detectors fitted to hard images, and with the best gains at a layer; NaN where they were
        not searched for.
    """
    names = [DETECTORS, *(f"best gains, layer {layer}" for layer in section.layers)]
    shape = next(iter(tested.values())).present.shape
    found = np.full((len(subjects), len(tested), len(names), *shape), np.nan, np.float32)
    for v, (variant, by_task) in enumerate(subjects.items()):
        layers = section.layers if variant in section.variants else ()
        steps = len(tested) * (1 + len(layers) * section.steps)
        with stage(f"{variant}: ceilings", total=steps) as on:
            for t, (task, trials) in enumerate(tested.items()):
                observer, hard = by_task[task].observer, learned[task]
                shows = shown_categories(hard, labels, observer.categories)
                fitted = with_detectors_of(observer, hard, shows, penalty, common=common)
                found[v, t, 0] = look(fitted, trials, [])[0].answers
                on(1)
                for number, layer in enumerate(layers, 1):
                    rng = np.random.default_rng([seed, layer])
                    gains = best_gains(observer, hard, layer, rng, steps=section.steps, advance=on)
                    best = FeatureSimilarity(jnp.asarray(gains), jnp.ones(())).at(layer)
                    found[v, t, number] = look(observer, trials, [best])[1][0].answers
    axes = {"variant": tuple(subjects), "task": tuple(tested), "ceiling": tuple(names)}
    text = "detector logit at a ceiling"
    return to_dataset({"score_ceiling": label(found, "1", text, **axes, category=None, image=None)})
