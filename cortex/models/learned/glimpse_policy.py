"""Hard attention on the digit network with circuits: where to open a window, by REINFORCE.

The policy never sees a gradient of the network. The reward is the probability of the right choice
between a hard image with the digit asked for and one without, the observer of `through_circuits`,
after a look with the window at the places that were drawn. Looks at all places the policy can pick
are made once and kept, so that what follows a drawn place is looked up.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.areas.digits import MAPS
from cortex.attention import Attention, EnergyMatched, Query, SpatialWindow
from cortex.attention.glimpse_policy import GlimpsePolicy, places
from cortex.attention.reinforce import baseline_loss, policy_loss
from cortex.tasks import Observer
from cortex.trainer import Curve, Report, fit

from . import through_circuits
from .base import TrainedSource
from .hard_digits import HardImages, concatenate, rows
from .through_circuits import draw_pairs, learned_through, standard_images, standard_observer


class Training(NamedTuple):
    """How the policy is trained.

    Attributes:
        layer: the area attended, 0 the lowest.
        size: root mean square of the pattern [1].
        per_category: hard images a category of each task, half of them with it.
        epochs: passes over all images with each category that they show.
        batch: pairs of images a step.
        draws: of places for each image of a step.
        learning_rate: of AdamW, at the start; it falls to 0 along a cosine.
        weight_decay: of AdamW.
    """

    layer: int = 2
    size: float = 0.5
    per_category: int = 120
    epochs: int = 20
    batch: int = 100
    draws: int = 8
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2


class Outcomes(eqx.Module):
    """Hard images, and what follows from a window at each place; images lead every axis.

    Attributes:
        features: of the attended area.
        before: logits without attention.
        after: logits with a window at each place.
        settled: whether all circuits settled at all places.
        shows: whether each category is in the image.
    """

    features: Float[Array, "images maps height width"]
    before: Float[Array, "images categories"]
    after: Float[Array, "images places categories"]
    settled: Bool[Array, " images"]
    shows: Bool[Array, "images categories"]


@eqx.filter_jit
def outcomes(
    observer: Observer, shown: HardImages, width: Float[Array, ""], size: float
) -> Outcomes:
    """Look at each image once for every place.

    Args:
        observer: who looks.
        shown: at what, and with which layer attended.
        width: of the window, as a share of the map's side.
        size: root mean square of the pattern [1].
    """
    at = places((shown.features.shape[-2], shown.features.shape[-1]))
    queries = Query(jnp.zeros(len(at), jnp.int32), at)
    source = EnergyMatched(SpatialWindow(width=width), size)
    attention = Attention((source,), (queries,), (shown.layer,))

    def one(number: Int[Array, ""]) -> tuple[Array, Array]:
        seen = rows(shown.seen, jnp.full(len(at), number))
        found = observer.next_pass(seen, attention)
        return found.logits, jnp.all(found.settled)

    after, settled = jax.lax.map(one, jnp.arange(len(shown)))
    return Outcomes(shown.features, shown.seen.logits, after, settled, shown.shows)


def chances(
    policy: GlimpsePolicy, known: Outcomes, image: Int[Array, " n"], category: Int[Array, " n"]
) -> Float[Array, "n places"]:
    """Logarithms of the probabilities of all places, for these images and questions."""
    return jax.vmap(policy.log_probabilities)(known.features[image], category)


def losses(
    policy: GlimpsePolicy,
    baseline: eqx.nn.MLP,
    known: Outcomes,
    pairs: Int[Array, "pairs 3"],
    key: PRNGKeyArray,
    draws: int,
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of the policy and its baseline together, the mean over pairs; and the mean reward.

    Args:
        policy: draws a place for each image.
        baseline: from the two logits without attention to the reward expected.
        known: what follows.
        pairs: rows of an image with the category and of one without, and the category.
        key: of the draws.
        draws: for each image.
    """
    category = pairs[:, 2]
    log_probability: Array = jnp.zeros(())
    after, before = [], []
    for image, one in zip((pairs[:, 0], pairs[:, 1]), jax.random.split(key), strict=True):
        logs = chances(policy, known, image, category)
        drawn = jax.random.categorical(one, logs, axis=-1, shape=(draws, len(logs)))
        log_probability = log_probability + logs[jnp.arange(len(logs))[None, :], drawn]
        after.append(known.after[image[None, :], drawn, category[None, :]])
        before.append(known.before[image, category])
    reward = jax.nn.sigmoid(after[0] - after[1])
    expected = jax.vmap(baseline)(jnp.stack(before, axis=-1))[None, :, 0]
    expected = jnp.broadcast_to(expected, reward.shape)
    valid = known.settled[pairs[:, 0]] & known.settled[pairs[:, 1]]
    counts = jnp.broadcast_to(valid[None, :], reward.shape).astype(reward.dtype)
    total = policy_loss(log_probability * counts, reward, expected)
    total = total + baseline_loss(reward * counts, expected * counts)
    return total / reward.size, jnp.mean(reward)


