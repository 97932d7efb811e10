"""Networks that look by glimpses, trained on cluttered digits: choosing their places, and not.

The classifier of every network learns by cross-entropy after each glimpse; the policy learns by
REINFORCE with a learned baseline, the hybrid of Mnih et al. 2014. The reward is the probability
of the right class (in the paper 1 for right, else 0), its mean over all later glimpses. The
controls see the same images in the same order, each with places of its own from the start, so
that each is as good as it can be with them. Sizes and schedule are chosen here.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cortex.attention.glimpses import (
    AbstractPlaces,
    CentralPlace,
    Glimpser,
    RandomPlaces,
    SampledPlaces,
    Seen,
    WantedPlaces,
    look_by_glimpses,
)
from cortex.attention.reinforce import baseline_loss, policy_loss, rewards_to_come
from cortex.stimuli import Digits, load_digits, split_digits
from cortex.stimuli.cluttered_digits import Canvas, ClutteredDigits, cluttered_digits
from cortex.trainer import Curve, Report, fit

from .base import TrainedSource

CANVAS = Canvas()
GLIMPSES = 6


class Settings(NamedTuple):
    """How the networks are trained.

    Attributes:
        epochs: rows of the training curve.
        steps: an epoch.
        batch: images a step.
        learning_rate: of Adam, at the start; falls to 0 along a cosine.
        spread: of the places around the wanted one, as a share of the image's side.
        policy_weight: of the policy's loss relative to the cross-entropy.
    """

    epochs: int = 40
    steps: int = 400
    batch: int = 200
    learning_rate: float = 4e-3
    spread: float = 0.07
    policy_weight: float = 0.1


class Glimpsers(eqx.Module):
    """A network that chooses its places, and its controls.

    Attributes:
        learned: chooses.
        random: looks at random places after the first glimpse.
        centre: looks once, at the centre.
    """

    learned: Glimpser
    random: Glimpser
    centre: Glimpser

    @classmethod
    def untrained(cls, key: PRNGKeyArray) -> "Glimpsers":
        """Three networks of one size."""
        return cls(*(Glimpser.random(one) for one in jax.random.split(key, 3)))


def look_at_all(
    glimpser: Glimpser,
    images: Float[Array, "images side side"],
    places: AbstractPlaces,
    count: int,
    key: PRNGKeyArray,
) -> Seen:
    """Several glimpses of each image; leaves (images, glimpses, ...)."""
    keys = jax.random.split(key, len(images))
    return jax.vmap(lambda image, one: look_by_glimpses(glimpser, image, places, count, one))(
        images, keys
    )


def class_loss(seen: Seen, labels: Int[Array, " images"]) -> Float[Array, ""]:
    """Cross-entropy [nat], the mean over images and glimpses."""
    known = jnp.broadcast_to(labels[:, None], seen.logits.shape[:2])
    return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(seen.logits, known))


def choice_losses(
    seen: Seen, labels: Int[Array, " images"], places: SampledPlaces
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Of the policy and of the baseline, sums over choices and means over images."""
    right = jnp.take_along_axis(jax.nn.softmax(seen.logits), labels[:, None, None], axis=-1)
    later = right[:, 1:, 0]
    remaining = jnp.arange(later.shape[1], 0, -1)
    reward = rewards_to_come(later) / remaining[None, :]
    log_probability = places.log_probability(seen.place[:, 1:], seen.wanted[:, :-1])
    expected, images = seen.expected[:, :-1], len(labels)
    policy = policy_loss(log_probability, reward, expected) / images
    return policy, baseline_loss(reward, expected) / images


