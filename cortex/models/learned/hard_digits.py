"""Hard images of digits, each with what is asked of it, as the network with circuits first sees it.

What a look without attention leaves behind is computed once and kept: a training through the
circuits then runs the attended area and those above alone.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray, PyTree

from cortex.areas import SSN, AbstractArea, VisualSystem
from cortex.areas.digits import CLASSES, digit_network
from cortex.attention import Query
from cortex.models.networks import (
    SolverSection,
    WeightsSection,
    load_digits_network,
    with_settings,
)
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.stimuli.trials import AbstractTrials, ComposedTrials, array_trials, merged_trials
from cortex.tasks import (
    Detectors,
    Observer,
    Pass,
    in_batches,
    respond_to_all,
)

TASKS: dict[str, Callable[..., ComposedTrials]] = {"merged": merged_trials, "array": array_trials}
DETECTOR_DIGITS = 2000  # as in the experiment digits_detection, as is the penalty
PENALTY = 0.1
BATCH = 50
Tree = TypeVar("Tree")


class HardImages(eqx.Module):
    """Hard images and what is asked of each; every leaf has a leading axis of images.

    Attributes:
        images: 0 (paper) to 1 (ink).
        seen: the pass without attention.
        features: rectified net input of the stage of the layer that is to be attended.
        queries: the category sought; the place is the middle of the quadrant that can be cued, or
            of the image.
        present: whether the category sought is there.
        quadrant: that can be cued, see `AbstractTrials`; -1 for none.
        shows: whether each category is in the image, asked for or not.
        layer: that is to be attended, 1 the lowest.
    """

    images: Float[Array, "images 1 height width"]
    seen: Pass
    features: Float[Array, "images maps map_height map_width"]
    queries: Query
    present: Bool[Array, " images"]
    quadrant: Int[Array, " images"]
    shows: Bool[Array, "images categories"]
    layer: int = eqx.field(static=True)

    def __len__(self) -> int:
        return len(self.present)


def rows(tree: Tree, index: Int[Array, " rows"] | Int[np.ndarray, " rows"] | slice) -> Tree:
    """These entries of the leading axis of every leaf."""
    return jax.tree.map(lambda leaf: leaf[index], tree)


def concatenate(trees: Sequence[Tree]) -> Tree:
    """One after the other along the leading axis of every leaf."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves), *trees)


def circuits_system(
    network: WeightsSection | None = None,
    circuit: SSN | None = None,
    solver: SolverSection | None = None,
) -> VisualSystem:
    """The digit network trained with circuits; by default as in the experiments."""
    system, _ = load_digits_network(digit_network(), network or WeightsSection(), "circuits")
    return with_settings(system, circuit or SSN(), solver or SolverSection())


def fitted_observer(
    system: VisualSystem, training: Digits, seed: int = 0, count: int = DETECTOR_DIGITS
) -> Observer:
    """A system with detectors for single digits.

    Args:
        system: who looks.
        training: digits; detectors are fitted on a random part of them.
        seed: of the choice.
        count: digits that they are fitted to.
    """
    order = np.random.default_rng(seed).permutation(len(training))
    learning = np.sort(order[:count])
    shown, labels = digit_network().images(training), np.asarray(training.labels)[learning]
    seen = respond_to_all(system, in_batches(lambda n: shown[learning[n]], len(learning), BATCH))
    return Observer(system, Detectors.fit(seen.units, labels, CLASSES, PENALTY))


def hard_images(
    observer: Observer,
    digits: Digits,
    key: PRNGKeyArray,
    task: str,
    per_category: int,
    layer: int,
    report: Callable[[int], object] | None = None,
) -> HardImages:
    """Hard images made of these digits, after their first look.

    Args:
        observer: who looks.
        digits: that images are made of.
        key: of the draw.
        task: one of `TASKS`.
        per_category: images a category, every other one with it.
        layer: the area that is to be attended, 0 the lowest.
        report: told how many images are done.
    """
    trials = hard_trials(digits, key, task, per_category)
    return look_first(observer, trials, showing(trials, digits) >= 0, layer, report)


def hard_trials(digits: Digits, key: PRNGKeyArray, task: str, per_category: int) -> ComposedTrials:
    """Hard images made of these digits; arguments as for `hard_images`."""
    shown, known = digit_network().images(digits), np.asarray(digits.labels)
    return TASKS[task](key, lambda n: shown[n], known, per_category, CLASSES)


def showing(trials: ComposedTrials, digits: Digits) -> Int[np.ndarray, "asked images categories"]:
    """Which of the digits that an image is made of is of each category; -1 for none.

    In an array that is the quadrant.
    """
    same = np.asarray(digits.labels)[trials.sources][..., None] == np.arange(CLASSES)
    return np.where(same.any(axis=-2), same.argmax(axis=-2), -1)


def look_first(
    observer: Observer,
    trials: AbstractTrials,
    shows: Bool[np.ndarray, "asked images categories"],
    layer: int,
    report: Callable[[int], object] | None = None,
) -> HardImages:
    """All images of some trials, category after category.

    Args:
        observer: who looks.
        trials: at what.
        shows: as in `HardImages`.
        layer: the area that is to be attended, 0 the lowest.
        report: told how many images are done.
    """
    categories, count = trials.present.shape
    found = []
    for category in range(categories):
        for start in range(0, count, BATCH):
            stop = min(start + BATCH, count)
            images = trials.images(category, start, stop)
            quadrant = jnp.asarray(trials.quadrant[category, start:stop])
            seen = observer.first_pass(images)
            one = HardImages(
                images=images,
                seen=seen,
                features=_features(observer.system.areas[layer], seen.layers[layer].input),
                queries=_queries(category, quadrant),
                present=jnp.asarray(trials.present[category, start:stop]),
                quadrant=quadrant,
                shows=jnp.asarray(shows[category, start:stop]),
                layer=layer + 1,
            )
            found.append(one)
            if report is not None:
                report(stop - start)
    return concatenate(found)


@eqx.filter_jit
def _features(area: AbstractArea, inputs: Array) -> Array:
    return jax.vmap(lambda image: jnp.maximum(area.stage(image), 0.0))(inputs)


@eqx.filter_jit
def _queries(category: int, quadrant: Int[Array, " images"]) -> Query:
    middle = jnp.stack([0.25 + 0.5 * (quadrant // 2), 0.25 + 0.5 * (quadrant % 2)], axis=-1)
    place = jnp.where((quadrant < 0)[:, None], 0.5, middle)
    return jax.vmap(lambda at: Query(category, at))(place)


def split() -> tuple[Digits, Digits]:
    """Training and held-out digits, as for the networks of the package."""
    return split_digits(load_digits())


def to_numpy(tree: PyTree) -> PyTree:
    """The same with arrays of NumPy."""
    return jax.tree.map(np.asarray, tree)