def train(
    policy: GlimpsePolicy,
    known: Outcomes,
    seed: int,
    training: Training | None = None,
    report: Report | None = None,
) -> tuple[GlimpsePolicy, Curve]:
    """Train a policy on what is known of all places; its window stays as it is.

    Args:
        policy: with first weights.
        known: what follows from each place.
        seed: of the pairs and the draws.
        training: how.
        report: told an epoch's number and its row.

    Returns:
        The policy and a row an epoch: the mean `reward` of the places drawn, and those of
        `right_choices`, as the policy was before each step.
    """
    training = training or Training()
    rng, shows = np.random.default_rng(seed), np.asarray(known.shows)
    first, key = jax.random.split(jax.random.key(seed))
    steps = len(draw_pairs(shows, rng)) // training.batch

    def epochs() -> Iterator[Iterator[tuple[np.ndarray, Array]]]:
        for number in range(training.epochs):
            pairs = draw_pairs(shows, rng)[: steps * training.batch]
            keys = jax.random.split(jax.random.fold_in(key, number), steps)
            yield zip(pairs.reshape(steps, training.batch, 3), keys, strict=True)

    def loss(both: Any, batch: tuple[Array, Array], known: Outcomes) -> Any:
        (policy, baseline), (pairs, key) = both, batch
        error, reward = losses(policy, baseline, known, pairs, key, training.draws)
        return error, {"reward": reward} | _right(policy, known, pairs)

    both = policy, eqx.nn.MLP(2, 1, 16, 1, key=first)
    mask = (through_circuits.trainable(policy), jax.tree.map(eqx.is_inexact_array, both[1]))
    schedule = optax.cosine_decay_schedule(training.learning_rate, training.epochs * steps)
    (policy, _), curve = fit(
        both,
        loss,
        epochs(),
        optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.adamw(schedule, weight_decay=training.weight_decay),
        ),
        trainable=eqx.tree_at(lambda m: (m[0].width, m[0].strength), mask, (False, False)),
        data=(known,),
        report=report,
    )
    return policy, curve


@eqx.filter_jit
def _right(
    policy: GlimpsePolicy, known: Outcomes, pairs: Int[Array, "pairs 3"]
) -> dict[str, Float[Array, ""]]:
    having, lacking, category = pairs.T
    chosen, before = [], []
    for image in (having, lacking):
        best = jnp.argmax(chances(policy, known, image, category), axis=-1)
        chosen.append(known.after[image, best, category])
        before.append(known.before[image, category])
    every = [known.after[image, :, category] for image in (having, lacking)]
    return {
        "right": jnp.mean(chosen[0] > chosen[1]),
        "right_random": jnp.mean(every[0][:, :, None] > every[1][:, None, :]),
        "right_without": jnp.mean(before[0] > before[1]),
    }


def right_choices(
    policy: GlimpsePolicy, known: Outcomes, pairs: Int[Array, "pairs 3"]
) -> dict[str, float]:
    """Share of right choices between the images of each pair, see `losses`.

    Returns:
        `right` with windows at the policy's best places, `right_random` with windows anywhere,
        `right_without` attention.
    """
    return {name: float(value) for name, value in _right(policy, known, pairs).items()}


def untrained(key: PRNGKeyArray) -> GlimpsePolicy:
    """For the topmost area of the digit network."""
    return GlimpsePolicy.random(key, MAPS[Training().layer])


@lru_cache(maxsize=1)
def standard_outcomes(dtype: str = "float32") -> Outcomes:
    """Of the hard images that all sources learn from, for the window of an untrained policy.

    Args:
        dtype: of the precision in use, for which they are kept.
    """
    training = Training()
    shown = standard_images(training.layer, training.per_category, False, dtype)
    width = untrained(jax.random.key(0)).width
    both = concatenate(list(shown.values()))
    return outcomes(standard_observer(dtype), both, width, training.size)


def trained_source() -> TrainedSource:
    """For `cortex.models.learned`."""
    training = Training()

    def trained(seed: int, report: Report | None) -> tuple[GlimpsePolicy, Curve]:
        known = standard_outcomes(str(jnp.result_type(float)))
        return train(untrained(jax.random.key(seed)), known, seed, training, report)

    through = through_circuits.Training(layer=training.layer, size=training.size)
    scored = learned_through("glimpse_policy", untrained, through)
    return scored._replace(epochs=training.epochs, train=trained)
