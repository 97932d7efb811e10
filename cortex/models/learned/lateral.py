"""Lateral attention between the places of an area, trained to set a digit apart from clutter.

Self-attention over all places and graph attention over the circuit's own connections, each
starting from its unlearned form: places on the digit are to attend to one another and to gain.
They learn from features of training digits after a look without attention. One file holds both.
Trained instead through the circuits, for detection at the same energy, they learned little.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, PRNGKeyArray

from cortex.analysis.grouping import object_places
from cortex.analysis.signal_detection import quantities
from cortex.areas import CircuitArea
from cortex.areas.digits import CLASSES, MAPS
from cortex.attention import AbstractSource, EnergyMatched, NoAttention
from cortex.attention.graph import (
    GraphAttention,
    GraphLateral,
    Neighbours,
    busiest_neighbours,
    within_reach,
)
from cortex.attention.lateral import AbstractLateral, as_tokens
from cortex.attention.self_attention import SelfAttention, similarity_attention
from cortex.circuit import GaussianCoupling
from cortex.stimuli import Digits
from cortex.stimuli.digit_strips import ClutteredTrials
from cortex.tasks import Observer
from cortex.trainer import Curve, Report, fit

from .base import TrainedSource
from .hard_digits import HardImages, look_first, rows, split
from .through_circuits import asked_logits, attend_to_all, standard_observer, trainable

LAYER = 1  # attended, 0 the lowest
SIZE = 0.5  # root mean square of the pattern [1]
HEADS = 2
SHARPNESS = 3.0  # of the unlearned attention
REACH = 2.0  # standard deviations of the spread from E onto E
SHAPE = (7, 7)  # of the layer's maps
PER_CATEGORY, EPOCHS, BATCH, RATE = 80, 20, 40, 1e-2


class Attentions(eqx.Module):
    """What both sources learn.

    Attributes:
        everywhere: of self-attention, every place to every place.
        connected: of graph attention, to the places that the circuit connects one with.
    """

    everywhere: eqx.nn.MultiheadAttention
    connected: GraphAttention

    def sources(self, graph: Neighbours) -> dict[str, AbstractLateral]:
        """The sources by name, given what the circuit connects."""
        return {
            "self": SelfAttention(self.everywhere),
            "graph": GraphLateral(self.connected, graph),
        }


def connections(observer: Observer, layer: int = LAYER) -> Neighbours:
    """The graph over the places of an area that its circuit's coupling makes."""
    area = observer.system.areas[layer]
    assert isinstance(area, CircuitArea)
    assert isinstance(area.circuit.coupling, GaussianCoupling)
    return within_reach(area.circuit.coupling, REACH)


def unlearned(layer: int = LAYER) -> Attentions:
    """Attention by what features are alike, and by which neighbours are active."""
    maps = MAPS[layer]
    return Attentions(
        similarity_attention(maps, HEADS, SHARPNESS), busiest_neighbours(maps, SHARPNESS)
    )


def cluttered(
    observer: Observer, digits: Digits, per_category: int, rng: np.random.Generator
) -> tuple[ClutteredTrials, HardImages]:
    """These digits among clutter, and the first looks at them."""
    trials = ClutteredTrials(digits, per_category, CLASSES, rng)
    shows = trials.labels[..., None] == np.arange(CLASSES)
    return trials, look_first(observer, trials, shows, LAYER)


def held_out_draws(seed: int) -> np.random.Generator:
    """Draws of images of held-out digits, other than those of training."""
    return np.random.default_rng([seed, 1])


def digit_and_clutter(trials: ClutteredTrials) -> tuple[np.ndarray, np.ndarray]:
    """Places of the map on the digit, and on clutter, by image of all categories in turn."""
    clutter = trials.clutter.reshape(-1, *trials.clutter.shape[2:])
    whole = trials.shown.reshape(clutter.shape)
    digit = np.where(whole > clutter, whole, 0.0)
    return object_places(digit, clutter, SHAPE), object_places(clutter, digit, SHAPE)


class Examples(eqx.Module):
    """What both learn from; leaves have a leading axis of images.

    Attributes:
        tokens: of `as_tokens`.
        on, off: 1 for places on the digit, and on clutter, else 0.
    """

    tokens: Float[Array, "*images places twice"]
    on: Float[Array, "*images places"]
    off: Float[Array, "*images places"]


@lru_cache(maxsize=1)
def _examples() -> Examples:
    rng = np.random.default_rng([0, 0])
    trials, shown = cluttered(standard_observer(), split()[0], PER_CATEGORY, rng)
    on, off = (jnp.asarray(places, float) for places in digit_and_clutter(trials))
    return Examples(jax.vmap(as_tokens)(shown.features), on, off)