def total_loss(
    glimpsers: Glimpsers, shown: ClutteredDigits, key: PRNGKeyArray, settings: Settings
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """The sum of all networks' losses, which share no weight, and what the curve shows."""
    labels, keys = shown.labels, jax.random.split(key, 3)
    sampled = SampledPlaces(jnp.asarray(settings.spread))
    seen = {
        "learned": look_at_all(glimpsers.learned, shown.images, sampled, GLIMPSES, keys[0]),
        "random": look_at_all(glimpsers.random, shown.images, RandomPlaces(), GLIMPSES, keys[1]),
        "centre": look_at_all(glimpsers.centre, shown.images, CentralPlace(), 1, keys[2]),
    }
    policy, baseline = choice_losses(seen["learned"], labels, sampled)
    losses = {name: class_loss(one, labels) for name, one in seen.items()}
    total = sum(losses.values()) + settings.policy_weight * policy + baseline
    row = {f"loss_{name}": loss for name, loss in losses.items()}
    for name, one in seen.items():
        right = jnp.argmax(one.logits[:, -1], axis=-1) == labels
        row[f"accuracy_{name}"] = jnp.mean(right.astype(float))
    return total, row


def train(
    digits: Digits, seed: int, report: Report | None = None, settings: Settings | None = None
) -> tuple[Glimpsers, Curve]:
    """Train the three networks.

    Args:
        digits: shown, and cut to pieces.
        seed: of the first weights and every draw.
        report: told of each epoch.
        settings: how.

    Returns:
        The networks, and for each epoch the mean cross-entropy of each [nat] and its accuracy
        after the last glimpse, on images not seen before of digits that were.
    """
    s = settings or Settings()
    first_key, draw_key = jax.random.split(jax.random.key(seed))

    def loss(glimpsers: Glimpsers, key: PRNGKeyArray, digits: Digits) -> Any:
        row_key, clutter_key, look_key = jax.random.split(key, 3)
        rows = jax.random.randint(row_key, (s.batch,), 0, len(digits))
        shown = cluttered_digits(clutter_key, digits, rows, CANVAS)
        return total_loss(glimpsers, shown, look_key, s)

    schedule = optax.cosine_decay_schedule(s.learning_rate, s.epochs * s.steps)
    return fit(
        Glimpsers.untrained(first_key),
        loss,
        (jax.random.split(jax.random.fold_in(draw_key, n), s.steps) for n in range(s.epochs)),
        optax.chain(optax.clip_by_global_norm(5.0), optax.adam(schedule)),
        data=(digits,),
        report=report,
    )


POLICIES: dict[str, Callable[[Glimpsers], tuple[Glimpser, AbstractPlaces]]] = {
    "learned": lambda g: (g.learned, WantedPlaces()),
    "random": lambda g: (g.random, RandomPlaces()),
    "centre": lambda g: (g.centre, CentralPlace()),
}


def answers(
    glimpsers: Glimpsers, policy: str, shown: ClutteredDigits, key: PRNGKeyArray
) -> tuple[Bool[Array, "images glimpses"], Float[Array, "images glimpses 2"]]:
    """Whether the class is right after each glimpse, and the places looked at.

    Args:
        glimpsers: the three networks.
        policy: one of `POLICIES`; "centre" looks once, and its answer stands.
        shown: images.
        key: PRNG key of the places.
    """
    glimpser, places = POLICIES[policy](glimpsers)
    count = 1 if policy == "centre" else GLIMPSES
    seen = _look_at_all(glimpser, shown.images, places, count, key)
    right = jnp.argmax(seen.logits, axis=-1) == shown.labels[:, None]
    every = (len(shown), GLIMPSES)
    return jnp.broadcast_to(right, every), jnp.broadcast_to(seen.place, (*every, 2))


_look_at_all = eqx.filter_jit(look_at_all)


def score(glimpsers: Glimpsers) -> dict[str, float]:
    """Accuracy on cluttered held-out digits after the last glimpse, one image a digit."""
    _, held_out = split_digits(load_digits())
    rows = jnp.arange(len(held_out))
    shown = cluttered_digits(jax.random.key(0), held_out, rows, CANVAS)
    found = {}
    for name in POLICIES:
        right, _ = answers(glimpsers, name, shown, jax.random.key(1))
        found[f"accuracy_{name}"] = float(np.asarray(right)[:, -1].mean())
    return found


def trained_source() -> TrainedSource:
    """For `cortex.models.learned`."""
    training, _ = split_digits(load_digits())
    return TrainedSource(
        name="glimpses",
        untrained=Glimpsers.untrained,
        epochs=Settings().epochs,
        train=lambda seed, report: train(training, seed, report),
        score=score,
    )