def grouping_error(
    source: AbstractLateral, one: Examples
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """How badly one image's digit is set apart [nat], and the share of places set apart rightly.

    The cross-entropy of telling places on the digit from those on clutter by the sign of the
    pattern (scaled to a root mean square of 1, times 2), both kinds weighing alike; plus that of
    the digit's places attending to the digit rather than to clutter.
    """
    exchanged = source.exchange(one.tokens)
    found = jnp.mean(exchanged.outputs, axis=1)
    apart = found - jnp.mean(found)
    pattern = apart / jnp.sqrt(jnp.mean(apart**2) + 1e-12)
    kinds = ((one.on, 1.0), (one.off, -1.0))
    counts = [jnp.maximum(jnp.sum(places), 1.0) for places, _ in kinds]
    error, right = jnp.zeros(()), jnp.zeros(())
    for (places, sign), count in zip(kinds, counts, strict=True):
        error += jnp.sum(places * jax.nn.softplus(-2 * sign * pattern)) / count / 2
        right += jnp.sum(places * (sign * pattern > 0)) / count / 2
    weights = jnp.mean(exchanged.weights, axis=0)
    to_digit, to_clutter = (jnp.sum(weights * places[None, :], axis=1) for places, _ in kinds)
    share = (to_digit + 1e-6) / (to_digit + to_clutter + 2e-6)
    return error - jnp.sum(one.on * jnp.log(share)) / counts[0], right


def train(
    source: AbstractLateral, examples: Examples, key: PRNGKeyArray
) -> tuple[AbstractLateral, Curve]:
    """Train a source; by epoch its mean error [nat] and the share of places set apart rightly."""
    steps = len(examples.on) // BATCH

    def epochs() -> Iterator[Array]:
        for number in range(EPOCHS):
            order = jax.random.permutation(jax.random.fold_in(key, number), len(examples.on))
            yield order[: steps * BATCH].reshape(steps, BATCH)

    def loss(source: AbstractLateral, index: Array, examples: Examples) -> Any:
        errors, right = jax.vmap(lambda one: grouping_error(source, one))(rows(examples, index))
        return jnp.mean(errors), {"loss": jnp.mean(errors), "right": jnp.mean(right)}

    optimiser = optax.adam(optax.cosine_decay_schedule(RATE, EPOCHS * steps))
    return fit(source, loss, epochs(), optimiser, trainable=trainable(source), data=(examples,))


def _train(seed: int, report: Report | None) -> tuple[Attentions, Curve]:
    start, key = jax.random.split(jax.random.key(seed))
    graph = connections(standard_observer())
    trained: dict[str, Any] = {}
    curve: list[dict[str, float]] = [{} for _ in range(EPOCHS)]
    for name, source in jittered(unlearned(), start).sources(graph).items():
        made, found = train(source, _examples(), key)
        trained[name] = made.attention  # type: ignore[attr-defined]
        for row, own in zip(curve, found, strict=True):
            row |= {f"{what}_{name}": value for what, value in own.items()}
    for number, row in enumerate(curve):
        if report is not None:
            report(number, row)
    return Attentions(trained["self"], trained["graph"]), curve


def jittered(attentions: Attentions, key: PRNGKeyArray, size: float = 0.05) -> Attentions:
    """Weights with a little noise, so that seeds differ."""
    numbers, rest = eqx.partition(attentions, eqx.is_inexact_array)
    leaves, structure = jax.tree.flatten(numbers)
    keys = jax.random.split(key, len(leaves))
    noisy = [x + size * jax.random.normal(k, x.shape) for k, x in zip(keys, leaves, strict=True)]
    return eqx.combine(jax.tree.unflatten(structure, noisy), rest)


def _score(attentions: Attentions) -> dict[str, float]:
    """Area under the ROC curve on held-out digits among clutter."""
    observer, count = standard_observer(), 20
    _, shown = cluttered(observer, split()[1], count, held_out_draws(1))
    sources: dict[str, AbstractSource] = {"without": NoAttention()}
    for name, one in attentions.sources(connections(observer)).items():
        sources[name] = EnergyMatched(one, SIZE)
    found = {}
    for name, source in sources.items():
        logits = attend_to_all(observer, shown, source)[-1].logits
        scores = asked_logits(np.asarray(logits), shown).reshape(-1, count)
        table = quantities(scores, np.asarray(shown.present).reshape(-1, count))
        found[f"auc_{name}"] = float(table["auc"])
    return found


def trained_source() -> TrainedSource:
    """How both are trained and kept."""
    return TrainedSource("lateral", lambda key: unlearned(), EPOCHS, _train, _score)
